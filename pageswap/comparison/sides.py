"""One side of a comparison: the times of a run's cases by host and block, as they are and relative to its baseline."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from pageswap.analysis.checks.noise_floor import host_floors
from pageswap.analysis.trials.levels import levels_of
from pageswap.analysis.trials.matrix import Matrix
from pageswap.analysis.trials.table import frame

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping

    import numpy.typing as npt
    import pandas as pd

    from pageswap.analysis.trials.run_data import RunData

    Floats = npt.NDArray[np.float64]


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
        experiment = self.meta["experiment"]
        self.baseline: dict[str, Any] = dict(experiment.get("baseline") or {})
        workload = experiment.get("workload", "swap")
        self.levels = {
            str(case["case_id"]): {"workload": workload, **levels_of(case)} for case in part.run_data.cases()
        }
        table = frame(part.run_data)
        known = dict.fromkeys([str(host) for host in self.meta.get("hosts") or ()])
        self.hosts = tuple(dict.fromkeys([*known, *table["host"].unique().tolist()]))
        self._every = table[~table["warmup"]]
        self._every = self._every.assign(fast_ns=_fast_ns(self._every))
        # The baseline's second measurement in a block is there to show the noise, not to be a result.
        measured = self._every[self._every["replica"] == 0]
        self.logs: dict[tuple[str, str], dict[int, float]] = {}
        self.fast: dict[tuple[str, str], dict[int, float]] = {}
        self.endings: dict[tuple[str, str], str] = {}
        columns = (measured[name] for name in ("host", "case_id", "block", "ns_per_op", "fast_ns", "status", "reason"))
        for host, case_id, block, ns, fast_ns, status, reason in zip(*columns, strict=True):
            if status == "ok" and ns > 0:
                self.logs.setdefault((host, case_id), {})[int(block)] = math.log(ns)
                self.fast.setdefault((host, case_id), {})[int(block)] = math.log(fast_ns)
            else:
                self.endings.setdefault((host, case_id), f"{status}: {reason}" if reason else str(status))
        by_levels = {levels_key(levels): case_id for case_id, levels in self.levels.items()}
        self.baseline_of = {
            case_id: by_levels.get(levels_key({**levels, **self.baseline})) if self.baseline else None
            for case_id, levels in self.levels.items()
        }

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

    def noise(self, *, of_fast: bool) -> dict[str, float | None]:
        """Give each host's noise floor, of the faster halves or of whole trials: a factor, None without A/A pairs."""
        table = self._every.assign(ns_per_op=self._every["fast_ns"]) if of_fast else self._every
        floors = host_floors(Matrix(self.hosts, self.levels, self.baseline, table))
        return {host: floor.ratio for host, floor in floors.items()}

    def time(self, host: str, case_id: str) -> Floats:
        """Give the logarithm of each block's ns per operation."""
        return np.array(list(self.logs.get((host, case_id), {}).values()))

    def fast_time(self, host: str, case_id: str) -> Floats:
        """Give the same of the faster half of each trial's rounds."""
        return np.array(list(self.fast.get((host, case_id), {}).values()))

    def ratio(self, host: str, case_id: str, yardsticks: Iterable[str]) -> Floats:
        """Give the fast time relative to that of others in the same block: to the middle of theirs, if several."""
        theirs = [self.fast.get((host, other), {}) for other in yardsticks]
        found = []
        for block, value in self.fast.get((host, case_id), {}).items():
            others = [logs[block] for logs in theirs if block in logs]
            if others:
                found.append(value - float(np.median(others)))
        return np.array(found)

    def compared_with(self, case_id: str) -> list[str]:
        """List the cases that have this one as their baseline."""
        return [other for other, its in self.baseline_of.items() if its == case_id and other != case_id]


def _fast_ns(trials: pd.DataFrame) -> list[float]:
    """Give ns per operation of the faster half of each trial's rounds; of the whole trial where it has but one.

    What disturbs a trial only ever adds time, and to some of its rounds (Chen and Revels, Robust benchmarking in noisy
    environments, 2016, arXiv:1608.04295). Rounds are equal slices, so a method that became slower is so in every half.
    """
    found = []
    for text, iterations, ns in zip(trials["rounds_ns"], trials["iterations"], trials["ns_per_op"], strict=True):
        rounds = sorted(json.loads(text)) if isinstance(text, str) else []
        half = rounds[: (len(rounds) + 1) // 2]
        is_known = len(rounds) > 1 and ns > 0 and half[0] > 0
        found.append(sum(half) / len(half) * len(rounds) / int(iterations) if is_known else ns)
    return found


def levels_key(levels: Mapping[str, Any]) -> Hashable:
    """Give what two cases with the same levels share."""
    return tuple(sorted((name, str(value)) for name, value in levels.items()))
