"""The table of a run's cases in the terminal: their figures, and each finding with what it rests on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pageswap.console.table import show_table
from pageswap.spec.wording import plain
from pageswap.text.levels import level_text, operation
from pageswap.text.lists import clipped, listed, plural
from pageswap.text.numbers import interval_text, nanoseconds_text, ratio_text

if TYPE_CHECKING:
    from pageswap.analysis.summary import CaseSummary, Summary

CASES_SHOWN = 60
_HOSTS_NAMED = 8
_LONGEST_HOST = 80


def show_cases(summary: Summary) -> None:
    """Print a line for each case up to `CASES_SHOWN`, how many are left, and one line for all hosts that gave none."""
    silent = set(summary.silent) if len(summary.silent) < len(summary.hosts) else set()
    cases = [case for case in summary.cases if case.host not in silent]
    place = ["host"] if len(summary.hosts) > 1 else []
    numbers = (f"ns per {operation(summary.workload)}", "ratio", "95 % interval", "n")
    rows = (_row(summary, case) for case in cases[:CASES_SHOWN])
    show_table((*place, *summary.varying, *numbers, ""), rows, frozenset(numbers))
    if len(cases) > CASES_SHOWN:
        print(f"... and {len(cases) - CASES_SHOWN:,} more cases; the report has all")
    if silent:
        hosts = [host for host in summary.hosts if host in silent]
        named = [clipped(host, _LONGEST_HOST) for host in hosts[:_HOSTS_NAMED]]
        more = len(hosts) - len(named)
        who = listed([*named, *([plural(more, "more host")] if more else [])])
        each = plural(len(summary.cases) // len(summary.hosts), "case")
        print(plain(f"nothing came from {who}: {each} not measured{' on each' if len(hosts) > 1 else ''}"))


def _row(summary: Summary, case: CaseSummary) -> list[str]:
    cells = [case.host] if len(summary.hosts) > 1 else []
    cells += [level_text(name, case.levels.get(name)) for name in summary.varying]
    if case.median_ns is None:
        return [*cells, "", "", "", "", case.verdict]
    ratio = "" if case.ratio is None else ratio_text(case.ratio, case.ratio_ci)
    interval = "" if case.ratio is None else interval_text(case.ratio, case.ratio_ci)
    median = nanoseconds_text(case.median_ns, case.median_ci)
    return [*cells, median, ratio, interval, str(case.n), case.told]
