"""The chart of what all hosts say together: each comparison's mean over hosts, with the hosts at the ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pageswap.report.charts import vegalite as vega
from pageswap.report.charts.selection import evenly
from pageswap.report.sections.ratios import looks, quantity, value_axis
from pageswap.report.sections.section import Section, notes
from pageswap.text.levels import levels_phrase
from pageswap.text.lists import clipped
from pageswap.text.numbers import ratio_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pageswap.analysis.checks.pooled_hosts import Pooled
    from pageswap.analysis.summary import Summary
    from pageswap.report.charts.vegalite import Plot
    from pageswap.report.sections.section import ReportedRun

MOST_ROWS = 24
_ROW_PX = 54
_LONGEST_NAME = 160


def section(run: ReportedRun) -> Section | None:
    """Show each comparison over all hosts, where there are several."""
    found = sorted(run.findings.pooled, key=lambda each: -each.comparison.ratio)
    if not found:
        return None
    chosen = evenly(found, MOST_ROWS)
    return Section("pooled", "Over all hosts", notes("pooled", chosen, found), (_plot(run.every, chosen),))


def _plot(summary: Summary, pooled: Sequence[Pooled]) -> Plot:
    rows: list[dict[str, Any]] = []
    for each in pooled:
        label = clipped(levels_phrase({n: each.levels[n] for n in summary.varying if n in each.levels}), _LONGEST_NAME)
        found = each.comparison
        text = ratio_text(found.ratio, found.interval)
        rows.append(
            {
                **vega.figure(found.ratio, found.interval, text, "too few hosts"),
                "row": "\n".join([*label.split(", ", 1), text]),
                "Case": label,
                "lowest": each.lowest[1],
                "highest": each.highest[1],
                "Hosts": f"{found.n:,}",
                "Lowest": f"{ratio_text(each.lowest[1], None)} on {clipped(each.lowest[0], 60)}",
                "Highest": f"{ratio_text(each.highest[1], None)} on {clipped(each.highest[0], 60)}",
                "verdict": found.verdict,
                "Verdict": found.verdict,
            }
        )
    names = [row["row"] for row in rows]
    ends = [row[end] for row in rows for end in ("low", "high", "lowest", "highest")]
    axes = {"x": value_axis(summary, vega.around(ends, always=[1.0])), "y": vega.row_axis(names)}
    shown = vega.tips("Case", ("Value", quantity(summary)), ("CI", "95 % CI"), "Hosts", "Lowest", "Highest", "Verdict")
    span = {**axes, "x": {**axes["x"], "field": "lowest"}, "x2": {"field": "highest"}}
    layers = [
        vega.reference_line(axes["x"]),
        vega.layer("rows", {"type": "rule", "size": 1, "color": vega.GREY}, **span),
        *vega.figure_layers("rows", "x", {**axes, **looks(summary, rows), "tooltip": shown}),
    ]
    return vega.plot("Over all hosts", names, layers, {"rows": rows}, _ROW_PX * len(names))
