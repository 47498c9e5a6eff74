"""The tables of which methods each host has, and why not where one has not."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pageswap.report.sections.section import Grid, Heading, Section
from pageswap.text.lists import clipped, listed, plural

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pageswap.analysis.summary import CaseSummary
    from pageswap.report.sections.section import ReportedRun

MOST_COLUMNS = 8
MOST_ROWS = 60
_LONGEST_HOST = 60
_LONGEST_REASON = 300
_HOSTS_NAMED = 3
_SOLE = 1
_HAS, _LACKS = "\u2713", "\u2717"
_UNFIT = "not in these cases"
_UNAVAILABLE = "unavailable"


def section(run: ReportedRun) -> Section | None:
    """Show which of the run's methods each group of hosts has, and why not where one has not.

    Methods that are not part of the run are left out. A method that a host has, but that was unavailable in all of its
    cases that were tried, is not shown as available.
    """
    groups, cases = run.groups, run.every.cases
    methods = list(dict.fromkeys(str(case.levels["method"]) for case in cases if "method" in case.levels))
    known = {host: {str(m["name"]): m for m in found} for host, found in run.run_data.methods().items()}
    unfit = _unfit(cases)
    columns = [
        (title, [host for host in hosts if "available" in _any(known.get(host))]) for title, hosts in groups.items()
    ]
    columns = [(title, hosts) for title, hosts in columns if hosts]
    if not columns:
        return None
    shown = columns[:MOST_COLUMNS]
    rows: list[tuple[str, ...]] = []
    reasons: Counter[tuple[str, str]] = Counter()
    for method in methods:
        able = {host for _, hosts in columns for host in hosts if known[host].get(method, {}).get("available")}
        cells = [
            _share(
                sum(host in able and (host, method) not in unfit for host in hosts),
                len(hosts),
                has_unfit=any(host in able and (host, method) in unfit for host in hosts),
            )
            for _, hosts in shown
        ]
        rows.append((clipped(method, _LONGEST_HOST), *cells))
        for host in (host for _, hosts in columns for host in hosts):
            facts = known[host].get(method)
            if host in able and (host, method) in unfit:
                reasons[method, clipped(unfit[host, method], _LONGEST_REASON)] += 1
            elif facts is None or not facts.get("available"):
                why = str(facts.get("reason") or "") if facts else "the core on this host does not know it"
                reasons[method, clipped(why, _LONGEST_REASON)] += 1
    head = Heading("Method", is_number=False)
    titles = tuple(Heading(clipped(title, _LONGEST_HOST), is_number=False) for title, _ in shown)
    left = f", the first {len(shown)} of {len(columns)} columns" if len(shown) < len(columns) else ""
    fit = f"; {_UNFIT}: the host has it, but none of the run's cases can use it" if unfit else ""
    grids = [Grid(f"{_HAS} available, {_LACKS} not{fit}{left}", (head, *titles), tuple(rows))]
    if reasons:
        grids.append(_reasons(reasons, sum(len(hosts) for _, hosts in columns)))
    there = {host for _, hosts in columns for host in hosts}
    silent = [host for hosts in groups.values() for host in hosts if host not in there]
    notes = (_unknown(silent, run.run_data.problems()),) if silent else ()
    return Section("availability", "Which methods are available", notes, (), tuple(grids))


def _unfit(cases: Sequence[CaseSummary]) -> dict[tuple[str, str], str]:
    """Give for each (host, method) of which every trial was unavailable the reason of the first."""
    found: dict[tuple[str, str], list[CaseSummary]] = {}
    for case in cases:
        if case.statuses:
            found.setdefault((case.host, str(case.levels.get("method"))), []).append(case)
    return {
        key: tried[0].endings[0].reason
        for key, tried in found.items()
        if all(set(case.statuses) == {_UNAVAILABLE} for case in tried)
    }


def _unknown(hosts: Sequence[str], problems: Mapping[str, str]) -> str:
    """Say of which hosts it is not known what they have, and why."""
    named = []
    for host in hosts[:_HOSTS_NAMED]:
        why = f" ({clipped(problems[host], _LONGEST_REASON)})" if problems.get(host) else ""
        named.append(f"{clipped(host, _LONGEST_HOST)}{why}")
    more = len(hosts) - len(named)
    return f"Not known of {listed([*named, *([plural(more, 'more host')] if more else [])])}."


def _any(methods: Mapping[str, Mapping[str, object]] | None) -> Mapping[str, object]:
    return next(iter(methods.values()), {}) if methods else {}


def _share(having: int, hosts: int, *, has_unfit: bool) -> str:
    mark = _HAS if having else f"{_LACKS} {_UNFIT}" if has_unfit else _LACKS
    return mark if hosts == _SOLE else f"{mark} {having} of {hosts}"


def _reasons(reasons: Counter[tuple[str, str]], hosts: int) -> Grid:
    listed = list(reasons.items())[:MOST_ROWS]
    columns = (Heading("Method", is_number=False), Heading("What it lacks, and the cure", is_number=False))
    if hosts == _SOLE:
        return Grid("Why not", columns, tuple((clipped(method, _LONGEST_HOST), why) for (method, why), _ in listed))
    rows = tuple((clipped(method, _LONGEST_HOST), why, f"{count:,}") for (method, why), count in listed)
    return Grid("Why not", (*columns, Heading("Hosts")), rows)
