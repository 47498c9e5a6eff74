"""The claims of docs/threat-model.md, each with the tests that hold it."""

from __future__ import annotations

import functools
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import pytest

TESTS = Path(__file__).parent
PAGE = TESTS.parent / "docs" / "threat-model.md"
HELD_BY = "held by"
NO_TEST = "no test"
_TEST = re.compile(r"`([\w/]+\.py(?:::\w+)+)`")


class Claim(NamedTuple):
    """A row of a table: what is tried or could be harmed, what comes of it or keeps it, and the last cell."""

    what: str
    comes: str
    held: str

    @property
    def tests(self) -> list[str]:
        """The tests' ids, from this folder on."""
        return _TEST.findall(self.held)

    @property
    def is_plain(self) -> bool:
        """Whether the last cell holds tests alone, or says that there is none."""
        return self.held == NO_TEST or ", ".join(f"`{test}`" for test in self.tests) == self.held != ""


@functools.cache
def claims() -> tuple[Claim, ...]:
    """Read the page's tables, each of which ends with what holds a claim; raises ValueError at any other."""
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]
    heads = [place for place, row in enumerate(rows) if set(row) == set("|-")]
    if not heads or any(cells[place - 1][-1].strip("| ") != HELD_BY for place in heads):
        raise ValueError(f"{PAGE}: a table without the column '{HELD_BY}'")
    left_out = {place for head in heads for place in (head - 1, head)}
    return tuple(Claim(*row) for place, row in enumerate(cells) if place not in left_out)


def judged(report: pytest.TestReport) -> pytest.TestReport:
    """Fail a test that holds a claim and was skipped, where PAGESWAP_REQUIRE lists `claims`."""
    if report.skipped and "claims" in os.environ.get("PAGESWAP_REQUIRE", "").split(","):
        node = report.nodeid.partition("[")[0].removeprefix("tests/")
        if any(node in claim.tests for claim in claims()):
            report.outcome = "failed"
            report.longrepr = f"it holds a claim of {PAGE.name}, and was skipped: {report.longrepr}"
    return report
