"""One host's part of a run: what is owed is asked for once, the lease's holder is told, and time is accounted for."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import threading
from typing import TYPE_CHECKING, Any

import pytest

from pageswap.agent.journal.job import Job
from pageswap.campaign import events, run_and_resume
from pageswap.campaign.options import Options
from pageswap.errors import HostError
from pageswap.store.store import Store
from tests.campaign.fakes import (
    LOST,
    UNREACHABLE,
    FakeTarget,
    Segment,
    attempts,
    journal_of,
    no_report,
    part,
    resume,
    run,
    work_through,
)
from tests.store.fakes import make_plan

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pageswap.campaign.outcome import Outcome

MOST = 12


def test_a_start_whose_answer_was_lost_is_not_started_twice(tmp_path: Path) -> None:
    """The agent that runs is found by its journal."""
    target = FakeTarget(work_through, name="a")
    target.faults["started"] = [LOST]
    outcome = run(tmp_path, target)

    assert outcome.statuses == {"ok": 9}
    assert attempts(outcome.run_dir) == [1] * 9
    assert len(target.jobs) == 1


def test_a_start_that_was_lost_is_made_again(tmp_path: Path) -> None:
    """In a segment of its own; an agent of the first one that is only late cannot begin any more."""
    target = FakeTarget(work_through, name="a")
    target.faults["start"] = [LOST]
    outcome = run(tmp_path, target)

    assert outcome.statuses == {"ok": 9}
    assert [job.segment for job in target.jobs] == [2]
    assert [(work_dir.rpartition("/")[2], how) for work_dir, how in target.stops] == [("1", "forbid")]


@pytest.mark.parametrize("cuts", [[], [1200, 1200]])
def test_a_start_that_outlives_its_link_is_followed_to_its_end(tmp_path: Path, cuts: list[int]) -> None:
    """However often the link breaks again, even if its agent began just after it was seen not to be there."""
    target = FakeTarget(work_through, name="a")
    target.faults["start"] = [LOST]
    target.cuts = cuts

    def begin_late() -> None:
        (run_dir,) = (tmp_path / "fake").glob("2*")
        with Store.open(run_dir / "run.sqlite") as store:
            job = Job(run_dir.name, "fake", "a", 1, 60.0, False, False, tuple(store.missing("a")))
        target.segments[target.work_dir(run_dir.name, 1)] = Segment(job, work_through(job))

    target.before_stop = begin_late
    outcome = run(tmp_path, target)

    assert outcome.statuses == {"ok": 9}
    assert attempts(outcome.run_dir) == [1] * 9
    assert len(target.jobs) == 1


def test_an_agent_that_stopped_while_nobody_followed_is_succeeded(tmp_path: Path) -> None:
    """Its lease ran out: what it measured is collected, and the next one measures the rest."""
    target = FakeTarget(lambda job: work_through(job, ended="lease_expired", most=4), work_through, name="a")
    target.cuts = [1200]
    outcome = run(tmp_path, target)

    assert outcome.statuses == {"ok": 9}
    assert [len(job.trials) for job in target.jobs] == [9, 5]


def test_two_names_of_one_machine_are_told_from_an_agent_that_is_only_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other name's agent holds the lease for this run: after some tries the reason is given, with the cure."""
    monkeypatch.setattr("pageswap.campaign.host_run.LEASE_AGAIN_S", 0.0)

    def held(job: Job) -> dict[str, Any]:
        return {"held_by": {"pid": 5, "user": "me", "run_id": job.run_id, "since": None, "note": None}}

    again = FakeTarget(*[held] * 99, name="a")
    told: list[events.Event] = []
    outcome = run(tmp_path, again, FakeTarget(work_through, name="b"), told=told)

    (text,) = [event.text for event in told if isinstance(event, events.Noted)]
    assert text.startswith(f"waiting for process 5 of user me, run {outcome.run_id}, which is this run: another of its")
    assert part(outcome, "a").ledger["waiting"] > 0
    assert outcome.exit_code == 3
    assert "another of its hosts is the same machine; name it once" in part(outcome, "a").problem
    assert part(outcome, "b").missing == 0


def test_a_host_that_takes_turns_with_excuses_keeps_no_run_from_ending(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither is the last word of another agent of this run, nor one that does nothing."""
    monkeypatch.setattr("pageswap.campaign.host_run.LEASE_AGAIN_S", 0.0)

    def held(job: Job) -> dict[str, Any]:
        return {"held_by": {"pid": 5, "user": "me", "run_id": job.run_id, "since": None, "note": None}}

    idle = functools.partial(work_through, most=0, ended=None)
    target = FakeTarget(*[held, idle] * 50, name="a")
    outcome = run(tmp_path, target, FakeTarget(work_through, name="b"))

    assert "3 agents in a row ended without finishing a trial" in part(outcome, "a").problem
    assert len(target.jobs) == 3
    assert part(outcome, "b").missing == 0


@pytest.mark.parametrize(("large", "most_at_once"), [(0, 2), (10**6, 8)])
def test_of_large_jobs_few_are_sent_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, large: int, most_at_once: int
) -> None:
    """They take memory until they are sent; small ones go out together."""
    monkeypatch.setattr("pageswap.campaign.host_run.LARGE_JOB", large)
    guard, now, most = threading.Lock(), 0, 0
    all_there = threading.Barrier(most_at_once)

    class Sending(FakeTarget):
        def open(self, verb: str, document: dict[str, Any]) -> Any:
            nonlocal now, most
            if verb != "start":
                return super().open(verb, document)
            with guard:
                now += 1
                most = max(most, now)
            all_there.wait(60)
            with guard:
                now -= 1
            return super().open(verb, document)

    outcome = run(tmp_path, *[Sending(work_through, name=f"h{number}") for number in range(8)])

    assert outcome.statuses == {"ok": 72}
    assert most == most_at_once


def test_where_the_time_went_is_stored_and_added_up(tmp_path: Path) -> None:
    """Running, connecting, and collecting what an agent left; a resume adds its own."""
    target = FakeTarget(lambda job: work_through(job, status="lost", reason=""), work_through, name="a")
    target.cuts = [1200]
    outcome = run(tmp_path, target)
    first = part(outcome, "a").ledger

    assert set(first) <= {"connecting", "uploading", "building", "waiting", "running", "collecting"}
    assert first["running"] > 0
    assert first["connecting"] > 0
    assert sum(part(outcome, "a").lost.values()) == pytest.approx(sum(first.values()) - first["running"])
    again = resume(outcome.run_dir, target)

    assert part(again, "a").ledger["connecting"] > first["connecting"]


def test_where_the_time_went_survives_a_controller_that_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is stored now and then, beside the rows."""
    monkeypatch.setattr("pageswap.campaign.host_run.BOOK_S", 0.0)
    seen: list[float] = []

    def look(event: events.Event) -> None:
        if isinstance(event, events.TrialsEnded):
            (run_dir,) = tmp_path.glob("*/*")
            with Store.open(run_dir / "run.sqlite") as store:
                seen.append(store.ledger()["a"]["running"])

    target = FakeTarget(work_through, name="a")
    target.cuts = [1200]
    plan = make_plan()
    options = Options()
    run_and_resume.run(plan, results_dir=tmp_path, options=options, targets=[target], on_event=look, render=no_report)  # type: ignore[arg-type]

    assert seen[-1] > 0


def test_a_host_that_owes_nothing_is_not_even_asked(tmp_path: Path) -> None:
    """It may be away when the others are resumed."""
    outcome = run(tmp_path, FakeTarget(work_through, name="a"))
    away = FakeTarget(name="a")
    away.faults["bundle"] = [UNREACHABLE]

    assert resume(outcome.run_dir, away).exit_code == 0
    assert away.bundles == 0


def test_job_has_what_the_inventory_says(tmp_path: Path) -> None:
    """The CPU and the most memory of the host, and of no other."""
    hosts = ({"name": "a", "cpu": 3, "memory_bytes": 1 << 30, "later": 1}, {"name": "b"})
    a, b = FakeTarget(work_through, name="a"), FakeTarget(work_through, name="b")
    run(tmp_path, a, b, hosts=hosts)

    assert [(job.cpu, job.memory_cap_bytes) for job in a.jobs + b.jobs] == [(3, 1 << 30), (None, None)]


def profile_all(job: Job, *, most: int | None = None, why: str | None = "done") -> bytes:
    """Write the journal of an agent that profiles the cases of its trials, or of the first `most`."""
    journal = journal_of(job)
    lines = [journal.begin(), *(journal.profile(trial.trial_id) for trial in job.trials[:most])]
    return b"".join([*lines, journal.end(why)] if why else lines)


def test_cases_are_profiled_when_all_trials_are_through(tmp_path: Path) -> None:
    """In a segment of its own, by a trial of each case; the run's trials and its end are as without."""
    told: list[events.Event] = []
    target = FakeTarget(work_through, profile_all, name="a")
    outcome = run(tmp_path, target, told=told, profile="perf")

    assert [(job.profile, job.segment, len(job.trials)) for job in target.jobs] == [("", 1, 9), ("perf", 2, 3)]
    assert [trial.trial_id for trial in target.jobs[1].trials] == ["b00.c0000", "b00.c0001", "b00.c0002"]
    assert (outcome.statuses, outcome.missing, outcome.exit_code) == ({"ok": 9}, 0, 0)
    assert attempts(outcome.run_dir) == [1] * 9
    note = "profiles 3 cases with perf, in trials that are not counted"
    assert [event for event in told if isinstance(event, events.Noted)] == [events.Noted("a", note)]
    with Store.open(outcome.run_dir / "run.sqlite") as store:
        assert [each["case_id"] for each in store.profiles()] == ["c0000", "c0001", "c0002"]


def test_nothing_is_profiled_unasked(tmp_path: Path) -> None:
    """One agent is enough."""
    target = FakeTarget(work_through, name="a")
    run(tmp_path, target)

    assert [job.profile for job in target.jobs] == [""]


def test_a_profile_that_was_cut_off_is_gone_on_with(tmp_path: Path) -> None:
    """Cases that have one are not profiled again, neither at once nor by a resume."""
    target = FakeTarget(work_through, functools.partial(profile_all, most=1, why=None), profile_all, name="a")
    outcome = run(tmp_path, target, profile="perf")

    assert [len(job.trials) for job in target.jobs] == [9, 3, 2]
    assert outcome.exit_code == 0
    away = FakeTarget(name="a")
    assert resume(outcome.run_dir, away).exit_code == 0
    assert away.bundles == 0


def test_a_host_lost_while_it_profiles_keeps_all_it_measured(tmp_path: Path) -> None:
    """It is that host's problem, and a resume profiles what is left."""
    target = FakeTarget(work_through, name="a")
    target.faults["start"] = [None, HostError("a: was switched off")]
    outcome = run(tmp_path, target, profile="perf")

    assert (outcome.statuses, outcome.missing, outcome.exit_code) == ({"ok": 9}, 0, 3)
    back = FakeTarget(profile_all, name="a")
    back.segments = target.segments
    assert resume(outcome.run_dir, back).exit_code == 0
    assert [job.profile for job in back.jobs] == ["", "perf"]


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


def run_with_rule(folder: Path, target: FakeTarget, rule: dict[str, Any] | None, told: list[Any]) -> Outcome:
    """Run the plan."""
    return run_and_resume.run(
        plan_with(rule),
        results_dir=folder,
        options=Options(),
        targets=(target,),
        on_event=told.append,
        render=lambda _store, path: path,
    )


def blocks_of(target: FakeTarget) -> list[set[int]]:
    """Give the measured blocks of each job."""
    return [{trial.block for trial in job.trials if not trial.warmup} for job in target.jobs]


def stops(outcome: Outcome) -> dict[str, dict[str, Any]]:
    """Give why hosts stopped."""
    with Store.open(outcome.run_dir / "run.sqlite") as store:
        return store.stops()


def test_sharp_intervals_stop_after_the_least_blocks(tmp_path: Path) -> None:
    """Seven blocks, one agent, nothing owed, and the reason is stored and told."""
    target, told = FakeTarget(agent(500_000)), []
    outcome = run_with_rule(tmp_path, target, {"least": 7, "until": 0.02}, told)

    assert blocks_of(target) == [set(range(7))]
    assert stops(outcome)["local"]["blocks"] == 7
    assert [event for event in told if isinstance(event, events.Noted)] == [
        ("local", f"stops {stops(outcome)['local']['reason']}", 0)
    ]
    assert (outcome.exit_code, outcome.missing) == (0, 0)


def test_wide_intervals_get_more_blocks_up_to_the_most(tmp_path: Path) -> None:
    """Times that differ by a half never come within 2 %: seven blocks, then eleven, then all twelve."""
    target, told = FakeTarget(*[agent(500_000, 700_000, 400_000)] * 3), []
    outcome = run_with_rule(tmp_path, target, {"least": 7, "until": 0.02}, told)

    assert blocks_of(target) == [set(range(7)), {7, 8, 9, 10}, {11}]
    assert stops(outcome)["local"]["reason"].startswith("after 12 blocks, the most allowed,")
    assert [event.granted for event in told if isinstance(event, events.Noted)] == [8, 2, 0]


def test_without_a_rule_all_blocks_are_measured_at_once(tmp_path: Path) -> None:
    """A fixed number stays a fixed number."""
    target = FakeTarget(agent(500_000))
    outcome = run_with_rule(tmp_path, target, None, [])

    assert blocks_of(target) == [set(range(MOST))]
    assert stops(outcome) == {}


def test_a_run_that_was_cut_before_the_decision_is_decided_when_resumed(tmp_path: Path) -> None:
    """All that was allowed is measured, and a resume looks whether it is enough."""
    target = FakeTarget(agent(500_000))
    outcome = run_with_rule(tmp_path, target, {"least": 7, "until": 0.02}, [])
    with Store.open(outcome.run_dir / "run.sqlite") as store:
        store.allow_blocks("local", 7)
        assert store.stops() == {}

    run_and_resume.resume(outcome.run_dir, targets=(FakeTarget(),), render=lambda _store, path: path)

    assert stops(outcome)["local"]["blocks"] == 7
