"""Prints what a command has found: a table or a line for a person, or one JSON document for a program."""

from __future__ import annotations

import itertools
import json
import shutil
import sys
import textwrap
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len
from rich.console import Console
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
    row is a paragraph. Not by rich's table, which takes two thirds of a second for 1,000 rows and cuts wide letters.
    """
    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else _WIDTH_OF_FILES
    cells = [[as_called(printable(cell)) for cell in row] for row in rows]
    widths = _widths([headings, *cells], columns)
    if widths is None:
        for row in cells:
            named = [f"{heading} {cell}".lstrip() for heading, cell in zip(headings, row, strict=True) if cell]
            print(_wrapped(", ".join(named), columns))
        return
    console = Console()
    flush_right = [heading in right for heading in headings]
    for place, texts in enumerate([headings, *cells]):
        styles = [_STYLES.get(text, "") if place else "bold" for text in texts]
        parts = [_broken(text, width) for text, width in zip(texts, widths, strict=True)]
        for line in itertools.zip_longest(*parts, fillvalue=""):
            padded = map(_padded, itertools.repeat(console), line, styles, widths, flush_right)
            print((" " * _GAP).join(padded).rstrip())


def _broken(cell: str, width: int) -> list[str]:
    """Break a cell at blanks into lines no wider than its column, which is as wide as its longest word."""
    if cell_len(cell) <= width:
        return [cell]
    lines: list[str] = []
    for word in cell.split():
        if lines and cell_len(lines[-1]) + 1 + cell_len(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _padded(console: Console, text: str, style: str, width: int, is_flush_right: bool) -> str:  # noqa: FBT001 - mapped
    """Return a cell's text as wide as its column, with its style where a terminal shows one."""
    blanks = " " * (width - cell_len(text))
    if style and console.is_terminal:
        with console.capture() as styled:
            console.print(Text(text, style=style), end="", soft_wrap=True)
        text = styled.get()
    return blanks + text if is_flush_right else text + blanks


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
