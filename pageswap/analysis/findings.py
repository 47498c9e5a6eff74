"""What a run shows beyond its medians: the record of every statistical finding that a report can draw."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pageswap.analysis.intervals import Interval
    from pageswap.analysis.rundata import RunData
    from pageswap.analysis.summary import Summary

_HOSTS_NAMED = 4


@dataclasses.dataclass(frozen=True)
class ControlPair:
    """One block's A/A pair: the baseline's case measured twice.

    ``ratio`` is ns of the second (replica 1) / ns of the first (replica 0); 1 where both took equally long.
    """

    case_id: str
    block: int
    ratio: float


@dataclasses.dataclass(frozen=True)
class NoiseFloor:
    """What the A/A control says of one host: how much two measurements of the same thing differ by chance.

    ``ratio`` is the floor, 1 or more (1.012: 1.2 % either way), or None with the reason in ``note`` (a run without
    replicas, too few pairs). ``blocks`` is the number of blocks it holds for; ``median`` and ``interval`` are the
    centre of all A/A ratios and its 95 % interval, which should hold 1.
    """

    host: str
    ratio: float | None
    blocks: int
    pairs: tuple[ControlPair, ...]
    median: float | None
    interval: Interval | None
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Comparison:
    """One case against its baseline on one host, tested.

    ``ratio`` above 1 is faster; ``n`` blocks. ``p`` is Wilcoxon's signed-rank test, two-sided, ``p_holm`` corrected for
    the ``family`` comparisons of the run. ``test`` names the one that decided: ``wilcoxon``, or ``t`` (paired, on
    logarithms, its corrected value in ``p_t_holm``) where so few blocks could never pass Holm's correction by ranks.
    ``noise_floor`` is the host's. ``smallest`` is the smallest difference this run would have found in 8 of 10
    repetitions, as a ratio above 1 (1.03: 3 % faster or slower). What could not be computed is None; ``why`` says in
    words what kept a difference from being called one, and ``held`` says it in short where the interval excludes 1.
    """

    host: str
    case_id: str
    verdict: str
    n: int
    ratio: float | None
    interval: Interval | None
    p: float | None
    p_holm: float | None
    p_t_holm: float | None
    test: str
    family: int
    noise_floor: float | None
    smallest: float | None
    why: str = ""
    held: str = ""


@dataclasses.dataclass(frozen=True)
class Outlier:
    """A trial unlike the others of its case: flagged, and left in every figure.

    ``score`` is the modified Z-score of its logarithm, above 3.5 either way; positive took longer. Times in ns per
    operation.
    """

    host: str
    case_id: str
    trial_id: str
    block: int
    score: float
    ns_per_op: float
    median_ns: float


@dataclasses.dataclass(frozen=True)
class Drift:
    """A tendency over time, tested; ``scope`` is ``rounds`` (inside the trials of a case) or ``blocks``.

    ``case_id`` is "" for the drift of a host over its blocks, all cases together. ``change`` is the relative change
    from the first round or block to the last (0.03: 3 % slower at the end), ``n`` the trials or blocks it comes from.
    ``profile`` holds one value a round or block: time relative to the typical one (1.0), None where there was none.
    ``is_flagged``: significant after Holm's correction and not negligible.
    """

    host: str
    case_id: str
    scope: str
    n: int
    change: float
    p: float
    p_holm: float
    is_flagged: bool
    profile: tuple[float | None, ...]


@dataclasses.dataclass(frozen=True)
class Disturbed:
    """A trial beside which the host did something else; ``words`` as in the export's column ``disturbed``."""

    host: str
    case_id: str
    trial_id: str
    block: int
    words: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Undisturbed:
    """A comparison with and without its disturbed blocks.

    ``changes``: without them the verdict would be another one, or there would be too few blocks for any.

    ``disturbed`` of ``n`` blocks had a disturbed trial on either side. ``quiet_*`` come from the blocks left, None
    where there are too few. ``held`` is as in `Comparison`.
    """

    host: str
    case_id: str
    n: int
    disturbed: int
    ratio: float | None
    interval: Interval | None
    verdict: str
    quiet_ratio: float | None
    quiet_interval: Interval | None
    quiet_verdict: str
    changes: bool
    held: str = ""
    quiet_held: str = ""


@dataclasses.dataclass(frozen=True)
class Crossover:
    """Where method ``b`` becomes faster than method ``a`` as a size grows, on one host with the other ``levels``.

    ``factor`` is the size: page_size or region_size. ``at_bytes`` is the one where both take equally long, interpolated
    on logarithmic axes, or None when neither overtakes the other between ``smallest`` and ``largest`` (bytes);
    ``faster`` is then the method that was ahead throughout, "" when none was. With a crossover ``faster`` is the one
    that is faster above it. ``low`` and ``high`` are the ends of its 95 % interval in bytes; None where an end lies
    outside the sizes measured. All of these go by medians; ``found`` has the method that was found to be faster at each
    size, "" where no difference was found, and is empty where there were too few blocks. ``text`` says it in words.
    """

    host: str
    a: str
    b: str
    levels: dict[str, Any]
    smallest: int
    largest: int
    at_bytes: float | None
    low: float | None
    high: float | None
    faster: str
    text: str
    factor: str = "page_size"
    found: tuple[str, ...] = ()

    @property
    def is_shown(self) -> bool:
        """Say whether the two change places and each was found to be the faster somewhere, if blocks suffice."""
        return self.at_bytes is not None and (not self.found or {self.a, self.b} <= set(self.found))


@dataclasses.dataclass(frozen=True)
class Share:
    """A case's bytes per second as a share of the most that workload ``limit`` reached on the same host.

    1.0 is the limit; ``method`` reached ``limit_bytes_per_s`` with the same threads and about the same region.
    """

    host: str
    case_id: str
    share: float
    limit_bytes_per_s: float
    method: str


@dataclasses.dataclass(frozen=True)
class CostPart:
    """One layer of a stack: ``ns`` in all, for ``times`` calls; ``call`` is the formula, such as ``3 x getpid``.

    Where both sides were measured in the same blocks ``interval`` is that of ``ns``, and ``share`` of the total the
    median over blocks, with its own; None where they come from different runs, intervals also for too few blocks.
    """

    name: str
    call: str
    times: float
    ns: float
    interval: Interval | None = None
    share: float | None = None
    share_interval: Interval | None = None


@dataclasses.dataclass(frozen=True)
class CostStack:
    """Where the time of one swap by a remapping method goes: the measured costs of the calls it makes.

    ``total_ns`` is the swap's median; ``parts`` come from a run of workload ``call`` on the same host; ``rest_ns`` is
    what they leave unexplained, negative when they cost more alone than in the swap. ``levels`` are the case's.

    A run of workload ``call`` has stacks of its own: of one call, from the calls nested in it, and ``rest_ns`` is 0.
    """

    host: str
    case_id: str
    method: str
    levels: dict[str, Any]
    total_ns: float
    parts: tuple[CostPart, ...]
    rest_ns: float


@dataclasses.dataclass(frozen=True)
class Pooled:
    """A comparison over all hosts: the geometric mean of their ratios, with what hosts like these would show.

    ``interval`` is from the hierarchical bootstrap (hosts, then trials), None with the reason in ``note`` when the
    hosts are too few. ``lowest`` and ``highest`` are the (host, ratio) at the ends.
    """

    case_id: str
    levels: dict[str, Any]
    hosts: int
    ratio: float
    interval: Interval | None
    lowest: tuple[str, float]
    highest: tuple[str, float]
    verdict: str
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Stop:
    """After how many measured blocks a host stopped by the declared rule, and why."""

    host: str
    blocks: int
    reason: str


@dataclasses.dataclass(frozen=True)
class Findings:
    """All findings of a run; an empty collection means that there was nothing to find or nothing to find it with.

    ``noise`` is by host, ``shares`` by (host, case_id). ``notes`` say in words what could not be found, and what would
    make it possible.
    """

    noise: dict[str, NoiseFloor]
    comparisons: tuple[Comparison, ...]
    outliers: tuple[Outlier, ...]
    drift: tuple[Drift, ...]
    disturbed: tuple[Disturbed, ...]
    undisturbed: tuple[Undisturbed, ...]
    crossovers: tuple[Crossover, ...]
    shares: dict[tuple[str, str], Share]
    costs: tuple[CostStack, ...]
    pooled: tuple[Pooled, ...]
    stops: tuple[Stop, ...]
    notes: tuple[str, ...] = ()


def findings(
    run_data: RunData, summary: Summary, *, limit: Summary | None = None, calls: Summary | None = None
) -> Findings:
    """Find all of it in a run; ``summary`` is its `summarise`.

    ``limit`` and ``calls`` are the summaries of other runs on the same hosts, of the workloads of these names: the
    first for shares of the physical limit, the second for where the time of a swap goes. An experiment has one
    workload, so they come from runs of their own (experiments/memory_limit.yaml, experiments/syscall_roundtrip.yaml).
    """
    # Imported here, as each of them makes records of this module.
    from pageswap.analysis.costs import cost_stacks, shares  # noqa: PLC0415
    from pageswap.analysis.crossover import crossovers  # noqa: PLC0415
    from pageswap.analysis.drift import drift  # noqa: PLC0415
    from pageswap.analysis.outliers import outliers  # noqa: PLC0415
    from pageswap.analysis.pooling import pooled  # noqa: PLC0415
    from pageswap.analysis.undisturbed import disturbed_trials, undisturbed  # noqa: PLC0415

    matrix = summary.matrix
    cases = {case.case_id: case.levels for case in summary.cases[: len(matrix.keys) // max(1, len(matrix.hosts))]}
    return Findings(
        noise=summary.noise,
        comparisons=tuple(summary.comparisons.values()),
        outliers=outliers(matrix),
        drift=drift(matrix),
        disturbed=disturbed_trials(matrix),
        undisturbed=undisturbed(matrix, summary.comparisons, summary.noise),
        crossovers=crossovers(matrix, cases, summary.families, summary.comparisons, summary.noise),
        shares=shares(summary, limit),
        costs=cost_stacks(summary, calls),
        pooled=pooled(matrix, cases),
        stops=tuple(Stop(host, int(stop["blocks"]), str(stop["reason"])) for host, stop in run_data.stops().items()),
        notes=_notes(summary, limit, calls),
    )


def _notes(summary: Summary, limit: Summary | None, calls: Summary | None) -> tuple[str, ...]:
    """Say what could not be found and what would make it possible."""
    notes = [f"{host}: no noise floor: {floor.note}" for host, floor in summary.noise.items() if floor.note]
    notes = notes if summary.has_baseline else []
    if summary.workload != "limit" and limit is None and any(case.bytes_per_s for case in summary.cases):
        notes.append("shares of the physical limit need a run of workload 'limit' on the same hosts")
    for name, other in (("limit", limit), ("call", calls)):
        if other is not None and not set(other.hosts) & set(summary.hosts):
            notes.append(f"the run of workload '{name}' has other hosts: {', '.join(other.hosts[:_HOSTS_NAMED])}")
    return tuple(notes)
