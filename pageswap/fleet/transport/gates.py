"""Connections to the hosts on the way to others: one to each, shared by all that are reached through it."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator


class Gate(Protocol):
    """A connection that others go through."""

    @property
    def is_open(self) -> bool:
        """Tell whether it can be gone through."""

    def close(self) -> None:
        """End it."""


@dataclasses.dataclass(eq=False)
class _Shared:
    """A gate that somebody makes or has made, and how many go through it or wait for it."""

    gate: Future[Gate] = dataclasses.field(default_factory=Future)
    users: int = 0

    def is_gone(self) -> bool:
        return self.gate.done() and (self.gate.exception() is not None or not self.gate.result().is_open)


class Gates:
    """The gates by what tells them apart; each ends when the last who goes through it lets go."""

    def __init__(self) -> None:
        """Begin with none."""
        self._guard = threading.Lock()
        self._shared: dict[Hashable, _Shared] = {}

    @contextlib.contextmanager
    def through(self, way: Hashable, make: Callable[[], Gate]) -> Iterator[Any]:
        """Hold an open gate, as `make` returns it, while others who come the same way use it too.

        Who comes first makes it while the others wait; what that raises is raised in each of them.
        """
        with self._guard:
            shared = self._shared.get(way)
            is_first = shared is None or shared.is_gone()
            if shared is None or is_first:
                shared = self._shared[way] = _Shared()
            shared.users += 1
        try:
            if is_first:
                try:
                    shared.gate.set_result(make())
                except BaseException as error:  # noqa: BLE001 - raised below, here as for those who wait
                    shared.gate.set_exception(error)
            yield shared.gate.result()
        finally:
            with self._guard:
                shared.users -= 1
                is_last = not shared.users
                if is_last and self._shared.get(way) is shared:
                    del self._shared[way]
            if is_last and shared.gate.exception() is None:
                shared.gate.result().close()
