"""The table of docs/answers.md and the conditions below it: what stands there is read, and new rows are put in."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.marked_page import MarkedPage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PAGE = Path(__file__).resolve().parents[2] / "docs" / "answers.md"
HEAD = ("| claim | experiments | measured [95 % interval] | verdict | runs |", "|---|---|---|---|---|")


@dataclasses.dataclass(frozen=True)
class Row:
    """A claim and what came of it: the run of each of its experiments, none as long as nothing was measured."""

    claim: str
    experiments: tuple[str, ...]
    measured: str = "not measured"
    verdict: str = ""
    runs: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """Print it as a line of the table."""
        verdict = f"**{self.verdict}**" if self.verdict else ""
        named = ", ".join(f"`{name}`" for name in self.experiments)
        return f"| {' | '.join((self.claim, named, self.measured, verdict, ', '.join(self.runs)))} |"


def rows() -> dict[tuple[str, tuple[str, ...]], Row]:
    """Return the page's rows by their claims and experiments."""
    found = {}
    for line in _page().lines("figures")[len(HEAD) :]:
        claim, named, measured, verdict, runs = (cell.strip() for cell in line.strip("|").split("|"))
        names = tuple(re.findall(r"\w+", named))
        found[claim, names] = Row(claim, names, measured, verdict.strip("*"), tuple(re.findall(r"[\w-]+", runs)))
    return found


def conditions() -> dict[str, str]:
    """Return the conditions of each run that the page names, by its id."""
    parts = [line.removeprefix("- ").rpartition(": ") for line in _page().lines("conditions")]
    return {run: text for text, _, runs in parts for run in runs.split(", ")}


def write(table: Sequence[Row], known: Mapping[str, str]) -> None:
    """Write the table, and below it the conditions of the runs that it names, which `known` has by their ids."""
    by_conditions: dict[str, list[str]] = {}
    for run in dict.fromkeys(run for row in table for run in row.runs):
        by_conditions.setdefault(known[run], []).append(run)
    _page().replace("figures", [*HEAD, *(row.line for row in table)])
    _page().replace("conditions", [f"- {text}: {', '.join(runs)}" for text, runs in by_conditions.items()])


def _page() -> MarkedPage:
    return MarkedPage(PAGE, "tests/bench/answers.py")
