"""A part of the page as plain data, before it is HTML: notes, charts and small tables."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from pageswap.analysis.verdicts import FASTER, NO_DIFFERENCE, NOT_MEASURED, SLOWER
from pageswap.answers import words
from pageswap.answers.record import FASTEST, NOT_TOLD_APART
from pageswap.spec.experiment import COST
from pageswap.text.numbers import decimals, end_text, rounded
from pageswap.text.words import clipped, levels_phrase

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from pageswap.analysis.summary import Summary
    from pageswap.report.charts.vegalite import Plot
    from pageswap.statistics.intervals import Interval

# Nobody reads more of a table than this.
MOST_ROWS = 60
_LONGEST_HOST = 60
_LONGEST_NAME = 160
# How many times what: a number that grows with what is said of it, where that was decided.
_UNITS = {FASTER: "times faster", FASTEST: "times faster", SLOWER: "times slower"}
# The classes of styles that verdicts are shown in, where it is not the verdict's own word.
_KINDS = {NOT_MEASURED: "absent", NO_DIFFERENCE: "same", NOT_TOLD_APART: "same", FASTEST: "faster"}


@dataclasses.dataclass(frozen=True)
class Heading:
    """The head of a column: its name, its unit, and whether it holds numbers."""

    title: str
    unit: str = ""
    is_number: bool = False


def number(title: str, unit: str = "") -> Heading:
    """Return the head of a column of numbers."""
    return Heading(title, unit, is_number=True)


@dataclasses.dataclass(frozen=True)
class Grid:
    """A small table; the first ``head`` cells of each row name it. ``marks`` has a class for each row, or is empty.

    Of more than `MOST_ROWS` rows the first are shown, and ``first`` says which these are. ``is_folded``: only the
    caption is shown until it is asked for.
    """

    caption: str
    columns: tuple[Heading, ...]
    rows: tuple[tuple[str, ...], ...]
    head: int = 1
    marks: tuple[str, ...] = ()
    is_folded: bool = False
    first: str = "the first"

    @property
    def shown(self) -> tuple[tuple[str, ...], ...]:
        """Return the rows that there is room for."""
        return self.rows[:MOST_ROWS]


@dataclasses.dataclass(frozen=True)
class Section:
    """A part of the page below its own heading; ``id`` is the link to it."""

    id: str
    title: str
    notes: tuple[str, ...] = ()
    plots: tuple[Plot, ...] = ()
    grids: tuple[Grid, ...] = ()


def section_of(
    identity: str, title: str, told: tuple[str, ...], plots: Sequence[Plot] = (), grids: Iterable[Grid] = ()
) -> Section | None:
    """Make a part of the page of the tables that have rows, and of charts; None where there is neither."""
    filled = tuple(grid for grid in grids if grid.rows)
    return Section(identity, title, told, tuple(plots), filled) if plots or filled else None


def case_name(summary: Summary, host: str, levels: Mapping[str, Any], without: Collection[str] = ()) -> str:
    """Name a case, or what cases share, by its host where there are several and by what varies in the run.

    Factors in ``without`` are left out. What nothing tells from the others has no name: "".
    """
    told = levels_phrase({n: levels[n] for n in summary.varying if n in levels and n not in without})
    where = [clipped(host, _LONGEST_HOST)] if len(summary.hosts) > 1 else []
    return clipped(", ".join([*where, *([told] if told else [])]), _LONGEST_NAME)


def speeds(asks: str, verdict: str, ratios: Iterable[tuple[float, Interval | None]]) -> tuple[str, str]:
    """Return the lowest and the highest of speeds with the same verdict, and the outermost ends of their intervals.

    Both are in one unit, ``16 to 20 times slower``, or for calls in multiples of the baseline's time.
    """
    is_inverse = asks == COST or verdict == SLOWER
    known = [(1 / ratio, ends and ends.inverse()) if is_inverse else (ratio, ends) for ratio, ends in ratios]
    known.sort(key=lambda each: each[0])
    places = [decimals(*each) for each in known]
    lows = [(ends.low, digits) for (_, ends), digits in zip(known, places, strict=True) if ends]
    highs = [(ends.high, digits) for (_, ends), digits in zip(known, places, strict=True) if ends]
    figures = dict.fromkeys(rounded(known[place][0], places[place]) for place in (0, -1))
    unit = "times as long" if asks == COST else _UNITS.get(verdict, "times as fast")
    return f"{' to '.join(figures)} {unit}", " to ".join([end_text(*min(lows)), end_text(*max(highs))] if lows else [])


def kind_of(verdict: str) -> str:
    """Return the class of styles that a verdict is shown in."""
    return _KINDS.get(verdict, verdict.replace(" ", "-"))


def notes(macro: str, *facts: Any) -> tuple[str, ...]:  # noqa: ANN401 - whatever the macro is about
    """Return what a macro of `templates/notes.j2` says of some facts: a note a paragraph."""
    said = words.environment().get_template("notes.j2").module
    paragraphs = str(getattr(said, macro)(*facts)).split("\n\n")
    return tuple(" ".join(paragraph.split()) for paragraph in paragraphs if paragraph.strip())


def note(macro: str, *facts: Any) -> str:  # noqa: ANN401 - whatever the macro is about
    """Return the same as one paragraph."""
    return " ".join(notes(macro, *facts))
