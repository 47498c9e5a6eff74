"""The first round of a trial has no work that is the set-up's: threads that start, and code and pages that are cold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import child
from apart import run_apart

if TYPE_CHECKING:
    import pathlib


def traced(core: pathlib.Path, tracer: pathlib.Path, threads: int) -> list[str]:
    """Run a trial that must verify, and return what it called, in its order; see traced_calls.c."""
    trial = child.params("traced_swaps", rounds=2, threads=threads, iterations=301 * threads)
    result, told = run_apart(trial, core=core, preloaded=tracer)
    assert result["verified"], result["reason"]
    assert result["counters"]["page_moves"] == 2 * 301 * threads, "what is swapped before the rounds does not count"
    return [
        line.removeprefix("traced:")
        for line in told.splitlines()
        if line.startswith("traced:") and " pair " not in line.replace(":", " ")
    ]


def test_swaps_to_and_fro_come_directly_before_the_first_round(odd_core: pathlib.Path, tracer: pathlib.Path) -> None:
    """After the counters were read, of which CPU time is the last: reading them leaves the caches to other code."""
    trace = traced(odd_core, tracer, threads=1)
    first_round = trace.index("pairs 150 64")
    before = trace[:first_round]
    swaps = [int(line.split()[1]) for line in before if line.startswith("pairs")]
    undone, done, of_an_empty_round = swaps[:-2], *swaps[-2:]

    assert sum(undone) == done > 0
    assert of_an_empty_round == 0
    assert before[-len(swaps) - 2 :] == ["usage", *(f"pairs {n} 64" for n in swaps), "usage"]
    assert trace[first_round:][:3] == ["pairs 150 64", "usage", "usage"]


def test_the_clock_starts_when_every_thread_has_its_cpu(odd_core: pathlib.Path, tracer: pathlib.Path) -> None:
    """Else the first round would time how long a busy host takes to start the others; one is held up here."""
    trace = traced(odd_core, tracer, threads=2)

    assert trace.index("pinned") < min(i for i, line in enumerate(trace) if line.startswith("pairs"))
