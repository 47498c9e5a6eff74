"""The chart of what a method puts off: its time with the moved pages read inside the timing, beside without."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pageswap.report.charts.selection import evenly
from pageswap.report.charts.vegalite import (
    GREY,
    PALETTE,
    TIME_LABEL,
    around,
    layer,
    log_axis,
    nominal,
    plot,
    row_axis,
    tips,
)
from pageswap.report.sections.section import Section, notes
from pageswap.text.levels import levels_phrase, operation
from pageswap.text.lists import clipped
from pageswap.text.numbers import nanoseconds_text

if TYPE_CHECKING:
    from pageswap.analysis.summary import CaseSummary, Summary
    from pageswap.report.charts.vegalite import Plot
    from pageswap.report.sections.section import ReportedRun

MOST_ROWS = 24
_ROW_PX = 54
_NONE, _MOVED = "touch none", "touch moved"


def section(run: ReportedRun) -> Section | None:
    """Show each pair of cases that differ in nothing but touch, where there is one."""
    pairs = _pairs(run.summary)
    if not pairs:
        return None
    chosen = evenly(pairs, MOST_ROWS)
    told = notes("touch", len(chosen), len(pairs))
    return Section("touch", "What is paid later", told, (_plot(run.summary, chosen),))


def _pairs(summary: Summary) -> list[tuple[str, CaseSummary, CaseSummary]]:
    found: dict[tuple[str, str], dict[str, CaseSummary]] = {}
    if "touch" not in summary.varying:
        return []
    names = [name for name in summary.varying if name != "touch"]
    for case in summary.cases:
        if case.median_ns:
            label = levels_phrase({name: case.levels[name] for name in names if name in case.levels})
            host = f"{clipped(case.host, 60)}: " if len(summary.hosts) > 1 else ""
            found.setdefault((host, label), {})[str(case.levels.get("touch"))] = case
    return [
        (host + (label or "all cases"), pair["none"], pair["moved"])
        for (host, label), pair in found.items()
        if len(pair.keys() & {"none", "moved"}) == 2  # noqa: PLR2004 - a pair
    ]


def _plot(summary: Summary, pairs: list[tuple[str, CaseSummary, CaseSummary]]) -> Plot:
    rows: list[dict[str, Any]] = []
    marks: list[dict[str, Any]] = []
    names = []
    for label, none, moved in pairs:
        left, right = none.median_ns or 1.0, moved.median_ns or 1.0
        head, _, rest = label.partition(", ")
        percent = round((right / left - 1) * 100)
        more = f"{percent:+} %" if percent else "no change"
        name = "\n".join(part for part in (head, rest, f"{more} when read" if percent else more) if part)
        while name in names:
            name += "\u2007"
        names.append(name)
        rows.append({"row": name, "low": left, "high": right})
        for touch, case in ((_NONE, none), (_MOVED, moved)):
            time = f"{nanoseconds_text(case.median_ns or 0, case.median_ci)} ns per {operation(summary.workload)}"
            marks.append(
                {"row": name, "Case": label, "touch": touch, "value": case.median_ns, "Time": time, "More": more}
            )
    title = f"Time per {operation(summary.workload)}, log scale"
    x = log_axis("value", title, around([mark["value"] for mark in marks]), TIME_LABEL, "end")
    y = row_axis(names)
    looks = {"color": PALETTE[:2], "shape": ("circle", "diamond"), "size": (170, 60)}
    channels = {channel: nominal("touch", (_NONE, _MOVED), values) for channel, values in looks.items()}
    shown = tips("Case", ("touch", "Measured with"), "Time", ("More", "Moved against none"))
    span = {"x": {**x, "field": "low"}, "x2": {"field": "high"}}
    layers = [
        layer("pairs", {"type": "rule", "size": 2, "color": GREY}, **span, y=y),
        layer("marks", {"type": "point", "filled": True, "opacity": 1}, x=x, y=y, **channels, tooltip=shown),
    ]
    title, datasets = "Left alone, and read after the move", {"pairs": rows, "marks": marks}
    return plot(title, names, layers, datasets, _ROW_PX * len(names), series=(_NONE, _MOVED))
