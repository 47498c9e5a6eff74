"""Makes a plan: every trial of an experiment in the order it will run, as a randomised complete block design."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from pageswap.agent.journal.job import REPLICA_SUFFIX, TrialSpec
from pageswap.plan.blocks import block_order, schedule_seed
from pageswap.plan.estimate import Estimate, estimate
from pageswap.spec import build_cases, core_vocabulary, default_levels, override, with_asks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pageswap.spec import Experiment, Level, Vocabulary

_FIRST_ATTEMPT = 1
_CASE_DIGITS = 4
_BLOCK_DIGITS = 2


@dataclasses.dataclass(frozen=True)
class Case:
    """One combination of levels (sizes in bytes); `case_id` is ``c0004`` for index 4."""

    index: int
    case_id: str
    levels: dict[str, Level]


@dataclasses.dataclass(frozen=True)
class Plan:
    """An experiment, with the command line's changes, its cases, and its trials in the order they run."""

    experiment: Experiment
    cases: tuple[Case, ...]
    trials: tuple[TrialSpec, ...]
    estimate: Estimate

    def to_json(self) -> dict[str, Any]:
        """Give the plan as one JSON object; a trial names its case, where its levels are, once."""
        experiment = self.experiment
        return {
            "experiment": experiment.name,
            "question": experiment.question,
            "asks": experiment.asks,
            "spec": experiment.path,
            "overrides": list(experiment.overrides),
            "workload": experiment.workload,
            "baseline": experiment.baseline,
            "repeats": experiment.repeats,
            "stopping": dataclasses.asdict(experiment.stopping) if experiment.stopping else None,
            "warmups": experiment.warmups,
            "rounds": experiment.rounds,
            "seed": experiment.seed,
            "timeout_s": experiment.timeout_s,
            "hosts": list(experiment.hosts),
            "estimate": {
                "memory_bytes": self.estimate.memory_bytes,
                "seconds": round(self.estimate.seconds, 3),
                "least_seconds": round(self.estimate.least_seconds, 3),
                "at_most_seconds": self.estimate.at_most_seconds,
            },
            "cases": [
                {
                    "case_id": case.case_id,
                    **case.levels,
                    "memory_bytes": cost.memory_bytes,
                    "seconds_per_trial": round(cost.seconds, 3),
                }
                for case, cost in zip(self.cases, self.estimate.cases, strict=True)
            ],
            "trials": [
                {
                    "trial_id": trial.trial_id,
                    "case_id": trial.case_id,
                    "block": trial.block,
                    "position": trial.position,
                    "warmup": trial.warmup,
                    "replica": trial.replica,
                    "seed": trial.seed,
                }
                for trial in self.trials
            ],
        }


def make(
    experiment: Experiment,
    *,
    set_: Iterable[str] = (),
    filter_: Iterable[str] = (),
    repeats: int | None = None,
    vocabulary: Vocabulary | None = None,
) -> Plan:
    """Plan an experiment with the command line's changes; the same arguments always give the same plan.

    `set_` and `filter_` are texts such as ``page_size=4KiB,2MiB``. Warm-up blocks come first, then measured blocks;
    each holds every case once in a random order of its own, and all its trials share one page schedule. A measured
    block holds the baseline's cases twice, the second time as replica 1: the A/A control. Raises UsageError for a wrong
    argument, SpecError for cases that make no sense.
    """
    names = vocabulary or core_vocabulary()
    changed = override(experiment, set_=set_, filter_=filter_, repeats=repeats, vocabulary=names)
    every = build_cases(changed)
    changed = with_asks(changed, every)
    # Ids of one width sort as text in the order of their numbers.
    digits = max(_CASE_DIGITS, len(str(len(every) - 1)))
    cases = tuple(Case(index, f"c{index:0{digits}d}", levels) for index, levels in enumerate(every))
    trials = tuple(trial for block in _blocks(changed) for trial in _trials(changed, cases, *block))
    of_each = {trial.trial_id.partition(".")[2]: trial for trial in trials}
    once = [of_each[case.case_id] for case in cases]
    controls = [trial for trial in of_each.values() if trial.replica]
    blocks = (changed.warmups, changed.least_repeats, changed.repeats)
    return Plan(changed, cases, trials, estimate(once, controls, blocks, names))


def _blocks(experiment: Experiment) -> Iterator[tuple[str, int, bool]]:
    """Give each block's id, its number and whether it is a warm-up, in the order they run."""
    for number in range(experiment.warmups):
        yield f"w{number}", number, True
    digits = max(_BLOCK_DIGITS, len(str(experiment.repeats - 1)))
    for number in range(experiment.repeats):
        yield f"b{number:0{digits}d}", number, False


def _trials(
    experiment: Experiment,
    cases: tuple[Case, ...],
    block_id: str,
    number: int,
    is_warmup: bool,  # noqa: FBT001 - one of the trial's own fields
) -> Iterator[TrialSpec]:
    # A block is shuffled by its number, not by its id's width: more repeats leave the earlier blocks as they were.
    name = f"{'w' if is_warmup else 'b'}{number}"
    seed = schedule_seed(experiment.seed, name)
    twice = () if is_warmup else tuple(case for case in cases if _is_baseline(experiment, case))
    slots = [(case, 0) for case in cases] + [(case, 1) for case in twice]
    levels = {case.case_id: {**default_levels(), **case.levels} for case in cases}
    for position, index in enumerate(block_order(experiment.seed, name, len(slots))):
        case, replica = slots[index]
        yield TrialSpec(
            trial_id=f"{block_id}.{case.case_id}{REPLICA_SUFFIX if replica else ''}",
            attempt=_FIRST_ATTEMPT,
            workload=experiment.workload,
            rounds=experiment.rounds,
            seed=seed,
            timeout_s=experiment.timeout_s,
            block=number,
            position=position,
            warmup=is_warmup,
            replica=replica,
            levels=levels[case.case_id],
        )


def _is_baseline(experiment: Experiment, case: Case) -> bool:
    baseline = experiment.baseline
    return bool(baseline) and all(case.levels.get(name) == level for name, level in baseline.items())
