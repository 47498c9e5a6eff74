"""What a run answers, as one record: by what its experiment asks, and what that does not cover."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pageswap.agent.journal.job import OK
from pageswap.analysis.trials.run_data import grouped_by
from pageswap.analysis.verdicts import NOT_COMPARED
from pageswap.answers.against_baseline import COMPARED, is_mover
from pageswap.answers.cost import cost
from pageswap.answers.crossover import crossover
from pageswap.answers.faster import faster, gain
from pageswap.answers.fastest import fastest
from pageswap.answers.rate import rate
from pageswap.answers.record import BAD, MOST_FINDINGS, NOTHING_MEASURED, UNDECIDED, Answer, Caveat
from pageswap.answers.trust import told, trust
from pageswap.answers.words import fitted, say
from pageswap.spec.experiment import COST, CROSSOVER, FASTER, FASTEST, GAIN, RATE
from pageswap.statistics.intervals import MINIMUM_N
from pageswap.text.words import most_needed, without_numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from pageswap.analysis.findings import Findings
    from pageswap.analysis.summary import CaseSummary, Ending, HostsSummary, Summary
    from pageswap.answers.record import Finding

    _Kind = tuple[str, int, bool]

_BUILDERS: Final[Mapping[str, Callable[[HostsSummary], Any]]] = {
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
    facts = found = _BUILDERS[summary.asks](summary)
    macro, verdict = summary.asks, found.verdict
    if not summary.statuses.get(OK):
        macro = verdict = NOTHING_MEASURED
    elif verdict == UNDECIDED and summary.asks in _OF_BASELINE:
        quiet, most = _blocks(summary, found.pairs, findings)
        if quiet < MINIMUM_N <= most:
            macro, facts = "few_quiet", quiet
    return Answer(
        asks=summary.asks,
        verdict=verdict,
        headline=fitted("headline", macro, facts, summary),
        trust=trust(summary, findings, environments),
        findings=tuple(found.findings),
        caveats=tuple(caveats(summary, len(found.findings))),
    )


def no_answer(asks: str) -> Answer:
    """Return the answer of a run that no host could be used for: it has no cases yet."""
    nothing = told([(BAD, NOTHING_MEASURED, {})])
    return Answer(asks, NOTHING_MEASURED, say("headline", "no_host", None, None, 0), nothing)


def _blocks(summary: Summary, pairs: Iterable[tuple[CaseSummary, Finding]], findings: Findings) -> tuple[int, int]:
    """Return the most blocks that any comparison has: those that nothing disturbed, and all."""
    disturbed = {(each.before.host, each.before.case_id): each.disturbed for each in findings.undisturbed}
    compared = [case for case, found in pairs if found.verdict in COMPARED]
    compared = [case for case in compared if is_mover(summary, case)] or compared
    quiet = max((case.ratio_n - disturbed.get((case.host, case.case_id), 0) for case in compared), default=0)
    return quiet, max((case.ratio_n for case in compared), default=0)


def caveats(summary: Summary, findings: int) -> Iterator[Caveat]:
    """Yield each, no ending left out: every status with its count and all its reasons; there are so many findings."""
    if summary.corrupt:
        cases = [case for case in summary.cases if case.levels.get("method") in summary.corrupt]
        yield _caveat("corrupt", cases, {"methods": summary.corrupt})
    unmeasured = [case for case in summary.cases if not case.n and case.endings]
    if unmeasured:
        of = {
            "cases": len(unmeasured),
            "of": len(summary.cases),
            "endings": _joined(ending for case in unmeasured for ending in case.endings),
        }
        yield _caveat("not_measured", unmeasured, of)
    uncompared = [case for case in summary.cases if case.n and case.verdict == NOT_COMPARED and summary.baseline]
    if uncompared:
        notes = list(dict.fromkeys(case.note for case in uncompared))
        yield _caveat("not_compared", uncompared, {"cases": len(uncompared), "notes": notes})
    short = [case for case in summary.cases if case.n and case.endings]
    if short:
        yield _caveat("lost_trials", short, {"endings": _joined(ending for case in short for ending in case.endings)})
    if summary.warmup_endings:
        yield _caveat("lost_warmups", [], {"endings": _joined(summary.warmup_endings)})
    if summary.silent and len(summary.silent) < len(summary.hosts):
        silent = [case for case in summary.cases if case.host in summary.silent]
        yield _caveat("silent_hosts", silent, {"hosts": list(summary.silent)})
    if summary.missing:
        yield _caveat("unfinished", [], {"trials": summary.missing})
    if findings > MOST_FINDINGS:
        yield _caveat("findings", [], {"findings": findings, "most": MOST_FINDINGS})


def _caveat(kind: str, cases: Iterable[CaseSummary], facts: dict[str, Any]) -> Caveat:
    return Caveat(kind, say("caveats", kind, facts), tuple(dict.fromkeys(case.case_id for case in cases)))


def _joined(endings: Iterable[Ending]) -> list[tuple[str, int, list[_Kind]]]:
    """Return each status with the number of its trials, and each of its kinds of reasons, the most frequent first.

    Of a kind, whose reasons differ in numbers alone, stands the one whose cure is enough for all.
    """
    found = []
    for status, own in grouped_by(endings, lambda each: each.status).items():
        kinds = map(_kind, grouped_by(own, lambda each: without_numbers(each.reason)).values())
        found.append((status, sum(each.trials for each in own), sorted(kinds, key=lambda kind: -kind[1])))
    return found


def _kind(alike: Iterable[Ending]) -> _Kind:
    """Return the reason and the trials of a kind, and whether it stands for others."""
    reasons = dict.fromkeys(each.reason for each in alike)
    return most_needed(reasons), sum(each.trials for each in alike), len(reasons) > 1
