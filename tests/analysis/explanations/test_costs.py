"""Shares of the memory's limit, worked by hand from the blocks' rates; calls taken apart only where they nest."""

from __future__ import annotations

import itertools
import json
import math

import numpy as np
import pytest

from pageswap.analysis.explanations.costs import NOT_NESTED, TOO_FEW_BLOCKS, call_stacks, cost_stacks, shares
from pageswap.analysis.summary import HostsSummary, summarise
from pageswap.statistics.rank_tests import shift
from tests.fake_run import FakeRun, make_run

ONE = {"region_size": [128 << 20], "touch": ["none"]}
# What each of seven blocks takes longer, in all of its trials, and in those of one method alone.
SHARED = (1.0, 1.3, 0.9, 2.0, 1.1, 0.8, 1.5)
OWN = (1.00, 1.01, 0.99, 1.02, 0.98, 1.03, 0.97)


def limited(workload: str, times: dict[str, float], backing: str = "shared_anon") -> HostsSummary:
    """Summarise a run of these times (ns), of which the last method's blocks vary by themselves, too."""
    run = make_run(method=list(times), speeds=times, noise=0, block_noise=0, backing=[backing], **ONE)
    run.experiment["workload"] = workload
    for levels in (*run.case_list, *run.outcomes):
        levels["workload"] = workload
    for outcome in run.outcomes:
        factor = SHARED[outcome["block"]] * (OWN[outcome["block"]] if outcome["method"] == list(times)[-1] else 1)
        outcome["elapsed_ns"] = round(outcome["elapsed_ns"] * factor)
    return summarise(run)


def test_within_a_run_what_slows_a_block_cancels() -> None:
    """Half of the limit, and as wide as the second method's own scatter of 3 %, though blocks differ by twofold."""
    summary = limited("limit", {"memcpy": 400.0, "copy_words": 800.0})
    top, half = (shares(summary)["local", case.case_id] for case in summary.cases)

    assert (top.share, top.method) == (1.0, "memcpy")
    assert half.share == pytest.approx(0.5)
    assert half.interval is not None
    # Between the ordered values 0.97 0.98 ... 1.03: a quarter of the way from the second to the outermost.
    assert 0.5 / half.interval.high == pytest.approx(0.97 + 0.75 * 0.01, abs=0.003)
    assert 0.5 / half.interval.low == pytest.approx(1.03 - 0.75 * 0.01, abs=0.003)


def test_of_another_run_it_is_the_distance_of_two_samples() -> None:
    """Seven blocks there, seven here: the middle of the 49 quotients, between the 9th from either end."""
    summary = limited("swap", {"memcpy": 800.0, "copy_words": 1_000.0})
    limit = limited("limit", {"memcpy": 400.0})
    share = shares(summary, limit)["local", summary.cases[0].case_id]
    here, there = np.array(SHARED) * 800, np.array(SHARED) * np.array(OWN) * 400
    quotients = sorted(float(own / other) for own, other in itertools.product(there, here))
    rates = 1 / limit.matrix.ns[0], 1 / summary.matrix.ns[0]

    assert share.share == pytest.approx(2 * quotients[24] / 2, rel=1e-6)
    assert share.interval is not None
    assert (share.interval.low, share.interval.high) == (
        pytest.approx(quotients[8], rel=1e-6),
        pytest.approx(quotients[40], rel=1e-6),
    )
    assert share.share == pytest.approx(math.exp(shift(*(np.log(rate) for rate in rates))[0]))


def test_another_backing_is_no_limit() -> None:
    """Memory of another kind has other huge pages, and another limit."""
    summary = limited("swap", {"memcpy": 800.0})

    assert shares(summary, limited("limit", {"memcpy": 400.0}, backing="private_anon")) == {}
    assert shares(summary, limited("limit", {"memcpy": 400.0})) != {}


def test_a_swap_is_taken_apart_only_under_the_conditions_of_its_calls() -> None:
    """Beside spinning neighbours a flush of the TLB costs another CPU's time too, which no call measured alone has."""
    times = {"getpid": 100.0, "mremap_untouched": 2_000.0, "mremap_touched": 3_000.0}
    conditions = {"neighbours": ["spinning", "idle"], **ONE}
    calls = make_run(method=list(times), speeds=times, baseline={"method": "getpid"}, **conditions)
    calls.experiment["workload"] = "call"
    for outcome in calls.of(neighbours="spinning"):
        outcome["elapsed_ns"] *= 10
    found = cost_stacks(summarise(make_run(speeds={"mremap_fixed": 16_000.0}, **conditions)), summarise(calls))

    assert [(stack.method, stack.levels["neighbours"]) for stack in found] == [("mremap_fixed", "idle")]
    assert [part.ns for part in found[0].parts] == pytest.approx([300, 5_700, 3_000], rel=0.1)


def test_few_blocks_have_a_share_and_no_interval() -> None:
    """Three of them, in one run."""
    run = make_run(blocks=3, **ONE)
    run.experiment["workload"] = "limit"
    found = shares(summarise(run))

    assert found
    assert {share.interval for share in found.values()} == {None}


def calls(untouched_ns: float, blocks: int = 7) -> FakeRun:
    """Make a run of an mremap that takes 4,000 ns and the calls inside it."""
    speeds = {"getpid": 100.0, "mremap_untouched": untouched_ns, "mremap_touched": 4_000.0}
    one = {"region_size": [1 << 27], "touch": ["none"], "noise": 0.01}
    run = make_run(method=list(speeds), speeds=speeds, blocks=blocks, baseline={"method": "mremap_touched"}, **one)
    run.experiment["workload"] = "call"
    for case in run.case_list:
        case["workload"] = "call"
    return run


@pytest.mark.parametrize(
    ("untouched_ns", "blocks", "obstacle"),
    [(3_000.0, 6, ""), (3_000.0, 5, TOO_FEW_BLOCKS), (60_000.0, 7, NOT_NESTED), (4_040.0, 7, NOT_NESTED)],
)
def test_a_call_is_taken_apart_where_its_parts_nest(untouched_ns: float, blocks: int, obstacle: str) -> None:
    """An inner call fifteen times as long as the whole would be 1,500 % of it, and what is left less than nothing."""
    (found,) = call_stacks(summarise(calls(untouched_ns, blocks)))

    assert (found.obstacle, len(found.parts)) == (obstacle, 0 if obstacle else 3)
    assert all(part.interval and 0 < (part.share or 0) < 1 for part in found.parts)


def test_rounds_that_were_disturbed_are_in_no_part() -> None:
    """All that is compared is compared by the faster half of the rounds, and so are a call and those inside it."""
    quiet, disturbed = calls(3_000.0), calls(3_000.0)
    for row in disturbed.of(method="mremap_untouched"):
        rounds = json.loads(row["rounds_ns"])
        rounds[:3] = [9 * ns for ns in rounds[:3]]
        row["rounds_ns"], row["elapsed_ns"] = json.dumps(rounds), sum(rounds)

    (undisturbed,), (found,) = call_stacks(summarise(quiet)), call_stacks(summarise(disturbed))

    shares = [part.share for part in undisturbed.parts]
    assert [part.share for part in found.parts] == pytest.approx(shares, rel=1e-3)
