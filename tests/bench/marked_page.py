"""Parts of a page in docs/ that a program writes, each between two marks that say which program."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MARKS = "<!-- {name}: written by {writer} -->", "<!-- end of {name} -->"


@dataclasses.dataclass(frozen=True)
class MarkedPage:
    """A page, and how its marks name what writes there."""

    path: Path
    writer: str

    def lines(self, name: str) -> list[str]:
        """Return the lines between the two marks of a name."""
        (found,) = self._between(name).findall(self.path.read_text(encoding="utf-8"))
        return str(found).splitlines()

    def replace(self, name: str, lines: Sequence[str]) -> None:
        """Write other lines there."""
        text = self.path.read_text(encoding="utf-8")
        new = self._between(name).sub(lambda _: "".join(f"{line}\n" for line in lines), text)
        self.path.write_text(new, encoding="utf-8")

    def _between(self, name: str) -> re.Pattern[str]:
        begin, end = (re.escape(mark.format(name=name, writer=self.writer)) for mark in MARKS)
        return re.compile(f"(?<={begin}\n).*?(?={end})", re.DOTALL)
