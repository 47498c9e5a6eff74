"""A run of calls says what each costs as a multiple of the baseline, or what the baseline's own time goes into."""

from __future__ import annotations

import re
from typing import Any

import pytest

from pageswap.analysis.explanations.costs import call_stacks
from pageswap.analysis.findings import findings
from pageswap.analysis.summary import summarise
from pageswap.answers.cost import multiple
from pageswap.answers.record import MIXED, PART, UNDECIDED, YES
from pageswap.statistics.intervals import Interval
from tests.answers.answered import answered, asking, slow_down
from tests.fake_run import FakeRun, make_run

COSTS = {"getpid": 100.0, "getpid_cached": 2.0, "mremap_untouched": 2_000.0, "mremap_touched": 4_000.0}


def calls(baseline: str, costs: dict[str, float] | None = None, **more: Any) -> FakeRun:
    """Make a run of calls with known costs in ns."""
    known = COSTS if costs is None else costs
    run = make_run(
        **{
            "method": list(known),
            "speeds": known,
            "region_size": [1 << 20],
            "touch": ["none"],
            "baseline": {"method": baseline},
            "replicas": True,
            **more,
        }
    )
    run.families = dict.fromkeys(known, "control")
    return asking("cost", run, "call")


def conditions(changes: dict[tuple[str, int, str], float], **more: Any) -> FakeRun:
    """Make a run that varies threads and neighbours; ``changes`` are times as long for a call under these."""
    run = calls("mremap_touched", threads=[1, 2], neighbours=["idle", "spinning"], **more)
    of_case = {case["case_id"]: (case["method"], case["threads"], case["neighbours"]) for case in run.case_list}
    for outcome in run.outcomes:
        outcome["elapsed_ns"] = round(outcome["elapsed_ns"] * changes.get(of_case[outcome["case_id"]], 1.0))
    return run


def test_costs_are_multiples_of_the_baseline() -> None:
    """The dearest first, never as a speed; each with its interval among the findings."""
    answer = answered(calls("getpid"))

    assert answer.verdict == YES
    assert (
        answer.headline == "mremap_touched takes 40 times as long as getpid, mremap_untouched 20, getpid_cached 0.020"
    )
    assert not re.search("faster|slower|speed", answer.headline)
    assert all(finding.times.endswith(" times as long") for finding in answer.findings)


def test_a_multiple_is_the_ratio_turned_round() -> None:
    """As the page draws it, its interval's ends change places."""
    summary = summarise(calls("getpid", noise=0.05))
    case = next(case for case in summary.cases if case.levels["method"] == "mremap_touched")
    value, interval = multiple(case)

    assert case.ratio_ci
    assert interval
    assert value == pytest.approx(40, rel=0.1)
    assert (interval.low, interval.high) == (1 / case.ratio_ci.high, 1 / case.ratio_ci.low)


def test_what_costs_the_same_is_no_multiple() -> None:
    """Nor what was measured too few times."""
    same = answered(calls("getpid", {"getpid": 100.0, "mmap_munmap": 100.0}))
    few = answered(calls("getpid", blocks=2))

    assert (same.verdict, same.headline) == (UNDECIDED, "Undecided: no call was told from getpid")
    assert few.headline == "Undecided: too few blocks to compare with getpid, 2 of the 6 needed"


def test_many_calls_are_cut_to_the_dearest() -> None:
    """As many as there is room for."""
    costs = {"getpid": 100.0} | {f"c{index:02d}": 200.0 + 100 * index for index in range(15)}
    answer = answered(calls("getpid", costs))

    assert answer.headline.startswith("c14 takes 16 times as long as getpid, c13 15, c12 14")
    assert answer.headline.endswith(", and 7 more take less")
    assert len(answer.findings) == 15


def test_the_call_is_taken_apart_by_those_inside_it() -> None:
    """100 of 4,000 ns to get there, 1,900 for the mapping, 2,000 for the page; medians over blocks, paired."""
    (stack,) = call_stacks(summarise(calls("mremap_touched", noise=0.001)))

    assert [(part.call, pytest.approx(part.ns, rel=0.02)) for part in stack.parts] == [
        ("getpid", 100),
        ("mremap_untouched - getpid", 1_900),
        ("mremap_touched - mremap_untouched", 2_000),
    ]
    assert [part.share for part in stack.parts] == pytest.approx([0.025, 0.475, 0.5], rel=0.02)
    assert all(isinstance(part.share_interval, Interval) for part in stack.parts)
    assert stack.rest_ns == 0


def test_what_slows_a_whole_block_leaves_the_shares_alone() -> None:
    """Blocks that differ threefold: the shares are as sharp as without, for each block is taken apart by itself."""
    (stack,) = call_stacks(summarise(calls("mremap_touched", noise=0.001, block_noise=1.0)))
    part = stack.parts[1]

    assert part.share == pytest.approx(0.475, rel=0.01)
    assert part.share_interval
    assert part.share_interval.high - part.share_interval.low < 0.01


@pytest.mark.slow
def test_shares_hold_the_truth() -> None:
    """In about 95 of 100 runs; 90 are what bad luck leaves of that."""
    held = 0
    for seed in range(100):
        (stack,) = call_stacks(summarise(calls("mremap_touched", noise=0.03, seed=seed)))
        ends = stack.parts[2].share_interval
        assert ends
        held += ends.low <= 0.5 <= ends.high

    assert held >= 90


def test_the_answer_takes_it_apart() -> None:
    """The largest part first, under the plainest condition; each part under each condition is a finding."""
    changes = {("mremap_touched", 1, "spinning"): 3.0, ("mremap_touched", 2, "idle"): 4.0}
    answer = answered(conditions(changes, noise=0.002))
    parts = [finding for finding in answer.findings if finding.verdict == PART]

    assert re.fullmatch(
        r"Of the time of one mremap_touched with 1 thread, idle neighbours, 50 % is the page's entry and its TLB "
        r"flush, 4[78] % the mapping, [23] % the way into the kernel",
        answer.headline,
    )
    assert len(parts) == 4 * 3
    assert parts[2].times in {"49.9 %", "50.0 %", "50.1 %"}
    assert parts[2].why == "mremap_touched - mremap_untouched"


@pytest.mark.parametrize("missing", ["getpid", "mremap_untouched"])
def test_a_call_whose_inside_is_unknown_is_compared(missing: str) -> None:
    """Without one of the calls inside it there is no stack, but there are multiples."""
    run = calls("mremap_touched", {name: cost for name, cost in COSTS.items() if name != missing})
    gone = calls("mremap_touched")
    gone.end("unavailable", "seccomp", method=missing)

    for each in (run, gone):
        assert call_stacks(summarise(each)) == ()
        assert re.match(r"\S+ takes [\d.]+ times as long as mremap_touched", answered(each).headline)


def test_hosts_are_taken_apart_one_by_one() -> None:
    """Each has its stack among the findings."""
    run = calls("mremap_touched", hosts=("a", "b", "c"))

    assert [stack.host for stack in findings(summarise(run)).costs] == ["a", "b", "c"]
    assert {finding.host for finding in answered(run).findings if finding.verdict == PART} == {"a", "b", "c"}


@pytest.mark.parametrize("threads", [[1, 2], [2, 1]])
def test_calls_are_told_by_their_plainest_condition_which_is_named(threads: list[int]) -> None:
    """With two threads one takes twice as long, which is a finding of its own."""
    run = calls("getpid", {"getpid": 100.0, "mremap_untouched": 2_000.0, "mremap_touched": 4_000.0}, threads=threads)
    slow_down(run, 4.0, method="mremap_untouched", threads=2)
    answer = answered(run)

    assert answer.headline == "With 1 thread, mremap_touched takes 40 times as long as getpid, mremap_untouched 20"
    assert len(answer.findings) == 4


def test_calls_of_one_headline_were_decided_in_one_place() -> None:
    """Where most of them were, of many hosts too; what was decided elsewhere alone is not among them."""
    run = calls("getpid", {"getpid": 100.0, "a": 200.0, "b": 300.0}, threads=[1, 2], hosts=("h1", "h2"))
    for outcome in run.of(method="a"):
        if (outcome["host"], outcome["threads"]) != ("h2", 2):
            outcome["elapsed_ns"] //= 2

    assert answered(run).headline == "With 2 threads on h2, b takes 3.0 times as long as getpid, a 2.0"
    assert answered(calls("getpid", hosts=("h1", "h2"))).headline.startswith("On h1, mremap_touched takes 40 times as ")


def test_a_call_that_is_not_decided_makes_it_mixed() -> None:
    """Beside one that is."""
    answer = answered(calls("getpid", {"getpid": 100.0, "same": 100.0, "mremap_untouched": 2_000.0}))

    assert answer.verdict == MIXED
    assert answer.headline == "mremap_untouched takes 20 times as long as getpid"
