"""Runs over the whole space of experiment files, with everything that may happen to trials; made up, never measured.

Each has an experiment that the loader takes; its cases, what it asks and the methods' families are the program's own.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import random
from typing import TYPE_CHECKING, Any, Final

from pageswap.errors import SpecError
from pageswap.plan import plan
from pageswap.spec import loader as spec
from tests.fake_run import COLUMNS, ENVIRONMENT, FakeRun

if TYPE_CHECKING:
    from collections.abc import Callable

_WORKLOADS: Final = ("swap", "swap", "swap", "permute", "move", "grow", "call", "limit")
_FACTORS: Final[dict[str, tuple[tuple[str, ...], ...]]] = {
    "page_size": (("4KiB",), ("4KiB",), ("4KiB", "64KiB"), ("4KiB", "16KiB", "64KiB", "256KiB", "1MiB")),
    "region_size": (("64MiB",), ("64MiB",), ("64MiB", "256MiB"), ("16MiB", "64MiB", "256MiB", "1GiB")),
    "threads": (("1",), ("1",), ("1", "2"), ("1", "2", "4")),
    "touch": (("none",), ("none", "moved")),
    "backing": (("private_anon",), ("private_anon", "shared_anon")),
    "neighbours": (("idle",), ("idle",), ("idle", "spinning")),
    "run_pages": (("1",), ("1", "8", "64")),
}
_CONDITIONS: Final = ("threads", "touch", "backing", "neighbours")
_ENDINGS: Final = ("failed", "timeout", "oom", "killed", "corrupt", "unavailable", "skipped", "lost")
_MOST_TRIALS: Final = 6_000


class GeneratedRun(FakeRun):
    """A run in memory whose trials tell how often pages came back from swap, which disturbs them."""

    def columns(self) -> tuple[str, ...]:
        """Name the fields of `rows`."""
        return (*COLUMNS, "swap_ins")

    def rows(self) -> list[tuple[Any, ...]]:
        """Give every outcome."""
        return [tuple(outcome[name] for name in self.columns()) for outcome in self.outcomes]


def generate(seed: int) -> GeneratedRun:
    """Make a run; the same seed makes the same."""
    chance = random.Random(seed)  # noqa: S311 - a simulation, not a secret
    made = None
    while made is None:
        try:
            made = plan.make(spec.loads(_text(chance), "generated.yaml"))
        except SpecError:
            continue
        hosts = tuple(f"lab{number}" for number in range(chance.choice([1, 1, 1, 2, 2, 3, 20])))
        if len(made.trials) * len(hosts) > _MOST_TRIALS:
            made = None
    run = _measured(made, hosts, chance)
    for happen in chance.sample(_MISHAPS, chance.choice([0, 0, 1, 2, 3])):
        happen(run, chance)
    return run


@functools.cache
def _methods(workload: str) -> tuple[str, ...]:
    return tuple(name for name, method in spec.core_vocabulary().methods.items() if workload in method.workloads)


def _families() -> dict[str, str]:
    # Kept there: asking the core anew would fork this large process once a method, for each of the runs.
    return {name: method.family for name, method in spec.core_vocabulary().methods.items()}


def _text(chance: random.Random) -> str:
    """Write an experiment file: a few methods, a few factors, a baseline of a method or of conditions."""
    workload = chance.choice(_WORKLOADS)
    known = _methods(workload)
    methods = chance.sample(known, min(len(known), chance.choice([2, 2, 3, 4, 8])))
    varied = chance.sample(list(_FACTORS), chance.choice([0, 1, 1, 2, 3]))
    levels = {name: chance.choice(_FACTORS[name]) for name in varied}
    changed = [name for name in _CONDITIONS if len(levels.get(name, ())) > 1]
    if changed and chance.random() < 0.3:
        chosen = chance.sample(changed, chance.randint(1, len(changed)))
        baseline = {name: levels[name][0] for name in chosen}
    else:
        baseline = {"method": chance.choice(methods)}
    asks = chance.choice(["", "", "faster", "fastest", "fastest", "crossover", "gain"])
    lines = [
        "name: generated",
        "question: Which of these is slower than the fastest?",
        f"workload: {workload}",
        f"method: [{', '.join(methods)}]",
        *(f"{name}: [{', '.join(values)}]" for name, values in levels.items()),
        f"baseline: {{{', '.join(f'{name}: {level}' for name, level in baseline.items())}}}",
        f"repeats: {chance.choice([1, 2, 5, 6, 7, 7, 8, 12, 20])}",
        f"warmups: {chance.choice([0, 1])}",
        "iterations: 1000",
        *([f"asks: {asks}"] if asks else []),
    ]
    return "\n".join(lines) + "\n"


def _measured(made: plan.Plan, hosts: tuple[str, ...], chance: random.Random) -> GeneratedRun:
    """Give every trial a time: the method's, times what its levels, its host and its block do, times its own noise."""
    noise, block_noise = chance.choice([0.001, 0.01, 0.05, 0.3]), chance.choice([0.0, 0.05, 0.5])
    names = list(dict.fromkeys(case.levels["method"] for case in made.cases))
    speeds = {name: chance.choice([1_000.0, 1_000.0, 10 ** chance.uniform(1, 5)]) for name in names}
    slopes = {name: chance.choice([0.0, 0.0, 1.0, chance.uniform(-0.5, 1.5)]) for name in names}
    effects = {key: chance.choice([1.0, 1.0, 10 ** chance.uniform(-1, 1)]) for key in _effects(made, hosts)}
    levels_of = {case.case_id: dict(case.levels) for case in made.cases}
    outcomes = []
    for host in hosts:
        shared = {}
        for position, trial in enumerate(made.trials):
            levels = levels_of[trial.case_id]
            block = (trial.warmup, trial.block)
            shared.setdefault(block, math.exp(chance.gauss(0, block_noise)))
            ns = speeds[levels["method"]] * shared[block] * math.exp(chance.gauss(0, noise))
            ns *= (int(levels.get("page_size", 4096)) / 4096) ** slopes[levels["method"]]
            ns *= math.prod(
                effects[levels["method"], name, level] for name, level in levels.items() if name in _CONDITIONS
            )
            ns *= effects[levels["method"], "host", host]
            elapsed_ns = max(10, round(ns * 1_000))
            outcomes.append(
                {
                    **dict.fromkeys(COLUMNS),
                    **{name: levels.get(name) for name in COLUMNS if name in levels},
                    "run_id": "20260102T030405Z-abcdef",
                    "experiment": "generated",
                    "workload": made.experiment.workload,
                    "case_id": trial.case_id,
                    "host": host,
                    "trial_id": trial.trial_id,
                    "block": trial.block,
                    "position": position,
                    "warmup": int(trial.warmup),
                    "attempt": 1,
                    "status": "ok",
                    "reason": "",
                    "iterations": 1_000,
                    "elapsed_ns": elapsed_ns,
                    "rounds_ns": json.dumps([elapsed_ns / 10] * 10),
                    "started_at": "2026-01-02T03:04:05Z",
                    "seed": 1,
                    "cpu": 1,
                    "replica": int(trial.replica),
                    "swap_ins": 0,
                }
            )
    experiment = made.experiment
    return GeneratedRun(
        experiment={
            **{name: getattr(experiment, name) for name in ("name", "question", "workload", "asks", "repeats")},
            "baseline": dict(experiment.baseline),
            "warmups": experiment.warmups,
            "rounds": 10,
            "seed": 42,
        },
        hosts=list(hosts),
        case_list=[
            {"case_id": case_id, "workload": experiment.workload, **levels} for case_id, levels in levels_of.items()
        ],
        outcomes=outcomes,
        facts={host: {**ENVIRONMENT, "hostname": host} for host in hosts},
        families=_families(),
    )


def _effects(made: plan.Plan, hosts: tuple[str, ...]) -> list[tuple[str, str, Any]]:
    conditions = [
        (case.levels["method"], name, level)
        for case in made.cases
        for name, level in case.levels.items()
        if name in _CONDITIONS
    ]
    names = dict.fromkeys(case.levels["method"] for case in made.cases)
    return list(dict.fromkeys([*conditions, *((name, "host", host) for name in names for host in hosts)]))


def _end(outcome: dict[str, Any], status: str, reason: str) -> None:
    outcome.update(status=status, reason=reason)
    if status != "corrupt":
        outcome.update(elapsed_ns=None, rounds_ns=None)


def _scattered(run: GeneratedRun, chance: random.Random) -> None:
    """Let single trials end otherwise, each with a reason of its own."""
    share = chance.choice([0.01, 0.1, 0.4])
    for outcome in run.outcomes:
        if chance.random() < share:
            _end(outcome, chance.choice(_ENDINGS), f"reason {chance.randint(1, 5)}")


def _one_corrupt(run: GeneratedRun, chance: random.Random) -> None:
    """Let one trial move a page wrongly, a warm-up or the baseline's perhaps."""
    if run.outcomes:
        _end(chance.choice(run.outcomes), "corrupt", "page 3 holds page 9")


def _method_gone(run: GeneratedRun, chance: random.Random) -> None:
    """Let a method end alike everywhere, or on one host; the baseline's perhaps."""
    method = chance.choice(sorted({str(case["method"]) for case in run.case_list}))
    status, host = chance.choice(_ENDINGS), chance.choice([None, *run.hosts])
    for outcome in run.outcomes:
        if outcome["method"] == method and host in (None, outcome["host"]):
            _end(outcome, status, "as the method is")


def _host_gone(run: GeneratedRun, chance: random.Random) -> None:
    """Let nothing come from a host."""
    gone = chance.choice(run.hosts)
    run.outcomes = [outcome for outcome in run.outcomes if outcome["host"] != gone]


def _cut_short(run: GeneratedRun, chance: random.Random) -> None:
    """Let trials have no outcome yet, from some trial on."""
    run.outcomes = run.outcomes[: chance.randint(0, len(run.outcomes))]


def _case_missing(run: GeneratedRun, chance: random.Random) -> None:
    """Leave a case out of the experiment, a baseline perhaps."""
    if len(run.case_list) > 1:
        gone = run.case_list.pop(chance.randrange(len(run.case_list)))["case_id"]
        run.outcomes = [outcome for outcome in run.outcomes if outcome["case_id"] != gone]


def _disturbed(run: GeneratedRun, chance: random.Random) -> None:
    """Let pages come back from swap beside some trials, or beside all."""
    share = chance.choice([0.05, 0.3, 1.0])
    for outcome in run.outcomes:
        outcome["swap_ins"] = int(chance.random() < share)


def _slow_block(run: GeneratedRun, chance: random.Random) -> None:
    """Let one method take four times as long in one block."""
    method, block = chance.choice(run.case_list)["method"], chance.randrange(run.experiment["repeats"])
    for outcome in run.of(method=method, block=block, warmup=0, status="ok"):
        outcome["elapsed_ns"] *= 4
        outcome["rounds_ns"] = json.dumps([outcome["elapsed_ns"] / 10] * 10)


_MISHAPS: Final[tuple[Callable[[GeneratedRun, random.Random], None], ...]] = (
    _scattered,
    _one_corrupt,
    _method_gone,
    _host_gone,
    _cut_short,
    _case_missing,
    _disturbed,
    _slow_block,
)


@dataclasses.dataclass(frozen=True)
class Raw:
    """What the reader of a record may look at: plain data, none of it computed."""

    experiment: dict[str, Any]
    hosts: list[str]
    cases: list[dict[str, Any]]
    rows: list[dict[str, Any]]
    families: dict[str, str]
    planned: int


def raw(run: GeneratedRun) -> Raw:
    """Give the plain data of a run."""
    rows = [dict(zip(run.columns(), row, strict=True)) for row in run.rows()]
    return Raw(run.experiment, run.hosts, run.case_list, rows, run.families, run.planned_trials())
