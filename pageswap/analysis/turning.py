"""Says at which page size the baseline and each other method change places, when that is what a run varies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pageswap.analysis.crossover import crossovers

if TYPE_CHECKING:
    from pageswap.analysis.summary import Summary


def turning_points(summary: Summary) -> list[str]:
    """Give a clause for each method that changes places with the baseline as pages grow, as the report's table has it.

    Empty unless a run of one host varies just the method, which has a baseline, and the page size.
    """
    if (
        len(summary.hosts) != 1
        or set(summary.varying) != {"method", "page_size"}
        or set(summary.baseline) != {"method"}
    ):
        return []
    cases = {case.case_id: case.levels for case in summary.cases}
    return [
        crossing.text
        for crossing in crossovers(summary.matrix, cases, summary.families)
        if crossing.at_bytes is not None and summary.baseline["method"] in (crossing.a, crossing.b)
    ]
