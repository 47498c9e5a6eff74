"""A run's times as matrices of (host and case) by block, so that all cases are computed at once."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from pageswap.analysis.trials.levels import levels_key
from pageswap.analysis.trials.rounds import fast_share, round_times

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Integers = npt.NDArray[np.int64]


# What is looked at of a trial; the rest of a million rows would be copied with it.
USED_COLUMNS: Final = (
    "host",
    "case_id",
    "trial_id",
    "block",
    "replica",
    "status",
    "reason",
    "ns_per_op",
    "bytes_per_s",
    "rounds_ns",
    "disturbed",
    "minor_faults",
    "major_faults",
    "voluntary_switches",
    "involuntary_switches",
    "vmas_peak",
)


class Matrix:
    """The measured times of a run: one row for each host and case, one column for each block.

    ``ns`` holds ns per operation, ``fast_ns`` the same of the faster half of each trial's rounds, which is what is
    compared, ``control`` that of the baseline's second trials, ``log_ratios`` the logarithm of the speed-up over the
    baseline, all NaN where there is none. ``partners`` holds for each row the row of its baseline, its own for a
    baseline and -1 without one. ``measured`` are the measured trials, their ``row`` and ``column`` beside them,
    ``trials`` those that are not the control's; what belongs to no case of the run is left out.
    """

    def __init__(
        self,
        hosts: Sequence[str],
        cases: Mapping[str, Mapping[str, Any]],
        baseline: Mapping[str, Any],
        measured: pd.DataFrame,
    ) -> None:
        """Take the run's hosts, its cases' levels, the baseline's levels, and its `frame` without warm-ups."""
        self.hosts = tuple(hosts)
        self.keys = [(host, case_id) for host in hosts for case_id in cases]
        self.partners = _partners(len(hosts), cases, baseline)
        host_codes, case_codes = _codes(measured["host"], hosts), _codes(measured["case_id"], cases)
        row = np.where((host_codes < 0) | (case_codes < 0), -1, host_codes * len(cases) + case_codes)
        self.blocks, column = np.unique(measured["block"].to_numpy(dtype=np.int64), return_inverse=True)
        self.measured = measured[list(USED_COLUMNS)].assign(row=row, column=column)
        self.measured = self.measured if (row >= 0).all() else self.measured[row >= 0]
        share = fast_share(round_times(self.measured["rounds_ns"]))
        self.measured = self.measured.assign(fast_ns=self.measured["ns_per_op"].to_numpy(dtype=np.float64) * share)
        is_first = (self.measured["replica"] == 0).to_numpy()
        self.trials = self.measured if is_first.all() else self.measured[is_first]
        self.ns = self.spread(self.trials, "ns_per_op")
        self.fast_ns = self.spread(self.trials, "fast_ns")
        self.control = self.spread(self.measured[~is_first], "fast_ns")
        with np.errstate(divide="ignore"):
            logs: Floats = np.log(self.fast_ns)
        is_compared = (self.partners >= 0) & (self.partners != np.arange(len(self.keys)))
        self.log_ratios = np.full_like(logs, math.nan)
        self.log_ratios[is_compared] = logs[self.partners[is_compared]] - logs[is_compared]
        self.n = (~np.isnan(self.ns)).sum(axis=1)
        self.pairs = (~np.isnan(self.log_ratios)).sum(axis=1)

    @property
    def has_partner(self) -> bool:
        """Say whether any case has a baseline."""
        return bool((self.partners >= 0).any())

    def spread(self, trials: pd.DataFrame, name: str) -> Floats:
        """Give one column of ``trials`` as a matrix of this one's shape."""
        values = np.full((len(self.keys), len(self.blocks)), math.nan)
        values[trials["row"].to_numpy(), trials["column"].to_numpy()] = trials[name].to_numpy(dtype=np.float64)
        return values

    def rows_of(self, host: str) -> slice:
        """Give the rows of one host."""
        width = len(self.keys) // len(self.hosts)
        start = self.hosts.index(host) * width
        return slice(start, start + width)


def _codes(column: pd.Series[Any], names: Sequence[str] | Mapping[str, object]) -> Integers:
    """Give the place of each value among ``names``, -1 where it is not."""
    return pd.Index(list(names)).get_indexer(pd.Index(column)).astype(np.int64)


def _partners(hosts: int, cases: Mapping[str, Mapping[str, Any]], baseline: Mapping[str, Any]) -> Integers:
    """Find for each (host, case) the row that it is compared with; its own when it is a baseline, else -1."""
    if not baseline:
        return np.full(hosts * len(cases), -1)
    by_levels = {levels_key(levels): place for place, levels in enumerate(cases.values())}
    places = [by_levels.get(levels_key({**levels, **baseline}), -1) for levels in cases.values()]
    within = np.tile(np.array(places, dtype=np.int64), hosts)
    first = np.repeat(np.arange(hosts) * len(cases), len(cases))
    return np.where(within >= 0, within + first, -1)
