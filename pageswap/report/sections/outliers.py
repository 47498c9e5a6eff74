"""What was unusual in single trials: outliers, foreign load, and whether the result hangs on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pageswap.report.sections.drift import case_name
from pageswap.report.sections.section import Grid, Heading, Section
from pageswap.text.numbers import interval_text, nanoseconds_text, ratio_text

if TYPE_CHECKING:
    from pageswap.analysis.findings import Findings
    from pageswap.analysis.summary import Summary
    from pageswap.report.sections.section import ReportedRun
    from pageswap.statistics.intervals import Interval

MOST_LISTED = 30
_CASE = Heading("Case", is_number=False)


def section(run: ReportedRun) -> Section | None:
    """List outliers, disturbed trials, and comparisons with and without the disturbed ones."""
    summary, findings = run.every, run.findings
    notes, grids = [], []
    if findings.outliers:
        notes.append(
            "An outlier has a modified Z-score above 3.5 (Iglewicz and Hoaglin, 1993). It is flagged and left in every "
            "figure: a median bears it."
        )
        grids.append(_outliers(summary, findings))
    if findings.disturbed:
        notes.append("A trial is disturbed when its host did something else meanwhile. It stays in every figure.")
        grids.append(_disturbed(summary, findings))
    if findings.undisturbed:
        grids.append(_undisturbed(summary, findings))
    return Section("outliers", "Outliers and foreign load", tuple(notes), (), tuple(grids)) if grids else None


def _outliers(summary: Summary, findings: Findings) -> Grid:
    names = {case.case_id: case.levels for case in summary.cases}
    worst = sorted(findings.outliers, key=lambda each: -abs(each.score))
    rows = tuple(
        (
            case_name(summary, each.host, each.case_id, names),
            str(each.block),
            nanoseconds_text(each.ns_per_op, None),
            nanoseconds_text(each.median_ns, None),
            f"{each.score:+.1f}",
        )
        for each in worst[:MOST_LISTED]
    )
    columns = (
        _CASE,
        Heading("Block"),
        Heading("Time", "ns per operation"),
        Heading("Median", "ns per operation"),
        Heading("Score"),
    )
    return Grid(_counted("Outliers", len(rows), len(worst), "the farthest"), columns, rows, is_folded=True)


def _disturbed(summary: Summary, findings: Findings) -> Grid:
    names = {case.case_id: case.levels for case in summary.cases}
    rows = tuple(
        (case_name(summary, each.host, each.case_id, names), str(each.block), ", ".join(each.words))
        for each in findings.disturbed[:MOST_LISTED]
    )
    columns = (_CASE, Heading("Block"), Heading("Disturbed by", is_number=False))
    caption = _counted("Disturbed trials", len(rows), len(findings.disturbed), "the first")
    return Grid(caption, columns, rows, is_folded=True)


def _undisturbed(summary: Summary, findings: Findings) -> Grid:
    names = {case.case_id: case.levels for case in summary.cases}
    ordered = sorted(findings.undisturbed, key=lambda each: not each.changes)
    rows = tuple(
        (
            case_name(summary, each.host, each.case_id, names),
            f"{each.disturbed} of {each.n}",
            _verdict(each.ratio, each.interval, each.verdict, each.held),
            _verdict(each.quiet_ratio, each.quiet_interval, each.quiet_verdict, each.quiet_held),
            "the verdict changes" if each.changes else "the verdict stays",
        )
        for each in ordered[:MOST_LISTED]
    )
    columns = (
        _CASE,
        Heading("Disturbed blocks"),
        Heading("With them", is_number=False),
        Heading("Without them", is_number=False),
        Heading("So", is_number=False),
    )
    caption = _counted("Comparisons with and without disturbed blocks", len(rows), len(ordered), "the first")
    return Grid(caption, columns, rows, is_folded=True)


def _verdict(ratio: float | None, interval: Interval | None, verdict: str, held: str) -> str:
    if ratio is None:
        return verdict or "too few blocks"
    ends = f" ({interval_text(ratio, interval)})" if interval else ""
    return f"{ratio_text(ratio, interval)}{ends}, {verdict}{f': {held}' if held else ''}"


def _counted(what: str, shown: int, total: int, which: str) -> str:
    some = f", of which {which} {shown} are shown; the trials' CSV has all"
    return f"{what}: {total:,}{some if shown < total else ''}"
