"""The levels of a stored case, and what two cases share that have the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pageswap.agent.workloads import WORKLOADS
from pageswap.spec.factors import FACTORS

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Mapping

# Not a level of the case but of the whole run, and shown as the last of them.
_LAST = "workload"
_NO_LEVELS = ("case_id", "index")


def levels_of(case: Mapping[str, Any]) -> dict[str, Any]:
    """Return a case's levels alone, those that its workload has a use for, factors in the registry's order first."""
    names = [name for name in (*FACTORS, _LAST) if name in case]
    names += [name for name in case if name not in names and name not in _NO_LEVELS]
    return {name: case[name] for name in names if _means_something(name, case)}


def _means_something(name: str, case: Mapping[str, Any]) -> bool:
    if name == "distance" and case.get("pattern") == "random":
        return False
    workload = case.get("workload")
    return name not in FACTORS or workload not in WORKLOADS or workload in FACTORS[name].workloads


def levels_key(levels: Mapping[str, Any], *, without: Collection[str] = ()) -> Hashable:
    """Return what two cases share that have the same levels, but for the factors of `without`."""
    return tuple(sorted((name, str(level)) for name, level in levels.items() if name not in without))
