"""What was unusual in single trials: outliers, foreign load, and whether the result hangs on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pageswap.analysis.verdicts import TOO_FEW
from pageswap.report.sections.section import Grid, Heading, Section, case_name, notes, number
from pageswap.text.numbers import interval_text, nanoseconds_text, ratio_text, rounded

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pageswap.analysis.checks.comparisons import Comparison
    from pageswap.analysis.checks.outliers import Outlier
    from pageswap.analysis.checks.quiet_comparisons import Disturbed, Undisturbed
    from pageswap.report.sections.section import ReportedRun

MOST_LISTED = 30
_CASE = Heading("Case")


def section(run: ReportedRun) -> Section | None:
    """List outliers, disturbed trials, and comparisons with and without the disturbed ones."""
    summary, findings = run.every, run.findings
    levels = {case.case_id: case.levels for case in summary.cases}

    def name(each: Outlier | Disturbed | Comparison) -> str:
        return case_name(summary, each.host, levels[each.case_id]) or each.case_id

    grids = [
        *([_outliers(findings.outliers, name)] if findings.outliers else []),
        *([_disturbed(findings.disturbed, name)] if findings.disturbed else []),
        *([_undisturbed(findings.undisturbed, name)] if findings.undisturbed else []),
    ]
    told = notes("outliers", bool(findings.outliers), bool(findings.disturbed))
    return Section("outliers", "Outliers and foreign load", told, (), tuple(grids)) if grids else None


def _outliers(outliers: Sequence[Outlier], name: Callable[[Outlier], str]) -> Grid:
    worst = sorted(outliers, key=lambda each: -abs(each.score))
    rows = tuple(
        (
            name(each),
            str(each.block),
            nanoseconds_text(each.ns_per_op, None),
            nanoseconds_text(each.median_ns, None),
            rounded(each.score, 1),
        )
        for each in worst[:MOST_LISTED]
    )
    what = "ns per operation"
    numbers = (number("Block"), number("Time", what), number("Median", what), number("Score"))
    return Grid(_counted("Outliers", rows, worst, "the farthest"), (_CASE, *numbers), rows, is_folded=True)


def _disturbed(disturbed: Sequence[Disturbed], name: Callable[[Disturbed], str]) -> Grid:
    rows = tuple((name(each), str(each.block), ", ".join(each.words)) for each in disturbed[:MOST_LISTED])
    columns = (_CASE, number("Block"), Heading("Disturbed by"))
    return Grid(_counted("Disturbed trials", rows, disturbed, "the first"), columns, rows, is_folded=True)


def _undisturbed(undisturbed: Sequence[Undisturbed], name: Callable[[Comparison], str]) -> Grid:
    ordered = sorted(undisturbed, key=lambda each: not each.changes)
    rows = tuple(
        (
            name(each.before),
            f"{each.disturbed} of {each.before.n}",
            _verdict(each.before),
            _verdict(each.quiet) if each.quiet else TOO_FEW,
            "the verdict changes" if each.changes else "the verdict stays",
        )
        for each in ordered[:MOST_LISTED]
    )
    columns = (_CASE, number("Disturbed blocks"), *map(Heading, ("With them", "Without them", "So")))
    caption = _counted("Comparisons with and without disturbed blocks", rows, ordered, "the first")
    return Grid(caption, columns, rows, is_folded=True)


def _verdict(each: Comparison) -> str:
    ends = f" ({interval_text(each.ratio, each.interval)})" if each.interval else ""
    return f"{ratio_text(each.ratio, each.interval)}{ends}, {each.verdict}{f': {each.held}' if each.held else ''}"


def _counted(what: str, shown: Sequence[object], every: Sequence[object], which: str) -> str:
    some = f", of which {which} {len(shown)} are shown; the trials' CSV has all"
    return f"{what}: {len(every):,}{some if len(shown) < len(every) else ''}"
