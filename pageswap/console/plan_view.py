"""What a command prints of a plan: its cases with their cost, and what running it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pageswap.console.output import print_json, say, say_rest, show_table
from pageswap.text.levels import level_text
from pageswap.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pageswap.plan.plan import Plan

_CASES_SHOWN = 60


def tell_plan(plan: Plan, *, as_json: bool, hosts: Sequence[str] = ()) -> None:
    """Print a plan, and the hosts that it is for where they are known, for a person or as JSON."""
    if as_json:
        print_json(plan.to_json() | ({"hosts": list(hosts)} if hosts else {}))
        return
    show_plan(plan)
    if hosts:
        say(f"on {', '.join(hosts)}" + (", side by side" if len(hosts) > 1 else ""))


def show_plan(plan: Plan) -> None:
    """Print a plan's cases with their cost, and what running it takes."""
    experiment, estimate = plan.experiment, plan.estimate
    say(f"{experiment.name}: {experiment.question}")
    names = list(plan.cases[0].levels)
    varying = [name for name in names if len({case.levels[name] for case in plan.cases}) > 1] or names[:1]
    fixed = [f"{name} {level_text(name, plan.cases[0].levels[name])}" for name in names if name not in varying]
    say(f"everywhere: {experiment.workload}, {', '.join(fixed)}\n")
    shown = list(zip(plan.cases, estimate.cases, strict=True))[:_CASES_SHOWN]
    show_table(
        ("case", *varying, "memory", "a trial"),
        (
            (
                case.case_id,
                *(level_text(name, case.levels[name]) for name in varying),
                _mebibytes(cost.memory_bytes),
                format_duration(cost.seconds),
            )
            for case, cost in shown
        ),
        right=frozenset({"memory", "a trial"}),
    )
    say_rest(len(plan.cases), _CASES_SHOWN, "cases; --json lists all")
    blocks = (experiment.least_repeats, experiment.repeats)
    trials = (sum(trial.warmup or trial.block < blocks[0] for trial in plan.trials), len(plan.trials))
    seconds = dict.fromkeys(format_duration(part) for part in (estimate.least_seconds, estimate.seconds))
    say(
        f"\n{len(plan.cases):,} cases in {experiment.warmups} warm-up and {_ends(*blocks)} measured blocks:"
        f" {_ends(*trials)} trials, about {' to '.join(seconds)}, {_mebibytes(estimate.memory_bytes)}"
    )


def _ends(least: int, most: int) -> str:
    """Print a number, or the two between which a stopping rule will choose it."""
    return f"{most:,}" if least == most else f"{least:,} to {most:,}"


def _mebibytes(size_bytes: int) -> str:
    return f"{size_bytes / 2**20:,.0f} MiB"
