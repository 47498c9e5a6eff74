"""Several sides against one base: which of them changed what, in a sentence, and what their gates decide together."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from pageswap.analysis.verdicts import FASTER, SLOWER
from pageswap.answers.words import fitted
from pageswap.comparison.comparison import GATE_TRIPPED, Comparison, compare_all, conclude
from pageswap.comparison.tables import case_phrase, comparison_as_markdown, escaped, findings, rendered, slowdown_text
from pageswap.text.words import levels_phrase

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pageswap.comparison.changes import Change
    from pageswap.comparison.measured_run import Part


@dataclasses.dataclass(frozen=True)
class Effect:
    """What one side changed against the base: how many of its cases, and the largest change with its case's name.

    ``change`` is the largest change of time, as a factor; 1.0 where nothing changed. ``subject`` is what all changed
    cases have in common, "" where that is nothing.
    """

    name: str
    cases: int
    slower: int
    faster: int
    largest: str
    change: float
    is_covered: bool
    subject: str = ""

    @property
    def size(self) -> float:
        """Return how large the largest change is, as a factor above 1."""
        return max(self.change, 1 / self.change)


@dataclasses.dataclass(frozen=True)
class SidesComparison:
    """Each side's comparison with the base, and the sentence that says which changed what."""

    headline: str
    comparisons: tuple[Comparison, ...]

    @property
    def base_name(self) -> str:
        """Return the name of what all are compared with."""
        return self.comparisons[0].base.name

    def as_json(self) -> dict[str, Any]:
        """Return the documented JSON document: of two sides the comparison itself."""
        if len(self.comparisons) == 1:
            return dataclasses.asdict(self.comparisons[0])
        return {"headline": self.headline, "comparisons": [dataclasses.asdict(each) for each in self.comparisons]}


def compare_sides(
    base: Sequence[Part],
    others: Sequence[Sequence[Part]],
    *,
    by: str | None = None,
    limit: float | None = None,
    earlier: Sequence[Sequence[Part]] = (),
) -> SidesComparison:
    """Compare each side with the base, as `compare_all` does; raises UsageError."""
    found = tuple(compare_all(base, others, by=by, limit=limit, earlier=earlier))
    return SidesComparison(fitted("sides", "headline", found[0].base.name, [effect(each) for each in found]), found)


def effect(comparison: Comparison) -> Effect:
    """Say what a side changed."""
    changed = [each for each in comparison.cases if each.verdict in (SLOWER, FASTER)]
    largest = max(changed, key=_size, default=None)
    return Effect(
        name=comparison.new.name,
        cases=len(comparison.cases),
        slower=sum(each.verdict == SLOWER for each in changed),
        faster=sum(each.verdict == FASTER for each in changed),
        largest=case_phrase(comparison, largest) if largest else "",
        change=(largest.change if largest else None) or 1.0,
        is_covered=comparison.is_covered,
        subject=_in_common(comparison, changed),
    )


def _in_common(comparison: Comparison, changed: Sequence[Change]) -> str:
    """Name the levels that are the same in all of these cases, of those that vary in the comparison."""
    return levels_phrase(
        {
            name: changed[0].levels[name]
            for name in comparison.varying
            if changed and len({str(change.levels.get(name)) for change in changed}) == 1
        }
    )


def _size(change: Change) -> float:
    factor = change.change or 1.0
    return max(factor, 1 / factor)


def conclude_sides(found: SidesComparison) -> int:
    """Return the exit code of all gates: 5 where one trips; raises UsageError where none does and one is undecided."""
    gates = [each.gate for each in found.comparisons]
    if any(gate and gate.passed is False for gate in gates):
        return GATE_TRIPPED
    return max(map(conclude, gates))


def as_markdown(found: SidesComparison) -> str:
    """Tell several sides for a pull request: the sentence, then each one's comparison."""
    texts = map(comparison_as_markdown, found.comparisons)
    return "\n".join([f"{escaped(found.headline)}\n"] * (len(found.comparisons) > 1) + [*texts])


def as_junit(found: SidesComparison) -> str:
    """Tell all cases as JUnit's XML: a suite a side, a failure for each case that is over the gate's limit."""
    return rendered(
        "comparison.junit.j2",
        found=found,
        case_phrase=case_phrase,
        change_text=slowdown_text,
        findings=findings,
    )
