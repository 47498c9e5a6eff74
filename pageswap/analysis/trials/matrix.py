"""A run's times as matrices of (host and case) by block, so that all cases are computed at once; rounds of trials."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from pageswap.agent.journal.job import CORRUPT
from pageswap.agent.journal.line_fields import COUNTERS
from pageswap.analysis.trials.run_data import HostRows, levels_key, levels_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pageswap.statistics.medians import Floats, Integers


_CHUNK_ROWS: Final = 50_000
# What a trial cost beside its time.
COSTS: Final = tuple(name for name in COUNTERS if not name.endswith("_ns"))
# What is looked at of a trial; the rest of a million rows would be copied with it.
USED_COLUMNS: Final = (
    "host",
    "case_id",
    "block",
    "replica",
    "status",
    "reason",
    "ns_per_op",
    "bytes_per_s",
    "rounds_ns",
    "disturbed",
    "region_nodes",
    *COSTS,
)


class Matrix:
    """The measured times of a run: one row for each host and case, one column for each block.

    ``cases`` has each case's levels by its id, ``rows`` the row of each (host, case_id). ``ns`` holds ns per operation,
    ``fast_ns`` that of the faster half of each trial's rounds, which is what is compared, ``log_ratios`` the logarithm
    of the speed-up over the baseline, ``control_logs`` that of each A/A pair's ratio, second by first, all NaN where
    there is none. ``partners`` holds for each row the row of its baseline, its own for a baseline and -1 without one.
    ``has_corrupt_baseline``: a trial of that baseline's method did not verify on the host, a warm-up even, so that
    nothing is compared with it. ``measured`` are the measured trials, their ``row`` and ``column`` beside them,
    ``trials`` those that are not the control's; what belongs to no case of the run is left out.
    """

    def __init__(self, run_data: HostRows, table: pd.DataFrame, hosts: Sequence[str] = ()) -> None:
        """Take a run and its `frame`, or what `timed` has of it; without ``hosts``, all of them."""
        meta = run_data.meta()
        self.cases = {str(case["case_id"]): levels_of(case) for case in run_data.cases()}
        self.baseline: dict[str, Any] = dict(meta["experiment"].get("baseline") or {})
        self.hosts = tuple(hosts or dict.fromkeys([*map(str, meta.get("hosts") or ()), *table["host"].unique()]))
        self.keys = [(host, case_id) for host in self.hosts for case_id in self.cases]
        self.rows = {key: row for row, key in enumerate(self.keys)}
        self.partners = _partners(len(self.hosts), self.cases, self.baseline)
        wrong = table.loc[(table["status"] == CORRUPT).to_numpy(), ["host", "method"]]
        corrupt = set(wrong.itertuples(index=False, name=None))
        is_corrupt = [(host, str(self.cases[case_id].get("method"))) in corrupt for host, case_id in self.keys]
        self.has_corrupt_baseline = np.array(is_corrupt, dtype=bool)[self.partners] & (self.partners >= 0)
        measured = table.loc[~table["warmup"], [name for name in USED_COLUMNS if name in table]]
        host_codes, case_codes = _codes(measured["host"], self.hosts), _codes(measured["case_id"], self.cases)
        row = np.where((host_codes < 0) | (case_codes < 0), -1, host_codes * len(self.cases) + case_codes)
        self.blocks, column = np.unique(measured["block"].to_numpy(dtype=np.int64), return_inverse=True)
        measured = measured.assign(row=row, column=column)
        measured = measured if (row >= 0).all() else measured[row >= 0]
        share = fast_share(round_times(measured["rounds_ns"]))
        self.measured = measured.assign(fast_ns=measured["ns_per_op"].to_numpy(dtype=np.float64) * share)
        is_first = (self.measured["replica"] == 0).to_numpy()
        self.trials = self.measured if is_first.all() else self.measured[is_first]
        self.ns = self.spread(self.trials, "ns_per_op")
        self.fast_ns = self.spread(self.trials, "fast_ns")
        with np.errstate(divide="ignore"):
            logs: Floats = np.log(self.fast_ns)
            self.control_logs: Floats = np.log(self.spread(self.measured[~is_first], "fast_ns")) - logs
        is_compared = (self.partners >= 0) & (self.partners != np.arange(len(self.keys)))
        is_compared &= ~self.has_corrupt_baseline
        self.log_ratios = np.full_like(logs, math.nan)
        self.log_ratios[is_compared] = logs[self.partners[is_compared]] - logs[is_compared]
        self.n = (~np.isnan(self.ns)).sum(axis=1)
        self.pairs = (~np.isnan(self.log_ratios)).sum(axis=1)

    def spread(self, trials: pd.DataFrame, name: str) -> Floats:
        """Return one column of ``trials`` as a matrix of this one's shape."""
        values = np.full((len(self.keys), len(self.blocks)), math.nan)
        values[trials["row"].to_numpy(), trials["column"].to_numpy()] = trials[name].to_numpy(dtype=np.float64)
        return values

    def of_baselines(self, values: Floats) -> Floats:
        """Return for each row the value, of one a row, of its baseline; NaN without one."""
        return np.where(self.partners >= 0, values[self.partners], math.nan) if len(values) else values

    def rows_of(self, host: str) -> slice:
        """Return the rows of one host."""
        width = len(self.keys) // len(self.hosts)
        start = self.hosts.index(host) * width
        return slice(start, start + width)


def _codes(column: pd.Series[Any], names: Sequence[str] | Mapping[str, object]) -> Integers:
    """Return the place of each value among ``names``, -1 where it is not."""
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


def round_times(column: pd.Series[str]) -> Floats:
    """Return each trial's rounds in ns: NaN where it has none, or not as many as the others, or one of no time."""
    texts = [text if isinstance(text, str) else "" for text in column.tolist()]
    width = max((text.count(",") + 1 for text in texts if text), default=0)
    times = np.full((len(texts), width), math.nan)
    whole = [place for place, text in enumerate(texts) if text and text.count(",") + 1 == width]
    for start in range(0, len(whole), _CHUNK_ROWS):
        places = whole[start : start + _CHUNK_ROWS]
        joined = ",".join(texts[place].strip("[] ") for place in places)
        times[places] = np.fromstring(joined, sep=",").reshape(len(places), width)
    times[~(times > 0).all(axis=1)] = math.nan
    return times


def fast_share(times: Floats) -> Floats:
    """Return how long each trial would have taken had all of its rounds gone like the faster half, as a share of it.

    What disturbs a trial only ever adds time, and to some of its rounds (Chen and Revels, Robust benchmarking in noisy
    environments, 2016, arXiv:1608.04295). Rounds are equal slices, so a method that is slower is so in every half. 1
    where a trial has less than two rounds.
    """
    if times.shape[1] < 2:  # noqa: PLR2004 - one round is the trial
        return np.ones(len(times))
    half = np.sort(times, axis=1)[:, : (times.shape[1] + 1) // 2]
    share = half.mean(axis=1) / times.mean(axis=1)
    return np.where(np.isnan(share), 1.0, share)
