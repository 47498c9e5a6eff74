"""A run is set beside others only where it lies among them."""

from __future__ import annotations

from pathlib import Path

from fake_run import make_run

from pageswap.analysis.summary import summarise
from pageswap.report.companions import Companions, companions


class _At:
    """A run that is stored somewhere."""

    def __init__(self, path: str) -> None:
        self._run = make_run(blocks=3)
        self.path = Path(path)

    def __getattr__(self, name: str) -> object:
        return getattr(self._run, name)


def test_a_run_that_lies_nowhere_near_others_has_none() -> None:
    """Not even in the root of a file system."""
    for path in ("/run.sqlite", "/nowhere/run.sqlite"):
        run = _At(path)

        assert companions(run, summarise(run)) == Companions()
