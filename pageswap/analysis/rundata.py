"""What analysis and report need of a stored run, so that neither depends on how it is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from pageswap.spec import FACTORS as REGISTRY

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

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


class RunData(Protocol):
    """A run that can be read; `pageswap.store.Store` is one."""

    def meta(self) -> Mapping[str, Any]:
        """Give run_id, created_at, experiment{}, spec_text, provenance{}, options{} and the list of hosts."""

    def environments(self) -> Mapping[str, Mapping[str, Any]]:
        """Give what is known of each host, by host name; a host that was never reached is absent."""

    def methods(self) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """Give each host's methods with their name, family and summary; a host that was never reached is absent."""

    def cases(self) -> Sequence[Mapping[str, Any]]:
        """Give each case as its case_id and its levels, in the plan's order; sizes in bytes."""

    def columns(self) -> Sequence[str]:
        """Name the columns of `rows`."""

    def rows(self) -> Iterable[Sequence[Any]]:
        """Give the last attempt of each trial that has an outcome; what was not measured is None."""

    def planned_trials(self) -> int:
        """Count the measured trials of all hosts together, with an outcome or without one yet."""

    def ledger(self) -> Mapping[str, Mapping[str, float]]:
        """Give the seconds each host spent in each phase beside its trials; a host or phase without any is absent."""

    def problems(self) -> Mapping[str, str]:
        """Give why a host gave nothing more, with the cure; a host without a problem is absent."""

    def stops(self) -> Mapping[str, Mapping[str, Any]]:
        """Give {"blocks", "reason"} of each host that stopped before the plan's last block; others are absent."""


def levels_of(case: Mapping[str, Any]) -> dict[str, Any]:
    """Give a case's levels alone, those that its workload has a use for, factors in their usual order first."""
    names = [name for name in FACTORS if name in case] + [name for name in case if name not in FACTORS]
    return {name: case[name] for name in names if name not in ("case_id", "index") and _means_something(name, case)}


def _means_something(name: str, case: Mapping[str, Any]) -> bool:
    known = REGISTRY.get(name)
    if name == "distance" and case.get("pattern") == "random":
        return False
    return not known or known.workloads is None or case.get("workload") is None or case["workload"] in known.workloads
