"""How steady the measurement was: drift over time, the noise floor, and single trials that were unusual."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pageswap.analysis.checks.stability import CHANGES, LACKS, STAYS
from pageswap.analysis.verdicts import TOO_FEW
from pageswap.report.charts import vegalite as vega
from pageswap.report.sections.section import Grid, Heading, Section, case_name, note, notes, number, section_of, speeds
from pageswap.text.numbers import change_text, figure_text, percent_text, rounded
from pageswap.text.words import clipped, visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pageswap.analysis.checks.noise_floor import NoiseFloor
    from pageswap.analysis.checks.stability import Drift
    from pageswap.analysis.summary import HostsSummary
    from pageswap.report.charts.vegalite import Plot
    from pageswap.report.sections.reported_run import ReportedRun

MOST_LINES = 40
MOST_FLOORS = 12
_MOST_PAIRS = 600
_MOST_DESCRIBED = 12
_DRIFT_PX, _ROW_PX = 200, 48
_LONGEST_HOST = 40
_SCOPES = (("blocks", "Over the run", "Block", "host"), ("rounds", "Inside the trials", "Round of a trial", "case"))
_KINDS = ("steady", "drifts")


def drift(run: ReportedRun) -> Section | None:
    """Show how times changed over blocks and inside trials; what was found to drift stands out."""
    plots, told = [], notes("drift")
    drawable = [each for each in run.findings.drift if sum(value is not None for value in each.profile) > 1]
    for scope, title, axis, noun in _SCOPES:
        found = [each for each in drawable if each.scope == scope]
        if not found:
            continue
        chosen = sorted(found, key=lambda each: (not each.is_flagged, each.p))[:MOST_LINES]
        if scope == "blocks" and len(chosen) <= len(vega.PALETTE):
            chosen.sort(key=lambda each: run.every.hosts.index(each.host))
        names = [visible(clipped(each.host, _LONGEST_HOST)) for each in chosen]
        # One host needs no legend, and too many cannot be told apart.
        hosts = names if scope == "blocks" and 1 < len(names) == len(set(names)) <= len(vega.PALETTE) else []
        plots.append(_drift_plot(run.every, title, axis, chosen, hosts))
        flagged = sum(each.is_flagged for each in found)
        told += notes("drift_lines", title, noun, len(chosen), len(found), flagged, bool(hosts))
    return section_of("drift", "Drift", told, plots)


def _drift_plot(summary: HostsSummary, title: str, axis: str, drifts: Sequence[Drift], hosts: Sequence[str]) -> Plot:
    names = [
        case_name(summary, each.host, summary.matrix.cases[each.case_id]) or each.case_id
        if each.case_id
        else f"{clipped(each.host, _LONGEST_HOST)}: all cases"
        for each in drifts
    ]
    changes = [f"{change_text(1 + each.change)} from first to last" for each in drifts]
    rows: list[dict[str, Any]] = [
        {
            "line": line,
            "host": clipped(each.host, _LONGEST_HOST),
            "x": place,
            "value": value,
            "kind": _KINDS[each.is_flagged],
            "Case": names[line],
            "Time": change_text(value),
            "Change": changes[line],
        }
        for line, each in enumerate(drifts)
        for place, value in enumerate(each.profile, 1)
        if value is not None
    ]
    domain = vega.around([row["value"] for row in rows], always=[0.98, 1.02])
    y = vega.log_axis("value", "Time, log scale", domain, vega.PERCENT_LABEL)
    last = max(int(row["x"]) for row in rows)
    x = {
        "field": "x",
        "type": "quantitative",
        "title": axis,
        "scale": {"domain": [1, last], "nice": False},
        "axis": {"format": "d", "values": vega.evenly(range(1, last + 1), 11), "grid": False, "labelOverlap": "greedy"},
    }
    of_kinds = "kind", _KINDS, ((vega.GREY, vega.PALETTE[1]), vega.SHAPES[::2])
    field, names_of, looks = ("host", hosts, (vega.PALETTE, vega.SHAPES)) if hosts else of_kinds
    colour, shape = (vega.nominal(field, names_of, each, has_legend=bool(hosts)) for each in looks)
    width = vega.nominal("kind", _KINDS, (1, 3), has_legend=False)
    point = {"type": "point", "filled": True, "size": 30, "opacity": 0.85}
    shown = vega.tips("Case", ("x", axis), "Time", "Change")
    lines = {"x": x, "y": y, "color": colour, "strokeWidth": width, "detail": {"field": "line", "type": "nominal"}}
    layers = [
        vega.layer("rows", {"type": "line", "opacity": 0.7}, **lines),
        vega.layer("rows", point, x=x, y=y, color=colour, shape=shape, tooltip=shown),
    ]
    told = map(": ".join, list(zip(names, changes, strict=True))[:_MOST_DESCRIBED])
    return vega.plot(title, told, layers, {"rows": rows}, _DRIFT_PX, series=hosts)


def noise(run: ReportedRun) -> Section | None:
    """Show the A/A control of each baseline: how far apart two measurements of the same thing are."""
    floors = run.every.noise.values()
    found = [(floor, case_id) for floor in floors for case_id in dict.fromkeys(pair.case_id for pair in floor.pairs)]
    chosen = sorted(found, key=lambda each: -each[0].cases.get(each[1], 0.0))[:MOST_FLOORS]
    told = notes("noise", len(chosen), len(found), floors)
    plots = [_noise_plot(run.every, chosen)] if chosen else []
    return section_of("noise", "The same thing twice: the noise floor", told, plots)


def _noise_plot(summary: HostsSummary, chosen: Sequence[tuple[NoiseFloor, str]]) -> Plot:
    bands: list[dict[str, Any]] = []
    dots: list[dict[str, Any]] = []
    for floor, case_id in chosen:
        ratio, levels = floor.cases.get(case_id), summary.matrix.cases[case_id]
        text = percent_text(ratio) if ratio else "unknown"
        where = case_name(summary, floor.host, levels, summary.baseline) or clipped(floor.host, _LONGEST_HOST)
        row = {"row": f"{where}\nfloor {text}", "Host": floor.host, "Where": where, "Floor": text}
        bands += [{**row, "low": 1 / ratio, "high": ratio}] if ratio else []
        pairs = [pair for pair in floor.pairs if pair.case_id == case_id]
        dots += [
            {**row, "value": pair.ratio, "Block": str(pair.block), "Difference": change_text(pair.ratio)}
            for pair in vega.evenly(pairs, _MOST_PAIRS // len(chosen))
        ]
    names = list(dict.fromkeys(dot["row"] for dot in dots))
    ends = [dot["value"] for dot in dots] + [band[end] for band in bands for end in ("low", "high")]
    domain = vega.around(ends, always=[0.99, 1.01])
    x = vega.log_axis("value", "Second measurement against the first", domain, vega.PERCENT_LABEL, "end")
    y = vega.row_axis(names)
    band = {"type": "bar", "height": 30, "opacity": 0.18, "color": vega.PALETTE[0]}
    dot = {"type": "circle", "size": 36, "opacity": 0.75, "color": vega.PALETTE[1]}
    span = {"x": {**x, "field": "low"}, "x2": {"field": "high"}}
    layers = [
        vega.layer("bands", band, **span, y=y, tooltip=vega.tips("Host", "Where", ("Floor", "Noise floor"))),
        vega.reference_line(x),
        vega.layer("pairs", dot, x=x, y=y, tooltip=vega.tips("Host", "Where", "Block", "Difference")),
    ]
    return vega.plot("A/A pairs", names, layers, {"bands": bands, "pairs": dots}, _ROW_PX * len(names))


def outliers(run: ReportedRun) -> Section | None:
    """List outliers, disturbed trials, and comparisons with and without the disturbed ones."""
    summary, found = run.every, run.findings
    names = {
        (case.host, case.case_id): case_name(summary, case.host, case.levels) or case.case_id for case in summary.cases
    }
    outlying = tuple(
        (
            names[each.host, each.case_id],
            str(each.block),
            *(figure_text(time, None) for time in (each.ns_per_op, each.median_ns)),
            rounded(each.score, 1),
        )
        for each in found.outliers
    )
    disturbed = tuple(
        (names[each.host, each.case_id], str(each.block), ", ".join(each.words)) for each in found.disturbed
    )
    compared = tuple(
        (
            names[each.before.host, each.before.case_id],
            f"{each.disturbed} of {each.before.n}",
            *(
                note("compared", side, *speeds("", side.verdict, [(side.ratio, side.interval)])) if side else TOO_FEW
                for side in (each.before, each.quiet)
            ),
            each.effect,
        )
        for each in sorted(found.undisturbed, key=lambda each: (CHANGES, LACKS, STAYS).index(each.effect))
    )
    case, block = Heading("Case"), number("Block")
    times = (number(what, "ns per operation") for what in ("Time", "Median"))
    changes = (case, number("Disturbed blocks"), *map(Heading, ("With them", "Without them", "The verdict")))
    grids = (
        Grid("Outliers", (case, block, *times, number("Score")), outlying, is_folded=True, first="the farthest"),
        Grid("Disturbed trials", (case, block, Heading("Disturbed by")), disturbed, is_folded=True),
        Grid("Comparisons with and without disturbed blocks", changes, compared, is_folded=True),
    )
    told = notes("outliers", bool(outlying), bool(disturbed))
    return section_of("outliers", "Outliers and foreign load", told, (), grids)
