"""What tells whether a host was quiet around a trial, and which core ran there; read in microseconds, on another CPU.

What happened while the rounds ran is counted by the core itself, next to them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pageswap.agent.journal.line_fields import FIELDS_FROM_COUNTERS

if TYPE_CHECKING:
    from pageswap.agent.host.host_files import HostFiles


class TrialConditions:
    """Collects the conditions of one trial after the other."""

    def __init__(self, files: HostFiles, core: dict[str, Any]) -> None:
        """Take the host's files and the core's own account of itself."""
        self._files = files
        self._core = {"build": core.get("build"), "core_hash": core.get("core_hash")}
        self._load1_before: float | None = None

    def begin(self) -> None:
        """Read what is to be known from before the trial."""
        self._load1_before = self._load1()

    def end(self, measures: dict[str, Any]) -> dict[str, Any]:
        """Return the conditions after the trial, taking the core's part out of its measures; None: not readable."""
        counters = measures.get("counters") or {}
        return {
            **self._core,
            "load1_before": self._load1_before,
            "load1_after": self._load1(),
            **{name: counters.pop(name, None) for name in FIELDS_FROM_COUNTERS},
        }

    def nothing(self) -> dict[str, Any]:
        """Return the conditions of a trial that was refused: nothing ran."""
        return {**self._core, **dict.fromkeys(("load1_before", "load1_after", *FIELDS_FROM_COUNTERS))}

    def _load1(self) -> float | None:
        text = self._files.text("/proc/loadavg")
        try:
            return float(text.split(None, 1)[0]) if text else None
        except ValueError:
            return None
