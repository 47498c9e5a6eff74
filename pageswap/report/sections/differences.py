"""The table of how the hosts' conditions differ, and whether their times may be compared with each other."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from pageswap.comparison.environments import differences, verdict
from pageswap.report.sections.conditions import span_text
from pageswap.report.sections.section import Grid, Heading, Section
from pageswap.text.lists import clipped, listed, plural

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pageswap.report.sections.section import ReportedRun


MOST_ROWS = 60
MOST_COMPARED = 50
_LONGEST_HOST = 60
_LONGEST_VALUE = 120
_VALUES_NAMED = 6
_HOSTS_NAMED = 3
_LATE = dt.timedelta(minutes=5)


def section(run: ReportedRun) -> Section | None:
    """Name what differs between the hosts' conditions, and whether their times may be compared with each other.

    At most `MOST_COMPARED` hosts are compared, each with the first.
    """
    environments = run.run_data.environments()
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
        return None
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
    notes += _late(run.spans)
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
