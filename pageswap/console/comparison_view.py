"""A comparison of two runs as it is asked for and told: the table, what differs, and the finding last."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from pageswap.campaign.run_folders import open_run
from pageswap.comparison import comparison as comparing
from pageswap.comparison.sides import Part
from pageswap.comparison.tables import NUMBERS, change_cells, change_heads, comparison_as_markdown, findings
from pageswap.console.output import print_json, say, say_rest, show_table

if TYPE_CHECKING:
    from pageswap.campaign.run_references import Reference
    from pageswap.comparison.comparison import Comparison

_CASES_SHOWN = 60


def compare(sides: tuple[Reference, Reference], *, by: str, fail_above: str, form: str) -> int:
    """Compare two sides and tell what was found, `form` being text, md or json; return the exit code.

    `by` and `fail_above` are as they were typed, "" where nothing was; raises UsageError.
    """
    limit = comparing.parse_limit(fail_above) if fail_above else None
    with open_run(sides[0].folder) as ours, open_run(sides[1].folder) as theirs:
        parts = [Part(store, side.host, side.text) for store, side in zip((ours, theirs), sides, strict=True)]
        found = comparing.compare(*parts, by=by or None, limit=limit)
    if form == "json":
        print_json(dataclasses.asdict(found))
    elif form == "md":
        print(comparison_as_markdown(found))
    else:
        show_comparison(found)
    return comparing.conclude(found.gate)


def show_comparison(comparison: Comparison) -> None:
    """Print every case, the conditions that differ, and the finding in sentences with the gate's decision last."""
    say(f"base: {comparison.base.name} ({_described(comparison.base.run_id, comparison.base.commit)})")
    say(f"new:  {comparison.new.name} ({_described(comparison.new.run_id, comparison.new.commit)})")
    say(f"{comparison.by_text}; above 0 % is slower\n")
    rows = (
        [*change_cells(comparison, change), f"{change.verdict}: {change.note}" if change.note else change.verdict]
        for change in comparison.cases[:_CASES_SHOWN]
    )
    show_table((*change_heads(comparison), ""), rows, frozenset(NUMBERS))
    say_rest(len(comparison.cases), _CASES_SHOWN, "cases; --json lists all")
    for pair in comparison.pairs:
        name = pair.base if pair.base == pair.new else f"{pair.base} and {pair.new}"
        say(f"\nwhat differs{f', {name}' if len(comparison.pairs) > 1 or pair.base != pair.new else ''}:")
        if not pair.differences:
            say("nothing")
            continue
        show_table(
            ("condition", "base", "new", "", "why"),
            ((each.name, each.a, each.b, "matters" if each.matters else "", each.why) for each in pair.differences),
        )
    print()
    for sentence in findings(comparison):
        say(sentence)


def _described(run_id: str, commit: str | None) -> str:
    return f"run {run_id}{f', commit {commit[:12]}' if commit else ''}"
