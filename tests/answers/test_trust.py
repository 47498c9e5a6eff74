"""What speaks against an answer stands beside it, worst first."""

from __future__ import annotations

import pytest

from tests.answers.answered import ONE, answered, slow_down
from tests.fake_run import FakeRun, make_run


def codes(run: FakeRun) -> tuple[str, list[str]]:
    """Give how far a run is to be trusted, and the codes of why."""
    trust = answered(run).trust
    return trust.level, [reason.code for reason in trust.why]


def disturb(run: FakeRun, share: float, word: str = "swap_ins") -> None:
    """Let something happen beside this share of the measured trials."""
    measured = run.of(warmup=0)
    for outcome in run.outcomes:
        outcome[word] = None
    for outcome in measured[: round(share * len(measured))]:
        outcome[word] = 10**9


@pytest.fixture
def columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let runs have the columns of what was counted beside trials."""
    monkeypatch.setattr("tests.fake_run.COLUMNS", (*make_run(**ONE).columns(), "swap_ins", "steal_ns"))


def test_a_quiet_run_is_good() -> None:
    """Nothing to be said."""
    assert codes(make_run(replicas=True, noise=0.001, **ONE)) == ("good", [])


@pytest.mark.usefixtures("columns")
@pytest.mark.parametrize(("share", "level"), [(0.6, "bad"), (0.3, "doubtful"), (0.05, "good")])
def test_disturbed_trials(share: float, level: str) -> None:
    """Bad where most of the measured trials were disturbed."""
    run = make_run(blocks=20, **ONE)
    for outcome in run.outcomes:
        outcome["steal_ns"] = None
    disturb(run, share)
    answer = answered(run)

    assert answer.trust.level == level
    assert ("disturbed" in [reason.code for reason in answer.trust.why]) == (level != "good")
    if level == "bad":
        assert answer.trust.why[0].text == "36 of 60 measured trials were disturbed by something else on the host"


@pytest.mark.usefixtures("columns")
def test_stolen_time_is_named_with_the_hypervisor() -> None:
    """It is no fault of the run's."""
    run = make_run(blocks=20, **ONE)
    for outcome in run.outcomes:
        outcome["swap_ins"] = None
    disturb(run, 0.05, "steal_ns")
    (reason,) = answered(run).trust.why

    assert (reason.code, reason.text) == ("steal", "the hypervisor KVM took the CPU from 3 trials")


def test_few_blocks_an_unfinished_run_and_a_silent_host() -> None:
    """Each has its reason."""
    run = make_run(blocks=3, hosts=("a", "b"), **ONE)
    run.outcomes = run.of(host="a")
    level, why = codes(run)

    assert level == "doubtful"
    assert {"few_blocks", "unfinished", "silent_hosts"} == set(why)


def test_a_large_noise_floor() -> None:
    """A tenth is lost in it."""
    run = make_run(replicas=True, blocks=8, **ONE)
    slow_down(run, 1.3, replica=1)

    assert "noise_floor" in codes(run)[1]


@pytest.mark.parametrize(("method", "level"), [("memcpy", "bad"), ("copy_words", "doubtful")])
def test_a_corrupt_baseline_is_worse_than_a_corrupt_contender(method: str, level: str) -> None:
    """All else rests on it."""
    run = make_run(**ONE)
    run.end("corrupt", "page 3", method=method, block=2, warmup=0)

    assert codes(run)[0] == level
    assert "corrupt" in codes(run)[1]


def test_nothing_measured_is_bad() -> None:
    """There is nothing to trust."""
    run = make_run(**ONE)
    run.end("failed", "ENOMEM")

    assert codes(run) == ("bad", ["nothing_measured"])


def test_many_lost_trials() -> None:
    """One block in seven."""
    run = make_run(**ONE)
    run.end("timeout", "after 60s", block=3, warmup=0)

    assert codes(run) == ("doubtful", ["lost_trials"])
