"""The report's parts as plain data, before they are HTML: sections of notes, charts and small tables."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pageswap.report.charts.vegalite import Plot


@dataclasses.dataclass(frozen=True)
class Heading:
    """The head of a column of a small table: its name, its unit, and whether it holds numbers."""

    title: str
    unit: str = ""
    is_number: bool = True


@dataclasses.dataclass(frozen=True)
class Grid:
    """A small table; the first ``head`` cells of each row name it. ``marks`` has a class for each row, or is empty.

    ``is_folded``: only the caption is shown until it is asked for.
    """

    caption: str
    columns: tuple[Heading, ...]
    rows: tuple[tuple[str, ...], ...]
    head: int = 1
    marks: tuple[str, ...] = ()
    is_folded: bool = False


@dataclasses.dataclass(frozen=True)
class Section:
    """A part of the page below its own heading; ``id`` is the link to it. Without charts and tables it is none."""

    id: str
    title: str
    notes: tuple[str, ...] = ()
    plots: tuple[Plot, ...] = ()
    grids: tuple[Grid, ...] = ()

    def __bool__(self) -> bool:
        """Say whether there is anything to show; a sentence of explanation alone is nothing."""
        return bool(self.plots or self.grids)
