"""The chart of what a method puts off: its time with the moved pages read inside the timing, beside without."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pageswap.report.charts import vegalite as vega
from pageswap.report.charts.selection import evenly
from pageswap.report.sections.section import Section, case_name, notes
from pageswap.text.levels import operation
from pageswap.text.numbers import change_text, nanoseconds_text

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
    found: dict[str, dict[str, CaseSummary]] = {}
    for case in summary.cases if "touch" in summary.varying else ():
        if case.median_ns:
            label = case_name(summary, case.host, case.levels, ("touch",)) or "all cases"
            found.setdefault(label, {})[str(case.levels.get("touch"))] = case
    return [(label, pair["none"], pair["moved"]) for label, pair in found.items() if {"none", "moved"} <= pair.keys()]


def _plot(summary: Summary, pairs: list[tuple[str, CaseSummary, CaseSummary]]) -> Plot:
    rows: list[dict[str, Any]] = []
    marks: list[dict[str, Any]] = []
    names = []
    for label, none, moved in pairs:
        left, right = none.median_ns or 1.0, moved.median_ns or 1.0
        head, _, rest = label.partition(", ")
        more = change_text(right / left)
        name = "\n".join(part for part in (head, rest, f"{more} when read") if part)
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
    x = vega.log_axis("value", title, vega.around([mark["value"] for mark in marks]), vega.TIME_LABEL, "end")
    y = vega.row_axis(names)
    looks = {"color": vega.PALETTE[:2], "shape": ("circle", "diamond"), "size": (170, 60)}
    channels = {channel: vega.nominal("touch", (_NONE, _MOVED), values) for channel, values in looks.items()}
    shown = vega.tips("Case", ("touch", "Measured with"), "Time", ("More", "Moved against none"))
    span = {"x": {**x, "field": "low"}, "x2": {"field": "high"}}
    layers = [
        vega.layer("pairs", {"type": "rule", "size": 2, "color": vega.GREY}, **span, y=y),
        vega.layer("marks", {"type": "point", "filled": True, "opacity": 1}, x=x, y=y, **channels, tooltip=shown),
    ]
    title, datasets = "Left alone, and read after the move", {"pairs": rows, "marks": marks}
    return vega.plot(title, names, layers, datasets, _ROW_PX * len(names), series=(_NONE, _MOVED))
