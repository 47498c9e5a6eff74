"""The cures of usual mistakes in YAML: where each really is, and what to write, from what PyYAML says and marks."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Final

import yaml

from pageswap.spec.quoting import short

if TYPE_CHECKING:
    from collections.abc import Mapping

LINE_END: Final = r"\r\n|\r|\n"

# What PyYAML says -> the cure, where no more than its words are needed.
_CURES: Final[Mapping[str, str]] = {
    r"expected ':'": "is neither 'key: value', with a blank after the colon, nor '- value'",
    r"character '\\t'": "a tab stands here; write blanks",
    r"character ('.+') that": "a value that begins with {} needs quotes",
    r"sequence entries": "a list begins on the line below its key, each value after '- '",
    r"found '(?:-|<block sequence start>)'": "this '-' is in no list; write all dashes of a list in one column",
    r"found '<block mapping start>'": "this key does not stand below the others; begin all of them in one column",
    r"found '([\]},])'": "nothing is open that this '{}' could belong to; delete it, or put the text in quotes",
    r"found '<scalar>'": "text goes on after the end of the value; put all of it in quotes of the other kind",
    r"escape character": "a backslash has a meaning between double quotes; write single ones",
}


def diagnosis(text: str, error: yaml.MarkedYAMLError) -> tuple[int, str]:
    """Return the line, from 1, of the mistake that stopped PyYAML in a text, and what to write there."""
    problem = error.problem or ""
    mark = error.problem_mark or yaml.Mark("", 0, 0, 0, None, 0)
    opening = error.context_mark or mark
    line = [*re.split(LINE_END, text), ""][mark.line]
    if "mapping values" in problem:
        return mark.line + 1, _colon(line, mark.column)
    if "expected ','" in problem:
        closing = "]" if text[opening.index] == "[" else "}"
        if opening.line == mark.line and closing in line[mark.column :]:
            return mark.line + 1, "a ',' is missing between two values"
        return opening.line + 1, f"'{text[opening.index]}' opens here and does not end; write '{closing}' at its end"
    at_end = "end of stream" in problem
    quote = _open_quote(text, opening.line if at_end else mark.line) or (opening if at_end else None)
    if quote:
        return quote.line + 1, "a quote opens here and ends on another line; end it here, or write its other kind"
    for pattern, cure in _CURES.items():
        found = re.search(pattern, problem)
        if found:
            place = opening if "expected ':'" in problem else mark
            return place.line + 1, cure.format(*found.groups())
    return mark.line + 1, f"is not YAML: {problem}"


def _colon(line: str, column: int) -> str:
    key, _, value = line.partition(": ")
    if len(key) < column:
        quote = '"' if "'" in value else "'"
        return f"a text that holds a ':' needs quotes; write {short(f'{key.strip()}: {quote}{value.strip()}{quote}')}"
    return (
        "stands further right than the key above, and so belongs to its value; begin all keys in one column, or put a "
        "text that holds a ':' in quotes"
    )


def _open_quote(text: str, line: int) -> yaml.Mark | None:
    """Return where the first quote opens whose text goes on over an end of line and ends on that line, from 0."""
    with contextlib.suppress(yaml.YAMLError, ValueError, OverflowError):
        for token in yaml.scan(text, Loader=yaml.SafeLoader):
            start: yaml.Mark = token.start_mark
            is_quoted = isinstance(token, yaml.ScalarToken) and token.style in ("'", '"')
            if is_quoted and start.line < line == token.end_mark.line:
                return start
    return None
