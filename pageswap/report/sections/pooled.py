"""The chart of what all hosts say together: each comparison's mean over hosts, with the hosts at the ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pageswap.report.charts.selection import evenly
from pageswap.report.charts.vegalite import (
    GREY,
    around,
    figure,
    figure_layers,
    layer,
    plot,
    reference_line,
    row_axis,
    tips,
)
from pageswap.report.sections.ratios import looks, quantity, value_axis
from pageswap.report.sections.section import Section
from pageswap.statistics.intervals import MINIMUM_N
from pageswap.text.levels import levels_phrase
from pageswap.text.lists import clipped, plural
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
_MARK = "Each mark is the geometric mean of the hosts' ratios."
_BAR = " The bar is its 95 % interval for hosts like these (a bootstrap of hosts, then of trials)."
_LINE = " The thin line spans the hosts, from the lowest to the highest."


def section(run: ReportedRun) -> Section | None:
    """Show each comparison over all hosts, where there are several."""
    found = sorted(run.findings.pooled, key=lambda each: -each.ratio)
    if not found:
        return None
    chosen = evenly(found, MOST_ROWS)
    notes = [f"{_MARK}{_BAR if any(each.interval for each in chosen) else ''}{_LINE}"]
    if len(chosen) < len(found):
        notes.append(f"{len(chosen)} of {plural(len(found), 'comparison')} are drawn, the ends among them.")
    few = sorted({each.hosts for each in chosen if not each.interval})
    if few:
        counts = f"{few[0]:,}" if len(few) == 1 else f"{few[0]:,} to {few[-1]:,}"
        notes.append(
            f"What {counts} hosts have in common has no interval and no verdict: that takes {MINIMUM_N} hosts or more, "
            "as fewer may all be of one kind."
        )
    return Section("pooled", "Over all hosts", tuple(notes), (_plot(run.every, chosen),))


def _plot(summary: Summary, pooled: Sequence[Pooled]) -> Plot:
    rows: list[dict[str, Any]] = []
    for each in pooled:
        label = clipped(levels_phrase({n: each.levels[n] for n in summary.varying if n in each.levels}), _LONGEST_NAME)
        text = ratio_text(each.ratio, each.interval)
        rows.append(
            {
                **figure(each.ratio, each.interval, text, "too few hosts"),
                "row": "\n".join([*label.split(", ", 1), text]),
                "Case": label,
                "lowest": each.lowest[1],
                "highest": each.highest[1],
                "Hosts": f"{each.hosts:,}",
                "Lowest": f"{ratio_text(each.lowest[1], None)} on {clipped(each.lowest[0], 60)}",
                "Highest": f"{ratio_text(each.highest[1], None)} on {clipped(each.highest[0], 60)}",
                "verdict": each.verdict,
                "Verdict": each.verdict,
            }
        )
    names = [row["row"] for row in rows]
    ends = [row[end] for row in rows for end in ("low", "high", "lowest", "highest")]
    axes = {"x": value_axis(summary, around(ends, always=[1.0])), "y": row_axis(names)}
    shown = tips("Case", ("Value", quantity(summary)), ("CI", "95 % CI"), "Hosts", "Lowest", "Highest", "Verdict")
    span = {**axes, "x": {**axes["x"], "field": "lowest"}, "x2": {"field": "highest"}}
    layers = [
        reference_line(axes["x"]),
        layer("rows", {"type": "rule", "size": 1, "color": GREY}, **span),
        *figure_layers("rows", "x", {**axes, **looks(summary, rows), "tooltip": shown}),
    ]
    return plot("Over all hosts", names, layers, {"rows": rows}, _ROW_PX * len(names))
