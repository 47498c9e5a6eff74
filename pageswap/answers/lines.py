"""An answer as plain text: its headline, how far to trust it, and what it does not cover."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final

from pageswap.answers.words import environment

if TYPE_CHECKING:
    from pageswap.answers.record import Answer

_COLUMNS: Final = 80


def answer_lines(answer: Answer) -> list[str]:
    """Return the answer as lines of any length, the headline first."""
    text = environment().get_template("lines.j2").render(answer=answer)
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


def answer_as_text(answer: Answer, columns: int = _COLUMNS) -> str:
    """Return the answer in lines of at most so many columns, broken at blanks and never inside a name."""
    wrap = textwrap.TextWrapper(columns, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    return "\n".join(wrap.fill(line) for line in answer_lines(answer))
