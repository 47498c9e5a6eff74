"""What a command prints of a plan: its cases with their cost, and what running it takes."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from pageswap.campaign.unmeasured import foreseen
from pageswap.console.host_views import bad_checks
from pageswap.console.output import print_json, say, say_rest, show_table
from pageswap.errors import PageswapError
from pageswap.spec.factors import levels_by_factor
from pageswap.spec.quoting import printable
from pageswap.text.words import first_few, level_text
from pageswap.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pageswap.plan.plan import Plan

_CASES_SHOWN = 60
_HOSTS_NAMED = 8


def tell_plan(plan: Plan, answers: Mapping[str, Any], *, as_json: bool) -> int:
    """Print a plan and what the hosts, by their `answers`, cannot do of it; one that did not answer is told as such.

    Return the exit code: that of the first host's error, 0 without any.
    """
    failed = {host: answer for host, answer in answers.items() if isinstance(answer, PageswapError)}
    code = next((error.exit_code for error in failed.values()), 0)
    errors = {host: str(error) for host, error in failed.items()}
    if as_json:
        refused = [dataclasses.asdict(group) for group in foreseen(plan, answers)]
        bad = {host: bad_checks(answer) for host, answer in answers.items()}
        print_json(plan.to_json() | {"hosts": list(answers), "refused": refused, "bad": bad, "host_errors": errors})
        return code
    show_plan(plan)
    for line in [*obstacles(plan, answers), *(f"not asked: {error}" for error in errors.values())]:
        say(line)
    reached = [host for host in answers if host not in failed]
    if reached:
        say(f"on {', '.join(reached)}" + (", side by side" if len(reached) > 1 else ""))
    return code


def obstacles(plan: Plan, answers: Mapping[str, Any]) -> list[str]:
    """Return a line for each bad line of the hosts' doctors, then one for each reason why cases cannot be measured."""
    told = [(host, text) for host, answer in answers.items() for text in map(_bad_line, bad_checks(answer))]
    told += [(group.host, group.text(noun="case")) for group in foreseen(plan, answers)]
    lines: dict[str, list[str]] = {}
    for host, text in told:
        lines.setdefault(text, []).append(host)
    is_one = len(answers) == 1
    return [text if is_one else f"{first_few(hosts, _HOSTS_NAMED, 'host')}: {text}" for text, hosts in lines.items()]


def _bad_line(check: Mapping[str, Any]) -> str:
    cure = f"; cure: {check['cure']}" if check["cure"] else ""
    return printable(f"{check['status']}: {check['check']}: {check['found']}{cure}")


def show_plan(plan: Plan) -> None:
    """Print a plan's cases with their cost, and what running it takes."""
    experiment = plan.experiment
    say(f"{experiment.name}: {experiment.question}")
    levels = levels_by_factor(case.levels for case in plan.cases)
    varying = [name for name, found in levels.items() if len(found) > 1] or list(levels)[:1]
    fixed = [f"{name} {level_text(name, found[0])}" for name, found in levels.items() if name not in varying]
    say(f"everywhere: {experiment.workload}, {', '.join(fixed)}\n")
    show_table(
        ("case", *varying, "memory", "a trial"),
        (
            (
                case.case_id,
                *(level_text(name, case.levels[name]) for name in varying),
                _mebibytes(case.memory_bytes),
                format_duration(case.seconds),
            )
            for case in plan.cases[:_CASES_SHOWN]
        ),
        right=frozenset({"memory", "a trial"}),
    )
    say_rest(len(plan.cases), _CASES_SHOWN, "cases; --json lists all")
    blocks = (experiment.least_repeats, experiment.repeats)
    trials = (sum(trial.warmup or trial.block < blocks[0] for trial in plan.trials), len(plan.trials))
    seconds = dict.fromkeys(format_duration(part) for part in (plan.least_seconds, plan.seconds))
    say(
        f"\n{len(plan.cases):,} cases in {experiment.warmups} warm-up and {_ends(*blocks)} measured blocks:"
        f" {_ends(*trials)} trials, about {' to '.join(seconds)}, {_mebibytes(plan.memory_bytes)}"
    )


def _ends(least: int, most: int) -> str:
    """Print a number, or the two between which a stopping rule will choose it."""
    return f"{most:,}" if least == most else f"{least:,} to {most:,}"


def _mebibytes(size_bytes: int) -> str:
    return f"{size_bytes / 2**20:,.0f} MiB"
