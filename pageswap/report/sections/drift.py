"""The charts of drift: how times changed inside trials and over blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pageswap.report.charts import vegalite as vega
from pageswap.report.charts.selection import evenly
from pageswap.report.sections.section import Section, case_name, notes
from pageswap.text.invisible_characters import visible
from pageswap.text.lists import clipped
from pageswap.text.numbers import change_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pageswap.analysis.checks.drift import Drift
    from pageswap.analysis.summary import Summary
    from pageswap.report.charts.vegalite import Plot
    from pageswap.report.sections.section import ReportedRun

MOST_LINES = 40
_MOST_DESCRIBED = 12
_DRIFT_PX = 200
_LONGEST_HOST = 40
_SCOPES = (("blocks", "Over the run", "Block", "host"), ("rounds", "Inside the trials", "Round of a trial", "case"))


def section(run: ReportedRun) -> Section | None:
    """Show how times changed over blocks and inside trials; what was found to drift stands out."""
    summary = run.every
    plots, told = [], notes("drift")
    for scope, title, axis, noun in _SCOPES:
        found = [
            each
            for each in run.findings.drift
            if each.scope == scope and sum(value is not None for value in each.profile) > 1
        ]
        if not found:
            continue
        chosen = sorted(found, key=lambda each: (not each.is_flagged, each.p))[:MOST_LINES]
        if scope == "blocks" and len(chosen) <= len(vega.PALETTE):
            chosen.sort(key=lambda each: summary.hosts.index(each.host))
        plots.append(_drift_plot(summary, title, axis, chosen))
        flagged = sum(each.is_flagged for each in found)
        is_named = scope == "blocks" and bool(_host_names(chosen))
        told += notes("drift_lines", title, noun, len(chosen), len(found), flagged, is_named)
    return Section("drift", "Drift", told, tuple(plots)) if plots else None


def _drift_plot(summary: Summary, title: str, axis: str, drifts: Sequence[Drift]) -> Plot:
    levels = {case.case_id: case.levels for case in summary.cases}
    names = [
        case_name(summary, each.host, levels.get(each.case_id, {})) or each.case_id
        if each.case_id
        else f"{clipped(each.host, _LONGEST_HOST)}: all cases"
        for each in drifts
    ]
    rows: list[dict[str, Any]] = [
        {
            "line": number,
            "host": clipped(drift.host, _LONGEST_HOST),
            "x": place + 1,
            "value": value,
            "kind": "drifts" if drift.is_flagged else "steady",
            "Case": name,
            "Place": str(place + 1),
            "Time": change_text(value),
            "Change": f"{change_text(1 + drift.change)} from first to last",
        }
        for number, (name, drift) in enumerate(zip(names, drifts, strict=True))
        for place, value in enumerate(drift.profile)
        if value is not None
    ]
    domain = vega.around([row["value"] for row in rows], always=[0.98, 1.02])
    y = vega.log_axis("value", "Time, log scale", domain, vega.PERCENT_LABEL)
    last = max(int(row["x"]) for row in rows)
    places = evenly(range(1, last + 1), min(last, 11))
    x = {
        "field": "x",
        "type": "quantitative",
        "title": axis,
        "scale": {"domain": [1, last], "nice": False},
        "axis": {"format": "d", "values": places, "grid": False, "labelOverlap": "greedy"},
    }
    kinds, series = ("steady", "drifts"), _host_names(drifts)
    if series:
        channels = {
            "color": vega.nominal("host", series, vega.PALETTE),
            "shape": vega.nominal("host", series, vega.SHAPES),
        }
    else:
        channels = {
            "color": vega.nominal("kind", kinds, (vega.GREY, vega.PALETTE[1]), has_legend=False),
            "shape": vega.nominal("kind", kinds, vega.SHAPES[::2], has_legend=False),
        }
    line = {
        "color": channels["color"],
        "strokeWidth": vega.nominal("kind", kinds, (1, 3), has_legend=False),
        "detail": {"field": "line", "type": "nominal"},
    }
    point = {"type": "point", "filled": True, "size": 30, "opacity": 0.85}
    layers = [
        vega.layer("rows", {"type": "line", "opacity": 0.7}, x=x, y=y, **line),
        vega.layer("rows", point, x=x, y=y, **channels, tooltip=vega.tips("Case", ("Place", axis), "Time", "Change")),
    ]
    told = [
        f"{name}: {change_text(1 + each.change)} from first to last"
        for name, each in zip(names[:_MOST_DESCRIBED], drifts, strict=False)
    ]
    return vega.plot(title, told, layers, {"rows": rows}, _DRIFT_PX, series=series)


def _host_names(drifts: Sequence[Drift]) -> list[str]:
    """Name the lines of a chart of hosts for its legend; none where there is one, or too many to tell apart."""
    names = [visible(clipped(each.host, _LONGEST_HOST)) for each in drifts]
    is_told = all(not each.case_id for each in drifts) and 1 < len(names) <= len(vega.PALETTE)
    return names if is_told and len(set(names)) == len(names) else []
