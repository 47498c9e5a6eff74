"""Where one host's time goes: the phase it is in, timed without gaps or overlaps."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


@dataclasses.dataclass
class PhaseClock:
    """Seconds by phase, as `clock` tells them; of phases inside one another the innermost counts. For one thread."""

    clock: Callable[[], float] = time.monotonic
    _since: float = 0.0
    _open: list[str] = dataclasses.field(default_factory=list)
    _spent: dict[str, float] = dataclasses.field(default_factory=dict)

    @contextlib.contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Count what is done inside as this phase."""
        self._settle()
        self._open.append(name)
        try:
            yield
        finally:
            self._settle()
            self._open.pop()

    def move(self, spent: Mapping[str, float]) -> None:
        """Count seconds of the innermost phase, which is timed as a whole, as the phases they were really spent in."""
        self._settle()
        for name, seconds in spent.items():
            moved = min(seconds, self._spent.get(self._open[-1], 0.0))
            self._spent[self._open[-1]] = self._spent.get(self._open[-1], 0.0) - moved
            self._spent[name] = self._spent.get(name, 0.0) + moved

    def take(self) -> dict[str, float]:
        """Return what was spent since the last time, and begin anew."""
        self._settle()
        spent, self._spent = self._spent, {}
        return {name: seconds for name, seconds in spent.items() if seconds > 0}

    def _settle(self) -> None:
        now = self.clock()
        if self._open:
            self._spent[self._open[-1]] = self._spent.get(self._open[-1], 0.0) + now - self._since
        self._since = now
