"""What analysis and report need of a stored run, so that neither depends on how it is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


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
