"""What a run found: for each host and case its median, its ratio to the baseline, and how its trials ended."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np

from pageswap.analysis.checks.comparisons import compare
from pageswap.analysis.checks.crossovers import Crossover, crossovers
from pageswap.analysis.checks.noise_floor import NoiseFloor, case_floors, host_floors
from pageswap.analysis.trials.levels import levels_of
from pageswap.analysis.trials.matrix import USED_COLUMNS, Matrix
from pageswap.analysis.trials.table import families_of, frame
from pageswap.analysis.verdicts import BASELINE, NOT_COMPARED, NOT_MEASURED
from pageswap.spec.asks import derived_asks
from pageswap.statistics.intervals import Interval, median_intervals, ratio_intervals

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt
    import pandas as pd

    from pageswap.analysis.checks.comparisons import Comparison
    from pageswap.analysis.trials.run_data import RunData

    Floats = npt.NDArray[np.float64]


_CORRUPT = "corrupt"
_COSTS = ("minor_faults", "major_faults", "voluntary_switches", "involuntary_switches", "vmas_peak")


@dataclasses.dataclass(frozen=True)
class Ending:
    """How some measured trials of one case ended other than ok, and the reason they share."""

    status: str
    reason: str
    trials: int


@dataclasses.dataclass(frozen=True)
class Corruption:
    """How many of a method's trials did not verify, warm-ups and the control's among them, on all hosts together."""

    trials: int
    of: int


@dataclasses.dataclass(frozen=True)
class CaseSummary:
    """One case on one host; what could not be computed is None, and `note` says why.

    ``ratio`` is the speed-up over the baseline: exp of the median over blocks of log(ns of the baseline / ns of the
    case), so above 1 is faster; ``ratio_n`` is the number of blocks. ``smallest`` is the smallest difference that the
    comparison would have found, as a ratio above 1. ``costs`` are medians per trial. ``held`` says in short what kept a
    difference from being called one although ``ratio_ci`` excludes 1.
    """

    host: str
    case_id: str
    levels: dict[str, Any]
    verdict: str
    note: str
    statuses: dict[str, int]
    endings: tuple[Ending, ...]
    n: int
    median_ns: float | None
    median_ci: Interval | None
    ops_per_s: float | None
    bytes_per_s: float | None
    ratio: float | None
    ratio_n: int
    ratio_ci: Interval | None
    smallest: float | None
    costs: dict[str, float | None]
    held: str = ""

    @property
    def told(self) -> str:
        """Give the verdict, with its reason where its own interval seems to say otherwise."""
        return f"{self.verdict}: {self.held}" if self.held else self.verdict


@dataclasses.dataclass(frozen=True)
class Summary:
    """A run as the report shows it.

    ``varying`` names the factors with more than one level, ``fixed`` holds the others. ``block_values`` holds, for each
    (host, case_id), the (block, ratio) pairs its ratio was made from; without a baseline, (block, ns per operation).
    ``asks`` is what the experiment asks (`pageswap.spec.asks`). ``corrupt`` has each method of which a trial did not
    verify, ``warmup_endings`` how warm-ups ended other than ok, and ``disturbed`` how many of the measured trials that
    ran were disturbed. ``missing`` is how many measured trials have no outcome yet. ``cpus`` gives each host's
    processor, ``families`` each method's family, where they are known. ``noise`` holds each host's noise floor,
    ``comparisons`` what was tested for each (host, case_id) that has a ratio, ``matrix`` the times that all of it comes
    from, ``floors`` the noise floor, a logarithm, of each row of it.
    """

    run_id: str
    experiment: str
    question: str
    asks: str
    workload: str
    baseline: dict[str, Any]
    hosts: tuple[str, ...]
    varying: tuple[str, ...]
    fixed: dict[str, Any]
    cases: tuple[CaseSummary, ...]
    statuses: dict[str, int]
    trials: int
    warmups: int
    corrupt: dict[str, Corruption]
    warmup_endings: tuple[Ending, ...]
    disturbed: int
    missing: int
    block_values: dict[tuple[str, str], list[tuple[int, float]]]
    cpus: dict[str, str]
    families: dict[str, str]
    noise: dict[str, NoiseFloor]
    comparisons: dict[tuple[str, str], Comparison]
    matrix: Matrix = dataclasses.field(repr=False, compare=False)
    floors: Floats = dataclasses.field(repr=False, compare=False)

    @functools.cached_property
    def crossovers(self) -> tuple[Crossover, ...]:
        """Find where two methods change places over a size; resampled once, for whoever asks."""
        cases = {case.case_id: case.levels for case in self.cases[: len(self.matrix.keys) // max(1, len(self.hosts))]}
        return crossovers(self.matrix, cases, self.families, self.comparisons, self.floors)

    @property
    def has_baseline(self) -> bool:
        """Say whether the experiment compares its cases with one of them."""
        return bool(self.baseline)

    @property
    def silent(self) -> tuple[str, ...]:
        """Name the hosts of which no measured trial has an outcome."""
        heard = {case.host for case in self.cases if case.statuses}
        return tuple(host for host in self.hosts if host not in heard)


def summarise(run_data: RunData, trials: pd.DataFrame | None = None) -> Summary:
    """Summarise a run; ``trials`` is its `frame`, for a caller that has it already.

    Warm-ups are counted but enter no figure, and neither does any trial that did not end ``ok``. A case is compared, on
    its own host and block by block, with the case whose levels are the same but for those the baseline names.
    """
    table = frame(run_data) if trials is None else trials
    meta = run_data.meta()
    experiment = meta["experiment"]
    baseline = dict(experiment.get("baseline") or {})
    cases = {str(case["case_id"]): levels_of(case) for case in run_data.cases()}
    hosts = tuple(dict.fromkeys([str(host) for host in meta.get("hosts") or ()] + table["host"].unique().tolist()))
    measured = table.loc[~table["warmup"], list(USED_COLUMNS)]
    # The control's second trials of a baseline enter no median and no ratio: they are for the noise floor.
    matrix = Matrix(hosts, cases, baseline, measured)
    workload = str(experiment.get("workload", ""))
    figures = _Figures(matrix)
    endings = _endings(matrix.measured)
    levels = {name: list(dict.fromkeys(case.get(name) for case in cases.values())) for name in _names(cases)}
    return Summary(
        run_id=str(meta.get("run_id", "")),
        experiment=str(experiment.get("name", "")),
        question=str(experiment.get("question") or ""),
        asks=str(experiment.get("asks") or derived_asks(workload, baseline, cases.values())),
        workload=workload,
        baseline=baseline,
        hosts=hosts,
        varying=tuple(name for name, values in levels.items() if len(values) > 1),
        fixed={name: values[0] for name, values in levels.items() if len(values) == 1},
        cases=tuple(
            figures.case(row, cases[case_id], endings.get((host, case_id), ()))
            for row, (host, case_id) in enumerate(matrix.keys)
        ),
        statuses={str(name): int(count) for name, count in measured["status"].value_counts().items()},
        trials=len(measured),
        warmups=len(table) - len(measured),
        corrupt=_corrupt(table),
        warmup_endings=_warmup_endings(table),
        disturbed=int(((measured["disturbed"] != "") & measured["ns_per_op"].notna()).sum()),
        missing=max(0, run_data.planned_trials() - len(measured)),
        block_values=figures.block_values(),
        cpus={host: str(facts.get("cpu_model") or "") for host, facts in run_data.environments().items()},
        families=families_of(run_data),
        noise=figures.noise,
        comparisons=figures.comparisons,
        matrix=matrix,
        floors=figures.floors,
    )


def _names(cases: Mapping[str, Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for case in cases.values() for name in case))


def _endings(measured: pd.DataFrame) -> dict[tuple[str, str], tuple[Ending, ...]]:
    other = measured[measured["status"] != "ok"]
    counts: Counter[tuple[str, str, str, str]] = Counter(
        zip(other["host"], other["case_id"], other["status"], other["reason"].fillna(""), strict=True)
    )
    found: defaultdict[tuple[str, str], list[Ending]] = defaultdict(list)
    for (host, case_id, status, reason), trials in counts.items():
        found[host, case_id].append(Ending(status, reason, trials))
    return {key: tuple(endings) for key, endings in found.items()}


def _corrupt(table: pd.DataFrame) -> dict[str, Corruption]:
    """Count each method's trials that did not verify, for methods that have any."""
    trials = table.groupby("method", sort=False)["status"]
    counts = trials.agg(lambda status: int((status == _CORRUPT).sum()))
    return {str(m): Corruption(int(n), int(of)) for (m, n), of in zip(counts.items(), trials.size(), strict=True) if n}


def _warmup_endings(table: pd.DataFrame) -> tuple[Ending, ...]:
    other = table[table["warmup"] & (table["status"] != "ok")]
    counts = Counter(zip(other["status"], other["reason"].fillna(""), strict=True))
    return tuple(Ending(str(status), str(reason), trials) for (status, reason), trials in counts.items())


class _Figures:
    """All cases' figures, computed at once."""

    def __init__(self, matrix: Matrix) -> None:
        self.matrix = matrix
        self.median, self.median_low, self.median_high = median_intervals(matrix.ns)
        logs = ratio_intervals(matrix.log_ratios)
        self.ratio, self.ratio_low, self.ratio_high = (np.exp(part) for part in logs)
        self.noise, self.floors = host_floors(matrix), case_floors(matrix)
        self.comparisons = compare(matrix, logs, self.floors)
        self.costs = self._costs(matrix.trials)
        self.moved_bytes = self._moved_bytes(matrix.trials)
        self.statuses = self._statuses(matrix.measured)

    @staticmethod
    def _costs(trials: pd.DataFrame) -> dict[int, dict[str, float | None]]:
        results = trials[trials["status"] == "ok"]
        table = results[list(_COSTS)].astype("float64").groupby(results["row"]).median()
        names = [str(name) for name in table.columns]
        return {
            int(row): {name: None if math.isnan(value) else value for name, value in zip(names, values, strict=True)}
            for row, values in zip(table.index, table.to_numpy().tolist(), strict=True)
        }

    @staticmethod
    def _moved_bytes(trials: pd.DataFrame) -> dict[int, float]:
        """Give the bytes of the pages that an iteration moved, of the rows where any were."""
        moved_bytes = (trials["bytes_per_s"] * trials["ns_per_op"] / 1e9).groupby(trials["row"]).median().dropna()
        return dict(zip(moved_bytes.index.astype(int).tolist(), moved_bytes.tolist(), strict=True))

    @staticmethod
    def _statuses(trials: pd.DataFrame) -> dict[int, dict[str, int]]:
        found: defaultdict[int, dict[str, int]] = defaultdict(dict)
        counts = trials.groupby(["row", "status"], sort=False).size().reset_index(name="count")
        for row, status, count in zip(counts["row"], counts["status"], counts["count"], strict=True):
            found[int(row)][str(status)] = int(count)
        return found

    def case(self, row: int, levels: dict[str, Any], endings: tuple[Ending, ...]) -> CaseSummary:
        """Gather one row's figures."""
        host, case_id = self.matrix.keys[row]
        ns = _present(self.median[row])
        ops_per_s = 1e9 / ns if ns else None
        moved_bytes = self.moved_bytes.get(row)
        verdict, note = self._verdict(row, endings)
        comparison = self.comparisons.get((host, case_id))
        return CaseSummary(
            host=host,
            case_id=case_id,
            levels=levels,
            verdict=verdict,
            note=note,
            statuses=self.statuses.get(row, {}),
            endings=endings,
            n=int(self.matrix.n[row]),
            median_ns=ns,
            median_ci=_pair(self.median_low[row], self.median_high[row]),
            ops_per_s=ops_per_s,
            bytes_per_s=ops_per_s * moved_bytes if ops_per_s and moved_bytes else None,
            ratio=_present(self.ratio[row]),
            ratio_n=int(self.matrix.pairs[row]),
            ratio_ci=_pair(self.ratio_low[row], self.ratio_high[row]),
            smallest=comparison.smallest if comparison else None,
            costs=self.costs.get(row, dict.fromkeys(_COSTS)),
            held=comparison.held if comparison else "",
        )

    def _verdict(self, row: int, endings: tuple[Ending, ...]) -> tuple[str, str]:
        matrix, partner = self.matrix, int(self.matrix.partners[row])
        if not matrix.n[row]:
            return NOT_MEASURED, "" if endings else "no outcome yet"
        if partner == row:
            return BASELINE, ""
        if partner < 0:
            return NOT_COMPARED, "no baseline case has its other levels" if matrix.has_partner else "no baseline"
        if not matrix.pairs[row]:
            ever = "never measured in the same block" if matrix.n[partner] else NOT_MEASURED
            return NOT_COMPARED, f"its baseline was {ever}"
        comparison = self.comparisons[matrix.keys[row]]
        return comparison.verdict, comparison.why

    def block_values(self) -> dict[tuple[str, str], list[tuple[int, float]]]:
        """Give for each (host, case_id) its (block, ratio) pairs, or (block, ns per op) when nothing has a baseline."""
        matrix = self.matrix
        values = np.exp(matrix.log_ratios) if matrix.has_partner else matrix.ns
        found = {}
        for row, key in enumerate(matrix.keys):
            there = np.flatnonzero(~np.isnan(values[row]))
            found[key] = list(zip(matrix.blocks[there].tolist(), values[row][there].tolist(), strict=True))
        return found


def _present(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _pair(low: float, high: float) -> Interval | None:
    return None if math.isnan(low) or math.isnan(high) else Interval(float(low), float(high))
