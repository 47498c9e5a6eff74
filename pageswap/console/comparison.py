"""How a comparison of two runs looks on a terminal: the table, what differs, and the finding last."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pageswap.analysis.percent import detectable_text, findings, percent_interval_text, percent_text, time_text
from pageswap.console.table import show_table
from pageswap.console.terminal import level_text

if TYPE_CHECKING:
    from pageswap.analysis.compare import Change, Comparison

_CASES_SHOWN = 60
_NUMBERS = ("base, ns", "new, ns", "time", "95 % interval", "could find")


def show_comparison(comparison: Comparison) -> None:
    """Print every case, the conditions that differ, and the finding in sentences with the gate's decision last."""
    print(f"base: {comparison.base.name} ({_described(comparison.base.run_id, comparison.base.commit)})")
    print(f"new:  {comparison.new.name} ({_described(comparison.new.run_id, comparison.new.commit)})")
    print(f"{comparison.by_text}; above 0 % is slower\n")
    has_hosts = len(comparison.pairs) > 1
    place = ["host"] if has_hosts else []
    rows = (_row(comparison, change, has_hosts=has_hosts) for change in comparison.cases[:_CASES_SHOWN])
    show_table((*place, *comparison.varying, *_NUMBERS, ""), rows, frozenset(_NUMBERS))
    if len(comparison.cases) > _CASES_SHOWN:
        print(f"... and {len(comparison.cases) - _CASES_SHOWN:,} more cases; --json lists all")
    for pair in comparison.pairs:
        name = pair.base if pair.base == pair.new else f"{pair.base} and {pair.new}"
        print(f"\nwhat differs{f', {name}' if has_hosts or pair.base != pair.new else ''}:")
        if not pair.differences:
            print("nothing")
            continue
        show_table(
            ("condition", "base", "new", "", "why"),
            ((each.key, each.a, each.b, "matters" if each.matters else "", each.why) for each in pair.differences),
        )
    print()
    for sentence in findings(comparison):
        print(sentence)


def _row(comparison: Comparison, change: Change, *, has_hosts: bool) -> list[str]:
    return [
        *([change.new_host] if has_hosts else []),
        *(level_text(name, change.levels.get(name)) for name in comparison.varying),
        time_text(change.base_ns),
        time_text(change.new_ns),
        percent_text(change.change, change.change_ci),
        percent_interval_text(change.change, change.change_ci),
        detectable_text(change),
        f"{change.verdict}: {change.note}" if change.note else change.verdict,
    ]


def _described(run_id: str, commit: str | None) -> str:
    return f"run {run_id}{f', commit {commit[:12]}' if commit else ''}"
