"""Where one host's time goes: the phase it is in, timed without gaps or overlaps."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


class PhaseClock:
    """Seconds by phase; of phases inside one another the innermost counts. For one thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Take what tells the time in seconds."""
        self._clock = clock
        self._open: list[str] = []
        self._since = clock()
        self._spent: dict[str, float] = {}

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
        """Give what was spent since the last time, and begin anew."""
        self._settle()
        spent, self._spent = self._spent, {}
        return {name: seconds for name, seconds in spent.items() if seconds > 0}

    def _settle(self) -> None:
        now = self._clock()
        if self._open:
            self._spent[self._open[-1]] = self._spent.get(self._open[-1], 0.0) + now - self._since
        self._since = now
