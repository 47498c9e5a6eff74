"""What a run answers, as one record: by what its experiment asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pageswap.answers.caveats import caveats
from pageswap.answers.faster import faster
from pageswap.answers.record import NOTHING_MEASURED, Answer
from pageswap.answers.trust import trust
from pageswap.answers.words import fitted
from pageswap.spec.asks import ASKS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pageswap.analysis.findings import Findings
    from pageswap.analysis.summary import Summary

_BUILDERS = {"faster": faster}


def build_answer(summary: Summary, findings: Findings, environments: Mapping[str, Mapping[str, Any]]) -> Answer:
    """Return the answer of a run: ``findings`` are the run's, ``environments`` what is known of its hosts.

    The headline is made of the findings and of nothing else, so that it claims no more than they say.
    """
    asks = summary.asks if summary.asks in ASKS else "faster"
    facts, found = _BUILDERS.get(asks, faster)(summary)
    verdict, headline = facts.verdict, fitted(asks if asks in _BUILDERS else "faster", facts)
    if not summary.statuses.get("ok"):
        verdict, headline = NOTHING_MEASURED, fitted("nothing_measured", summary)
    return Answer(
        asks=asks,
        verdict=verdict,
        headline=headline,
        trust=trust(summary, findings, environments),
        findings=tuple(found),
        caveats=tuple(caveats(summary)),
    )
