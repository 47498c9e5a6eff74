"""What concerns the hosts: which methods each has, how their conditions differ, and what the run cost them."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import TYPE_CHECKING

from pageswap.comparison.environments import differences as compare
from pageswap.comparison.environments import verdict
from pageswap.report.sections.conditions import span_text
from pageswap.report.sections.section import MOST_ROWS, Grid, Heading, Section, notes, number, section_of
from pageswap.store.schema import PHASES
from pageswap.text.lists import clipped, first_few, plural
from pageswap.text.numbers import with_digits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pageswap.analysis.summary import CaseSummary
    from pageswap.comparison.environments import Difference
    from pageswap.report.sections.reported_run import ReportedRun

MOST_COLUMNS = 8
MOST_COMPARED = 50
_LONGEST_HOST = 60
_LONGEST_VALUE = 120
_LONGEST_REASON = 300
_VALUES_NAMED = 6
_HOSTS_NAMED = 3
_LATE = dt.timedelta(minutes=5)
_HAS, _LACKS = "\u2713", "\u2717"
_UNFIT = "not in these cases"
_UNAVAILABLE = "unavailable"


def availability(run: ReportedRun) -> Section | None:
    """Show which of the run's methods each group of hosts has, and why not where one has not.

    Methods that are not part of the run are left out. A method that a host has, but that was unavailable in all of its
    cases that were tried, is not shown as available.
    """
    cases = run.every.cases
    methods = list(dict.fromkeys(str(case.levels["method"]) for case in cases if "method" in case.levels))
    known = {host: {str(m["name"]): m for m in found} for host, found in run.run_data.methods().items()}
    unfit = _unfit(cases)
    there = {host for host, found in known.items() if any("available" in method for method in found.values())}
    columns = {title: [host for host in hosts if host in there] for title, hosts in run.groups.items()}
    columns = {title: hosts for title, hosts in columns.items() if hosts}
    if not columns:
        return None
    shown = list(columns)[:MOST_COLUMNS]
    rows: list[tuple[str, ...]] = []
    reasons: Counter[tuple[str, str]] = Counter()
    for method in methods:
        lacks: dict[str, str] = {}
        for host in (host for hosts in columns.values() for host in hosts):
            told = known[host].get(method, {"reason": "the core on this host does not know it"})
            if not told.get("available"):
                lacks[host] = str(told.get("reason") or "")
            elif (host, method) in unfit:
                lacks[host] = unfit[host, method]
        has = {host for host in lacks if known[host].get(method, {}).get("available")}
        rows.append((clipped(method, _LONGEST_HOST), *(_share(columns[title], lacks, has) for title in shown)))
        reasons.update((method, clipped(why, _LONGEST_REASON)) for why in lacks.values())
    caption = notes("available", bool(unfit), len(shown), len(columns))[0]
    width = 2 if sum(map(len, columns.values())) == 1 else 3
    heads = (Heading("Method"), Heading("What it lacks, and the cure"), number("Hosts"))[:width]
    why_not = ((clipped(name, _LONGEST_HOST), why, f"{count:,}")[:width] for (name, why), count in reasons.items())
    grids = (
        Grid(caption, tuple(Heading(clipped(title, _LONGEST_HOST)) for title in ("Method", *shown)), tuple(rows)),
        Grid("Why not", heads, tuple(why_not)),
    )
    silent = [host for hosts in run.groups.values() for host in hosts if host not in there]
    unknown = notes("unknown_hosts", silent, run.run_data.problems())
    return section_of("availability", "Which methods are available", unknown, (), grids)


def _unfit(cases: Sequence[CaseSummary]) -> dict[tuple[str, str], str]:
    """Return for each (host, method) of which every trial was unavailable the reason of the first."""
    found: dict[tuple[str, str], list[CaseSummary]] = {}
    for case in cases:
        if case.statuses:
            found.setdefault((case.host, str(case.levels.get("method"))), []).append(case)
    return {
        key: tried[0].endings[0].reason
        for key, tried in found.items()
        if all(set(case.statuses) == {_UNAVAILABLE} for case in tried)
    }


def _share(hosts: Sequence[str], lacks: Mapping[str, str], unfit: set[str]) -> str:
    """Say how many hosts of a column have a method; of those that lack it, ``unfit`` have it but cannot use it."""
    having = sum(host not in lacks for host in hosts)
    mark = _HAS if having else f"{_LACKS} {_UNFIT}" if unfit & set(hosts) else _LACKS
    return mark if len(hosts) == 1 else f"{mark} {having} of {len(hosts)}"


def differences(run: ReportedRun) -> Section | None:
    """Name what differs between the hosts' conditions, and whether their times may be compared with each other.

    At most `MOST_COMPARED` hosts are compared, each with the first.
    """
    environments = run.run_data.environments()
    hosts = list(environments)[: MOST_COMPARED + 1]
    pairs = [(host, each) for host in hosts[1:] for each in compare(environments[hosts[0]], environments[host])]
    by_name: dict[str, list[tuple[str, Difference]]] = {}
    for host, each in pairs:
        by_name.setdefault(each.name, []).append((host, each))
    if not pairs:
        return None
    ordered = sorted(by_name.items(), key=lambda item: not item[1][-1][1].matters)

    rows = []
    for name, found in ordered:
        last = found[-1][1]
        values = {last.a: [host for host in hosts if host not in dict(found)]}
        for host, each in found:
            values.setdefault(each.b, []).append(host)
        matters = f"{'yes' if last.matters else 'no'}: {last.why}"
        rows.append((clipped(name, _LONGEST_VALUE), _by_value(values), matters))
    heads = tuple(map(Heading, ("Condition", "Values", "Does it matter?")))
    marks = tuple("matters" if found[-1][1].matters else "harmless" for _, found in ordered)
    grid = Grid("Conditions that are not the same on all hosts", heads, tuple(rows), marks=marks)
    judged = verdict({each.key: each for _, each in pairs}.values())
    told = notes("differences", judged, len(hosts), len(environments), *_late(run.spans))
    return Section("differences", "How the hosts differ", told, (), (grid,))


def _late(spans: Mapping[str, tuple[dt.datetime, dt.datetime]]) -> tuple[str, list[str]]:
    """Say when the host that began first was measured, and which began when it had long ended."""
    if not spans:
        return "", []
    began, ended = min(spans.values())
    late = [
        f"{clipped(host, _LONGEST_HOST)} from {span_text(span)}"
        for host, span in spans.items()
        if span[0] > ended and span[0] - began > _LATE
    ]
    return span_text((began, ended)), late


def _by_value(by_value: Mapping[str, Sequence[str]]) -> str:
    parts = []
    for value, hosts in sorted(by_value.items(), key=lambda item: -len(item[1])):
        named = ", ".join(clipped(host, _LONGEST_HOST) for host in hosts)
        who = named if len(hosts) <= _HOSTS_NAMED else plural(len(hosts), "host")
        parts.append(f"{clipped(value, _LONGEST_VALUE)} ({who})")
    return first_few(parts, _VALUES_NAMED, "value")


def ledger(run: ReportedRun) -> Section | None:
    """Show where each host's time went, and why a host gave nothing more."""
    spent, problems = run.run_data.ledger(), run.run_data.problems()
    stops = {host: stop for host, stop in run.run_data.stops().items() if stop.get("reason")}
    hosts = list(dict.fromkeys([*spent, *problems, *stops]))
    if len(hosts) > MOST_ROWS:
        hosts.sort(key=lambda host: (host not in problems, -sum(spent.get(host, {}).values())))
    phases = [phase for phase in PHASES if any(phase in spent.get(host, {}) for host in hosts)]
    width = 1 + len(phases) + bool(problems or stops)
    rows = []
    for host in hosts:
        own = spent.get(host, {})
        seconds = (with_digits(own[phase], 3) if phase in own else "" for phase in phases)
        rows.append((clipped(host, _LONGEST_HOST), *seconds, _remark(problems.get(host), stops.get(host)))[:width])
    heads = (Heading("Host"), *(number(phase.capitalize(), "s") for phase in phases), Heading("Remarks"))[:width]
    marks, which = tuple("problem" if host in problems else "" for host in hosts), "problems, then the longest, first"
    grid = Grid("Seconds by host", heads, tuple(rows), marks=marks, first=which)
    return section_of("ledger", "What the run cost beside the trials", notes("ledger"), (), [grid])


def _remark(problem: str | None, stop: Mapping[str, object] | None) -> str:
    words = [str(problem)] if problem else []
    words += [f"stopped after {plural(int(str(stop.get('blocks') or 0)), 'block')}: {stop['reason']}"] if stop else []
    return clipped("; ".join(words), 2 * _LONGEST_REASON)
