"""The memory a trial really takes, against what the agent and the plan say beforehand that it will take."""

from __future__ import annotations

import child
import pytest
from agent.harness import make_trial

from pageswap.agent.trial.preflight import memory_need
from pageswap.errors import MethodUnavailableError
from pageswap.spec.factors import core_vocabulary

# Stacks and a C library's small things; pages of the interpreter, one trial looks at as many as another.
SLACK = 4 * child.MIB
# The scratch is one page a thread, so the page must be larger than the slack to be seen.
LARGE = {"page_size": 6 * child.MIB, "region_size": 12 * child.MIB, "iterations": 4, "rounds": 2}
SMALL = {"page_size": 4 * child.KIB, "region_size": 8 * child.MIB, "iterations": 2000, "rounds": 2}
CALLS = {"page_size": 4 * child.KIB, "region_size": 8 * child.KIB, "iterations": 5000, "rounds": 2}
GROWN = {"page_size": 4 * child.KIB, "region_size": 4 * child.MIB, "iterations": 6, "rounds": 2}
WHOLE = {**LARGE, "iterations": 1, "rounds": 1}
OF_WHOLE = {"replay": {"trace": (0, 1, 1)}, "compact": {"occupancy": 50}}
METHODS = core_vocabulary().methods
# Most calls need no fresh page each time, as one does for which all are given room.
THRIFTY = {m.name for m in METHODS.values() if "call" in m.workloads} - {"page_fault"}


def numbers(method: str, workload: str, threads: int) -> dict[str, int]:
    """Return sizes at which every part of the memory weighs something."""
    if method == "ldt_window":
        return SMALL
    chosen = {"call": CALLS, "grow": GROWN, **dict.fromkeys(OF_WHOLE, WHOLE)}.get(workload, LARGE)
    return {**chosen, "iterations": chosen["iterations"] * threads, "region_size": chosen["region_size"] * threads}


@pytest.fixture(scope="module")
def at_rest_bytes() -> int:
    """Return what a child has whose trial takes next to nothing."""
    return child.peak_bytes(child.params("null"))


@pytest.mark.parametrize("threads", [1, pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("method", "workload"), [(method.name, workload) for method in METHODS.values() for workload in method.workloads]
)
def test_a_trial_takes_what_was_said(method: str, workload: str, threads: int, at_rest_bytes: int) -> None:
    """Never more, or a trial would start that cannot fit; and never so much less that one is refused that can."""
    known = METHODS[method]
    common = {"workload": workload, "backing": known.backings[0], "threads": threads}
    chosen = numbers(method, workload, threads)
    trial = make_trial(method, **common, **chosen)
    said = memory_need(trial, scratch=workload not in known.without_scratch).total_bytes
    in_bytes = {"page_bytes": chosen["page_size"], "region_bytes": chosen["region_size"]}
    work = {"iterations": chosen["iterations"], "rounds": chosen["rounds"], **OF_WHOLE.get(workload, {})}
    try:
        took = child.peak_bytes(child.params(method, **common, **in_bytes, **work)) - at_rest_bytes
    except MethodUnavailableError as error:
        pytest.skip(str(error))

    assert took <= said + SLACK
    # A block that is copied has two places for a moment, and a page that is moved by copying leaves memory behind.
    most = 2 * took if workload in ("grow", "move", *OF_WHOLE) else took
    assert said <= most + SLACK or method in THRIFTY
