"""What `inv history` prints of an experiment's runs: a line a case, JSON, or the page."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pageswap.console.output import print_json, say, say_rest, show_table
from pageswap.errors import StoreError, UsageError
from pageswap.files import STANDARD_OUTPUT, replacing
from pageswap.history.kept_records import record_of_run
from pageswap.history.series import history
from pageswap.history.told import point_text, sentences, series_name
from pageswap.spec.quoting import guess, printable
from pageswap.text.sparkline import sparkline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pageswap.history.series import History

FORMATS: Final = ("text", "html", "json")
_CASES_SHOWN: Final = 60
_HEADS: Final = ("case", "runs", "way", "newest", "95 % interval", "changes")
_LETTERS: Final = 40


def history_of(  # noqa: PLR0913 - what, and how it is looked at
    runs: Sequence[Path], experiment: str, *, by: str, quantity: str, host: str, form: str, out: Path | None
) -> None:
    """Tell how the cases of an experiment went over those of ``runs``, which are folders, that are of it.

    ``form`` is text, json or html; html goes to the file ``out``, or to standard output where that is None.
    Raises UsageError where there is no such run or nothing to follow.
    """
    known = sorted({folder.parent.name for folder in runs})
    if not experiment:
        raise UsageError(f"EXPERIMENT is missing: name one that has runs: {', '.join(known) or 'there is none yet'}")
    own = [folder for folder in runs if folder.parent.name == experiment]
    if not own:
        hint = guess(experiment, known) or (f"; there are runs of {', '.join(known)}" if known else "")
        raise UsageError(f"{printable(experiment)}: there is no run of this experiment{hint}")
    records, left_out = [], {}
    for folder in own:
        try:
            records.append(record_of_run(folder))
        except StoreError as error:
            left_out[folder.name] = str(error)
    if not records:
        raise StoreError(f"none of {len(own)} runs of {experiment} can be read: {'; '.join(left_out.values())}")
    found = history(experiment, records, by=by, quantity=quantity, host=host, left_out=left_out)
    if form == "json":
        print_json(dataclasses.asdict(found) | {"told": sentences(found)})
    elif form == "html":
        _write(found, out)
    else:
        show(found)


def show(found: History) -> None:
    """Print a line a case with its way over the runs, and what was found in sentences."""
    rows = []
    for series in found.series[:_CASES_SHOWN]:
        way = sparkline([[point.value for point in part] for part in series.parts], _LETTERS)
        figure = point_text(series, series.points[-1])
        rows.append((series_name(found, series), str(len(series.points)), way, *figure, str(len(series.changes) or "")))
    show_table(_HEADS, rows, frozenset(("runs", "newest", "changes")))
    say_rest(len(found.series), _CASES_SHOWN, "cases; --format json has all")
    print()
    for sentence in sentences(found):
        say(sentence)


def _write(found: History, out: Path | None) -> None:
    from pageswap.report.page.many_runs import history_page

    place = out or Path(STANDARD_OUTPUT[0])
    with replacing(place) as file:
        file.write(history_page(found).encode())
    if out is not None:
        print(f"history: {out}")
