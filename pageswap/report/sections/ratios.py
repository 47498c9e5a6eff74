"""The charts of ratios: each case's value with its interval, and its blocks as dots below."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

from pageswap.analysis.verdicts import FASTER, NO_DIFFERENCE, NOT_COMPARED, SLOWER, TOO_FEW
from pageswap.report.charts.selection import evenly, select, value_of
from pageswap.report.charts.vegalite import GREY, around, layer, log_axis, plot, row_axis, tips
from pageswap.report.sections.section import Section
from pageswap.text.invisible_characters import visible
from pageswap.text.levels import levels_phrase, operation
from pageswap.text.lists import clipped
from pageswap.text.numbers import interval_text, nanoseconds_text, ratio_text, rounded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pageswap.analysis.summary import CaseSummary, Summary
    from pageswap.report.charts.selection import Group, Selection
    from pageswap.report.charts.vegalite import Plot, Spec
    from pageswap.report.sections.section import ReportedRun

_ROW_PX = 56
# Below the row's middle, where the value and its interval are.
_DOTS_PX = (38, 52)
LONGEST_BASELINE = 32
_AGAINST_BASELINE = (
    " Each block compares a case with the baseline of the same block, both by the faster half of their rounds, so what "
    "slowed both cancels, and what disturbed a few rounds. A triangle that points up is faster than the baseline, one "
    "that points down slower, a disc not shown to differ, a diamond measured too few times to say."
)
_LOOKS = {
    FASTER: ("#0072B2", "triangle-up"),
    SLOWER: ("#D55E00", "triangle-down"),
    NO_DIFFERENCE: (GREY, "circle"),
    TOO_FEW: (GREY, "diamond"),
    NOT_COMPARED: ("#009E73", "square"),
}


def section(run: ReportedRun) -> Section:
    """Show each case against the baseline, or its time where there is none, with its blocks."""
    summary = run.summary
    selection = select(summary, "host" if run.is_grouped else "block")
    dot = "one host" if run.is_grouped else "one block, in the order of time from top to bottom"
    note = f"The large mark is the median, the bar its 95 % confidence interval, each small dot below {dot}."
    notes = [f"{note}{_AGAINST_BASELINE if summary.has_baseline else ''}"]
    notes += [selection.left_out] if selection.left_out else []
    title = "Speed against the baseline" if summary.has_baseline else "Time per operation"
    return Section("ratios", title, tuple(notes), tuple(ratio_plots(summary, selection)))


def ratio_plots(summary: Summary, selection: Selection) -> list[Plot]:
    """Draw the selected groups, all with the same logarithmic axis so that they can be compared by eye."""
    cases = [case for group in selection.groups for _, case in group.rows]
    dots = {
        (case.host, case.case_id): evenly(
            summary.block_values.get((case.host, case.case_id), []), selection.dots_per_case
        )
        for case in cases
    }
    domain = _domain(summary, cases, [value for found in dots.values() for _, value in found])
    rows = [[_row(summary, label, case) for label, case in group.rows] for group in selection.groups]
    labels = [visible(row["row"]) for group in rows for row in group]
    return [
        _plot(summary, group, found, _Frame(dots, domain, labels))
        for group, found in zip(selection.groups, rows, strict=True)
    ]


@dataclasses.dataclass(frozen=True)
class _Frame:
    """What all charts of a section share: the dots of their cases, the axis, and all rows' labels."""

    dots: dict[tuple[str, str], list[tuple[int, float]]]
    domain: tuple[float, float]
    labels: list[str]


def quantity(summary: Summary) -> str:
    """Name what is drawn: the speed relative to the baseline, or a time."""
    if not summary.has_baseline:
        return f"ns per {operation(summary.workload)}"
    return f"Speed relative to {visible(clipped(levels_phrase(summary.baseline), LONGEST_BASELINE))}"


def _plot(summary: Summary, group: Group, rows: list[dict[str, Any]], frame: _Frame) -> Plot:
    points = [
        {
            "row": row["row"],
            "Case": row["Case"],
            "block": block,
            "value": value,
            "Block": str(block),
            "Value": _value_text(summary, value),
        }
        for row, (_, case) in zip(rows, group.rows, strict=True)
        for block, value in frame.dots[case.host, case.case_id]
    ]
    names = [visible(row["row"]) for row in rows]
    told = [
        f"{str(row['row']).replace(chr(10), ': ')}{f', {case.held}' if case.held else ''}"
        for row, (_, case) in zip(rows, group.rows, strict=True)
    ]
    description = f"{group.title}. " + "; ".join(told)
    datasets = {
        "rows": [{"row": row["row"]} for row in rows],
        "baseline": [{"value": 1}],
        "blocks": points,
        "measured": [row for row in rows if "value" in row],
    }
    return plot(group.title, description, _layers(summary, names, frame, datasets), datasets, _ROW_PX * len(names))


def _row(summary: Summary, label: str, case: CaseSummary) -> dict[str, Any]:
    value = value_of(case, summary)
    interval = case.ratio_ci if summary.has_baseline else case.median_ci
    what = f"ns per {operation(summary.workload)}"
    statuses = ", ".join(f"{status} {count}" for status, count in case.statuses.items()) or "no outcome yet"
    row: dict[str, Any] = {"Case": label, "Trials": statuses, "verdict": case.verdict}
    if case.median_ns:
        row["Time"] = f"{nanoseconds_text(case.median_ns, case.median_ci)} {what}"
    if value is None:
        reason = case.endings[0].status if not case.n and case.endings else case.note
        return {"row": f"{label}\n{reason}"}
    text = ratio_text(value, interval) if summary.has_baseline else f"{nanoseconds_text(value, interval)} ns"
    return {
        **row,
        "row": f"{label}\n{text}{f', {case.verdict}' if summary.has_baseline else ''}",
        "value": value,
        "low": interval.low if interval else value,
        "high": interval.high if interval else value,
        "Value": text,
        "CI": interval_text(value, interval) or "too few blocks",
        "Blocks": str(case.ratio_n if summary.has_baseline else case.n),
        "Verdict": case.told,
    }


def _value_text(summary: Summary, value: float) -> str:
    digits = 3 - math.floor(math.log10(value))
    return f"{rounded(value, digits)}{'x' if summary.has_baseline else ' ns'}"


def value_axis(summary: Summary, domain: tuple[float, float], field: str = "value") -> Spec:
    """Give the horizontal axis of ratios, or of times."""
    suffix = " + 'x'" if summary.has_baseline else ""
    return log_axis(field, f"{quantity(summary)} (log scale)", domain, f"format(datum.value, ','){suffix}", "end")


def looks(summary: Summary, rows: Sequence[dict[str, Any]]) -> tuple[Spec, Spec]:
    """Give the colour and the shape of the verdicts that are there."""
    chosen = _LOOKS if summary.has_baseline else dict.fromkeys(_LOOKS, _LOOKS[NOT_COMPARED])
    used = [verdict for verdict in chosen if any(row.get("verdict") == verdict for row in rows)]
    colour, shape = (
        {
            "field": "verdict",
            "type": "nominal",
            "legend": None,
            "scale": {"domain": used, "range": [chosen[verdict][part] for verdict in used]},
        }
        for part in (0, 1)
    )
    return colour, shape


def _layers(summary: Summary, names: list[str], frame: _Frame, datasets: dict[str, list[dict[str, Any]]]) -> list[Spec]:
    x, y = value_axis(summary, frame.domain), row_axis(names, frame.labels, is_centred=False)
    # Nothing is drawn of it, but each row has its place and its label, also one without a value.
    layers = [layer("rows", {"type": "point", "opacity": 0, "tooltip": None}, y=y)]
    if summary.has_baseline:
        rule = {"type": "rule", "strokeDash": [4, 3], "color": GREY, "size": 1.5}
        layers.append(layer("baseline", rule, x=x))
    if datasets["blocks"]:
        offset = {"field": "block", "type": "quantitative", "scale": {"range": list(_DOTS_PX)}}
        shown = tips("Case", "Block", ("Value", quantity(summary)))
        mark = {"type": "circle", "size": 26, "opacity": 0.65, "color": GREY}
        layers.append(layer("blocks", mark, x=x, y=y, yOffset=offset, tooltip=shown))
    if datasets["measured"]:
        colour, shape = looks(summary, datasets["measured"])
        shown = tips("Case", ("Value", quantity(summary)), ("CI", "95 % CI"), "Blocks")
        shown += tips("Time", "Verdict") if summary.has_baseline else []
        shown += tips("Trials")
        low = value_axis(summary, frame.domain, "low")
        interval = {"type": "rule", "size": 3}
        layers.append(layer("measured", interval, x=low, x2={"field": "high"}, y=y, color=colour, tooltip=shown))
        point = {"type": "point", "size": 110, "filled": True, "opacity": 1}
        layers.append(layer("measured", point, x=x, y=y, color=colour, shape=shape, tooltip=shown))
    return layers


def _domain(summary: Summary, cases: Sequence[CaseSummary], values: list[float]) -> tuple[float, float]:
    intervals = [case.ratio_ci if summary.has_baseline else case.median_ci for case in cases]
    ends = [end for interval in intervals if interval for end in (interval.low, interval.high)]
    return around([*values, *ends], always=[1.0] if summary.has_baseline else [])
