"""Makes a plan: every trial in the order it will run, as a randomised complete block design, and its rough cost."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import TYPE_CHECKING, Any, Final

from pageswap.agent.journal.job import REPLICA_SUFFIX, TrialSpec
from pageswap.agent.trial.preflight import memory_need
from pageswap.agent.workloads import WORKLOADS
from pageswap.spec.cases import build_cases
from pageswap.spec.experiment import with_asks
from pageswap.spec.factors import core_vocabulary, default_levels

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pageswap.agent.journal.job import Level
    from pageswap.spec.experiment import Experiment
    from pageswap.spec.factors import Vocabulary

_CASE_DIGITS: Final = 4
_BLOCK_DIGITS: Final = 2
_SEED_BYTES: Final = 8

# What the plan as JSON has of the experiment and of each trial, by its own names.
_TOLD_OF_EXPERIMENT: Final = (
    *("question", "asks", "workload", "baseline", "repeats", "warmups", "rounds", "seed", "timeout_s"),
    *("hosts", "overrides"),
)
_ESTIMATED: Final = ("memory_bytes", "seconds", "least_seconds", "at_most_seconds")
_TOLD_OF_TRIAL: Final = ("trial_id", "case_id", "block", "position", "warmup", "replica", "seed")

# Measured on a 2-vCPU AMD EPYC (Zen 5) virtual machine, Linux 6.18. Other machines differ by a factor of two, and a
# cache-sized region by three: good enough to tell seconds from minutes from hours, and for nothing else.
_TRIAL_S = 0.008  # a fork, a journal line and its fsync
_SETUP_BYTES_PER_S = 1.5e9  # mapping and stamping, page faults included
_VERIFY_BYTES_PER_S = 8.0e9
_SCHEDULE_S = 7e-9  # an iteration
_SPLIT_S = 0.7e-6  # counting the mappings of a region cut into pages: a page a round
_GROW_BYTE_S = 0.5e-9  # a byte of a block that grows: stamped, checked or filled, and freed
_GROW_COPIED_BYTE_S = 0.3e-9  # the same, where a method copies it, faults of the new place included
_ALONE_S = 0.05  # while readers read alone, by the core's own clock
_CALL_S = 3e-6  # most calls: from 0.1 to 8 microseconds

# What one iteration of a family's methods takes: fixed, and for each byte of page_size.
_ITERATION_S: Mapping[str, tuple[float, float]] = {
    "control": (2e-9, 0.0),
    "window": (2e-9, 0.0),
    "copy": (0.4e-6, 0.11e-9),
    "remap": (20e-6, 0.0),
}


@dataclasses.dataclass(frozen=True)
class Case:
    """One combination of levels (sizes in bytes), and what a trial of it takes; `case_id` is ``c0004``: the fifth."""

    case_id: str
    levels: dict[str, Level]
    memory_bytes: int
    seconds: float


@dataclasses.dataclass(frozen=True)
class Plan:
    """An experiment, with the command line's changes, its cases, and its trials in the order they run.

    What it is expected to take on one host: `memory_bytes` is the largest trial's (trials run one at a time), `seconds`
    the sum over all trials, `least_seconds` over those that are measured in any case (fewer where a stopping rule may
    end the run early), and `at_most_seconds` the bound that the timeout sets.
    """

    experiment: Experiment
    cases: tuple[Case, ...]
    trials: tuple[TrialSpec, ...]
    memory_bytes: int
    seconds: float
    least_seconds: float
    at_most_seconds: float

    def to_json(self) -> dict[str, Any]:
        """Return the plan as one JSON object; a trial names its case, where its levels are, once."""
        experiment = self.experiment
        return {
            "experiment": experiment.name,
            "spec": experiment.path,
            **{name: getattr(experiment, name) for name in _TOLD_OF_EXPERIMENT},
            "stopping": dataclasses.asdict(experiment.stopping) if experiment.stopping else None,
            "estimate": {name: round(getattr(self, name), 3) for name in _ESTIMATED},
            "cases": [
                {
                    "case_id": case.case_id,
                    **case.levels,
                    "memory_bytes": case.memory_bytes,
                    "seconds_per_trial": round(case.seconds, 3),
                }
                for case in self.cases
            ],
            "trials": [{name: getattr(trial, name) for name in _TOLD_OF_TRIAL} for trial in self.trials],
        }


def make(experiment: Experiment, *, vocabulary: Vocabulary | None = None) -> Plan:
    """Plan an experiment, as the command line changed it; the same one always gives the same plan.

    Warm-up blocks come first, then measured blocks; each holds every case once in a random order of its own, and all
    its trials share one page schedule. A measured block holds the baseline's cases twice, the second time as replica 1:
    the A/A control. Raises UsageError or SpecError for cases that make no sense.
    """
    every = build_cases(experiment)
    experiment = with_asks(experiment, every)
    # Ids of one width sort as text in the order of their numbers.
    digits = max(_CASE_DIGITS, len(str(len(every) - 1)))
    levels = {f"c{index:0{digits}d}": of_case for index, of_case in enumerate(every)}
    trials = tuple(_trials(experiment, levels))
    vocabulary = vocabulary or core_vocabulary()
    costs = {trial.case_id: _cost(trial, vocabulary) for trial in trials if not trial.block}
    cases = tuple(Case(case_id, of_case, *costs[case_id]) for case_id, of_case in levels.items())
    seconds = [costs[trial.case_id][1] for trial in trials]
    least = sum(trial.warmup or trial.block < experiment.least_repeats for trial in trials)
    return Plan(
        experiment,
        cases,
        trials,
        memory_bytes=max(case.memory_bytes for case in cases),
        seconds=sum(seconds),
        least_seconds=sum(seconds[:least]),
        at_most_seconds=len(trials) * experiment.timeout_s,
    )


def expected_seconds(trials: Iterable[TrialSpec], vocabulary: Vocabulary | None = None) -> float:
    """Return the seconds that trials, such as those left of a plan, are expected to take on one host, as in `Plan`."""
    vocabulary = vocabulary or core_vocabulary()
    costs: dict[str, float] = {}
    seconds = 0.0
    for trial in trials:
        if trial.case_id not in costs:
            # A run of an older version may have methods that there are no more.
            is_known = trial.method in vocabulary.methods
            costs[trial.case_id] = _cost(trial, vocabulary)[1] if is_known else trial.timeout_s
        seconds += costs[trial.case_id]
    return seconds


def block_order(seed: int, block_id: str, cases: int) -> list[int]:
    """Return the indices of all cases in the random order of one block (``b3``, or ``w0`` for a warm-up).

    The cases are sorted by the SHA-256 of (seed, block, case index): a uniformly random permutation that is the same
    in every version of Python, which `random.shuffle` does not promise.
    """
    return sorted(range(cases), key=lambda index: _digest(f"order {seed} {block_id} {index}"))


def schedule_seed(seed: int, block_id: str) -> int:
    """Return the seed of the page schedule that all trials of a block share: 0 to 2**63 - 1, as SQLite's integers."""
    return int.from_bytes(_digest(f"schedule {seed} {block_id}")[:_SEED_BYTES], "big") >> 1


def _digest(text: str) -> bytes:
    return hashlib.sha256(f"pageswap {text}".encode()).digest()


def _trials(experiment: Experiment, cases: Mapping[str, dict[str, Level]]) -> Iterator[TrialSpec]:
    """Yield every trial of cases, which are levels by id, in the order they run: first the warm-up blocks."""
    levels = {case_id: {**default_levels(), **of_case} for case_id, of_case in cases.items()}
    once = [(case_id, 0) for case_id in cases]
    baseline = experiment.baseline.items()
    twice = once + [(case_id, 1) for case_id in cases if baseline and baseline <= cases[case_id].items()]
    digits = max(_BLOCK_DIGITS, len(str(experiment.repeats - 1)))
    blocks = [(True, number) for number in range(experiment.warmups)]
    for is_warmup, number in blocks + [(False, number) for number in range(experiment.repeats)]:
        slots = once if is_warmup else twice
        for case_id, place in block_places(experiment.seed, slots, number, is_warmup=is_warmup, digits=digits):
            yield TrialSpec(
                attempt=1,
                workload=experiment.workload,
                rounds=experiment.rounds,
                timeout_s=experiment.timeout_s,
                levels=levels[case_id],
                **place,
            )


def block_places(
    seed: int, slots: Sequence[tuple[str, int]], number: int, *, is_warmup: bool = False, digits: int = _BLOCK_DIGITS
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the case of each trial of one block in its order, and the fields of the trial that say its place.

    `slots` are the block's trials as (case id, replica), those of replica 0 first, in the order of their ids.
    """
    # A block is shuffled by its number, not by its id's width: more repeats leave the earlier blocks as they were.
    name = f"{'w' if is_warmup else 'b'}{number}"
    block_id = name if is_warmup else f"b{number:0{digits}d}"
    schedule = schedule_seed(seed, name)
    for position, index in enumerate(block_order(seed, name, len(slots))):
        case_id, replica = slots[index]
        yield (
            case_id,
            {
                "trial_id": f"{block_id}.{case_id}{REPLICA_SUFFIX if replica else ''}",
                "seed": schedule,
                "block": number,
                "position": position,
                "warmup": is_warmup,
                "replica": replica,
            },
        )


def _cost(trial: TrialSpec, vocabulary: Vocabulary) -> tuple[int, float]:
    """Return the bytes of memory and the seconds that a trial is expected to take."""
    method = vocabulary.methods[trial.method]
    memory = memory_need(
        trial,
        scratch=trial.workload not in method.without_scratch,
        is_reserved=trial.backing in vocabulary.reserved_backings,
    )
    alone_s = _ALONE_S if trial.levels["neighbours"] == "reading" else 0.0
    return memory.total_bytes, min(_seconds(trial, method.family) + alone_s, trial.timeout_s)


def _seconds(trial: TrialSpec, family: str) -> float:
    # A family that this table does not know yet is taken for the slowest: too long a guess surprises less.
    fixed_s, byte_s = _ITERATION_S.get(family, _ITERATION_S["remap"])
    workload = WORKLOADS[trial.workload]
    if workload.made_each == "region_size":
        grown_s = _GROW_BYTE_S + (_GROW_COPIED_BYTE_S if family == "copy" else 0.0)
        return _TRIAL_S + trial.iterations * trial.region_size * grown_s
    if workload.made_each:
        return _TRIAL_S + trial.iterations * _CALL_S
    seconds = (
        _TRIAL_S
        + trial.region_size / _SETUP_BYTES_PER_S
        + trial.region_size / _VERIFY_BYTES_PER_S
        + trial.iterations * (_SCHEDULE_S + fixed_s + byte_s * trial.page_size)
    )
    if family == "remap":
        pages = trial.region_size // trial.page_size
        seconds += _SPLIT_S * min(pages, 2 * trial.iterations) * trial.rounds
    return seconds
