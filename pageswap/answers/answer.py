"""The experiment's question answered from its figures, in a sentence or two that claim no more than they show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pageswap.analysis.explanations.contests import contests
from pageswap.analysis.verdicts import BASELINE
from pageswap.answers.asked import asked, asked_first, asks_for_best, yes_or_no
from pageswap.answers.callcosts import call_costs
from pageswap.answers.fastest import fastest, verdicts
from pageswap.answers.gains import gains
from pageswap.answers.memorylimit import limit_rates
from pageswap.answers.phrases import baseline_name, contestants, noted, place, sentence, where
from pageswap.answers.reservations import reservations
from pageswap.answers.standing import CONTENDERS_NAMED, by_contender, clause, extremes, standings
from pageswap.answers.turning import turning
from pageswap.text.levels import operation
from pageswap.text.numbers import interval_text, nanoseconds_text

if TYPE_CHECKING:
    from pageswap.analysis.summary import CaseSummary, Summary


def answer(summary: Summary) -> list[str]:
    """Give the answer, the first sentence being the finding and any others its limits.

    What kind of answer a run gets follows from what it varies, its workload and its baseline, and where these leave a
    choice from what the question asks for. "faster" and "slower" stand only where a comparison was decided, "no
    difference found" elsewhere; the fastest is called so only if it could be told from the others. A leading "yes" or
    "no" is given only when the question wants one and all that it asks about agrees. Methods of the family ``control``
    move nothing and take no part.
    """
    return [*_finding(summary), *reservations(summary)]


def _finding(summary: Summary) -> list[str]:
    if summary.has_baseline and "method" not in summary.baseline:
        found = gains(summary)
    else:
        found = limit_rates(summary) or call_costs(summary) or turning(summary)
    if not found and asks_for_best(summary):
        found = fastest(summary)
    return found or (_comparison(summary) if summary.has_baseline else _ranking(summary))


def _comparison(summary: Summary) -> list[str]:
    """Say how each contender stands against the baseline."""
    compared = [case for case in contestants(summary) if case.ratio is not None and case.verdict != BASELINE]
    begin = where(summary, compared)
    if not compared:
        return [f"{begin}nothing could be compared with {baseline_name(summary)}."]
    groups = by_contender(summary, asked_first(summary, compared))
    begin += yes_or_no(summary, compared)
    question = asked(summary, compared)
    meant = question.methods if question else ()
    is_about = {name for name, cases in groups.items() if cases[0].levels.get("method") in meant}
    if len(groups) <= CONTENDERS_NAMED:
        clauses = [clause(summary, name, cases) for name, cases in groups.items()]
        detail = [text for name, cases in groups.items() for text in extremes(summary, name, cases)]
        return [noted(begin + "; ".join(clauses)), *detail]
    if 0 < len(is_about) < len(groups):
        asked_cases = [case for name in groups if name in is_about for case in groups[name]]
        others = [case for name in groups if name not in is_about for case in groups[name]]
        return [noted(begin + standings(summary, asked_cases)), noted(f"Beside these, {standings(summary, others)}")]
    held = contests(summary, contestants(summary))
    best = [noted(f"Compared with each other, {verdicts(summary, held)}")] if held else []
    return [noted(begin + standings(summary, compared)), *best]


def _ranking(summary: Summary) -> list[str]:
    """Answer an experiment without a baseline by its extremes."""
    measured = sorted((case for case in contestants(summary) if case.median_ns), key=lambda case: case.median_ns or 0)
    if not measured:
        return [f"{where(summary, [])}nothing could be measured."]
    begin, what = where(summary, measured), operation(summary.workload)
    if len(measured) == 1:
        return [sentence(f"{begin}{_timed(summary, measured[0])} per {what}")]
    both = [_timed(summary, case) for case in (measured[0], measured[-1])]
    found = f"{begin}the smallest median time per {what} was {both[0]}, the largest {both[1]}"
    return [sentence(found), "The experiment names no baseline, so no ratios are given."]


def _timed(summary: Summary, case: CaseSummary) -> str:
    time_ns = case.median_ns or 0
    ci = f" (95 % CI {interval_text(time_ns, case.median_ci)})" if case.median_ci else ""
    return f"{nanoseconds_text(time_ns, case.median_ci)} ns{ci}{place(summary, case, ())}"
