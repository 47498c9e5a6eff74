"""A run of calls says what each costs as a multiple of the baseline, or what the baseline's own time goes into."""

from __future__ import annotations

import re
from typing import Any

import pytest

from pageswap.analysis.explanations.cost_stacks import call_stacks
from pageswap.analysis.findings import findings
from pageswap.analysis.summary import summarise
from pageswap.answers.answer import answer
from pageswap.statistics.intervals import Interval
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
    run.experiment |= {"workload": "call", "question": "How much more than a system call does each cost?"}
    run.families = dict.fromkeys(known, "control")
    for case in run.case_list:
        case["workload"] = "call"
    return run


def conditions(changes: dict[tuple[str, int, str], float], **more: Any) -> FakeRun:
    """Make a run that varies threads and neighbours; ``changes`` are times as long for a call under these."""
    run = calls("mremap_touched", threads=[1, 2], neighbours=["idle", "spinning"], **more)
    of_case = {case["case_id"]: (case["method"], case["threads"], case["neighbours"]) for case in run.case_list}
    for outcome in run.outcomes:
        outcome["elapsed_ns"] = round(outcome["elapsed_ns"] * changes.get(of_case[outcome["case_id"]], 1.0))
    return run


def test_costs_are_multiples_of_the_baseline() -> None:
    """In the order of what they cost, each with its interval; never as a speed."""
    (sentence,) = answer(summarise(calls("getpid")))

    assert re.search(
        r"^On AMD EPYC 9R45: one getpid took (9\d|10\d)\.?\d* ns \[.+\]; in multiples of it, the others "
        r"took: getpid_cached 0\.0(2|19)\d*x \[.+\], mremap_untouched (19|20)\.\d+x \[.+\], mremap_touched "
        r"(39|40)\.\d+x \[.+\] \(95 % CIs in brackets\)\.$",
        sentence,
    )
    assert not re.search("faster|slower|speed", sentence)


def test_a_multiples_interval_is_the_ratios_turned_round() -> None:
    """Its ends change places."""
    summary = summarise(calls("getpid", noise=0.05))
    case = next(case for case in summary.cases if case.levels["method"] == "mremap_touched")
    found = re.search(r"mremap_touched ([\d.]+)x \[([\d.]+) to ([\d.]+)\]", answer(summary)[0])

    assert found
    assert case.ratio
    assert case.ratio_ci
    turned = (1 / case.ratio, 1 / case.ratio_ci.high, 1 / case.ratio_ci.low)
    assert [float(part) for part in found.groups()] == pytest.approx(turned, rel=0.05)


def test_what_costs_the_same_is_said_to() -> None:
    """And what was measured too few times."""
    same = answer(summarise(calls("getpid", {"getpid": 100.0, "mmap_munmap": 100.0})))[0]
    few = answer(summarise(calls("getpid", blocks=2)))[0]

    assert re.search(r"mmap_munmap (0\.9|1\.0)\d*x \[.+\] \(no difference found\)", same)
    assert "mremap_touched 40x (fewer than the 6 blocks that an interval needs)" in few


def test_many_calls_are_cut_to_the_ends() -> None:
    """Ten are named, the cheapest and the dearest."""
    costs = {"getpid": 100.0} | {f"c{index:02d}": 200.0 + 100 * index for index in range(15)}
    sentence, more = answer(summarise(calls("getpid", costs)))

    assert re.findall(r"c\d\d", sentence) == [f"c{index:02d}" for index in (*range(5), *range(10, 15))]
    assert more == "5 calls between these are listed below."


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


def test_shares_hold_the_truth() -> None:
    """In about 95 of 100 runs; 180 of 200 are what bad luck leaves of that."""
    held = 0
    for seed in range(200):
        (stack,) = call_stacks(summarise(calls("mremap_touched", noise=0.03, seed=seed)))
        ends = stack.parts[2].share_interval
        assert ends
        held += ends.low <= 0.5 <= ends.high

    assert held >= 180


def test_the_answer_takes_it_apart() -> None:
    """The largest part first, under the plainest condition; then what a second CPU changes, one call of a thread."""
    changes = {
        ("mremap_touched", 1, "spinning"): 3.0,
        ("mremap_touched", 2, "idle"): 4.0,
        ("mremap_touched", 2, "spinning"): 4.0,
    }
    first, second, third = answer(summarise(conditions(changes, noise=0.002)))

    assert re.search(
        r"with 1 thread and idle neighbours, of the (3,9|4,0)\d\d ns \[.+\] of one mremap_touched, (2,0|1,9)\d0 ns "
        r"\((50|49)\.\d % \[.+\]\) are the page's entry and its TLB flush, (1,[89])\d0 ns \(47\.\d % \[.+\]\) the "
        r"mapping and (9\d|10\d).* ns \(2\.5 % \[.+\]\) the way into the kernel \(95 % CIs in brackets\)\.$",
        first,
    )
    assert re.search(
        r"^With spinning neighbours a call took (3\.0|2\.9)\d*x \[.+?\] as long, 83\.\d % \[.+?\] of it the p",
        second,
    )
    # Two threads together finish a call in 4 times 4,000 ns, so that each waits twice as long for its own.
    assert re.search(r"; with 2 threads a call took (8\.0|7\.9)\d*x \[.+?\] as long, 87\.\d % ", second)
    assert third.startswith("Here the way into the kernel is getpid, the mapping is mremap_untouched less getpid and")


def test_no_change_is_not_called_one() -> None:
    """A neighbour that costs nothing."""
    second = answer(summarise(conditions({("mremap_touched", 2, "idle"): 4.0}, noise=0.02)))[1]

    assert "With spinning neighbours a call was not found to take longer or shorter (" in second


def test_a_part_that_may_be_nothing_is_said_to_be_so() -> None:
    """A page that costs no more than its mapping."""
    run = calls("mremap_touched", {"getpid": 100.0, "mremap_untouched": 4_000.0, "mremap_touched": 4_000.0}, noise=0.03)

    assert re.search(r"% \[-\d.* to \d.*\], not told from nothing\) the page's entry", answer(summarise(run))[0])


def test_few_blocks_have_shares_and_no_intervals() -> None:
    """And it is said."""
    sentences = answer(summarise(calls("mremap_touched", blocks=2)))

    assert re.search(r"\(50 %\) are the page's entry", sentences[0])
    assert "fewer than the 6 blocks" in sentences[-1]
    assert "CI" not in " ".join(sentences)


@pytest.mark.parametrize("missing", ["getpid", "mremap_untouched"])
def test_a_call_whose_inside_is_unknown_is_compared(missing: str) -> None:
    """Without one of the calls inside it there is no stack, but there are multiples."""
    run = calls("mremap_touched", {name: cost for name, cost in COSTS.items() if name != missing})
    gone = calls("mremap_touched")
    gone.end("unavailable", "seccomp", method=missing)

    for each in (run, gone):
        summary = summarise(each)

        assert call_stacks(summary) == ()
        assert "; in multiples of it, the others took: " in answer(summary)[0]


def test_hosts_are_taken_apart_one_by_one() -> None:
    """The first in words, the others in the chart; each has its stack among the findings."""
    run = calls("mremap_touched", hosts=("a", "b", "c"))
    summary = summarise(run)

    assert [stack.host for stack in findings(run, summary).costs] == ["a", "b", "c"]
    assert ": on a of the " in answer(summary)[0]
    assert "2 more hosts are taken apart below." in answer(summary)
