"""Prints what a command has found: a table or a line for a person, or one JSON document for a program."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pageswap.agent.host_words import plain
from pageswap.spec.quoting import as_called, printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# What a file or a pipe gets must not depend on the width of a terminal that is not there.
_WIDTH_OF_FILES: Final = 160
_GAP: Final = 2
_STYLES: Final = {"ok": "green", "warn": "yellow", "bad": "red", "faster": "green", "slower": "red"}


def show_table(headings: Sequence[str], rows: Iterable[Sequence[str]], right: frozenset[str] = frozenset()) -> None:
    """Print rows of plain text under their headings; the columns named in `right` are flush right.

    Cells are broken at blanks where the terminal is too narrow. Where even the words do not fit beside each other each
    row is a paragraph.
    """
    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else _WIDTH_OF_FILES
    cells = [[as_called(printable(cell)) for cell in row] for row in rows]
    widths = _widths([headings, *cells], columns)
    if widths is None:
        for row in cells:
            named = [f"{heading} {cell}".lstrip() for heading, cell in zip(headings, row, strict=True) if cell]
            print(_wrapped(", ".join(named), columns))
        return
    console = Console(width=columns, highlight=False)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading, width in zip(headings, widths, strict=True):
        table.add_column(heading, justify="right" if heading in right else "left", width=width)
    for row in cells:
        table.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in row))
    with console.capture() as printed:
        console.print(table)
    # rich fills the last column with blanks, which wrap where the window is made narrower later.
    print("\n".join(line.rstrip() for line in printed.get().splitlines()))


def say(text: str) -> None:
    """Print plain text: a terminal gets lines broken at blanks that are no wider than it is, a file those there are."""
    text = as_called(plain(text))
    if sys.stdout.isatty():
        columns = shutil.get_terminal_size().columns
        text = "\n".join(_wrapped(line, columns) for line in text.split("\n"))
    print(text)


def say_rest(count: int, shown: int, what: str) -> None:
    """Say in a line of its own how many of `count` lines are not among the `shown` ones; nothing where all are."""
    if count > shown:
        print(f"... and {count - shown:,} more {what}")


def print_json(document: object) -> None:
    """Print one JSON document on standard output."""
    # In one go: json.dump() writes each word by itself, which takes many times as long.
    sys.stdout.write(json.dumps(document, indent=1, allow_nan=False) + "\n")


def _wrapped(line: str, columns: int) -> str:
    return textwrap.fill(line, columns, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def _widths(table: Sequence[Sequence[str]], room: int) -> list[int] | None:
    """Share a line among columns: each gets its longest word, then what it lacks, those that lack least first."""
    columns = list(zip(*table, strict=True))
    widths = [max(cell_len(word) for cell in column for word in cell.split() or [""]) for column in columns]
    lacking = [max(map(cell_len, column)) - width for column, width in zip(columns, widths, strict=True)]
    spare = room - sum(widths) - _GAP * (len(widths) - 1)
    if spare < 0:
        return None
    for done, place in enumerate(sorted(range(len(widths)), key=lacking.__getitem__)):
        more = min(lacking[place], spare // (len(widths) - done))
        widths[place] += more
        spare -= more
    return widths
