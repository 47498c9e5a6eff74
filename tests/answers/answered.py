"""The answer of a run that is held in memory, and the runs that several tests of answers need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pageswap.analysis.findings import findings
from pageswap.analysis.summary import summarise
from pageswap.answers.build import build_answer
from tests.fake_run import FakeRun, make_run

if TYPE_CHECKING:
    from pageswap.answers.record import Answer

ONE: dict[str, Any] = {"region_size": [128 << 20], "touch": ["none"]}


def answered(run: FakeRun) -> Answer:
    """Give the answer of a run."""
    summary = summarise(run)
    return build_answer(summary, findings(summary), run.environments())


def asking(asks: str, run: FakeRun, workload: str = "") -> FakeRun:
    """Let a run ask something, of another workload where one is named."""
    run.experiment["asks"] = asks
    if workload:
        run.experiment["workload"] = workload
        for case in (*run.case_list, *run.outcomes):
            case["workload"] = workload
    return run


def field(speeds: dict[str, float], **more: Any) -> FakeRun:
    """Make a run that asks which of memcpy (800 ns) and these methods is the fastest."""
    return asking("fastest", make_run(**{"method": ["memcpy", *speeds], "speeds": speeds, **ONE, **more}))


def slow_down(run: FakeRun, factor: float, **levels: Any) -> None:
    """Let trials of these levels take so many times as long."""
    for outcome in run.of(**levels):
        outcome["elapsed_ns"] = round(outcome["elapsed_ns"] * factor)
