"""Where the time goes: the calls a swap is made of, what is paid later, how near copies come to the memory's limit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pageswap.analysis.explanations.costs import CostPart, CostStack
from pageswap.report.charts import vegalite as vega
from pageswap.report.sections.section import Grid, Heading, Section, case_name, notes, number, section_of
from pageswap.text.numbers import change_text, figure_text, interval_text, scaled, share_text, with_digits
from pageswap.text.words import clipped, level_text, operation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pageswap.analysis.findings import Findings
    from pageswap.analysis.summary import CaseSummary, Summary
    from pageswap.report.charts.vegalite import Plot
    from pageswap.report.sections.reported_run import ReportedRun

MOST_STACKS = 16
MOST_PAIRS = 24
_ROW_PX = 54
# So many letters fit into the longest bar; fewer than these tell nothing.
_LETTERS, _FEWEST_LETTERS = 60, 6
_REST = "not explained"
# The levels of touch that read a page after its move, and what is said of its time then.
_READ = {"moved": "when read", "every": "when each 4 KiB is read"}
_REST_GREY = "#B0B0B0"


def section(run: ReportedRun) -> Section | None:
    """Show the stacks of calls and the shares of the physical limit, as far as they are known."""
    summary, findings, is_of_calls = run.every, run.findings, run.every.workload == "call"
    stacks = [stack for stack in findings.costs if not stack.obstacle]
    chosen = vega.evenly(stacks, MOST_STACKS)
    told = notes("costs", is_of_calls, len(chosen), len(stacks), run.calls) if chosen else ()
    told += notes("limit", run.limit) if findings.shares else ()
    plots = [_stacks(summary, chosen)] if chosen else []
    grids = [_layers_of_calls(summary, chosen)] if chosen and is_of_calls else []
    return section_of("costs", "Where the time goes", told, plots, [*grids, _shares(summary, findings)])


def _stacks(summary: Summary, stacks: Sequence[CostStack]) -> Plot:
    parts: list[dict[str, Any]] = []
    totals: list[dict[str, Any]] = []
    what = operation(summary.workload)
    for stack in stacks:
        total = f"{with_digits(stack.total_ns, 3)} ns"
        where = case_name(summary, stack.host, stack.levels, ("method",))
        name = "\n".join(part for part in (level_text("method", stack.method), where, total) if part)
        totals.append({"row": name, "total": stack.total_ns, "Case": stack.method, "Time": total})
        start = 0.0
        rest = [CostPart(_REST, _REST, stack.rest_ns)] if stack.rest_ns > 0 else []
        for part, ns in zip((*stack.parts, *rest), _widths(stack, rest), strict=True):
            time = f"{_time(part)} ns, {_share(part, stack)} of the {what}"
            of_part = {"Case": stack.method, "Part": part.name, "Call": part.call, "Time": time}
            parts.append({"row": name, "from": start, "to": start + ns, **of_part})
            start += ns
    names = [total["row"] for total in totals]
    longest = max(stack.total_ns for stack in stacks)
    inside = [
        {"row": part["row"], "middle": (part["from"] + part["to"]) / 2, "text": clipped(part["Part"], letters)}
        for part in parts
        if (letters := int((part["to"] - part["from"]) / longest * _LETTERS)) >= _FEWEST_LETTERS
    ]
    order = sorted(dict.fromkeys(part["Part"] for part in parts), key=lambda kind: kind == _REST)
    colours = [_REST_GREY if kind == _REST else vega.PALETTE[index % 6] for index, kind in enumerate(order)]
    axis = {"labelExpr": "format(datum.value, ',') + ' ns'", "tickCount": 5, **vega.LABELS_APART, "labelFlush": 20}
    x = {"field": "from", "type": "quantitative", "title": f"Time of one {what}", "axis": axis, "scale": {"zero": True}}
    y, colour = vega.row_axis(names), vega.nominal("Part", order, colours)
    bar = {"type": "bar", "height": 20, "stroke": "white", "strokeWidth": 1}
    words = {"type": "text", "fontSize": 11, "dy": -17}
    tick = {"type": "tick", "thickness": 3, "size": 30, "color": vega.GREY}
    shown, measured = vega.tips("Case", "Part", "Call", "Time"), vega.tips("Case", ("Time", f"Measured {what}"))
    layers = [
        vega.layer("parts", bar, x=x, x2={"field": "to"}, y=y, color=colour, tooltip=shown),
        vega.layer("inside", words, x={**x, "field": "middle"}, y=y, text={"field": "text", "type": "nominal"}),
        vega.layer("totals", tick, x={**x, "field": "total"}, y=y, tooltip=measured),
    ]
    told = [f"{part['Case']}: {part['Part']} {part['Time']}" for part in parts]
    title = "One call and the calls inside it" if summary.workload == "call" else "One swap as the calls it makes"
    datasets = {"parts": parts, "inside": inside, "totals": totals}
    return vega.plot(title, told, layers, datasets, _ROW_PX * len(names), series=order)


def _layers_of_calls(summary: Summary, stacks: Sequence[CostStack]) -> Grid:
    """List what each call holds, with intervals."""
    rows = tuple(
        (where or stack.method, part.name, part.call, _time(part), _share(part, stack))
        for stack in stacks
        for where in [case_name(summary, stack.host, stack.levels, ("method",))]
        for part in stack.parts
    )
    heads = map(Heading, ("Condition", "Part", "Taken from"))
    columns = (*heads, number("Time", "ns [95 % CI]"), number("Share", "of the call [95 % CI]"))
    return Grid(f"What {stacks[0].method} holds", columns, rows, head=2)


def _widths(stack: CostStack, rest: Sequence[CostPart]) -> list[float]:
    """Return each part's length in ns: medians of shares need not add up to that of the whole; as drawn they do."""
    shares = [max(0.0, part.share or 0.0) for part in stack.parts]
    if not sum(shares):
        return [part.ns for part in (*stack.parts, *rest)]
    return [stack.total_ns * share / sum(shares) for share in shares]


def _time(part: CostPart) -> str:
    ends = part.interval
    return f"{figure_text(part.ns, ends)} [{interval_text(part.ns, ends)}]" if ends else with_digits(part.ns, 3)


def _share(part: CostPart, stack: CostStack) -> str:
    return share_text(part.ns / stack.total_ns if part.share is None else part.share, part.share_interval)


def _shares(summary: Summary, findings: Findings) -> Grid:
    of_case = {(case.host, case.case_id): case for case in summary.cases}
    rows = tuple(
        (
            case_name(summary, case.host, case.levels) or case.case_id,
            share_text(share.share, share.interval),
            f"{scaled(case.bytes_per_s or 0, case.median_ci, case.median_ns or 0)}B/s",
            f"{scaled(share.limit_bytes_per_s, None, 1)}B/s by {share.method}",
        )
        for key, share in sorted(findings.shares.items(), key=lambda item: -item[1].share)
        for case in [of_case[key]]
    )
    columns = (Heading("Case"), number("Share", "of the limit [95 % CI]"), number("Throughput"), Heading("Limit"))
    return Grid("Share of the memory's limit", columns, rows, first="the highest")


def paid_later(run: ReportedRun) -> Section | None:
    """Show what reading a page costs after its move, by each pair of cases that differ in that alone."""
    summary = run.summary
    found: dict[str, dict[str, CaseSummary]] = {}
    for case in summary.cases if "touch" in summary.varying else ():
        if case.median_ns:
            label = case_name(summary, case.host, case.levels, ("touch",)) or "all cases"
            found.setdefault(label, {})[str(case.levels.get("touch"))] = case
    pairs = [(label, read, cases) for label, cases in found.items() for read in _READ if {"none", read} <= cases.keys()]
    chosen = vega.evenly(pairs, MOST_PAIRS)
    told = notes("touch", len(chosen), len(pairs))
    return section_of("touch", "What is paid later", told, [_pairs(summary, chosen)] if chosen else [])


def _pairs(summary: Summary, pairs: Sequence[tuple[str, str, Mapping[str, CaseSummary]]]) -> Plot:
    marks: list[dict[str, Any]] = []
    what = operation(summary.workload)
    for label, read, pair in pairs:
        left, right = pair["none"].median_ns or 1.0, pair[read].median_ns or 1.0
        more = change_text(right / left)
        of_both = {"row": "\n".join([*label.split(", ", 1), f"{more} {_READ[read]}"]), "Case": label, "More": more}
        for touch, ns, other in (("none", left, right), (read, right, left)):
            time = f"{figure_text(ns, pair[touch].median_ci)} ns per {what}"
            marks.append({**of_both, "touch": f"touch {touch}", "value": ns, "other": other, "Time": time})
    names, drawn = [mark["row"] for mark in marks[::2]], {mark["touch"] for mark in marks}
    kinds = [kind for kind in ("touch none", *(f"touch {read}" for read in _READ)) if kind in drawn]
    domain = vega.around([mark["value"] for mark in marks])
    x = vega.log_axis("value", f"Time per {what}, log scale", domain, vega.TIME_LABEL, "end")
    y = vega.row_axis(names)
    looks = {"color": vega.PALETTE[:3], "shape": ("circle", "diamond", "square"), "size": (170, 60, 60)}
    channels = {channel: vega.nominal("touch", kinds, values) for channel, values in looks.items()}
    shown = vega.tips("Case", ("touch", "Measured with"), "Time", ("More", "Read against none"))
    layers = [
        vega.layer("marks", {"type": "rule", "size": 2, "color": vega.GREY}, x=x, x2={"field": "other"}, y=y),
        vega.layer("marks", {"type": "point", "filled": True, "opacity": 1}, x=x, y=y, **channels, tooltip=shown),
    ]
    title = "Left alone, and read after the move"
    return vega.plot(title, names, layers, {"marks": marks}, _ROW_PX * len(names), series=kinds)
