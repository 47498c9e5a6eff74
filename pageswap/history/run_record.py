"""What is told of a run where many runs are: its answer, its conditions, each case's figures and who was fastest.

It is made once, from the run's summary and answer, and is plain JSON: beside the run, and in the index of a site.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import pageswap
from pageswap.agent.host.conditions import CODE, CONDITIONS, HARMLESS, MACHINE, Condition
from pageswap.agent.host.environment import condition_value
from pageswap.agent.host_words import misfit
from pageswap.analysis.verdicts import FASTER, NO_DIFFERENCE, SLOWER, TOO_FEW
from pageswap.answers.words import answer_lines
from pageswap.spec.factors import default_levels
from pageswap.text.words import clipped

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pageswap.analysis.explanations.contests import Contest
    from pageswap.analysis.summary import CaseSummary, HostsSummary
    from pageswap.answers.record import Answer

Record = dict[str, Any]

# Of a run of more hosts and cases the first are kept.
MOST_FIGURES: Final = 1_000
_MOST_WINS: Final = 500
_LONGEST: Final = 2_000
# A longer condition is told from others by a digest.
_LONGEST_CONDITION: Final = 80
_DIGITS: Final = 6
_WORDS: Final = (FASTER, SLOWER, NO_DIFFERENCE, TOO_FEW)
# Which of a run's own conditions make it other work, so that its figures are like no other's.
WORK: Final = ("baseline", "seed", "rounds", "warmups")
# What a history is told by: conditions that matter, but for amounts, which differ by a little in every run.
TOLD: Final[tuple[Condition, ...]] = tuple(each for each in CONDITIONS if each.kind != HARMLESS and not each.step)
MACHINES: Final = tuple(each.key for each in TOLD if each.kind == MACHINE)
CORE: Final = "core.core_hash"

_TEXT: Final = (str,)
_COUNT: Final = (int,)
_SCALARS: Final = (str, int, float, bool, type(None))
_LEVELS: Final = {"*": _SCALARS}


def _figure_problem(value: object) -> str:
    """Say why a value is no figure: a number above 0, and both ends of its interval where that is known."""
    numbers = value if isinstance(value, list) and len(value) in (1, 3) else [0]
    is_figure = all(type(each) in (int, float) and each > 0 for each in numbers)
    return "" if is_figure else f"{value!r:.60} is no figure"


# By the shapes of `host_words.misfit`.
SHAPE: Final[dict[str, Any]] = {
    **dict.fromkeys(("run_id", "experiment", "question", "started", "version"), _TEXT),
    **dict.fromkeys(("trials", "missing"), _COUNT),
    **{name: {"*": _COUNT} for name in ("verdicts", "statuses")},
    "answer": [_TEXT],
    "work": {"*": _TEXT},
    # Which conditions of a host are told is for whoever wrote the record to say.
    "hosts": [{"host": _TEXT, "*": _TEXT}],
    "commit": (str, type(None)),
    "dirty": (bool, type(None)),
    **dict.fromkeys(("baseline", "fixed"), _LEVELS),
    "figures": [
        {"host": _TEXT, "levels": _LEVELS, "speed?": _figure_problem, "ns": _figure_problem, "*": (str, dict, list)}
    ],
    "wins": [{"host": _TEXT, "levels": _LEVELS, "methods": [_TEXT], "of": _COUNT, "*": (str, dict, list, int)}],
}


def record_of(
    summary: HostsSummary,
    answer: Answer,
    contests: Iterable[Contest],
    meta: Mapping[str, Any],
    environments: Mapping[str, Mapping[str, Any]],
) -> Record:
    """Make the record of a run; ``contests`` are those between its movers, ``meta`` and ``environments`` the store's.

    ``speed`` is a multiple of the baseline's, ``ns`` a time per operation, each with the ends of its 95 % interval.
    Levels are those of ``fixed`` and a figure's own. ``methods`` are those of a win that no other was told to beat.
    """
    provenance = meta.get("provenance") or {}
    verdicts = Counter(case.verdict for case in summary.cases)
    measured = [case for case in summary.cases if case.median_ns is not None]
    return {
        "run_id": summary.run_id,
        "experiment": summary.experiment,
        "question": clipped(summary.question, _LONGEST),
        "answer": [clipped(sentence, _LONGEST) for sentence in answer_lines(answer)],
        "verdicts": {word: verdicts[word] for word in _WORDS if verdicts[word]},
        "started": str(meta.get("created_at") or ""),
        "version": str(provenance.get("version") or pageswap.__version__),
        "hosts": [{"host": host, **_conditions(environments.get(host, {}))} for host in summary.hosts],
        "work": {name: _brief(meta["experiment"].get(name)) for name in WORK},
        "commit": provenance.get("commit"),
        "dirty": provenance.get("dirty"),
        "trials": summary.trials,
        "statuses": summary.statuses,
        "missing": summary.missing,
        "baseline": dict(summary.baseline),
        "fixed": _told(summary.fixed),
        "figures": [_figures(summary, case) for case in measured[:MOST_FIGURES]],
        "wins": [_win(each) for each in contests if each.is_known][:_MOST_WINS],
    }


def problem_of(record: object) -> str:
    """Say what keeps something that was read from being a record, "" when nothing does."""
    return "no JSON object" if not isinstance(record, dict) else misfit(record, SHAPE)


def levels_of(record: Mapping[str, Any], figure: Mapping[str, Any]) -> dict[str, Any]:
    """Return the levels of one of a record's figures, or wins, but for those that are usual."""
    return {**record["fixed"], **figure["levels"]}


def kind_of(key: str) -> str:
    """Return what a condition of a host is about: code, setting or machine."""
    return next((each.kind for each in TOLD if each.key == key), CODE)


def label_of(key: str) -> str:
    """Name a condition of a host as a reader knows it."""
    return next((each.label for each in TOLD if each.key == key), key)


def _conditions(environment: Mapping[str, Any]) -> dict[str, str]:
    values = ((each.key, condition_value(environment, each)) for each in TOLD)
    return {key: _brief(value) for key, value in values if value is not None}


def _brief(value: object) -> str:
    """Return a condition as text, of a long one what tells it from others."""
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    is_hash = len(text) == len("ab") * 32 and all(letter in "0123456789abcdef" for letter in text)
    if is_hash:
        return text[:12]
    return text if len(text) <= _LONGEST_CONDITION else f"#{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def _told(levels: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what is usual, so that a factor that is new tells no case from what it was before."""
    usual = default_levels()
    return {name: level for name, level in levels.items() if level is not None and level != usual.get(name)}


def _figures(summary: HostsSummary, case: CaseSummary) -> Record:
    own = {name: level for name, level in _told(case.levels).items() if name not in summary.fixed}
    found: Record = {"host": case.host, "levels": own, "ns": _figure(case.median_ns, case.median_ci)}
    if case.ratio is not None and not summary.is_baseline(case):
        found["speed"] = _figure(case.ratio, case.ratio_ci)
    return found


def _figure(value: float | None, interval: Any) -> list[float]:  # noqa: ANN401 - an Interval or None
    ends = [] if interval is None else [interval.low, interval.high]
    return [float(f"{each:.{_DIGITS}g}") for each in [value or 0.0, *ends]]


def _win(contest: Contest) -> Record:
    methods = [contest.first, *(rival.case for rival in contest.rivals if not rival.is_beaten)]
    names = list(dict.fromkeys(str(case.levels.get("method")) for case in methods))
    return {"host": contest.host, "levels": _told(contest.levels), "methods": names, "of": 1 + len(contest.rivals)}
