"""What is known of a run and its hosts: their conditions, which methods each has, how hosts differ, what it cost."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from pageswap.agent.host.conditions import CONDITIONS, find
from pageswap.agent.host.environment import condition_value
from pageswap.agent.journal.job import UNAVAILABLE
from pageswap.analysis.trials.run_data import grouped_by
from pageswap.comparison.environments import differences as compare
from pageswap.comparison.environments import verdict
from pageswap.report.sections.section import MOST_ROWS, Grid, Heading, Section, note, notes, number, section_of
from pageswap.store.schema import PHASES
from pageswap.text.numbers import gibibytes, with_digits
from pageswap.text.words import PRIVATE_OPTIONS, clipped, plural, shown_command

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pageswap.analysis.summary import CaseSummary
    from pageswap.report.sections.reported_run import ReportedRun

    Fact = tuple[str, str]

MOST_COLUMNS = 8
MOST_COMPARED = 50
_LONGEST_HOST = 60
_LONGEST_VALUE = 120
_LONGEST_REASON = 300
_LATE = dt.timedelta(minutes=5)
_NOT_RECORDED = "not recorded"
# What bears on a host's figures; its notes are for its owner alone.
_SET_BY_INVENTORY = {"cpu": "Trials run on CPU", "memory_bytes": "Trials may take", "tags": "Tags"}
_TOLD_ABOVE = ("commit", "dirty", "version", "command")


def facts_of_hosts(run: ReportedRun, environments: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, list[Fact]]]:
    """List what is known of each host below its name, or of the first host of a group; nothing of a silent one.

    Before a host's environment stands when it was measured and what the inventory set when the run began.
    """
    told = (run.run_data.meta().get("options") or {}).get("hosts") or []
    inventory = {str(host["name"]): host for host in told if isinstance(host, dict) and "name" in host}
    found = []
    for title, hosts in run.groups.items():
        known = next((host for host in hosts if host in environments), "")
        facts = [("Measured", note("span", *run.spans[known]))] if known in run.spans else []
        facts += [
            (f"{label} (inventory)", gibibytes(value) if name == "memory_bytes" else _nested(value))
            for name, label in _SET_BY_INVENTORY.items()
            if (value := inventory.get(known, {}).get(name)) not in (None, [])
        ]
        facts += environment_facts(environments[known]) if known else []
        which = f": {clipped(known, 80)}, one of {plural(len(hosts), 'host')}" if known and len(hosts) > 1 else ""
        found.append((f"{title}{which}", facts))
    return found


def environment_facts(environment: Mapping[str, Any]) -> list[Fact]:
    """List a host's environment as (label, text), the known facts first, then any other it has."""
    facts = [(each.label, _text(each.key, condition_value(environment, each))) for each in CONDITIONS if each.is_shown]
    facts += [(name, _text(name, value)) for name, value in environment.items() if name != "core" and not find(name)]
    core = environment.get("core") or {}
    facts += [(f"core {name}", _text(name, value)) for name, value in core.items() if not find(f"core.{name}")]
    return facts


def run_facts(meta: Mapping[str, Any], environments: Mapping[str, Mapping[str, Any]]) -> list[Fact]:
    """List a run's identity and provenance as (label, text), without what concerns its owner alone.

    Hashes tell whether another run had the same experiment file and timed the same code.
    """
    provenance, options = meta.get("provenance") or {}, meta.get("options") or {}
    hosts = Counter(str((each.get("core") or {}).get("core_hash") or _NOT_RECORDED) for each in environments.values())
    spec = str(meta.get("spec_text", "")).encode("utf-8", "replace")
    facts = {
        "Run": meta.get("run_id"),
        "Started": meta.get("created_at"),
        "Commit": note("commit", provenance.get("commit"), provenance.get("dirty")),
        "pageswap": provenance.get("version"),
        "Command": shown_command(provenance),
        **{name: _text(name, value) for name, value in provenance.items() if name not in _TOLD_ABOVE},
        "Options": _nested({name: value for name, value in options.items() if name not in PRIVATE_OPTIONS}) or "none",
        "Experiment file, SHA-256": hashlib.sha256(spec).hexdigest(),
        "Core, SHA-256": note("cores", hosts),
    }
    return [(label, str(value or _NOT_RECORDED)) for label, value in facts.items()]


def _text(name: str, value: object) -> str:
    condition = find(name)
    if value is None:
        return (condition.absent if condition else "") or _NOT_RECORDED
    if condition and condition.unit == "bytes" and isinstance(value, int):
        return gibibytes(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if name == "mitigations" and isinstance(value, dict):
        affected = {flaw: state for flaw, state in value.items() if state != "Not affected"}
        return note("mitigations", _nested(affected), [flaw for flaw in value if flaw not in affected])
    return _nested(value) or "none"


def _nested(value: object) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{key}: {_nested(part)}" for key, part in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_nested(part) for part in value)
    return value if isinstance(value, str) else json.dumps(value)


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
    columns = {title: own for title, hosts in run.groups.items() if (own := [host for host in hosts if host in there])}
    if not columns:
        return None
    shown = dict(list(columns.items())[:MOST_COLUMNS])
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
        useless = {host for host in lacks if known[host].get(method, {}).get("available")}
        shares = (note("share", lacks.keys() & hosts, len(hosts), useless & {*hosts}) for hosts in shown.values())
        rows.append((clipped(method, _LONGEST_HOST), *shares))
        reasons.update((clipped(method, _LONGEST_HOST), clipped(why, _LONGEST_REASON)) for why in lacks.values())
    caption = note("available", bool(unfit), len(shown), len(columns))
    width = 2 if sum(map(len, columns.values())) == 1 else 3
    heads = (Heading("Method"), Heading("What it lacks, and the cure"), number("Hosts"))[:width]
    why_not = tuple((*why, f"{count:,}")[:width] for why, count in reasons.items())
    grids = (
        Grid(caption, tuple(Heading(clipped(title, _LONGEST_HOST)) for title in ("Method", *shown)), tuple(rows)),
        Grid("Why not", heads, why_not),
    )
    silent = [host for hosts in run.groups.values() for host in hosts if host not in there]
    unknown = notes("unknown_hosts", silent, run.run_data.problems())
    return section_of("availability", "Which methods are available", unknown, (), grids)


def _unfit(cases: Sequence[CaseSummary]) -> dict[tuple[str, str], str]:
    """Return for each (host, method) of which every trial was unavailable the reason of the first."""
    tried = grouped_by(
        (case for case in cases if case.statuses), lambda each: (each.host, str(each.levels.get("method")))
    )
    unfit = {key: own for key, own in tried.items() if all({*case.statuses} == {UNAVAILABLE} for case in own)}
    return {key: own[0].endings[0].reason for key, own in unfit.items()}


def differences(run: ReportedRun) -> Section | None:
    """Name what differs between the hosts' conditions, and whether their times may be compared with each other.

    At most `MOST_COMPARED` hosts are compared, each with the first.
    """
    environments = run.run_data.environments()
    hosts = list(environments)[: MOST_COMPARED + 1]
    pairs = [(host, each) for host in hosts[1:] for each in compare(environments[hosts[0]], environments[host])]
    by_name = {name: dict(found) for name, found in grouped_by(pairs, lambda pair: pair[1].name).items()}
    rows, marks = [], []
    for name, found in sorted(by_name.items(), key=lambda item: not [*item[1].values()][-1].matters):
        last = [*found.values()][-1]
        values = {last.a: [host for host in hosts if host not in found]}
        for host, each in found.items():
            values.setdefault(each.b, []).append(host)
        by_value = note("by_value", sorted(values.items(), key=lambda item: -len(item[1])))
        rows.append((clipped(name, _LONGEST_VALUE), by_value, f"{'yes' if last.matters else 'no'}: {last.why}"))
        marks.append("matters" if last.matters else "harmless")
    heads = tuple(map(Heading, ("Condition", "Values", "Does it matter?")))
    grid = Grid("Conditions that are not the same on all hosts", heads, tuple(rows), marks=tuple(marks))
    first = min(run.spans.values(), default=None)
    late = {host: span for host, span in run.spans.items() if first and span[0] > max(first[1], first[0] + _LATE)}
    judged = verdict({each.key: each for _, each in pairs}.values())
    told = notes("differences", judged, len(hosts), len(environments), first, late)
    return section_of("differences", "How the hosts differ", told, (), [grid])


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
        remark = note("remark", problems.get(host), stops.get(host))
        rows.append((clipped(host, _LONGEST_HOST), *seconds, clipped(remark, 2 * _LONGEST_REASON))[:width])
    heads = (Heading("Host"), *(number(phase.capitalize(), "s") for phase in phases), Heading("Remarks"))[:width]
    marks, which = tuple("problem" if host in problems else "" for host in hosts), "problems, then the longest, first"
    grid = Grid("Seconds by host", heads, tuple(rows), marks=marks, first=which)
    return section_of("ledger", "What the run cost beside the trials", notes("ledger"), (), [grid])
