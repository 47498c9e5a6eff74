"""What a command prints or writes of a comparison: a table a side, what differs, and the finding in sentences."""

from __future__ import annotations

import contextlib
import io
import json
import sys
from typing import TYPE_CHECKING

from pageswap.campaign.run_folders import open_run
from pageswap.console.exits import tell
from pageswap.console.output import say, say_rest, show_table
from pageswap.console.run_view import CASES_SHOWN
from pageswap.files import STANDARD_OUTPUT, replacing

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pageswap.campaign.run_references import Reference
    from pageswap.comparison.comparison import Comparison
    from pageswap.comparison.measured_run import Part
    from pageswap.comparison.sides import SidesComparison
    from pageswap.store.store import Store


def compare(  # noqa: PLR0913 - what was typed
    sides: Sequence[Sequence[Reference]],
    earlier: Sequence[Sequence[Reference]],
    *,
    by: str,
    fail_above: str,
    form: str,
    out: Path | None,
) -> int:
    """Compare sides with the first one and tell what was found, `form` being text, md, html, junit or json.

    It goes to the file `out`, else to standard output. `by` and `fail_above` are as they were typed, "" where nothing
    was. Returns the exit code; raises UsageError.
    """
    from pageswap.comparison import comparison as comparing
    from pageswap.comparison.sides import compare_sides, conclude_sides

    limit = comparing.parse_limit(fail_above) if fail_above else None
    with contextlib.ExitStack() as opened:
        stores = {
            each.folder: opened.enter_context(open_run(each.folder)) for side in (*sides, *earlier) for each in side
        }
        base, *others = [[_part(stores[each.folder], each) for each in side] for side in sides]
        before = [[_part(stores[each.folder], each) for each in side] for side in earlier]
        found = compare_sides(base, others, by=by or None, limit=limit, earlier=before)
    if form != "text":
        _write(_as_text(found, form), out)
    elif out is None:
        show_comparisons(found)
    else:
        with contextlib.redirect_stdout(io.StringIO()) as text:
            show_comparisons(found)
        _write(text.getvalue(), out)
    return conclude_sides(found)


def _part(store: Store, side: Reference) -> Part:
    """Return a run of a side by the name that was typed; a pipeline types whole hashes, which nobody reads."""
    from pageswap.comparison.measured_run import Part
    from pageswap.text.words import with_short_hashes

    return Part(store, side.host, with_short_hashes(side.text))


def _as_text(found: SidesComparison, form: str) -> str:
    from pageswap.comparison.sides import as_junit, as_markdown

    if form == "json":
        return json.dumps(found.as_json(), indent=1, allow_nan=False) + "\n"
    if form == "html":
        from pageswap.report.page.comparison_page import comparison_page

        return comparison_page(found)
    return as_junit(found) if form == "junit" else as_markdown(found) + "\n"


def _write(text: str, out: Path | None) -> None:
    """Write text into a file, whose name is then said, or to standard output."""
    if out is None:
        sys.stdout.write(text)
        return
    with replacing(out) as file:
        file.write(text.encode())
    if str(out) not in STANDARD_OUTPUT:
        tell(f"comparison: {out}")


def show_comparisons(found: SidesComparison) -> None:
    """Print which side changed what, where there are several, then each one's comparison."""
    if len(found.comparisons) > 1:
        say(f"{found.headline}\n")
    for place, comparison in enumerate(found.comparisons):
        if place:
            print()
        show_comparison(comparison)


def show_comparison(comparison: Comparison) -> None:
    """Print every case, the conditions that differ, and the finding in sentences with the gate's decision last."""
    from pageswap.comparison.tables import NUMBERS, change_cells, change_heads, findings

    say(f"base: {comparison.base.name} ({_of_run(comparison.base.run_id, comparison.base.commit)})")
    say(f"new:  {comparison.new.name} ({_of_run(comparison.new.run_id, comparison.new.commit)})")
    say(f"{comparison.by_text}; above 0 % is slower\n")
    rows = (
        [*change_cells(comparison, change), f"{change.verdict}: {change.note}" if change.note else change.verdict]
        for change in comparison.cases[:CASES_SHOWN]
    )
    show_table((*change_heads(comparison), ""), rows, frozenset(NUMBERS))
    say_rest(len(comparison.cases), CASES_SHOWN, "cases; --json lists all")
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


def _of_run(run_id: str, commit: str | None) -> str:
    return f"run {run_id}{f', commit {commit[:12]}' if commit else ''}"
