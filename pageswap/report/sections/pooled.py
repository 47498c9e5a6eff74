"""The chart of what all hosts say together: each comparison's mean over hosts, with the hosts at the ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pageswap.report.charts.selection import evenly
from pageswap.report.charts.vegalite import GREY, around, layer, plot, row_axis, tips
from pageswap.report.sections.ratios import looks, quantity, value_axis
from pageswap.report.sections.section import Section
from pageswap.statistics.intervals import MINIMUM_N
from pageswap.text.levels import levels_phrase
from pageswap.text.lists import clipped, plural
from pageswap.text.numbers import interval_text, ratio_text

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
    rows = []
    for each in pooled:
        label = clipped(levels_phrase({n: each.levels[n] for n in summary.varying if n in each.levels}), _LONGEST_NAME)
        head, _, rest = label.partition(", ")
        text = ratio_text(each.ratio, each.interval)
        rows.append(
            {
                "row": "\n".join(part for part in (head, rest, text) if part),
                "Case": label,
                "value": each.ratio,
                "low": each.interval.low if each.interval else each.ratio,
                "high": each.interval.high if each.interval else each.ratio,
                "lowest": each.lowest[1],
                "highest": each.highest[1],
                "Value": text,
                "CI": interval_text(each.ratio, each.interval) or "too few hosts",
                "Hosts": f"{each.hosts:,}",
                "Lowest": f"{ratio_text(each.lowest[1], None)} on {clipped(each.lowest[0], 60)}",
                "Highest": f"{ratio_text(each.highest[1], None)} on {clipped(each.highest[0], 60)}",
                "verdict": each.verdict,
                "Verdict": each.verdict,
            }
        )
    names = [str(row["row"]) for row in rows]
    domain = around(
        [float(str(row[end])) for row in rows for end in ("low", "high", "lowest", "highest")], always=[1.0]
    )
    colour, shape = looks(summary, rows)
    x, y = value_axis(summary, domain), row_axis(names)
    low, lowest = value_axis(summary, domain, "low"), value_axis(summary, domain, "lowest")
    shown = tips("Case", ("Value", quantity(summary)), ("CI", "95 % CI"), "Hosts", "Lowest", "Highest", "Verdict")
    point = {"type": "point", "size": 110, "filled": True, "opacity": 1}
    layers = [
        layer("baseline", {"type": "rule", "strokeDash": [4, 3], "color": GREY, "size": 1.5}, x=x),
        layer("rows", {"type": "rule", "size": 1, "color": GREY}, x=lowest, x2={"field": "highest"}, y=y),
        layer("rows", {"type": "rule", "size": 3}, x=low, x2={"field": "high"}, y=y, color=colour, tooltip=shown),
        layer("rows", point, x=x, y=y, color=colour, shape=shape, tooltip=shown),
    ]
    described = "; ".join(name.replace("\n", ": ") for name in names)
    datasets = {"baseline": [{"value": 1}], "rows": rows}
    return plot("Over all hosts", f"Over all hosts. {described}", layers, datasets, _ROW_PX * len(names))
