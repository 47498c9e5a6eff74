"""Runs long stories side by side: each on a host of its own, begun together, waited for by the test that tells it."""

from __future__ import annotations

import concurrent.futures
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_T = TypeVar("_T")


class Stories(Generic[_T]):
    """What happened in each of several stories, most of which is waiting."""

    def __init__(self, stories: Mapping[str, Callable[[], _T]]) -> None:
        """Begin them all."""
        self._pool = concurrent.futures.ThreadPoolExecutor(len(stories))
        self._told = {name: self._pool.submit(story) for name, story in stories.items()}

    def __getitem__(self, name: str) -> _T:
        """Wait for a story's end; raises what went wrong in it."""
        return self._told[name].result()

    def end(self) -> None:
        """Wait for all of them."""
        self._pool.shutdown()
