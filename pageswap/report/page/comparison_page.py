"""The page of a comparison: which side changed what, a heat map, each pair's picture, what differs, every figure."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any, Final

from pageswap.analysis.trials.run_data import levels_key
from pageswap.analysis.verdicts import FASTER, SLOWER
from pageswap.comparison.tables import case_phrase, findings, slowdown_interval_text, slowdown_text, time_text
from pageswap.report.charts import vegalite as vega
from pageswap.report.charts.drawing import drawer
from pageswap.report.page.write import filled, own
from pageswap.report.sections.ratios import LOOKS
from pageswap.report.sections.section import Grid, Heading, kind_of, note, number
from pageswap.text.numbers import percent_text
from pageswap.text.words import clipped, level_text

if TYPE_CHECKING:
    from collections.abc import Hashable

    from pageswap.comparison.changes import Change
    from pageswap.comparison.comparison import Comparison
    from pageswap.comparison.sides import SidesComparison
    from pageswap.report.charts.vegalite import Plot

MOST_MAPPED: Final = 400
MOST_DRAWN: Final = 24
MOST_DIFFERENCES: Final = 60
_LONGEST_NAME: Final = 80
_LINE_PX: Final = 15
_BETWEEN_PX: Final = 12
# The shade of a change: by half or twice it is as dark as it gets, so that words on it stay readable.
_DARKEST_PERCENT: Final = 45
_DARKEST_AT: Final = math.log(1.5)


@dataclasses.dataclass(frozen=True)
class HeatCell:
    """A case on one side: its change, the class of its verdict, how dark it is in percent, and all of it in words."""

    text: str
    kind: str
    shade: int
    told: str


@dataclasses.dataclass(frozen=True)
class HeatRow:
    """A case by name, and a cell for each side; None where the side has not measured it."""

    name: str
    cells: tuple[HeatCell | None, ...]


@dataclasses.dataclass(frozen=True)
class FigureRow:
    """A row of the table of every figure."""

    kind: str
    head: tuple[str, ...]
    verdict: str
    numbers: tuple[tuple[str, str], ...]


@dataclasses.dataclass(frozen=True)
class ComparisonModel:
    """What the template fills in; all text is as it came, and is escaped there.

    ``mapped`` is how many cases the heat map left out of those there are.
    """

    found: SidesComparison
    findings: tuple[tuple[str, ...], ...]
    heat: tuple[HeatRow, ...]
    left_out: int
    plots: tuple[Plot | None, ...]
    differences: tuple[Grid, ...]
    columns: tuple[Heading, ...]
    head: int
    rows: tuple[FigureRow, ...]


def comparison_page(found: SidesComparison) -> str:
    """Return the page of a comparison: one file that makes no request and is readable without scripts.

    Raises StoreError when its charts cannot be drawn.
    """
    drawing = drawer()
    page = model(found)
    plots = [plot for plot in page.plots if plot]
    drawings, vega_script = drawing.draw([plot.fixed() for plot in plots])
    of_plot = dict(zip(map(id, plots), drawings, strict=True))
    scripts = [own("cases.js"), *([vega_script, own("charts.js")] if vega_script else [])]
    facts = {"page": page, "kind_of": kind_of, "note": note, "drawing_of": lambda plot: of_plot[id(plot)]}
    return filled("comparison.html.j2", own("report.css") + own("comparison.css"), scripts, **facts)


def model(found: SidesComparison) -> ComparisonModel:
    """Compute the page of a comparison."""
    comparisons = found.comparisons
    varying = tuple(dict.fromkeys(name for each in comparisons for name in each.varying))
    has_hosts = any(len(each.pairs) > 1 for each in comparisons)
    heat = heat_map(found)
    head = [Heading("Side"), *([Heading("Host")] if has_hosts else []), *map(Heading, varying)]
    figures = [
        Heading("Finding"),
        number("Change", "of time"),
        number("Could find"),
        number("Base", "ns"),
        number("New", "ns"),
        number("Plain time", "change"),
        number("Blocks", "base, new"),
    ]
    return ComparisonModel(
        found=found,
        findings=tuple(tuple(findings(each)) for each in comparisons),
        heat=tuple(heat[:MOST_MAPPED]),
        left_out=max(0, len(heat) - MOST_MAPPED),
        plots=tuple(_plot(each) for each in comparisons),
        differences=tuple(grid for each in comparisons for grid in _differences(each)),
        columns=(*head, *figures),
        head=len(head),
        rows=tuple(_figures(each, change, varying, has_hosts) for each in comparisons for change in each.cases),
    )


def heat_map(found: SidesComparison) -> list[HeatRow]:
    """Return every case with its change on each side, those first that changed most on any."""
    of_side = [{_key(change): (each, change) for change in each.cases} for each in found.comparisons]
    keys = dict.fromkeys(key for side in of_side for key in side)
    names = {key: case_phrase(*next(side[key] for side in of_side if key in side)) for key in keys}
    size = {key: max(_weight(side[key][1]) for side in of_side if key in side) for key in keys}
    return [
        HeatRow(
            clipped(names[key] or "the only case", _LONGEST_NAME),
            tuple(_heat_cell(*side[key]) if key in side else None for side in of_side),
        )
        for key in sorted(keys, key=lambda key: -size[key])
    ]


def _key(change: Change) -> Hashable:
    return change.new_host, levels_key(change.levels)


def _weight(change: Change) -> float:
    """Say how early a case is looked at: what changed for sure first."""
    factor = abs(math.log(change.change)) if change.change else 0.0
    return factor + (1_000 if change.verdict in (SLOWER, FASTER) else 0)


def _heat_cell(comparison: Comparison, change: Change) -> HeatCell:
    is_told = change.verdict in (SLOWER, FASTER) and change.change
    share = min(abs(math.log(change.change)) / _DARKEST_AT, 1.0) if is_told and change.change else 0.0
    interval = slowdown_interval_text(change.change, change.change_ci)
    return HeatCell(
        text=slowdown_text(change.change, change.change_ci),
        kind=kind_of(change.verdict),
        shade=round(_DARKEST_PERCENT * (0.25 + 0.75 * share)) if is_told else 0,
        told=note("change_told", comparison.new.name, change.verdict, interval, change.note),
    )


def _figures(comparison: Comparison, change: Change, varying: tuple[str, ...], has_hosts: bool) -> FigureRow:  # noqa: FBT001 - whether there is a column of hosts
    hosts = (change.new_host,) if has_hosts else ()
    levels = (level_text(name, change.levels.get(name, "")) for name in varying)
    return FigureRow(
        kind=kind_of(change.verdict),
        head=(comparison.new.name, *hosts, *levels),
        verdict=f"{change.verdict}: {change.note}" if change.note else change.verdict,
        numbers=(
            (
                slowdown_text(change.change, change.change_ci),
                slowdown_interval_text(change.change, change.change_ci),
            ),
            (percent_text(change.detectable) if change.detectable else "", ""),
            (time_text(change.base_ns), ""),
            (time_text(change.new_ns), ""),
            (slowdown_text(change.time_change, change.time_ci), ""),
            (f"{change.base_n:,}", f"{change.new_n:,}"),
        ),
    )


def _plot(comparison: Comparison) -> Plot | None:
    """Draw a side's changes with their intervals, the largest of many; None where there is no interval."""
    known = [change for change in comparison.cases if change.change and change.change_ci]
    chosen = sorted(sorted(known, key=_weight, reverse=True)[:MOST_DRAWN], key=lambda each: -(each.change or 1.0))
    rows: list[dict[str, Any]] = [
        {
            **vega.figure(change.change or 1.0, change.change_ci, slowdown_text(change.change, change.change_ci)),
            "CI": slowdown_interval_text(change.change, change.change_ci),
            "row": _label(case_phrase(comparison, change) or "the only case"),
            "verdict": change.verdict,
            "Finding": change.verdict,
        }
        for change in chosen
    ]
    if not rows:
        return None
    used = [verdict for verdict in LOOKS if any(row["verdict"] == verdict for row in rows)]
    domain = vega.around([row[end] for row in rows for end in ("low", "high")], always=[1.0])
    x = vega.log_axis("value", "Change of time (log scale)", domain, vega.PERCENT_LABEL, "end")
    names = [row["row"] for row in rows]
    channels: dict[str, Any] = {
        "x": x,
        "y": vega.row_axis(names),
        "color": vega.nominal("verdict", used, [LOOKS[each][0] for each in used], has_legend=False),
        "shape": vega.nominal("verdict", used, [LOOKS[each][1] for each in used], has_legend=False),
        "tooltip": vega.tips(("row", "Case"), ("Value", "Change"), ("CI", "95 % CI"), "Finding"),
    }
    layers = [vega.reference_line(x), *vega.figure_layers("marks", "x", channels, size=70)]
    told = [f"{row['row']} {row['Value']}".replace("\n", ", ") for row in rows]
    lines = max(name.count("\n") for name in names) + 1
    title = note("pair_title", comparison, len(rows), len(comparison.cases))
    return vega.plot(title, told, layers, {"marks": rows}, (_LINE_PX * lines + _BETWEEN_PX) * len(rows))


def _label(name: str) -> str:
    """Break a case's name into lines of two levels, the method in one of its own."""
    first, *rest = clipped(name, _LONGEST_NAME).split(", ")
    return "\n".join([first, *(", ".join(rest[place : place + 2]) for place in range(0, len(rest), 2))])


def _differences(comparison: Comparison) -> list[Grid]:
    """List for each pair of hosts which conditions differ, what matters first."""
    columns = tuple(map(Heading, ("Condition", comparison.base.name, comparison.new.name, "Why", "Matters")))
    return [
        Grid(
            caption=note("pair_differs", comparison, pair),
            columns=columns,
            rows=tuple(
                (each.name, each.a, each.b, each.why, "yes" if each.matters else "no") for each in pair.differences
            ),
            marks=tuple("matters" if each.matters else "" for each in pair.differences),
        )
        for pair in comparison.pairs
    ]
