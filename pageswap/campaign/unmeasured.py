"""What of a run cannot be measured, or was not: hosts are asked before it, and trials that end alike stand together."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

from pageswap.agent.journal.job import SKIPPED, UNAVAILABLE, Job, Level, case_id_of
from pageswap.errors import PageswapError
from pageswap.spec.factors import levels_by_factor
from pageswap.spec.quoting import printable
from pageswap.text.words import first_few, level_text, most_needed, plural, without_numbers

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pageswap.fleet.inventory import InventoryHost
    from pageswap.plan.plan import Plan

_NAMED: Final = 6


@dataclasses.dataclass
class TrialGroup:
    """Trials of one host that ended alike, or would, other than ok; warm-ups count.

    `levels` has the levels, sizes in bytes, of each factor that sets them apart in the run. `reason` is
    the one of the trial that needs most, so that its cure is enough for all. `alike` counts the run's cases with these
    levels, which may be more than those of the trials.
    """

    status: str
    reason: str
    host: str
    levels: dict[str, list[Level]]
    trial_ids: list[str]
    alike: int = 1

    def text(self, hosts: Sequence[str] = (), noun: str = "trial") -> str:
        """Return it as a line, with the host if it is one of several."""
        levels = [
            ("" if name == "method" else f"{name} ") + first_few((level_text(name, each) for each in found), _NAMED)
            for name, found in self.levels.items()
        ]
        cases = len(set(map(case_id_of, self.trial_ids)))
        part = f"{cases:,} of {plural(self.alike, 'case')}" if cases < self.alike else ""
        named = " of ".join(filter(None, (part, ", ".join(levels)))) or "all cases"
        where = f"{named} ({plural(len(self.trial_ids), noun)})"
        return f"{self.status}: {f'{self.host}: ' if len(hosts) > 1 else ''}{where}: {printable(self.reason)}"


def grouped(ended: Iterable[tuple[str, str, str, str]], cases: Mapping[str, Mapping[str, Level]]) -> list[TrialGroup]:
    """Put (host, trial id, status, reason) together whose reasons differ in numbers alone.

    `cases` has the levels of each case by its id, in the factors' order, and so are the groups. A host cannot measure
    all of its cases for one reason; any other bad end is its own case's.
    """
    groups: dict[tuple[str, ...], TrialGroup] = {}
    for host, trial_id, status, reason in sorted(ended, key=lambda each: case_id_of(each[1])):
        case_id = case_id_of(trial_id)
        alike = (host, status, without_numbers(reason), "" if status in (UNAVAILABLE, SKIPPED) else case_id)
        group = groups.setdefault(alike, TrialGroup(status, reason, host, {}, []))
        group.reason = most_needed((group.reason, reason))
        group.trial_ids.append(trial_id)
    every = levels_by_factor(cases.values())
    for group in groups.values():
        levels = levels_by_factor(cases[case_id_of(trial_id)] for trial_id in group.trial_ids)
        group.levels = {name: found for name, found in levels.items() if len(found) < len(every[name])}
        meant = group.levels.items()
        if len(set(map(case_id_of, group.trial_ids))) > 1:  # one alone is named by its levels
            group.alike = sum(all(case[name] in found for name, found in meant) for case in cases.values())
    return list(groups.values())


def questions(plan: Plan, hosts: Iterable[InventoryHost], *, tune: bool) -> dict[str, dict[str, Any]]:
    """Return what `ask_hosts.facts` asks each host so that it looks at a trial of each of the plan's cases."""
    once = tuple({trial.case_id: trial for trial in reversed(plan.trials)}.values())
    job = dataclasses.asdict(Job("", plan.experiment.name, "", 0, 0.0, tune, wait=False, trials=once))
    return {
        host.name: {
            "cpu": host.cpu,
            "job": {**job, "host": host.name, "cpu": host.cpu, "memory_cap_bytes": host.memory_bytes},
        }
        for host in hosts
    }


def foreseen(plan: Plan, answers: Mapping[str, dict[str, Any] | PageswapError]) -> list[TrialGroup]:
    """Return what the hosts that answered cannot do of a plan: the trials are one of each case."""
    refused = (
        (host, *refusal)
        for host, facts in answers.items()
        if not isinstance(facts, PageswapError)
        for refusal in facts["refusals"]
    )
    return grouped(refused, {case.case_id: case.levels for case in plan.cases})
