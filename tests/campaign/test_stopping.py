"""A stopping rule grants a host blocks until its intervals are narrow, within the declared bounds."""

from __future__ import annotations

import dataclasses
import itertools
from typing import TYPE_CHECKING, Any

from pageswap import campaign
from pageswap.campaign import events
from pageswap.store import Store
from tests.campaign.fakes import FakeTarget, journal_of
from tests.store.fakes import make_plan

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pageswap.agent.journal.job import Job

MOST = 12


def plan_with(rule: dict[str, Any] | None) -> Any:
    """Plan twelve blocks of a baseline and a case that has its other levels."""
    plan = make_plan(cases=2, blocks=MOST)
    plan.trials = [dataclasses.replace(trial, levels={**trial.levels, "region_size": 1 << 20}) for trial in plan.trials]
    plan.experiment.repeats = MOST
    plan.experiment.stopping = rule
    return plan


def agent(*takes_ns: int) -> Callable[[Job], bytes]:
    """Measure every trial; the times of the case that is compared go through `takes_ns` again and again."""
    takes = itertools.cycle(takes_ns)

    def work(job: Job) -> bytes:
        journal = journal_of(job)
        lines = [journal.begin()]
        for trial in job.trials:
            elapsed_ns = 1_000_000 if trial.method == "memcpy" else next(takes)
            lines.append(journal.trial(trial.trial_id, attempt=trial.attempt, elapsed_ns=elapsed_ns))
        return b"".join([*lines, journal.end()])

    return work


def run(folder: Path, target: FakeTarget, rule: dict[str, Any] | None, told: list[Any]) -> campaign.Outcome:
    """Run the plan."""
    return campaign.run(
        plan_with(rule),
        results_dir=folder,
        options=campaign.Options(),
        targets=(target,),
        on_event=told.append,
        render=lambda _store, path: path,
    )


def blocks_of(target: FakeTarget) -> list[set[int]]:
    """Give the measured blocks of each job."""
    return [{trial.block for trial in job.trials if not trial.warmup} for job in target.jobs]


def stops(outcome: campaign.Outcome) -> dict[str, dict[str, Any]]:
    """Give why hosts stopped."""
    with Store.open(outcome.run_dir / "run.sqlite") as store:
        return store.stops()


def test_sharp_intervals_stop_after_the_least_blocks(tmp_path: Path) -> None:
    """Seven blocks, one agent, nothing owed, and the reason is stored and told."""
    target, told = FakeTarget(agent(500_000)), []
    outcome = run(tmp_path, target, {"least": 7, "until": 0.02}, told)

    assert blocks_of(target) == [set(range(7))]
    assert stops(outcome)["local"]["blocks"] == 7
    assert [event for event in told if isinstance(event, events.Noted)] == [
        ("local", f"stops {stops(outcome)['local']['reason']}", 0)
    ]
    assert (outcome.exit_code, outcome.missing) == (0, 0)


def test_wide_intervals_get_more_blocks_up_to_the_most(tmp_path: Path) -> None:
    """Times that differ by a half never come within 2 %: seven blocks, then eleven, then all twelve."""
    target, told = FakeTarget(*[agent(500_000, 700_000, 400_000)] * 3), []
    outcome = run(tmp_path, target, {"least": 7, "until": 0.02}, told)

    assert blocks_of(target) == [set(range(7)), {7, 8, 9, 10}, {11}]
    assert stops(outcome)["local"]["reason"].startswith("after 12 blocks, the most allowed,")
    assert [event.granted for event in told if isinstance(event, events.Noted)] == [8, 2, 0]


def test_without_a_rule_all_blocks_are_measured_at_once(tmp_path: Path) -> None:
    """A fixed number stays a fixed number."""
    target = FakeTarget(agent(500_000))
    outcome = run(tmp_path, target, None, [])

    assert blocks_of(target) == [set(range(MOST))]
    assert stops(outcome) == {}


def test_a_run_that_was_cut_before_the_decision_is_decided_when_resumed(tmp_path: Path) -> None:
    """All that was allowed is measured, and a resume looks whether it is enough."""
    target = FakeTarget(agent(500_000))
    outcome = run(tmp_path, target, {"least": 7, "until": 0.02}, [])
    with Store.open(outcome.run_dir / "run.sqlite") as store:
        store.allow_blocks("local", 7)
        assert store.stops() == {}

    campaign.resume(outcome.run_dir, targets=(FakeTarget(),), render=lambda _store, path: path)

    assert stops(outcome)["local"]["blocks"] == 7
