"""Reads what was made of a hostile host's words as its readers would, and says where a word was taken for more."""

from __future__ import annotations

import csv
import html.parser
import io
import json
import re
import unicodedata
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import duckdb
from markdown_it import MarkdownIt

from tests.hostile.mutations import MARK

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# rich's own colours.
_STYLE = re.compile(r"\x1b\[\d{1,2}(?:;\d{1,2})*m")
_KINDS = ("Cc", "Cf", "Cs", "Zl", "Zp")
_OWN_SCRIPT = re.compile(r"<script>.*?</script>", re.DOTALL)
_FORMULA = re.compile(r"[=+\-@\t\r]")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")


def obeyed(text: str) -> set[str]:
    """Return the characters that whatever shows a text may obey."""
    return {f"character {char!r}" for char in set(text) if unicodedata.category(char) in _KINDS and char != "\n"}


def in_terminal(text: str) -> Iterator[str]:
    """Yield what a terminal would obey, and lines that are a host's but look like ours."""
    shown = _STYLE.sub("", text)
    yield from obeyed(shown)
    # What is folded goes on behind two blanks.
    yield from (line for line in shown.splitlines() if line.startswith("FORGED"))


class _Page(html.parser.HTMLParser):
    """What a browser would find in a page: wrong elements and attributes, and the data between its scripts' tags."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[str] = []
        self.data: list[str] = []
        self._is_data = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._is_data = tag == "script" and ("type", "application/json") in attrs
        if tag == MARK:
            self.faults.append(f"element {tag}")
        for name, value in attrs:
            if name.startswith("on") or name == MARK or (name in ("href", "src") and MARK in (value or "")):
                self.faults.append(f"attribute {name}={value!r:.80} of {tag}")

    def handle_endtag(self, _tag: str) -> None:
        self._is_data = False

    def handle_data(self, data: str) -> None:
        if self._is_data:
            self.data.append(data)


def in_page(text: str) -> Iterator[str]:
    """Yield what is wrong in an HTML page."""
    page = _Page()
    page.feed(text)
    yield from page.faults
    for data in page.data:
        json.loads(data)
    # Our own library may hold what it likes.
    yield from obeyed(_OWN_SCRIPT.sub("", text).replace("\t", ""))


def in_markdown(text: str) -> Iterator[str]:
    """Yield what a reader of Markdown would take for markup of ours."""
    yield from in_terminal(text)
    page = _Page()
    page.feed(MarkdownIt("commonmark", {"linkify": False}).enable("table").render(text))
    yield from page.faults


def in_csv(text: str) -> Iterator[str]:
    """Yield the cells that a spreadsheet would compute or a terminal obey, and rows of another length."""
    rows = list(csv.reader(io.StringIO(text)))
    yield from (f"a row of {len(row)} cells" for row in rows if len(row) != len(rows[0]))
    for cell in {cell for row in rows for cell in row}:
        if _FORMULA.match(cell) and not _NUMBER.fullmatch(cell):
            yield f"cell {cell!r:.80}"
        yield from obeyed(cell.replace("\t", ""))


def in_json(text: str) -> Iterator[str]:
    """Yield what a terminal would obey in what a JSON reader takes."""
    json.loads(text, parse_constant=_refuse)
    # What writes it lays it out with tabs.
    yield from in_terminal(text.replace("\n\t", "\n"))


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is no JSON")


def in_feed(text: str) -> Iterator[str]:
    """Yield elements of the feed that are not ours; raises ParseError where it is no XML."""
    for element in ET.fromstring(text).iter():  # noqa: S314 - likewise
        if MARK in element.tag:
            yield f"element {element.tag}"
    yield from obeyed(text)


def in_parquet(path: Path) -> Iterator[str]:
    """Yield nothing: a Parquet file that can be read has its words where they belong."""
    with duckdb.connect(":memory:") as database:
        database.read_parquet(str(path)).fetchall()
    yield from ()
