"""Prints what a command has found: a table for a person, or one JSON document for a program."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pageswap.spec.quoting import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_WIDTH_OF_FILES = 160
_STYLES = {"ok": "green", "warn": "yellow", "bad": "red", "faster": "green", "slower": "red"}


def show_table(headings: Sequence[str], rows: Iterable[Sequence[str]], right: frozenset[str] = frozenset()) -> None:
    """Print rows of plain text under their headings; the columns named in `right` are flush right."""
    # What a file or a pipe gets must not depend on the width of a terminal that is not there.
    console = Console(width=None if sys.stdout.isatty() else _WIDTH_OF_FILES, highlight=False)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, justify="right" if heading in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(plain(cell), style=_STYLES.get(cell, "")) for cell in row))
    with console.capture() as printed:
        console.print(table)
    # rich fills the last column with blanks, which wrap where the window is made narrower later.
    print("\n".join(line.rstrip() for line in printed.get().splitlines()))


def say_rest(count: int, shown: int, what: str) -> None:
    """Say in a line of its own how many of `count` lines are not among the `shown` ones; nothing where all are."""
    if count > shown:
        print(f"... and {count - shown:,} more {what}")


def print_json(document: object) -> None:
    """Print one JSON document on standard output."""
    # In one go: json.dump() writes each word by itself, which takes many times as long.
    sys.stdout.write(json.dumps(document, indent=1, allow_nan=False) + "\n")
