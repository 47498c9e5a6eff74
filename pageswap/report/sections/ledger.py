"""The table of what a run cost beside its trials: where each host's time went, and why it gave nothing more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pageswap.report.sections.section import Grid, Heading, Section
from pageswap.text.lists import clipped, plural

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pageswap.report.sections.section import ReportedRun

MOST_ROWS = 60
_LONGEST_HOST = 60
_LONGEST_REASON = 300
_PHASES = ("connecting", "uploading", "building", "waiting", "running", "collecting")


def section(run: ReportedRun) -> Section | None:
    """Show where each host's time went, and why a host gave nothing more."""
    ledger, problems = run.run_data.ledger(), run.run_data.problems()
    stops = {host: stop for host, stop in run.run_data.stops().items() if stop.get("reason")}
    hosts = list(dict.fromkeys([*ledger, *problems, *stops]))
    if not hosts:
        return None
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
