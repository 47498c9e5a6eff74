"""What a run answers, as one record: by what its experiment asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pageswap.answers.caveats import caveats
from pageswap.answers.cost import cost
from pageswap.answers.crossover import crossover
from pageswap.answers.faster import faster
from pageswap.answers.fastest import fastest
from pageswap.answers.gain import gain
from pageswap.answers.rate import rate
from pageswap.answers.record import NOTHING_MEASURED, Answer
from pageswap.answers.trust import trust
from pageswap.answers.words import fitted
from pageswap.spec.asks import COST, CROSSOVER, FASTER, FASTEST, GAIN, RATE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pageswap.analysis.findings import Findings
    from pageswap.analysis.summary import HostsSummary
    from pageswap.answers.record import Finding

_BUILDERS: Final[Mapping[str, Callable[[HostsSummary], tuple[Any, list[Finding]]]]] = {
    FASTER: faster,
    FASTEST: fastest,
    CROSSOVER: crossover,
    GAIN: gain,
    COST: cost,
    RATE: rate,
}


def build_answer(summary: HostsSummary, findings: Findings, environments: Mapping[str, Mapping[str, Any]]) -> Answer:
    """Return the answer of a run: ``findings`` are the run's, ``environments`` what is known of its hosts.

    The headline is made of the findings and of nothing else, so that it claims no more than they say.
    """
    facts, found = _BUILDERS[summary.asks](summary)
    is_measured = bool(summary.statuses.get("ok"))
    return Answer(
        asks=summary.asks,
        verdict=facts.verdict if is_measured else NOTHING_MEASURED,
        headline=fitted(summary.asks if is_measured else NOTHING_MEASURED, facts, summary),
        trust=trust(summary, findings, environments),
        findings=tuple(found),
        caveats=tuple(caveats(summary)),
    )
