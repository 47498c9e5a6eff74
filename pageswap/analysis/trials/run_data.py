"""What is read of a stored run, whichever way it is stored, and the levels of its cases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from pageswap.agent.workloads import WORKLOADS
from pageswap.spec.factors import FACTORS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence

T = TypeVar("T")
K = TypeVar("K")

# Not a level of the case but of the whole run, and shown as the last of them.
_LAST = "workload"
_NO_LEVELS = ("case_id", "index")


class HostRows(Protocol):
    """What a table of trials is made from; of one host, or of all."""

    def meta(self) -> Mapping[str, Any]:
        """Return run_id, created_at, experiment{}, spec_text, provenance{}, options{} and the list of hosts."""

    def methods(self) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """Return each host's methods with their name, family and summary; a host that was never reached is absent."""

    def cases(self) -> Sequence[Mapping[str, Any]]:
        """Return each case as its case_id and its levels, in the plan's order; sizes in bytes."""

    def columns(self) -> Sequence[str]:
        """Return the columns of `rows`."""

    def rows(self) -> Iterable[Sequence[Any]]:
        """Return the last attempt of each trial that has an outcome; what was not measured is None."""


class RunData(HostRows, Protocol):
    """A run that can be read; `pageswap.store.Store` is one."""

    def segment_facts(self) -> Mapping[tuple[str, int], Mapping[str, Any]]:
        """Return what each start of an agent found, by host and segment, by the names of `store.facts.FACTS`."""

    def environments(self) -> Mapping[str, Mapping[str, Any]]:
        """Return what is known of each host, by host name; a host that was never reached is absent."""

    def planned_trials(self) -> int:
        """Count the measured trials of all hosts together, with an outcome or without one yet."""

    def ledger(self) -> Mapping[str, Mapping[str, float]]:
        """Return the seconds each host spent in each phase beside its trials; a host or phase without any is absent."""

    def problems(self) -> Mapping[str, str]:
        """Return why a host gave nothing more, with the cure; a host without a problem is absent."""

    def stops(self) -> Mapping[str, Mapping[str, Any]]:
        """Return {"blocks", "reason"} of each host that stopped before the plan's last block; others are absent."""

    def profiles(self) -> Sequence[Mapping[str, Any]]:
        """Return what a profile found of each case, by the names of `store.schema.PROFILE_COLUMNS`, in their order."""


def levels_of(case: Mapping[str, Any]) -> dict[str, Any]:
    """Return a case's levels alone, those that its workload has a use for, factors in the registry's order first."""
    workload = case.get("workload")
    without = {name for name, factor in FACTORS.items() if workload in WORKLOADS and workload not in factor.workloads}
    without |= {"distance"} if case.get("pattern") == "random" else set()
    names = dict.fromkeys([*FACTORS, _LAST, *case])
    return {name: case[name] for name in names if name in case and name not in {*without, *_NO_LEVELS}}


def levels_key(levels: Mapping[str, Any], *, without: Collection[str] = ()) -> Hashable:
    """Return what two cases share that have the same levels, but for the factors of `without`."""
    return tuple(sorted((name, str(level)) for name, level in levels.items() if name not in without))


def grouped_by(items: Iterable[T], key: Callable[[T], K]) -> dict[K, list[T]]:
    """Return items by what they have in common, both in the order in which they come."""
    found: dict[K, list[T]] = {}
    for item in items:
        found.setdefault(key(item), []).append(item)
    return found


def factors_of(cases: Mapping[str, Mapping[str, Any]]) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Return which factors have more than one level in these cases, by id, and the levels of all others."""
    names = dict.fromkeys(name for case in cases.values() for name in case)
    levels = {name: [case.get(name) for case in cases.values()] for name in names}
    fixed = {name: values[0] for name, values in levels.items() if all(value == values[0] for value in values)}
    return tuple(name for name in levels if name not in fixed), fixed
