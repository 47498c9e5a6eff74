"""What readers met while pages moved: throughput against how long a read took, and its percentiles by case."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pageswap.analysis.explanations.readers import PERCENTILES, SERVED, Met, readers_met
from pageswap.analysis.trials.table import frame
from pageswap.report.charts import vegalite as vega
from pageswap.report.sections.section import Grid, Heading, Section, case_name, notes, number, section_of
from pageswap.text.numbers import figure_text, interval_text, scaled, with_digits
from pageswap.text.words import operation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pageswap.analysis.summary import CaseSummary, Summary
    from pageswap.report.charts.vegalite import Plot, Spec
    from pageswap.report.sections.reported_run import ReportedRun

    Row = tuple[str, CaseSummary, Met]

MOST_ROWS = 24
_ROW_PX = 38
_HEIGHT_PX = 320
_LEADING: Final = "p99"
_TIME: Final = "Time of a read, log scale"
# The headings of the picture of percentiles, of the table, and of its column of rates.
_READS: Final = ("How long reads take", "How long reads took, and how long alone", "Reads a second")
_AWAITED: Final = (
    "How long reads take that come before their page",
    "How long reads took that came before their page, and any read alone",
    "Served a second",
)


def section(run: ReportedRun) -> Section | None:
    """Show what readers met, where a run had any; of each host, also where others are shown as groups."""
    summary = run.every
    if not any(case.levels.get("neighbours") == "reading" for case in summary.cases):
        return None
    trials = frame(run.run_data)
    met, served = readers_met(trials), readers_met(trials, SERVED)
    rows, awaited = _rows(summary, met), _rows(summary, served)
    drawn, drawn_awaited = _drawn(rows), _drawn(awaited)
    # What moves no page has no throughput to be drawn beside that of the others; who waits for pages has the waiting.
    leading = _drawn(_rows(summary, met | served))
    movers = [row for row in leading if row[1].bytes_per_s] or leading
    told_of = ((_READS, rows, drawn), (_AWAITED, awaited, drawn_awaited))
    plots = [_against_throughput(summary.workload, movers)] if movers else []
    plots += [_percentiles(headings, shown) for headings, _, shown in told_of if shown]
    grids = [_figures(summary.workload, headings, every) for headings, every, _ in told_of if every]
    told = notes("readers", len(drawn), len(rows), len(drawn_awaited), len(awaited))
    return section_of("readers", "What readers meet", told, plots, grids)


def _rows(summary: Summary, met: Mapping[tuple[str, str], Met]) -> list[Row]:
    """Return the measured cases that had such reads, those with the shortest percentile 99 first."""
    rows = [
        (case_name(summary, case.host, case.levels, ("neighbours",)) or "all cases", case, met[case.host, case.case_id])
        for case in summary.cases
        if (case.host, case.case_id) in met and case.n
    ]
    return sorted(rows, key=lambda row: row[2].beside_ns.get(_LEADING, float("inf")))


def _drawn(rows: Sequence[Row]) -> list[Row]:
    return vega.evenly([row for row in rows if _LEADING in row[2].beside_ns], MOST_ROWS)


def _rate(case: CaseSummary) -> float:
    """Return what is drawn upwards: bytes a second where pages move, else operations."""
    return case.bytes_per_s or case.ops_per_s or 0.0


def _rate_text(workload: str, case: CaseSummary) -> str:
    unit = "B/s" if case.bytes_per_s else f"{operation(workload)}s/s"
    return f"{scaled(_rate(case), case.median_ci, case.median_ns or 0)}{unit}"


def _ns(ns: float | None) -> str:
    return "" if ns is None else f"{with_digits(ns, 3)} ns"


def _series(rows: Sequence[Row]) -> list[str]:
    """Return what each row is drawn as: its method, or all alike where there are more methods than colours."""
    names = [str(case.levels.get("method")) for _, case, _ in rows]
    return names if len(set(names)) <= len(vega.PALETTE) else ["every method"] * len(names)


def _against_throughput(workload: str, rows: Sequence[Row]) -> Plot:
    series = _series(rows)
    points: list[dict[str, Any]] = [
        {
            "Case": name,
            "Method": method,
            "Reads": str(case.levels.get("reads")),
            "p99": met.beside_ns[_LEADING],
            "value": _rate(case),
            "Read": f"{_ns(met.beside_ns[_LEADING])}, alone {_ns(met.alone_ns.get(_LEADING))}",
            "Throughput": _rate_text(workload, case),
        }
        for method, (name, case, met) in zip(series, rows, strict=True)
    ]
    alone = sorted(met.alone_ns[_LEADING] for _, _, met in rows if _LEADING in met.alone_ns)
    marked: list[dict[str, Any]] = [
        {"p99": ns, "Alone": f"readers alone: {_ns(ns)}"} for ns in alone[len(alone) // 2 :][:1]
    ]
    across = vega.around([point["p99"] for point in points] + [mark["p99"] for mark in marked])
    upwards = vega.around([point["value"] for point in points])
    is_rate = all(case.bytes_per_s for _, case, _ in rows)
    title = "Pages moved, bytes per second" if is_rate else f"{operation(workload).capitalize()}s per second"
    x = vega.log_axis("p99", "Time that 99 % of the reads stayed within, log scale", across, vega.TIME_LABEL)
    y = vega.log_axis("value", f"{title}, log scale", upwards, vega.RATE_LABEL if is_rate else vega.COUNT_LABEL)
    kinds = list(dict.fromkeys(series))
    looks = {"color": vega.nominal("Method", kinds, vega.PALETTE), "shape": vega.nominal("Method", kinds, vega.SHAPES)}
    told = vega.tips("Case", ("Read", "99 % of reads"), "Throughput")
    rule = {"type": "rule", "strokeDash": [5, 4], "color": vega.GREY, "size": 1.5}
    mark = {"type": "point", "opacity": 1, "size": 90}
    layers: list[Spec] = [
        vega.layer("alone", rule, x=x, tooltip=vega.tips("Alone")),
        vega.layer("moving", {**mark, "filled": True}, x=x, y=y, **looks, tooltip=told),
        vega.layer("resting", {**mark, "strokeWidth": 2}, x=x, y=y, **looks, tooltip=told),
    ]
    words = [f"{point['Case']}: {point['Throughput']}, {point['Read']}" for point in points]
    resting = [point for point in points if point["Reads"] == "resting"]
    datasets = {"moving": [point for point in points if point not in resting], "resting": resting, "alone": marked}
    return vega.plot("Throughput against what a reader meets", words, layers, datasets, _HEIGHT_PX, series=kinds)


def _percentiles(headings: tuple[str, str, str], rows: Sequence[Row]) -> Plot:
    marks: list[dict[str, Any]] = [
        {
            "row": "\n".join(map(vega.wrapped, name.split(", ", 1))),
            "Case": name,
            "Percentile": words,
            "value": met.beside_ns[key],
            "alone": met.alone_ns.get(key, met.beside_ns[key]),
            "Read": _ns(met.beside_ns[key]),
            "Alone": _ns(met.alone_ns.get(key)),
        }
        for name, _, met in rows
        for key, words in PERCENTILES.items()
        if key in met.beside_ns
    ]
    names = list(dict.fromkeys(mark["row"] for mark in marks))
    x = vega.log_axis(
        "value", _TIME, vega.around([mark[end] for mark in marks for end in ("value", "alone")]), vega.TIME_LABEL, "end"
    )
    kinds = list(PERCENTILES.values())
    looks = {
        "color": vega.nominal("Percentile", kinds, vega.PALETTE),
        "shape": vega.nominal("Percentile", kinds, vega.SHAPES),
    }
    y, from_alone = vega.row_axis(names), {**x, "field": "alone"}
    told = vega.tips("Case", "Percentile", ("Read", "Beside the mover"), "Alone")
    rule = {"type": "rule", "size": 1.5}
    layers = [
        vega.layer("marks", rule, x=from_alone, x2={"field": "value"}, y=y, color=looks["color"]),
        vega.layer("marks", {"type": "point", "size": 45}, x=from_alone, y=y, **looks, tooltip=told),
        vega.layer(
            "marks", {"type": "point", "filled": True, "opacity": 1, "size": 80}, x=x, y=y, **looks, tooltip=told
        ),
    ]
    words = [f"{mark['Case']}: {mark['Percentile']} within {mark['Read']}" for mark in marks]
    return vega.plot(
        headings[0], words, layers, {"marks": marks}, vega.row_height(names, _ROW_PX) * len(names), series=kinds
    )


def _figures(workload: str, headings: tuple[str, str, str], rows: Sequence[Row]) -> Grid:
    columns = (
        Heading("Case"),
        number("Throughput"),
        number(headings[2], "alone"),
        *(number(f"{words} within", "alone") for words in PERCENTILES.values()),
        number("99 % against alone", "times as long [95 % CI]"),
    )
    table = tuple(
        (
            name,
            _rate_text(workload, case),
            f"{scaled(met.reads_per_s, None, 1).strip()} ({scaled(met.alone_reads_per_s, None, 1).strip()})",
            *(
                f"{_ns(met.beside_ns[key])} ({_ns(met.alone_ns.get(key))})" if key in met.beside_ns else ""
                for key in PERCENTILES
            ),
            _slower(met),
        )
        for name, case, met in rows
    )
    return Grid(headings[1], columns, table, first="the shortest of percentile 99")


def _slower(met: Met) -> str:
    if met.slower is None:
        return ""
    ends = f" [{interval_text(met.slower, met.slower_ci)}]" if met.slower_ci else ""
    return f"{figure_text(met.slower, met.slower_ci)}{ends}"
