"""The charts of drift: how times changed inside trials and over blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pageswap.report.charts.selection import evenly
from pageswap.report.charts.vegalite import (
    GREY,
    PALETTE,
    PERCENT_LABEL,
    SHAPES,
    around,
    layer,
    log_axis,
    nominal,
    plot,
    tips,
)
from pageswap.report.sections.section import Section, notes
from pageswap.text.invisible_characters import visible
from pageswap.text.levels import levels_phrase
from pageswap.text.lists import clipped

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
        if scope == "blocks" and len(chosen) <= len(PALETTE):
            chosen.sort(key=lambda each: summary.hosts.index(each.host))
        plots.append(_drift_plot(summary, title, axis, chosen))
        flagged = sum(each.is_flagged for each in found)
        is_named = scope == "blocks" and bool(_host_names(chosen))
        told += notes("drift_lines", title, noun, len(chosen), len(found), flagged, is_named)
    return Section("drift", "Drift", told, tuple(plots)) if plots else None


def _drift_plot(summary: Summary, title: str, axis: str, drifts: Sequence[Drift]) -> Plot:
    names = {case.case_id: case.levels for case in summary.cases}
    rows: list[dict[str, Any]] = [
        {
            "line": number,
            "host": clipped(drift.host, _LONGEST_HOST),
            "x": place + 1,
            "value": value,
            "kind": "drifts" if drift.is_flagged else "steady",
            "Case": case_name(summary, drift.host, drift.case_id, names),
            "Place": str(place + 1),
            "Time": f"{(value - 1) * 100:+.1f} %",
            "Change": f"{drift.change * 100:+.1f} % from first to last",
        }
        for number, drift in enumerate(drifts)
        for place, value in enumerate(drift.profile)
        if value is not None
    ]
    domain = around([row["value"] for row in rows], always=[0.98, 1.02])
    y = log_axis("value", "Time, log scale", domain, PERCENT_LABEL)
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
        channels = {"color": nominal("host", series, PALETTE), "shape": nominal("host", series, SHAPES)}
    else:
        channels = {
            "color": nominal("kind", kinds, (GREY, PALETTE[1]), has_legend=False),
            "shape": nominal("kind", kinds, SHAPES[::2], has_legend=False),
        }
    line = {
        "color": channels["color"],
        "strokeWidth": nominal("kind", kinds, (1, 3), has_legend=False),
        "detail": {"field": "line", "type": "nominal"},
    }
    point = {"type": "point", "filled": True, "size": 30, "opacity": 0.85}
    layers = [
        layer("rows", {"type": "line", "opacity": 0.7}, x=x, y=y, **line),
        layer("rows", point, x=x, y=y, **channels, tooltip=tips("Case", ("Place", axis), "Time", "Change")),
    ]
    told = [
        f"{case_name(summary, each.host, each.case_id, names)}: {each.change * 100:+.1f} % from first to last"
        for each in drifts[:_MOST_DESCRIBED]
    ]
    return plot(title, told, layers, {"rows": rows}, _DRIFT_PX, series=series)


def _host_names(drifts: Sequence[Drift]) -> list[str]:
    """Name the lines of a chart of hosts for its legend; none where there is one, or too many to tell apart."""
    names = [visible(clipped(each.host, _LONGEST_HOST)) for each in drifts]
    is_told = all(not each.case_id for each in drifts) and 1 < len(names) <= len(PALETTE)
    return names if is_told and len(set(names)) == len(names) else []


def case_name(summary: Summary, host: str, case_id: str, levels: dict[str, dict[str, Any]]) -> str:
    """Name a case on a host by what varies in the run; ``levels`` has each case's by its id."""
    of_case = levels.get(case_id, {})
    name = levels_phrase({n: of_case[n] for n in summary.varying if n in of_case}) if case_id else "all cases"
    where = clipped(host, 60) if len(summary.hosts) > 1 or not case_id else ""
    return clipped(": ".join(part for part in (where, name or case_id) if part), 200)
