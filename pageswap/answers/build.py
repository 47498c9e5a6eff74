"""What a run answers, as one record: by what its experiment asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pageswap.answers.against_baseline import COMPARED, baseline_findings, is_mover
from pageswap.answers.caveats import caveats
from pageswap.answers.cost import cost
from pageswap.answers.crossover import crossover
from pageswap.answers.faster import faster
from pageswap.answers.fastest import fastest
from pageswap.answers.gain import gain
from pageswap.answers.rate import rate
from pageswap.answers.record import BAD, NOTHING_MEASURED, UNDECIDED, Answer, Reason, Trust
from pageswap.answers.trust import trust
from pageswap.answers.words import fitted, say
from pageswap.spec.asks import COST, CROSSOVER, FASTER, FASTEST, GAIN, RATE
from pageswap.statistics.intervals import MINIMUM_N

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
# What is decided by comparisons with the baseline.
_OF_BASELINE: Final = (FASTER, CROSSOVER, GAIN)


def build_answer(summary: HostsSummary, findings: Findings, environments: Mapping[str, Mapping[str, Any]]) -> Answer:
    """Return the answer of a run: ``findings`` are the run's, ``environments`` what is known of its hosts.

    The headline is made of the findings and of nothing else, so that it claims no more than they say.
    """
    facts, found = _BUILDERS[summary.asks](summary)
    macro, verdict = summary.asks, facts.verdict
    if not summary.statuses.get("ok"):
        macro = verdict = NOTHING_MEASURED
    elif verdict == UNDECIDED and summary.asks in _OF_BASELINE:
        quiet, most = _blocks(summary, findings)
        if quiet < MINIMUM_N <= most:
            macro, facts = "few_quiet", quiet
    return Answer(
        asks=summary.asks,
        verdict=verdict,
        headline=fitted(macro, facts, summary),
        trust=trust(summary, findings, environments),
        findings=tuple(found),
        caveats=tuple(caveats(summary, len(found))),
    )


def no_answer() -> Answer:
    """Return the answer of a run that no host could be used for: it has no cases yet, and asks nothing."""
    reason = Reason(NOTHING_MEASURED, say("trust", NOTHING_MEASURED, {}))
    return Answer("", NOTHING_MEASURED, say("headline", "no_host", None, None, 0), Trust(BAD, (reason,)))


def _blocks(summary: HostsSummary, findings: Findings) -> tuple[int, int]:
    """Return the most blocks that any comparison has: those that nothing disturbed, and all."""
    disturbed = {(each.before.host, each.before.case_id): each.disturbed for each in findings.undisturbed}
    pairs = baseline_findings(summary)
    compared = [case for case, found in pairs if found.verdict in COMPARED and is_mover(summary, case)]
    compared = compared or [case for case, found in pairs if found.verdict in COMPARED]
    quiet = max((case.ratio_n - disturbed.get((case.host, case.case_id), 0) for case in compared), default=0)
    return quiet, max((case.ratio_n for case in compared), default=0)
