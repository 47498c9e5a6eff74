"""Reaching a host and reaching it again: how often, how long, with which pauses, and where the time goes meanwhile."""

from __future__ import annotations

import contextlib
import dataclasses
import random
import threading
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from pageswap.errors import HostLinkLostError, HostUnreachableError
from pageswap.fleet.transport.link_errors import HopelessError
from pageswap.store.schema import CONNECTING
from pageswap.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pageswap.fleet.provision.bundle import Bundle
    from pageswap.fleet.target import Target

# Nobody else tries again: a host that cannot be reached is told after so many attempts, here within 3.5 s of pauses.
FIRST_TRIES: Final = 4
FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 15.0

# Hosts that are begun together connect within so many seconds a host, lest their jump host turn some away.
JITTER_S: Final = 0.01
_MOST_JITTER_S: Final = 1.0

# A host that is not ready after so many seconds has that told once, lest somebody wonders what a run waits for.
SLOW_S: Final = 8.0

# What ends when the link does, and may be asked for once more; anything else would end in the same way again.
BROKEN: Final = (HostUnreachableError, HostLinkLostError)


def jitter_s(hosts: int) -> float:
    """Return how long one of so many hosts waits before it connects; one alone need not wait."""
    return random.uniform(0.0, min(JITTER_S * hosts, _MOST_JITTER_S)) if hosts > 1 else 0.0  # noqa: S311 - no secret


@dataclasses.dataclass
class PhaseClock:
    """Seconds by phase, as `clock` tells them; of phases inside one another the innermost counts. For one thread.

    `spent` has what was spent before.
    """

    clock: Callable[[], float] = time.monotonic
    spent: defaultdict[str, float] = dataclasses.field(default_factory=lambda: defaultdict(float))
    _since: float = 0.0
    _open: list[str] = dataclasses.field(default_factory=list)

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
            moved = min(seconds, self.spent[self._open[-1]])
            self.spent[self._open[-1]] -= moved
            self.spent[name] += moved

    def take(self) -> dict[str, float]:
        """Return what was spent since the last time, and begin anew."""
        self._settle()
        spent, self.spent = self.spent, defaultdict(float)
        return {name: seconds for name, seconds in spent.items() if seconds > 0}

    def _settle(self) -> None:
        now = self.clock()
        if self._open:
            self.spent[self._open[-1]] += now - self._since
        self._since = now


@dataclasses.dataclass
class Link:
    """One host's connection, brought up again when it breaks; for the host's own thread.

    `phases` is where its time is written down, `patience_s` how long it is tried again, `tell` whom to tell, and `halt`
    ends all trying.
    """

    target: Target
    phases: PhaseClock
    _: dataclasses.KW_ONLY
    patience_s: float
    tell: Callable[[str], None]
    halt: threading.Event
    clock: Callable[[], float] = time.monotonic
    is_connecting: bool = dataclasses.field(default=False, init=False)
    _lost_at: float | None = dataclasses.field(default=None, init=False)
    _reached_at: float = dataclasses.field(default=0.0, init=False)

    def reach(self, bundle: Bundle) -> None:
        """Connect, and have the bundle on the host, after a pause again where that may help; raises HostError."""
        words = f"not ready after {format_duration(SLOW_S)}: still connecting, asking for its Python, or sending files"
        slow = threading.Timer(SLOW_S, self.tell, [words])
        slow.daemon = True
        slow.start()
        with contextlib.ExitStack() as ended:
            ended.callback(slow.cancel)
            for tried in range(1, FIRST_TRIES + 1):
                try:
                    self._prepare(bundle)
                except BROKEN as error:
                    is_last = isinstance(error, HopelessError) or tried == FIRST_TRIES
                    if is_last or self._pause(FIRST_PAUSE_S * 2 ** (tried - 1)):
                        raise
                else:
                    return

    def reach_again(self, bundle: Bundle, error: Exception) -> None:
        """Connect after `error` until the host answers, the patience ends or all is halted; raises HostError then.

        The patience is counted from the loss after which no row came, so that a link which always breaks at once does
        not keep a run from ending.
        """
        if self.halt.is_set():
            raise error
        if self._lost_at is None or self.clock() - self._reached_at > self.patience_s:
            self._lost_at = self.clock()
        lost_at = self._lost_at
        self.tell(f"{_words(self.target.name, error)}; trying again for up to {format_duration(self.patience_s)}")
        pause_s = FIRST_PAUSE_S
        while True:
            left_s = lost_at + self.patience_s - self.clock()
            if left_s <= 0:
                raise HostUnreachableError(
                    f"{self.target.name}: could not be reached again within {format_duration(self.patience_s)}:"
                    f" {_words(self.target.name, error)}; what it has measured is kept there: 'inv resume' collects it"
                ) from error
            if self._pause(min(pause_s, left_s)):
                raise error
            try:
                self._prepare(bundle)
            except BROKEN as again:
                error, pause_s = again, min(2 * pause_s, LONGEST_PAUSE_S)
            else:
                self._reached_at = self.clock()
                self.tell(f"reached again after {format_duration(self._reached_at - lost_at)}")
                return

    def has_brought_rows(self) -> None:
        """Take note that the link serves."""
        self._lost_at = None

    def _prepare(self, bundle: Bundle) -> None:
        with self.phases.phase(CONNECTING):
            before = self.target.phase_seconds()
            self.is_connecting = True
            try:
                with self.target.in_use:
                    self.target.ensure_bundle(bundle)
            finally:
                self.is_connecting = False
                after = self.target.phase_seconds()
                spent = {phase: after[phase] - before.get(phase, 0.0) for phase in after if phase != CONNECTING}
                self.phases.move(spent)

    def _pause(self, seconds: float) -> bool:
        """Wait for about so long, as many hosts may have lost a link at once; return whether all was halted."""
        with self.phases.phase(CONNECTING):
            return self.halt.wait(seconds * random.uniform(0.5, 1.0))  # noqa: S311 - no secret


def _words(host: str, error: Any) -> str:  # noqa: ANN401 - any error
    """Return an error's text without the host's name before it, which stands there already."""
    return str(error).removeprefix(f"{host}: ")
