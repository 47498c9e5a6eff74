"""The charts of ratios: all cases of a usual run, a bounded choice of a huge one; what all hosts say together."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from pageswap.analysis.verdicts import FASTER, NO_DIFFERENCE, NOT_COMPARED, SLOWER, TOO_FEW
from pageswap.answers.faster import change_of
from pageswap.report.charts import vegalite as vega
from pageswap.report.sections.section import Section, note, notes, section_of, speeds
from pageswap.text.numbers import figure_text, ratio_text, with_digits
from pageswap.text.words import clipped, level_text, levels_phrase, operation, visible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pageswap.analysis.explanations.several_hosts import Pooled
    from pageswap.analysis.summary import CaseSummary, Summary
    from pageswap.report.charts.vegalite import Plot, Spec
    from pageswap.report.sections.reported_run import ReportedRun
    from pageswap.statistics.intervals import Interval

    # The label of each row of a plot, and its case.
    Rows = list[tuple[str, CaseSummary]]

MOST_PLOTS = 12
MOST_ROWS = 24
MOST_DOTS = 3_000
MOST_POOLED = 24
_ROW_PX = 56
_LONGEST_NAME = 160
# Below the row's middle, where the value and its interval are.
_DOTS_PX = (38, 52)
_LONGEST_BASELINE = 32
LOOKS = {
    FASTER: ("#0072B2", "triangle-up"),
    SLOWER: ("#D55E00", "triangle-down"),
    NO_DIFFERENCE: (vega.GREY, "circle"),
    TOO_FEW: (vega.GREY, "diamond"),
    NOT_COMPARED: ("#009E73", "square"),
}


@dataclasses.dataclass(frozen=True)
class Selection:
    """The plots to draw, how many dots each of their cases may have, and how much of all that is.

    ``groups`` has the rows of each plot by its title. ``cases`` are those drawn of ``of_cases``, ``dots`` those that
    the case with most of them has.
    """

    groups: dict[str, Rows]
    dots_per_case: int
    cases: int
    of_cases: int
    dots: int


def select(summary: Summary) -> Selection:
    """Choose what to draw: at most `MOST_PLOTS` plots of `MOST_ROWS` rows with `MOST_DOTS` dots in all.

    Plots, and rows of a plot, are taken evenly, the ones with the smallest and the largest value always among them.
    """

    def values(rows: Iterable[tuple[str, CaseSummary]]) -> list[float]:
        return [value for _, case in rows if (value := figure_of(summary, case)[0]) is not None]

    groups = _groups(summary)
    # A chart of nothing says less than the table does.
    groups = {title: rows for title, rows in groups.items() if values(rows)} or groups
    drawn = {
        title: _with_extremes(rows, MOST_ROWS, lambda row: values([row]))
        for title, rows in _with_extremes(list(groups.items()), MOST_PLOTS, lambda group: values(group[1]))
    }
    cases = [case for rows in drawn.values() for _, case in rows]
    return Selection(
        groups=drawn,
        dots_per_case=max(1, MOST_DOTS // max(1, len(cases))),
        cases=len(cases),
        of_cases=sum(map(len, groups.values())),
        dots=max((len(summary.block_values.get((case.host, case.case_id), ())) for case in cases), default=0),
    )


def figure_of(summary: Summary, case: CaseSummary) -> tuple[float | None, Interval | None]:
    """Return what is drawn of a case: its ratio, or its median ns in a run without a baseline; and its interval."""
    return (case.ratio, case.ratio_ci) if summary.baseline else (case.median_ns, case.median_ci)


def _groups(summary: Summary) -> dict[str, Rows]:
    """Return the rows of each plot by its title: cases that share every level but the compared ones.

    Where the baseline names no method, each method is compared with itself: then they share what is compared, and the
    rows are the others.
    """
    others = [name for name in summary.varying if name not in _row_factors(summary)]
    rows: dict[str, Rows] = {}
    for case in (each for each in summary.cases if not summary.is_baseline(each)):
        label = contender_label(summary, case)
        where = levels_phrase({name: case.levels[name] for name in others if name in case.levels})
        if is_of_conditions(summary) and others:
            label, where = ", ".join(level_text(name, case.levels.get(name)) for name in others), label
        title = f"With {where}" if where else "All cases"
        if len(summary.hosts) > 1:
            title = f"{clipped(case.host, 80)}{f', with {where}' if where else ''}"
        rows.setdefault(title, []).append((label, case))
    return rows


def _with_extremes(items: list[vega.T], most: int, values: Callable[[vega.T], Iterable[float]]) -> list[vega.T]:
    """Return at most so many items, the ones with the smallest and the largest value always among them."""
    ranked = sorted((value, index) for index, item in enumerate(items) for value in values(item))
    kept = {index for _, index in (*ranked[:1], *ranked[-1:])}
    for index in vega.evenly(range(len(items)), most):
        kept |= {index} if len(kept) < most else set()
    return [items[index] for index in sorted(kept)]


def is_of_conditions(summary: Summary) -> bool:
    """Say whether cases are compared with themselves under other conditions: the baseline names no method."""
    return bool(summary.baseline) and "method" not in summary.baseline


def contender_label(summary: Summary, case: CaseSummary) -> str:
    """Name what is compared with the baseline; a change of conditions by what it changes."""
    if is_of_conditions(summary):
        return change_of(summary, case)[0]
    return ", ".join(level_text(name, case.levels.get(name)) for name in _row_factors(summary))


def _row_factors(summary: Summary) -> tuple[str, ...]:
    if summary.baseline:
        return tuple(summary.baseline)
    return ("method",) if "method" in summary.varying or not summary.varying else (summary.varying[0],)


def section(run: ReportedRun) -> Section:
    """Show each case against the baseline, or its time where there is none, with its blocks."""
    summary = run.summary
    selection = select(summary)
    told = notes("ratios", summary.baseline, "host" if run.is_grouped else "block", selection)
    title = "Speed against the baseline" if summary.baseline else "Time per operation"
    return Section("ratios", title, told, tuple(ratio_plots(summary, selection)))


def ratio_plots(summary: Summary, selection: Selection) -> list[Plot]:
    """Draw the selected groups, all with the same logarithmic axis so that they can be compared by eye."""
    cases = [case for found in selection.groups.values() for _, case in found]
    keys = [(case.host, case.case_id) for case in cases]
    dots = {key: vega.evenly(summary.block_values.get(key, []), selection.dots_per_case) for key in keys}
    values = [value for found in dots.values() for _, value in found]
    for interval in (figure_of(summary, case)[1] for case in cases):
        values += [interval.low, interval.high] if interval else []
    domain = vega.around(values, always=[1.0] if summary.baseline else [])
    label = vega.SPEED_LABEL if summary.baseline else vega.COUNT_LABEL
    x = vega.log_axis("value", f"{quantity(summary)} (log scale)", domain, label, "end")
    rows = [[_row(summary, label, case) for label, case in found] for found in selection.groups.values()]
    labels = [row["row"] for group in rows for row in group]
    axes = [{"x": x, "y": vega.row_axis([row["row"] for row in found], labels, is_centred=False)} for found in rows]
    return [_plot(summary, *each, dots) for each in zip(selection.groups.items(), rows, axes, strict=True)]


def quantity(summary: Summary, what: str = "Speed") -> str:
    """Name what is drawn: the speed, or ``what`` else, relative to the baseline's; or a time where there is none."""
    if not summary.baseline:
        return f"ns per {operation(summary.workload)}"
    return f"{what} relative to {visible(clipped(levels_phrase(summary.baseline), _LONGEST_BASELINE))}"


def _plot(
    summary: Summary,
    group: tuple[str, Rows],
    rows: list[dict[str, Any]],
    axes: Mapping[str, Spec],
    dots: Mapping[tuple[str, str], Sequence[tuple[int, float]]],
) -> Plot:
    unit = "x" if summary.baseline else " ns"
    blocks = [
        {"row": row["row"], "Case": row["Case"], "block": block, "value": value, "Block": str(block)}
        | {"Value": f"{with_digits(value, 4)}{unit}"}
        for row, (_, case) in zip(rows, group[1], strict=True)
        for block, value in dots[case.host, case.case_id]
    ]
    measured = [row for row in rows if "value" in row]
    offset = {"field": "block", "type": "quantitative", "scale": {"range": list(_DOTS_PX)}}
    dot = {"type": "circle", "size": 26, "opacity": 0.65, "color": vega.GREY}
    of_block = vega.tips("Case", "Block", ("Value", quantity(summary)))
    of_case = vega.tips("Case", ("Value", quantity(summary)), ("CI", "95 % CI"), "Blocks")
    of_case += vega.tips("Time", "Verdict", "Trials") if summary.baseline else vega.tips("Trials")
    layers = [
        # Nothing is drawn of it, but each row has its place and its label, also one without a value.
        vega.layer("rows", {"type": "point", "opacity": 0, "tooltip": None}, y=axes["y"]),
        *([vega.reference_line(axes["x"])] if summary.baseline else []),
        vega.layer("blocks", dot, **axes, yOffset=offset, tooltip=of_block),
        *vega.figure_layers("measured", "x", {**axes, **looks(summary, measured), "tooltip": of_case}),
    ]
    told = [
        f"{row['row']}{f', {case.held}' if case.held else ''}" for row, (_, case) in zip(rows, group[1], strict=True)
    ]
    datasets = {"rows": [{"row": row["row"]} for row in rows], "blocks": blocks, "measured": measured}
    return vega.plot(group[0], told, layers, datasets, _ROW_PX * len(rows))


def _row(summary: Summary, label: str, case: CaseSummary) -> dict[str, Any]:
    value, interval = figure_of(summary, case)
    if value is None:
        reason = case.endings[0].status if not case.n and case.endings else case.note
        return {"row": visible(f"{label}\n{reason}"), "Case": label}
    time = f"{figure_text(case.median_ns or 0, case.median_ci)} ns"
    text = ratio_text(value, interval) if summary.baseline else time
    told = f"{text}, {case.verdict}" if summary.baseline else time
    if case.verdict in (FASTER, SLOWER):
        told, _ = speeds("", case.verdict, [(value, interval)])
    return {
        **vega.figure(value, interval, text),
        "row": visible(f"{label}\n{told}"),
        "Case": label,
        "Time": f"{time} per {operation(summary.workload)}",
        "Blocks": str(case.ratio_n if summary.baseline else case.n),
        "verdict": case.verdict,
        "Verdict": case.told,
        "Trials": ", ".join(f"{status} {count}" for status, count in case.statuses.items()),
    }


def looks(summary: Summary, rows: Sequence[Mapping[str, Any]]) -> dict[str, Spec]:
    """Return the channels of colour and shape for the verdicts that are there."""
    chosen = LOOKS if summary.baseline else dict.fromkeys(LOOKS, LOOKS[NOT_COMPARED])
    used = [verdict for verdict in chosen if any(row["verdict"] == verdict for row in rows)]
    return {
        channel: vega.nominal("verdict", used, [chosen[verdict][part] for verdict in used], has_legend=False)
        for part, channel in enumerate(("color", "shape"))
    }


def over_all_hosts(run: ReportedRun) -> Section | None:
    """Show each comparison over all hosts, where there are several."""
    found = sorted(run.findings.pooled, key=lambda each: -each.comparison.ratio)
    chosen = vega.evenly(found, MOST_POOLED)
    plots = [_pooled_plot(run.every, chosen)] if chosen else []
    return section_of("pooled", "Over all hosts", notes("pooled", chosen, found), plots)


def _pooled_plot(summary: Summary, pooled: Sequence[Pooled]) -> Plot:
    rows: list[dict[str, Any]] = []
    for each in pooled:
        label = clipped(levels_phrase({n: each.levels[n] for n in summary.varying if n in each.levels}), _LONGEST_NAME)
        found = each.comparison
        told, _ = speeds("", found.verdict, [(found.ratio, found.interval)])
        rows.append(
            {
                **vega.figure(found.ratio, found.interval, ratio_text(found.ratio, found.interval), "too few hosts"),
                "row": "\n".join([*label.split(", ", 1), told]),
                "Case": label,
                "lowest": each.lowest[1],
                "highest": each.highest[1],
                "Hosts": f"{found.n:,}",
                "Lowest": note("host_end", *each.lowest),
                "Highest": note("host_end", *each.highest),
                "verdict": found.verdict,
                "Verdict": found.verdict,
            }
        )
    names = [row["row"] for row in rows]
    ends = [row[end] for row in rows for end in ("low", "high", "lowest", "highest")]
    domain = vega.around(ends, always=[1.0])
    x = vega.log_axis("value", f"{quantity(summary)} (log scale)", domain, vega.SPEED_LABEL, "end")
    axes = {"x": x, "y": vega.row_axis(names)}
    shown = vega.tips("Case", ("Value", quantity(summary)), ("CI", "95 % CI"), "Hosts", "Lowest", "Highest", "Verdict")
    span = {**axes, "x": {**x, "field": "lowest"}, "x2": {"field": "highest"}}
    layers = [
        vega.reference_line(x),
        vega.layer("rows", {"type": "rule", "size": 1, "color": vega.GREY}, **span),
        *vega.figure_layers("rows", "x", {**axes, **looks(summary, rows), "tooltip": shown}),
    ]
    return vega.plot("Over all hosts", names, layers, {"rows": rows}, _ROW_PX * len(names))
