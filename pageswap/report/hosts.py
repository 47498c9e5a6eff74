"""What concerns hosts: which methods each has, how their conditions differ, where the time beside trials went."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pageswap.analysis.comparability import differences, verdict
from pageswap.analysis.wording import clipped, plural
from pageswap.report.page import Grid, Heading, Section

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pageswap.analysis.rundata import RunData

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


def availability_section(run_data: RunData, methods: Sequence[str], groups: Mapping[str, Sequence[str]]) -> Section:
    """Show which of the run's methods each group of hosts has, and why not where one has not.

    ``groups`` maps a column's title to its hosts. Methods that are not part of the run are left out.
    """
    known = {host: {str(m["name"]): m for m in found} for host, found in run_data.methods().items()}
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
        having = [sum(bool(known[host].get(method, {}).get("available")) for host in hosts) for _, hosts in shown]
        cells = [_share(count, len(hosts)) for count, (_, hosts) in zip(having, shown, strict=True)]
        rows.append((clipped(method, _LONGEST_HOST), *cells))
        for host in (host for _, hosts in columns for host in hosts):
            facts = known[host].get(method)
            if facts is None or not facts.get("available"):
                why = str(facts.get("reason") or "") if facts else "the core on this host does not know it"
                reasons[method, clipped(why, _LONGEST_REASON)] += 1
    head = Heading("Method", is_number=False)
    titles = tuple(Heading(clipped(title, _LONGEST_HOST), is_number=False) for title, _ in shown)
    left = f", the first {len(shown)} of {len(columns)} columns" if len(shown) < len(columns) else ""
    grids = [Grid(f"{_HAS} available, {_LACKS} not{left}", (head, *titles), tuple(rows))]
    if reasons:
        grids.append(_reasons(reasons, sum(len(hosts) for _, hosts in columns)))
    return Section("availability", "Which methods are available", (), (), tuple(grids))


def _any(methods: Mapping[str, Mapping[str, object]] | None) -> Mapping[str, object]:
    return next(iter(methods.values()), {}) if methods else {}


def _share(having: int, hosts: int) -> str:
    mark = _HAS if having else _LACKS
    return mark if hosts == _SOLE else f"{mark} {having} of {hosts}"


def _reasons(reasons: Counter[tuple[str, str]], hosts: int) -> Grid:
    listed = list(reasons.items())[:MOST_ROWS]
    columns = (Heading("Method", is_number=False), Heading("What it lacks, and the cure", is_number=False))
    if hosts == _SOLE:
        return Grid("Why not", columns, tuple((clipped(method, _LONGEST_HOST), why) for (method, why), _ in listed))
    rows = tuple((clipped(method, _LONGEST_HOST), why, f"{count:,}") for (method, why), count in listed)
    return Grid("Why not", (*columns, Heading("Hosts")), rows)


def difference_section(environments: Mapping[str, Mapping[str, object]]) -> Section:
    """Name what differs between the hosts' conditions, and whether their times may be compared with each other.

    At most `MOST_COMPARED` hosts are compared, each with the first.
    """
    hosts = list(environments)[: MOST_COMPARED + 1]
    values: dict[str, dict[str, list[str]]] = {}
    whys: dict[str, tuple[bool, str]] = {}
    everything = []
    for host in hosts[1:]:
        for each in differences(environments[hosts[0]], environments[host]):
            everything.append(each)
            whys[each.key] = (each.matters, each.why)
            values.setdefault(each.key, {each.a: []}).setdefault(each.b, []).append(host)
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
    grid = Grid("Conditions that are not the same on all hosts", headings, tuple(rows), marks=tuple(marks))
    return Section("differences", "How the hosts differ", tuple(notes), (), (grid,))


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
