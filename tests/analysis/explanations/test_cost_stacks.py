"""A call is taken apart only from six blocks on, and where the calls inside it take no longer than it does."""

from __future__ import annotations

import json

import pytest

from pageswap.analysis.explanations.cost_stacks import NOT_NESTED, TOO_FEW_BLOCKS, call_stacks
from pageswap.analysis.summary import summarise
from tests.fake_run import FakeRun, make_run


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
