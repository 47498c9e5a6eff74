"""The levels of a stored case."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pageswap.spec import FACTORS as REGISTRY

if TYPE_CHECKING:
    from collections.abc import Mapping

FACTORS = (
    "method",
    "page_size",
    "region_size",
    "iterations",
    "backing",
    "threads",
    "touch",
    "pattern",
    "distance",
    "run_pages",
    "alignment",
    "neighbours",
    "workload",
)


def levels_of(case: Mapping[str, Any]) -> dict[str, Any]:
    """Give a case's levels alone, those that its workload has a use for, factors in their usual order first."""
    names = [name for name in FACTORS if name in case] + [name for name in case if name not in FACTORS]
    return {name: case[name] for name in names if name not in ("case_id", "index") and _means_something(name, case)}


def _means_something(name: str, case: Mapping[str, Any]) -> bool:
    known = REGISTRY.get(name)
    if name == "distance" and case.get("pattern") == "random":
        return False
    return not known or known.workloads is None or case.get("workload") is None or case["workload"] in known.workloads
