"""A run as a side of a comparison: its figures, by host, case and block, and what is said of it."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

import numpy as np

from pageswap.agent.journal.job import OK
from pageswap.analysis.checks.noise_floor import case_floors
from pageswap.analysis.trials.matrix import Matrix
from pageswap.analysis.trials.run_data import levels_key
from pageswap.analysis.trials.table import timed
from pageswap.statistics.medians import Floats, medians

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pageswap.analysis.trials.run_data import RunData


@dataclasses.dataclass(frozen=True)
class Part:
    """One side of a comparison: a run, one of its hosts or all of them (None), and how a person named it."""

    run_data: RunData
    host: str | None
    name: str


@dataclasses.dataclass(frozen=True)
class Side:
    """What the reader of a comparison needs to know of one side; of several ``runs`` ``run_id`` is the first."""

    name: str
    run_id: str
    experiment: str
    created_at: str
    commit: str | None
    dirty: bool | None
    hosts: tuple[str, ...]
    runs: tuple[str, ...] = ()


class Measured:
    """One side's figures: the logarithms of ns per operation, by host, case and block."""

    def __init__(self, part: Part) -> None:
        """Read a run; warm-ups, the baseline's second measurements, and trials that did not end ok are left out."""
        self.part = part
        self.meta = part.run_data.meta()
        self.environments = part.run_data.environments()
        # Not kept: its tables are most of a large run's memory, and there may be many runs.
        matrix = Matrix(part.run_data, timed(part.run_data))
        self.hosts, self.baseline = matrix.hosts, matrix.baseline
        workload = self.meta["experiment"].get("workload", "swap")
        self.levels = {case_id: {"workload": workload, **levels} for case_id, levels in matrix.cases.items()}
        self.case_of = {levels_key(levels): case_id for case_id, levels in self.levels.items()}
        self._rows = matrix.rows
        self._rows_of = {host: matrix.rows_of(host) for host in self.hosts}
        self._floors = case_floors(matrix)
        with np.errstate(divide="ignore"):
            self._logs, self._fast = np.log(matrix.ns), np.log(matrix.fast_ns)
        trials = matrix.trials[(matrix.trials["status"] != OK).to_numpy()]
        ended = trials[["host", "case_id", "status", "reason"]].itertuples(index=False)
        self.endings = {(host, case_id): ": ".join(filter(None, ending)) for host, case_id, *ending in ended}
        names = list(self.levels)
        partners = matrix.partners[: len(names)].tolist()
        self.baseline_of = {name: names[row] if row >= 0 else None for name, row in zip(names, partners, strict=True)}

    def side(self, hosts: Iterable[str], runs: Iterable[Measured] = ()) -> Side:
        """Describe this side, of which these hosts take part, and these runs."""
        provenance = self.meta.get("provenance") or {}
        return Side(
            name=self.part.name,
            run_id=str(self.meta.get("run_id", "")),
            experiment=str(self.meta["experiment"].get("name", "")),
            created_at=str(self.meta.get("created_at") or ""),
            commit=provenance.get("commit"),
            dirty=provenance.get("dirty"),
            hosts=tuple(dict.fromkeys(hosts)),
            runs=tuple(str(each.meta.get("run_id", "")) for each in runs),
        )

    def measured(self, host: str) -> bool:
        """Tell whether this side's part of the run has a host."""
        return host in self.hosts and self.part.host in (None, host)

    def noise(self, host: str, case_id: str | None = None) -> float:
        """Return the noise floor of a case, or the largest of a host, as a logarithm; NaN without A/A pairs."""
        if case_id is not None:
            return float(self._floors[self._rows[host, case_id]])
        floors = self._floors[self._rows_of[host]]
        return float(np.nanmax(floors)) if not np.isnan(floors).all() else math.nan

    def time(self, host: str, case_id: str) -> Floats:
        """Return the logarithm of each block's ns per operation."""
        return _there(self._logs[self._rows[host, case_id]])

    def fast_time(self, host: str, case_id: str) -> Floats:
        """Return the same of the faster half of each trial's rounds."""
        return _there(self._fast[self._rows[host, case_id]])

    def ratio(self, host: str, case_id: str, yardsticks: Iterable[str]) -> Floats:
        """Return the fast time relative to that of others in the same block: to the middle of theirs, if several."""
        theirs = self._fast[[self._rows[host, other] for other in yardsticks]]
        return _there(self._fast[self._rows[host, case_id]] - medians(theirs.T))


def _there(values: Floats) -> Floats:
    return values[np.isfinite(values)]
