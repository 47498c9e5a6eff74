"""What concerns hosts: which methods each has, how their conditions differ, where the time beside trials went."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import TYPE_CHECKING

from pageswap.comparison.environments import differences, verdict
from pageswap.report.conditions import span_text
from pageswap.report.page import Grid, Heading, Section
from pageswap.text.lists import clipped, listed, plural

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pageswap.analysis.summary import CaseSummary
    from pageswap.analysis.trials.run_data import RunData

MOST_COLUMNS = 8
MOST_ROWS = 60
MOST_COMPARED = 50
_LONGEST_HOST = 60
_LONGEST_REASON = 300
_LONGEST_VALUE = 120
_VALUES_NAMED = 6
_HOSTS_NAMED = 3
_SOLE = 1
_PHASES = ("connecting", "uploading", "building", "waiting", "running", "collecting")
_HAS, _LACKS = "\u2713", "\u2717"
_UNFIT = "not in these cases"
_UNAVAILABLE = "unavailable"
_LATE = dt.timedelta(minutes=5)


def availability_section(
    run_data: RunData,
    methods: Sequence[str],
    groups: Mapping[str, Sequence[str]],
    cases: Sequence[CaseSummary] = (),
) -> Section:
    """Show which of the run's methods each group of hosts has, and why not where one has not.

    ``groups`` maps a column's title to its hosts. Methods that are not part of the run are left out. A method that a
    host has, but that was unavailable in all of its ``cases`` that were tried, is not shown as available.
    """
    known = {host: {str(m["name"]): m for m in found} for host, found in run_data.methods().items()}
    unfit = _unfit(cases)
    columns = [
        (title, [host for host in hosts if "available" in _any(known.get(host))]) for title, hosts in groups.items()
    ]
    columns = [(title, hosts) for title, hosts in columns if hosts]
    if not columns:
        return Section("availability", "")
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
    notes = (_unknown(silent, run_data.problems()),) if silent else ()
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


def difference_section(
    environments: Mapping[str, Mapping[str, object]],
    spans: Mapping[str, tuple[dt.datetime, dt.datetime]] | None = None,
) -> Section:
    """Name what differs between the hosts' conditions, and whether their times may be compared with each other.

    At most `MOST_COMPARED` hosts are compared, each with the first. ``spans`` say when each was measured.
    """
    hosts = list(environments)[: MOST_COMPARED + 1]
    values: dict[str, dict[str, list[str]]] = {}
    whys: dict[str, tuple[bool, str]] = {}
    everything = []
    for host in hosts[1:]:
        for each in differences(environments[hosts[0]], environments[host]):
            everything.append(each)
            whys[each.name] = (each.matters, each.why)
            values.setdefault(each.name, {each.a: []}).setdefault(each.b, []).append(host)
    rows, marks = [], []
    for key in sorted(values, key=lambda name: not whys[name][0])[:MOST_ROWS]:
        matters, why = whys[key]
        first, *_ = values[key]
        others = {host for found in values[key].values() for host in found}
        values[key][first] += [host for host in hosts if host not in others]
        rows.append((clipped(key, _LONGEST_VALUE), _by_value(values[key]), f"{'yes' if matters else 'no'}: {why}"))
        marks.append("matters" if matters else "harmless")
    if not rows:
        return Section("differences", "")
    headings = (
        Heading("Condition", is_number=False),
        Heading("Values", is_number=False),
        Heading("Does it matter?", is_number=False),
    )
    judged = verdict({each.key: each for each in everything}.values())
    own = "Ratios are made on one host each and stand by themselves."
    notes = [f"{own} A comparison of times between the hosts {judged.word}. {judged.text}"]
    if len(hosts) < len(environments):
        notes.append(f"The first {len(hosts)} of {len(environments):,} hosts were compared.")
    notes += _late(spans or {})
    grid = Grid("Conditions that are not the same on all hosts", headings, tuple(rows), marks=tuple(marks))
    return Section("differences", "How the hosts differ", tuple(notes), (), (grid,))


def _late(spans: Mapping[str, tuple[dt.datetime, dt.datetime]]) -> list[str]:
    """Say which hosts were measured when the one that began first had long ended, and when."""
    if not spans:
        return []
    began, ended = min(spans.values())
    late = [host for host, (first, _) in spans.items() if first > ended and first - began > _LATE]
    if not late:
        return []
    named = [f"{clipped(host, _LONGEST_HOST)} from {span_text(spans[host])}" for host in late[:_HOSTS_NAMED]]
    more = len(late) - len(named)
    others = listed([*named, *([plural(more, "more host")] if more else [])])
    return [f"Not all were measured at one time: the first from {span_text((began, ended))}, {others}."]


def _by_value(by_value: Mapping[str, Sequence[str]]) -> str:
    parts = []
    for value, hosts in sorted(by_value.items(), key=lambda item: -len(item[1]))[:_VALUES_NAMED]:
        named = ", ".join(clipped(host, _LONGEST_HOST) for host in hosts)
        who = named if len(hosts) <= _HOSTS_NAMED else plural(len(hosts), "host")
        parts.append(f"{clipped(value, _LONGEST_VALUE)} ({who})")
    more = len(by_value) - len(parts)
    return "; ".join(parts) + (f"; and {plural(more, 'other value')}" if more else "")


def ledger_section(run_data: RunData) -> Section:
    """Show where each host's time went, and why a host gave nothing more."""
    ledger, problems = run_data.ledger(), run_data.problems()
    stops = {host: stop for host, stop in run_data.stops().items() if stop.get("reason")}
    hosts = list(dict.fromkeys([*ledger, *problems, *stops]))
    if not hosts:
        return Section("ledger", "")
    if len(hosts) > MOST_ROWS:
        hosts.sort(key=lambda host: (host not in problems, -sum(ledger.get(host, {}).values())))
    phases = [phase for phase in _PHASES if any(ledger.get(host, {}).get(phase) is not None for host in hosts)]
    rows = [
        (
            clipped(host, _LONGEST_HOST),
            *(_seconds(ledger.get(host, {}).get(phase)) for phase in phases),
            _remark(problems.get(host), stops.get(host)),
        )
        for host in hosts[:MOST_ROWS]
    ]
    has_remarks = any(row[-1] for row in rows)
    columns = [Heading("Host", is_number=False), *(Heading(phase.capitalize(), "s") for phase in phases)]
    columns += [Heading("Remarks", is_number=False)] if has_remarks else []
    left = (
        f", {len(rows)} of {len(hosts):,}: those with problems, then those that took longest"
        if len(hosts) > len(rows)
        else ""
    )
    grid = Grid(
        f"Seconds by host{left}",
        tuple(columns),
        tuple(row if has_remarks else row[:-1] for row in rows),
        marks=tuple("problem" if host in problems else "" for host in hosts[:MOST_ROWS]),
    )
    note = "Running is the time in which trials were executed; all else is what the run cost around them."
    return Section("ledger", "What the run cost beside the trials", (note,), (), (grid,))


def _remark(problem: str | None, stop: Mapping[str, object] | None) -> str:
    words = [str(problem)] if problem else []
    words += [f"stopped after {plural(int(str(stop.get('blocks') or 0)), 'block')}: {stop['reason']}"] if stop else []
    return clipped("; ".join(words), 2 * _LONGEST_REASON)


def _seconds(seconds: float | None) -> str:
    if seconds is None:
        return ""
    places = 2 if seconds < 1 else 1 if seconds < 100 else 0  # noqa: PLR2004 - three digits
    return f"{seconds:,.{places}f}"
