"""The registry of workloads: what an iteration of each moves, keeps in memory, and is called."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Workload:
    """All that is known of what may be asked of a method, beside what the core does.

    `operation` is what one iteration is called, in the singular, and `pages_moved` how many pages (or runs of
    `run_pages`) of the region it moves. Of memory a trial has `regions` times its region, `iteration_bytes` for each
    iteration and `thing_bytes` for each page of the region; where the method makes its memory itself, `made_each` names
    the factor that is the size of what it makes in each iteration, kept until the round ends. With `is_full` every
    place of the region holds a page between two calls of a method, so that others may read there meanwhile. `is_whole`:
    a trial is one piece of work, in one round, and its iterations follow from the other levels. `smaller` is what makes
    a trial need less memory. `asks` is what an
    experiment of it asks that does not say so and names a method as its baseline.
    """

    name: str
    operation: str
    pages_moved: int
    regions: int
    iteration_bytes: int
    thing_bytes: int
    made_each: str = ""
    is_batched: bool = False
    is_full: bool = False
    is_whole: bool = False
    smaller: str = "a smaller region_size or fewer iterations"
    asks: str = "faster"


_SMALLER_CALLS = "a smaller page_size or fewer iterations"
_SMALLER_TRACE = "a smaller page_size, fewer threads or a trace of fewer slots"

# A pair is two 32-bit slot numbers, a move two addresses and a length, and between rounds there may be as many moves as
# in them; a page has its place in the model, in a table of the method's, and where pages move in batches in the list of
# one batch's moves. With is_batched the iterations of a round may be handed over at once. The core's own table is
# PS_WORKLOADS in native/pageswap.h.
WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload("swap", "swap", 2, 1, 8, 16, is_full=True),
        Workload("permute", "swap", 2, 1, 8, 64, is_batched=True, is_full=True),
        Workload("move", "move", 1, 2, 48, 64),
        Workload("grow", "growth", 0, 2, 24, 64, made_each="region_size"),
        Workload("call", "call", 0, 1, 8, 16, made_each="page_size", smaller=_SMALLER_CALLS, asks="cost"),
        Workload("decommit", "decommit", 0, 1, 0, 48),
        Workload("migrate", "migration", 1, 1, 0, 48, is_full=True),
        Workload("replay", "move", 1, 1, 48, 64, is_whole=True, smaller=_SMALLER_TRACE),
        Workload("compact", "live page", 1, 1, 48, 64, is_whole=True, smaller="a smaller region_size"),
        Workload("limit", "swap", 2, 1, 32, 16, is_full=True, asks="rate"),
    )
}


def find_workload(name: str) -> Workload:
    """Return the row of a stored run's workload; one that only a newer version knows moves nothing that is known of."""
    return WORKLOADS.get(name) or Workload(name, "operation", 0, 1, 0, 0)
