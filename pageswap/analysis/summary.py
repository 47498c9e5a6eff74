"""What a run found: for each host and case its median, its ratio to the baseline, and how its trials ended."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np

from pageswap.agent.journal.job import CORRUPT, OK
from pageswap.analysis.checks.noise_floor import NoiseFloor, case_floors, host_floors
from pageswap.analysis.trials.matrix import COSTS, Matrix
from pageswap.analysis.trials.run_data import RunData, factors_of
from pageswap.analysis.trials.table import families_of, frame
from pageswap.analysis.verdicts import BASELINE, NOT_COMPARED, NOT_MEASURED, Comparison, Comparisons, compare
from pageswap.spec.experiment import derived_asks
from pageswap.statistics.intervals import Interval, known, median_intervals

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from pageswap.statistics.medians import Floats


_MOVED = "moved_bytes"


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
        """Return the verdict, with its reason where its own interval seems to say otherwise."""
        return f"{self.verdict}: {self.held}" if self.held else self.verdict


@dataclasses.dataclass(frozen=True)
class Summary:
    """A run as the report shows it.

    ``varying`` names the factors with more than one level, ``fixed`` holds the others. ``block_values`` holds, for each
    (host, case_id), the (block, ratio) pairs its ratio was made from; without a baseline, (block, ns per operation).
    ``asks`` is what the experiment asks (`spec.experiment.ASKS`). ``corrupt`` has each method of which a trial did not
    verify, ``warmup_endings`` how warm-ups ended other than ok, and ``disturbed`` how many of the measured trials that
    ran were disturbed. ``missing`` is how many measured trials have no outcome yet. ``families`` gives each
    method's family, where it is known.
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
    families: dict[str, str]

    def is_baseline(self, case: CaseSummary) -> bool:
        """Return whether a case is one that others are compared with."""
        return bool(self.baseline) and all(case.levels.get(name) == level for name, level in self.baseline.items())

    @property
    def silent(self) -> tuple[str, ...]:
        """Return the hosts of which no measured trial has an outcome."""
        heard = {case.host for case in self.cases if case.statuses}
        return tuple(host for host in self.hosts if host not in heard)


@dataclasses.dataclass(frozen=True)
class HostsSummary(Summary):
    """The summary of each host by itself, with what it comes from.

    ``noise`` holds each host's noise floor, ``comparisons`` what was tested for each (host, case_id) that has a ratio,
    ``matrix`` the times that all of it comes from, ``floors`` the noise floor, a logarithm, of each row of it.
    """

    noise: dict[str, NoiseFloor]
    comparisons: Comparisons
    matrix: Matrix = dataclasses.field(repr=False, compare=False)
    floors: Floats = dataclasses.field(repr=False, compare=False)


def summarise(run_data: RunData, trials: pd.DataFrame | None = None) -> HostsSummary:
    """Summarise a run; ``trials`` is its `frame`, for a caller that has it already.

    Warm-ups are counted but enter no figure, and neither does any trial that did not end ``ok``. A case is compared, on
    its own host and block by block, with the case whose levels are the same but for those the baseline names.
    """
    table = frame(run_data) if trials is None else trials
    meta = run_data.meta()
    experiment = meta["experiment"]
    matrix = Matrix(run_data, table)
    measured = matrix.measured
    workload = str(experiment.get("workload", ""))
    floors = case_floors(matrix)
    comparisons = compare(matrix.keys, matrix.log_ratios, floors)
    varying, fixed = factors_of(matrix.cases)
    return HostsSummary(
        run_id=str(meta.get("run_id", "")),
        experiment=str(experiment.get("name", "")),
        question=str(experiment.get("question") or ""),
        asks=str(experiment.get("asks") or derived_asks(workload, matrix.baseline, matrix.cases.values())),
        workload=workload,
        baseline=matrix.baseline,
        hosts=matrix.hosts,
        varying=varying,
        fixed=fixed,
        cases=_case_summaries(matrix, comparisons),
        statuses={str(name): int(count) for name, count in measured["status"].value_counts().items()},
        trials=len(measured),
        warmups=len(table) - len(measured),
        corrupt=_corrupt(table),
        warmup_endings=tuple(_endings(table[table["warmup"]].assign(row=0))[0]),
        disturbed=int(((measured["disturbed"] != "") & measured["ns_per_op"].notna()).sum()),
        missing=max(0, run_data.planned_trials() - len(measured)),
        block_values=_block_values(matrix),
        families=families_of(run_data),
        noise=host_floors(matrix),
        comparisons=comparisons,
        matrix=matrix,
        floors=floors,
    )


def _endings(trials: pd.DataFrame) -> defaultdict[int, list[Ending]]:
    """Count how trials ended other than ok, by their row."""
    other = trials[trials["status"] != OK]
    counts = Counter(zip(other["row"], other["status"], other["reason"].fillna(""), strict=True))
    found: defaultdict[int, list[Ending]] = defaultdict(list)
    for (row, status, reason), count in counts.items():
        found[int(row)].append(Ending(status, reason, count))
    return found


def _corrupt(table: pd.DataFrame) -> dict[str, Corruption]:
    """Count each method's trials that did not verify, for methods that have any."""
    trials = table.groupby("method", sort=False)["status"]
    counts = trials.agg(lambda status: int((status == CORRUPT).sum()))
    return {str(m): Corruption(int(n), int(of)) for (m, n), of in zip(counts.items(), trials.size(), strict=True) if n}


def _case_summaries(matrix: Matrix, comparisons: Comparisons) -> tuple[CaseSummary, ...]:
    times = np.stack(median_intervals(matrix.ns), axis=1).tolist()
    medians = _medians(matrix.trials)
    endings = _endings(matrix.measured)
    statuses: defaultdict[int, dict[str, int]] = defaultdict(dict)
    counted = Counter(zip(matrix.measured["row"].tolist(), matrix.measured["status"].tolist(), strict=True))
    for (row, status), count in counted.items():
        statuses[int(row)][str(status)] = count
    found = []
    for place, (host, case_id) in enumerate(matrix.keys):
        middle = medians.get(place, dict.fromkeys((*COSTS, _MOVED)))
        comparison = comparisons.get((host, case_id))
        verdict, note = _verdict(matrix, place, comparison, is_ended=place in endings)
        found.append(
            CaseSummary(
                host=host,
                case_id=case_id,
                levels=matrix.cases[case_id],
                verdict=verdict,
                note=note,
                statuses=statuses[place],
                endings=tuple(endings.get(place, ())),
                n=int(matrix.n[place]),
                **case_figures(times[place], middle.pop(_MOVED), comparison),
                costs=middle,
            )
        )
    return tuple(found)


def case_figures(time: Sequence[float], bytes_per_op: float | None, comparison: Comparison | None) -> dict[str, Any]:
    """Return the fields of a `CaseSummary` that come from a time in ns with its interval's ends, and a comparison."""
    ns, low, high = time
    return {
        "median_ns": known(ns),
        "median_ci": Interval.known(low, high),
        "ops_per_s": known(1e9 / ns),
        "bytes_per_s": known(1e9 / ns * (bytes_per_op or math.nan)),
        "ratio": comparison.ratio if comparison else None,
        "ratio_n": comparison.n if comparison else 0,
        "ratio_ci": comparison.interval if comparison else None,
        "smallest": comparison.smallest if comparison else None,
        "held": comparison.held if comparison else "",
    }


def _medians(trials: pd.DataFrame) -> dict[int, dict[str, float | None]]:
    """Return the medians of each row's costs, and of the bytes of the pages that an iteration moved."""
    results = trials[trials["status"] == OK]
    moved_bytes = results["bytes_per_s"] * results["ns_per_op"] / 1e9
    table = results[list(COSTS)].astype("float64").assign(**{_MOVED: moved_bytes}).groupby(results["row"]).median()
    rows = zip(table.index.tolist(), table.to_numpy().tolist(), strict=True)
    return {int(row): dict(zip((*COSTS, _MOVED), map(known, values), strict=True)) for row, values in rows}


def _verdict(matrix: Matrix, row: int, comparison: Comparison | None, *, is_ended: bool) -> tuple[str, str]:
    partner = int(matrix.partners[row])
    if not matrix.n[row]:
        return NOT_MEASURED, "" if is_ended else "no outcome yet"
    if partner == row:
        return BASELINE, ""
    if partner < 0:
        return NOT_COMPARED, "no baseline case has its other levels" if (matrix.partners >= 0).any() else "no baseline"
    if matrix.has_corrupt_baseline[row]:
        return NOT_COMPARED, "its baseline moved pages wrongly"
    if not comparison:
        ever = "never measured in the same block" if matrix.n[partner] else NOT_MEASURED
        return NOT_COMPARED, f"its baseline was {ever}"
    return comparison.verdict, comparison.why


def _block_values(matrix: Matrix) -> dict[tuple[str, str], list[tuple[int, float]]]:
    """Return for each (host, case_id) its (block, ratio) pairs, or (block, ns per op) when nothing has a baseline."""
    values = np.exp(matrix.log_ratios) if (matrix.partners >= 0).any() else matrix.ns
    rows = [zip(matrix.blocks.tolist(), own, strict=True) for own in values.tolist()]
    return {key: [pair for pair in own if not math.isnan(pair[1])] for key, own in zip(matrix.keys, rows, strict=True)}
