"""What speaks against an answer stands beside it, worst first."""

from __future__ import annotations

import json

import pytest

from pageswap.answers.words import answer_lines
from pageswap.comparison.tables import summary_as_markdown
from tests.answers.answered import ONE, answered, slow_down
from tests.fake_run import ENVIRONMENT, FakeRun, make_run


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
@pytest.mark.parametrize(("hypervisor", "name"), [("KVM", "hypervisor KVM"), ("present", "hypervisor")])
def test_stolen_time_is_named_with_the_hypervisor(hypervisor: str, name: str) -> None:
    """It is no fault of the run's; "present" is none that tells its name."""
    run = make_run(blocks=20, **ONE)
    run.facts["local"] = ENVIRONMENT | {"hypervisor": hypervisor}
    for outcome in run.outcomes:
        outcome["swap_ins"] = None
    disturb(run, 0.05, "steal_ns")
    (reason,) = answered(run).trust.why

    assert (reason.code, reason.text) == ("steal", f"the {name} took the CPU from 3 trials")


@pytest.mark.parametrize(("far", "why"), [(1 << 20, ["several_nodes"]), (4096, []), (None, [])])
def test_a_region_on_two_nodes(monkeypatch: pytest.MonkeyPatch, far: int | None, why: list[str]) -> None:
    """Its far pages take longer; a stray one is not worth a word."""
    monkeypatch.setattr("tests.fake_run.COLUMNS", (*make_run(**ONE).columns(), "counters"))
    run = make_run(replicas=True, noise=0.001, **ONE)
    for outcome in run.outcomes:
        outcome["counters"] = json.dumps({"cpu_node": 0, "node0_bytes": 3 << 20, "node1_bytes": far})

    assert why == codes(run)[1]
    if why:
        measured = len(run.of(warmup=0))
        (reason,) = answered(run).trust.why
        assert f"the region lay on several NUMA nodes in {measured} trials" == reason.text


def test_a_region_on_two_nodes_that_were_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The core has seen to it that it lies there."""
    monkeypatch.setattr("tests.fake_run.COLUMNS", (*make_run(**ONE).columns(), "counters"))
    run = make_run(replicas=True, noise=0.001, numa=["interleave"], **ONE)
    for outcome in run.outcomes:
        outcome["counters"] = json.dumps({"cpu_node": 0, "node0_bytes": 3 << 20, "node1_bytes": 3 << 20})

    assert codes(run) == ("good", [])


@pytest.mark.usefixtures("columns")
@pytest.mark.parametrize(
    ("changed", "short", "words"),
    [
        (True, False, "1 verdict would change without the disturbed blocks"),
        (False, True, "1 comparison would have too few blocks without the disturbed ones"),
        (True, True, "1 verdict would change without the disturbed blocks, 1 comparison would have too few"),
        (False, False, None),
    ],
)
def test_what_hangs_on_disturbed_blocks(*, changed: bool, short: bool, words: str | None) -> None:
    """Too few blocks for a verdict are no other verdict: each is counted as what it is."""
    same = {"copy_words": 800.0, "mremap_fixed": 800.0}
    run = make_run(blocks=13, noise=0.001, speeds=same, **ONE)
    for outcome in run.outcomes:
        outcome.update(swap_ins=0, steal_ns=0)
    for outcome in run.of(method="copy_words", warmup=0):
        # Without the seven blocks in which it was disturbed and slow it is faster.
        is_slow = changed and outcome["block"] < 7
        outcome.update(swap_ins=int(is_slow), elapsed_ns=round(outcome["elapsed_ns"] * (1.1 if is_slow else 0.9)))
    for outcome in run.of(method="mremap_fixed", warmup=0):
        outcome["swap_ins"] = int(short and outcome["block"] < 8)

    assert words == {each.code: each.text for each in answered(run).trust.why}.get("verdicts_hang_on_disturbed")


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


def reasons(environments: dict[str, dict[str, object]]) -> dict[str, str]:
    """Return the words for the doubts that the hosts' conditions raise, by their codes."""
    run = make_run(hosts=tuple(environments), noise=0.001, **ONE)
    run.facts = environments
    return {each.code: each.text for each in answered(run).trust.why}


@pytest.mark.parametrize(
    ("facts", "code", "words"),
    [
        (
            {"measured_siblings": {"0": "1", "1": "0"}},
            "measured_siblings",
            "measured CPUs 0 and 1 are threads of one core",
        ),
        ({"measured_nodes": {"0": 0, "1": 1}}, "measured_nodes", "measured CPUs lie on NUMA nodes 0, 1"),
        (
            {"numa_balancing": 1, "numa_nodes": {"0": "0", "1": "1"}},
            "numa_balancing",
            "the kernel moves pages between NUMA nodes on its own (kernel.numa_balancing)",
        ),
    ],
)
def test_a_condition_makes_an_answer_doubtful(facts: dict[str, object], code: str, words: str) -> None:
    """By a code of its own, in terminal, Markdown and JSON; of several hosts a few are named, the rest counted."""
    odd = {**ENVIRONMENT, **facts}
    run = make_run(noise=0.001, **ONE)
    run.facts = {"local": odd}
    answer = answered(run)

    assert {code: words} == reasons({"bench1": odd})
    assert {code: f"{words} on bench2"} == reasons({"bench1": ENVIRONMENT, "bench2": odd})
    assert {code: f"{words} on h0, h1, h2, h3 and 3 more hosts"} == reasons({f"h{n}": odd for n in range(7)})
    assert f"Trust: doubtful: {words}" in answer_lines(answer)
    assert f"Trust: doubtful: {words.replace('_', chr(92) + '_')}" in summary_as_markdown(run)
    assert answer.as_json()["trust"] == {"level": "doubtful", "why": ({"code": code, "text": words},)}


def test_one_node_is_not_balanced() -> None:
    """With a single node the kernel has nowhere to move pages to."""
    assert {} == reasons({"bench1": {**ENVIRONMENT, "numa_balancing": 1, "numa_nodes": {"0": "0-3"}}})


@pytest.mark.usefixtures("columns")
def test_stolen_time_and_noise_of_many_hosts_are_one_reason_each() -> None:
    """However many hosts there are."""
    hosts = tuple(f"h{number}" for number in range(9))
    run = make_run(hosts=hosts, replicas=True, blocks=8, **ONE)
    slow_down(run, 1.3, replica=1)
    for outcome in run.outcomes:
        outcome.update(swap_ins=None, steal_ns=10**9 if outcome["warmup"] == 0 and outcome["block"] == 0 else None)
    found = {each.code: each.text for each in answered(run).trust.why}

    assert "the hypervisor KVM took the CPU from 36 trials on h0, h1, h2, h3 and 5 more hosts" == found["steal"]
    assert found["noise_floor"].startswith("the same thing measured twice differs by up to ")
    assert found["noise_floor"].endswith(" on h0, h1, h2, h3 and 5 more hosts")
