"""A comparison of two runs, and a run, as cells and sentences, and as Markdown for a pull request or a README."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pageswap.agent.host.conditions import CONDITIONS
from pageswap.analysis.findings import findings as findings_of
from pageswap.analysis.summary import CaseSummary, Summary, summarise
from pageswap.answers.build import build_answer
from pageswap.answers.words import answer_lines, environment, lines
from pageswap.statistics.intervals import Interval
from pageswap.text.numbers import (
    decimals,
    figure_text,
    holding,
    interval_text,
    kept_apart,
    percent_text,
    ratio_text,
    with_digits,
)
from pageswap.text.words import clipped, level_text, levels_phrase, operation, shown_command, visible

if TYPE_CHECKING:
    from pageswap.analysis.trials.run_data import RunData
    from pageswap.comparison.changes import Change
    from pageswap.comparison.comparison import Comparison

NUMBERS: Final = ("base, ns", "new, ns", "time", "95 % interval", "could find")
_TIME_DIGITS: Final = 3
# A comment on GitHub holds 65,536 characters.
_ROWS: Final = 100
_LONGEST: Final = 2_000
_SPECIAL: Final = re.compile(r"([\\`*_\[\]|~#])")
_CASE_HEADS: Final = ("speed", "95 % interval", "n", "")
_BRIEF: Final = tuple(condition.key for condition in CONDITIONS if condition.is_brief)


def slowdown_text(change: float | None, interval: Interval | None) -> str:
    """Print a change of time as ``+10.2 %``, to as many digits as its interval knows; nothing for None."""
    if change is None:
        return ""
    return f"{_signed(100 * (change - 1), _places(change, interval) if interval else 0)} %"


def slowdown_interval_text(change: float | None, interval: Interval | None) -> str:
    """Print the interval of a change as ``+8.9 to +11.6 %``; nothing without one."""
    if change is None or interval is None:
        return ""
    places, ends = _places(change, interval), (100 * (end - 1) for end in (interval.low, interval.high))
    # An end that rounding would bring to zero would be on neither side.
    return " to ".join(_signed(end, kept_apart(end, places, (0.0, -100.0))) for end in ends) + " %"


def time_text(ns: float | None) -> str:
    """Print a time in ns to three digits, as many as a median over a few blocks deserves; nothing for None."""
    return with_digits(ns, _TIME_DIGITS) if ns else ""


def change_heads(comparison: Comparison) -> list[str]:
    """Return the heads of the columns of `change_cells`: the names first, then `NUMBERS`."""
    return [*(["host"] if len(comparison.pairs) > 1 else []), *comparison.varying, *NUMBERS]


def change_cells(comparison: Comparison, change: Change) -> list[str]:
    """Return a case's cells of a table, but for its verdict."""
    return [
        *([change.new_host] if len(comparison.pairs) > 1 else []),
        *(level_text(name, change.levels.get(name)) for name in comparison.varying),
        time_text(change.base_ns),
        time_text(change.new_ns),
        slowdown_text(change.change, change.change_ci),
        slowdown_interval_text(change.change, change.change_ci),
        percent_text(change.detectable) if change.detectable else "",
    ]


def findings(comparison: Comparison) -> list[str]:
    """Return the finding, how much could have been found, whether the comparison stands, and the gate's decision."""
    words = {"change_text": slowdown_text, "change_interval_text": slowdown_interval_text}
    return lines("comparison.lines.j2", comparison=comparison, case_phrase=case_phrase, **words)


def case_phrase(comparison: Comparison, change: Change) -> str:
    """Name a case by what varies in the comparison, and its host where there are several."""
    levels = levels_phrase({name: change.levels[name] for name in comparison.varying if name in change.levels})
    return f"{levels} on {change.new_host}" if len(comparison.pairs) > 1 else levels


def _places(change: float, interval: Interval) -> int:
    """Say how many decimals of percents are known; of nearly nothing no more than of a larger change."""
    percent, ends = 100 * (change - 1), Interval(100 * (interval.low - 1), 100 * (interval.high - 1))
    return holding(percent, ends, decimals(max(abs(percent), (ends.high - ends.low) / 2), ends), (0.0, -100.0))


def _signed(percent: float, places: int) -> str:
    text = f"{round(percent, places):+,.{max(0, places)}f}"
    return text if any(digit in text for digit in "123456789") else text.lstrip("+-")


def summary_as_markdown(run_data: RunData) -> str:
    """Summarise a run: the question, the answer, every case up to a hundred, the hosts, and how to repeat it."""
    summary, meta, environments = summarise(run_data), run_data.meta(), run_data.environments()
    provenance = meta.get("provenance") or {}
    command = shown_command(provenance)
    places = ["host"] if len(summary.hosts) > 1 else []
    return rendered(
        "run.md.j2",
        summary=summary,
        answer=answer_lines(build_answer(summary, findings_of(summary), environments)),
        heads=[*map(escaped, (*places, *summary.varying, f"ns per {operation(summary.workload)}", *_CASE_HEADS))],
        texts=len(places) + len(summary.varying),
        rows=[([*map(escaped, case_cells(summary, case))], case) for case in summary.cases[:_ROWS]],
        brief=_BRIEF,
        environments=environments,
        meta=meta,
        provenance=provenance,
        command=f"./{command}" if command.startswith("inv ") else command,
    )


def comparison_as_markdown(comparison: Comparison) -> str:
    """Tell a comparison for a pull request: the gate's word, the finding, up to a hundred cases, what differs."""
    return rendered(
        "comparison.md.j2",
        comparison=comparison,
        findings=findings(comparison),
        heads=[*map(escaped, change_heads(comparison))],
        rows=[([*map(escaped, change_cells(comparison, change))], change) for change in comparison.cases[:_ROWS]],
    )


def escaped(text: str) -> str:
    """Make text of unknown origin safe inside Markdown: it stays on its line, is no markup and calls nobody."""
    shown = " ".join(visible(clipped(text, _LONGEST)).split())
    shown = shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    # GitHub makes links of bare addresses, and calls whoever is named after an @.
    return _SPECIAL.sub(r"\\\1", shown).replace("@", "&commat;").replace("://", "&colon;//")


def rendered(template: str, **facts: object) -> str:
    """Fill in a template of words that is a text of many lines."""
    text = environment().get_template(template).render(md=escaped, code=_code, **facts)
    # What is left out of a template leaves blank lines, of which Markdown needs one.
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def case_cells(summary: Summary, case: CaseSummary) -> list[str]:
    """Return a case's row of a table: host and levels where they differ, time, speed, its interval, n, and verdict."""
    cells = [case.host] if len(summary.hosts) > 1 else []
    cells += [level_text(name, case.levels.get(name)) for name in summary.varying]
    if case.median_ns is None:
        return [*cells, "", "", "", "", case.verdict]
    ratio = "" if case.ratio is None else ratio_text(case.ratio, case.ratio_ci)
    interval = "" if case.ratio is None else interval_text(case.ratio, case.ratio_ci)
    return [*cells, figure_text(case.median_ns, case.median_ci), ratio, interval, str(case.n), case.told]


def _code(text: str) -> str:
    """Put a command into a fence that is longer than any in it."""
    fence = "`" * (max((len(found) for found in re.findall(r"`+", text)), default=0) + 3)
    return f"{fence}sh\n{' '.join(visible(clipped(text, _LONGEST)).split())}\n{fence}"
