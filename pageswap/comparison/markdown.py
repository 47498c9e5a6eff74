"""Markdown for a pull request or a README: a run's summary, and a comparison of two."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pageswap.agent.host.conditions import CONDITIONS
from pageswap.analysis.findings import findings as findings_of
from pageswap.analysis.summary import CaseSummary, Summary, summarise
from pageswap.answers.build import build_answer
from pageswap.answers.words import answer_lines, environment
from pageswap.comparison.percent import change_cells, change_heads, findings
from pageswap.text.conditions import shown_command
from pageswap.text.numbers import figure_text, interval_text, ratio_text
from pageswap.text.words import clipped, level_text, operation, visible

if TYPE_CHECKING:
    from pageswap.analysis.trials.run_data import RunData
    from pageswap.comparison.comparison import Comparison

# A comment on GitHub holds 65,536 characters.
_ROWS: Final = 100
_LONGEST: Final = 2_000
_SPECIAL: Final = re.compile(r"([\\`*_\[\]|~#])")
_CASE_HEADS: Final = ("speed", "95 % interval", "n", "")
_BRIEF: Final = tuple(condition.key for condition in CONDITIONS if condition.is_brief)


def summary_as_markdown(run_data: RunData) -> str:
    """Summarise a run: the question, the answer, every case up to a hundred, the hosts, and how to repeat it."""
    summary, meta, environments = summarise(run_data), run_data.meta(), run_data.environments()
    provenance = meta.get("provenance") or {}
    command = shown_command(provenance)
    places = ["host"] if len(summary.hosts) > 1 else []
    return _rendered(
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
    return _rendered(
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


def _rendered(template: str, **facts: object) -> str:
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
