"""The pages about many runs: a history, and the atlas of what is fastest where. Readable and whole without scripts."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from pageswap.answers.words import say
from pageswap.history.told import point_text, sentences, series_name
from pageswap.report.charts.history_drawing import Drawing, drawing
from pageswap.report.page.write import page_text
from pageswap.statistics.change_points import LEAST

if TYPE_CHECKING:
    from collections.abc import Callable

    from pageswap.history.atlas import Atlas
    from pageswap.history.series import History, Series

_STYLES: Final = ("report.css", "many.css")
_MOST_SERIES: Final = 60
_MOST_ROWS: Final = 100
_MOST_WINNERS: Final = 3


@dataclasses.dataclass(frozen=True)
class PointRow:
    """A run's line in a series' table; ``address`` leads to its report, "" where there is none to go to."""

    run_id: str
    address: str
    group: str
    value: str
    interval: str
    changed: str


@dataclasses.dataclass(frozen=True)
class ShownSeries:
    """A case's part of the page: its name, its picture, what that shows in words, and its newest figures."""

    name: str
    description: str
    caption: str
    group_title: str
    value_title: str
    drawing: Drawing
    rows: tuple[PointRow, ...]


def history_page(history: History, *, home: str = "", address_of: Callable[[str], str] = lambda _run_id: "") -> str:
    """Return the page of a history; ``home`` leads back to the site that it is a part of, "" where it is alone.

    ``address_of`` gives a run id's report on that site.
    """
    # Those that changed, then those that may have.
    ordered = sorted(history.series, key=lambda each: (not each.changes, each.not_yet is None))
    shown = [_shown(history, each, address_of) for each in ordered[:_MOST_SERIES]]
    facts = {"history": history, "told": sentences(history), "shown": shown, "least": LEAST, "home": home}
    return page_text("history.html.j2", facts, _STYLES)


def atlas_page(atlas: Atlas, *, home: str = "") -> str:
    """Return the page of an atlas; ``home`` as for a history."""
    facts = {"atlas": atlas, "headline": say("atlas", "headline", atlas), "most": _MOST_WINNERS, "home": home}
    return page_text("atlas.html.j2", facts, _STYLES)


def _shown(history: History, series: Series, address_of: Callable[[str], str]) -> ShownSeries:
    name, points = series_name(history, series), series.points[: -_MOST_ROWS - 1 : -1]
    return ShownSeries(
        name=name,
        description=say("history", "picture", name, series),
        caption=say("history", "figures", len(points), len(series.points)),
        group_title=say("history", "group", history.by),
        value_title=say("history", "value", history.quantity),
        drawing=drawing(series),
        rows=tuple(
            PointRow(
                point.run_id,
                address_of(point.run_id),
                point.group,
                *point_text(series, point),
                say("history", "with_marks", point.marks),
            )
            for point in points
        ),
    )
