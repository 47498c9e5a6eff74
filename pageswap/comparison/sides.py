"""One side of a comparison: the times of a run's cases by host and block, as they are and relative to its baseline."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

import numpy as np

from pageswap.agent.journal.job import OK
from pageswap.analysis.checks.noise_floor import case_floors
from pageswap.analysis.trials.matrix import Matrix
from pageswap.analysis.trials.table import frame
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
    """What the reader of a comparison needs to know of one side."""

    name: str
    run_id: str
    experiment: str
    created_at: str
    commit: str | None
    dirty: bool | None
    hosts: tuple[str, ...]


class Measured:
    """One side's figures: the logarithms of ns per operation, by host, case and block."""

    def __init__(self, part: Part) -> None:
        """Read a run; warm-ups, the baseline's second measurements, and trials that did not end ok are left out."""
        self.part = part
        self.meta = part.run_data.meta()
        self._matrix = Matrix(part.run_data, frame(part.run_data))
        self.hosts, self.baseline = self._matrix.hosts, self._matrix.baseline
        workload = self.meta["experiment"].get("workload", "swap")
        self.levels = {case_id: {"workload": workload, **levels} for case_id, levels in self._matrix.cases.items()}
        self._floors = case_floors(self._matrix)
        with np.errstate(divide="ignore"):
            self._logs, self._fast = np.log(self._matrix.ns), np.log(self._matrix.fast_ns)
        trials = self._matrix.trials[(self._matrix.trials["status"] != OK).to_numpy()]
        places = zip(trials["host"], trials["case_id"], strict=True)
        endings = zip(trials["status"], trials["reason"], strict=True)
        self.endings = {key: ": ".join(filter(None, ending)) for key, ending in zip(places, endings, strict=True)}
        names = list(self.levels)
        partners = self._matrix.partners[: len(names)].tolist()
        self.baseline_of = {name: names[row] if row >= 0 else None for name, row in zip(names, partners, strict=True)}

    def side(self, hosts: Iterable[str]) -> Side:
        """Describe this side, of which these hosts take part."""
        provenance = self.meta.get("provenance") or {}
        return Side(
            name=self.part.name,
            run_id=str(self.meta.get("run_id", "")),
            experiment=str(self.meta["experiment"].get("name", "")),
            created_at=str(self.meta.get("created_at") or ""),
            commit=provenance.get("commit"),
            dirty=provenance.get("dirty"),
            hosts=tuple(dict.fromkeys(hosts)),
        )

    def noise(self, host: str, case_id: str | None = None) -> float:
        """Return the noise floor of a case, or the largest of a host, as a logarithm; NaN without A/A pairs."""
        if case_id is not None:
            return float(self._floors[self._matrix.rows[host, case_id]])
        floors = self._floors[self._matrix.rows_of(host)]
        return float(np.nanmax(floors)) if not np.isnan(floors).all() else math.nan

    def time(self, host: str, case_id: str) -> Floats:
        """Return the logarithm of each block's ns per operation."""
        return _there(self._logs[self._matrix.rows[host, case_id]])

    def fast_time(self, host: str, case_id: str) -> Floats:
        """Return the same of the faster half of each trial's rounds."""
        return _there(self._fast[self._matrix.rows[host, case_id]])

    def ratio(self, host: str, case_id: str, yardsticks: Iterable[str]) -> Floats:
        """Return the fast time relative to that of others in the same block: to the middle of theirs, if several."""
        theirs = self._fast[[self._matrix.rows[host, other] for other in yardsticks]]
        return _there(self._fast[self._matrix.rows[host, case_id]] - medians(theirs.T))


def _there(values: Floats) -> Floats:
    return values[np.isfinite(values)]
