"""How a run is to be measured and judged, and where: as the command line says it, and as a resume finds it again."""

from __future__ import annotations

import dataclasses
from typing import Any, Final, Self

CORES: Final = ("auto", "controller", "host")


@dataclasses.dataclass(frozen=True)
class Options:
    """A run's options; they are stored with it, and a resume uses the same.

    `tune` raises limits for the run, `wait` waits for a host that is measured by someone else, `strict` counts
    unavailable and skipped trials as failures. An agent that nobody follows for `lease_s` seconds stops; a host whose
    link broke is tried for `patience_s` seconds. `at_once` hosts are measured at a time. `core` says whose build of the
    C core measures: the controller's, each host's own, or the host's own only where the controller's does not load
    (auto). `hosts` has what the inventory said about each, and `ssh_config` the file that says how they are reached.
    """

    tune: bool = False
    wait: bool = False
    strict: bool = False
    lease_s: float = 60.0
    patience_s: float = 300.0
    at_once: int = 32
    core: str = "auto"
    ssh_config: str | None = None
    hosts: tuple[dict[str, Any], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Give the options as one JSON object."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Self:
        """Read `to_json`'s object, leaving out what this version does not know."""
        known = {field.name for field in dataclasses.fields(cls)}
        fields = {name: value for name, value in document.items() if name in known}
        return cls(**{**fields, "hosts": tuple(fields.get("hosts", ()))})
