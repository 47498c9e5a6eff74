"""Markdown for a pull request or a README: a run's summary, and a comparison of two."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pageswap.agent.host.conditions import CONDITIONS
from pageswap.analysis.findings import findings as findings_of
from pageswap.analysis.summary import summarise
from pageswap.answers.build import build_answer
from pageswap.answers.words import answer_lines
from pageswap.comparison.percent import detectable_text, findings, percent_interval_text, percent_text, time_text
from pageswap.text.conditions import shown_command
from pageswap.text.levels import level_text, operation
from pageswap.text.lists import clipped, listed
from pageswap.text.numbers import interval_text, nanoseconds_text, ratio_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pageswap.analysis.summary import CaseSummary, Summary
    from pageswap.analysis.trials.run_data import RunData
    from pageswap.comparison.comparison import Change, Comparison, HostPair
    from pageswap.comparison.sides import Side

# A comment on GitHub holds 65,536 characters.
_ROWS: Final = 100
_LONGEST: Final = 2_000
_SPECIAL: Final = re.compile(r"([\\`*_\[\]|~#])")
_BRIEF: Final = tuple(condition.key for condition in CONDITIONS if condition.is_brief)
_CHANGE_HEADS: Final = ("base, ns", "new, ns", "time", "95 % interval", "could find", "")
_CASE_HEADS: Final = ("speed", "95 % interval", "n", "")


def summary_as_markdown(run_data: RunData) -> str:
    """Summarise a run: the question, the answer, every case up to a hundred, the hosts, and how to repeat it."""
    summary, meta = summarise(run_data), run_data.meta()
    provenance = meta.get("provenance") or {}
    lines = [f"### {escaped(summary.question or summary.experiment)}", ""]
    answer = build_answer(summary, findings_of(run_data, summary), run_data.environments())
    first, *rest = answer_lines(answer)
    lines += [f"**{escaped(first)}**", "", *(f"{escaped(sentence)}\n" for sentence in rest)]
    lines += [*_cases_table(summary), "", "<details><summary>Conditions</summary>", ""]
    for host, facts in run_data.environments().items():
        known = [f"{name} {escaped(str(facts[name]))}" for name in _BRIEF if facts.get(name)]
        lines.append(f"- {escaped(host)}: {', '.join(known)}")
    lines.append(
        f"- run {escaped(summary.run_id)}, started {escaped(str(meta.get('created_at') or 'when, is unknown'))}"
    )
    commit, command = provenance.get("commit"), shown_command(provenance)
    if commit:
        state = ", with uncommitted changes" if provenance.get("dirty") else ""
        lines.append(f"- commit {escaped(str(commit))}{state}")
    if command:
        lines += ["", *_code(f"./{command}" if command.startswith("inv ") else command)]
    return "\n".join([*lines, "", "</details>", ""])


def comparison_as_markdown(comparison: Comparison) -> str:
    """Give a comparison for a pull request: the gate's word, the finding, every case up to a hundred, what differs."""
    gate = comparison.gate
    word = {True: "passed", False: "**tripped**", None: "undecided"}[gate.passed] if gate else ""
    head = f"### {escaped(comparison.new.name)} against {escaped(comparison.base.name)}"
    lines = [f"{head}{f': gate {word}' if gate else ''}", "", *(f"{escaped(each)}\n" for each in findings(comparison))]
    heads = [*(["host"] if len(comparison.pairs) > 1 else []), *comparison.varying, *_CHANGE_HEADS]
    rows = (_change_row(comparison, change) for change in comparison.cases[:_ROWS])
    lines += [*_table(heads, rows, len(heads) - len(_CHANGE_HEADS)), *_rest(len(comparison.cases))]
    lines += ["", f"Compared: {escaped(comparison.by_text)}. Above 0 % is slower.", ""]
    lines += ["<details><summary>What differs between the two</summary>", ""]
    for pair in comparison.pairs:
        lines += [*_differing(pair, is_named=len(comparison.pairs) > 1), ""]
    lines += [_side("base", comparison.base), _side("new", comparison.new), "", "</details>", ""]
    return "\n".join(lines)


def escaped(text: str) -> str:
    """Make text of unknown origin safe inside Markdown: it stays on its line, is no markup and calls nobody."""
    shown = "".join(
        c if c.isprintable() else " " if c in "\n\t" else f"<U+{ord(c):04X}>" for c in clipped(text, _LONGEST)
    )
    shown = shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    # GitHub makes links of bare addresses, and calls whoever is named after an @.
    return _SPECIAL.sub(r"\\\1", shown).replace("@", "&commat;").replace("://", "&colon;//")


def _differing(pair: HostPair, *, is_named: bool) -> list[str]:
    head = [f"{escaped(pair.base)} and {escaped(pair.new)}: {pair.verdict.word}", ""] if is_named else []
    if not pair.differences:
        return [*head, "Nothing.", ""]
    rows = (
        [escaped(each.name), escaped(each.a), escaped(each.b), "yes" if each.matters else "no", escaped(each.why)]
        for each in pair.differences
    )
    return [*head, *_table(["condition", "base", "new", "matters", "why"], rows, 5)]


def _cases_table(summary: Summary) -> list[str]:
    places = ["host"] if len(summary.hosts) > 1 else []
    heads = [*places, *summary.varying, f"ns per {operation(summary.workload)}", *_CASE_HEADS]
    rows = (_case_row(summary, case) for case in summary.cases[:_ROWS])
    return [*_table(heads, rows, len(heads) - len(_CASE_HEADS) - 1), *_rest(len(summary.cases))]


def case_cells(summary: Summary, case: CaseSummary) -> list[str]:
    """Return a case's row of a table: host and levels where they differ, time, speed, its interval, n, and verdict."""
    cells = [case.host] if len(summary.hosts) > 1 else []
    cells += [level_text(name, case.levels.get(name)) for name in summary.varying]
    if case.median_ns is None:
        return [*cells, "", "", "", "", case.verdict]
    ratio = "" if case.ratio is None else ratio_text(case.ratio, case.ratio_ci)
    interval = "" if case.ratio is None else interval_text(case.ratio, case.ratio_ci)
    return [*cells, nanoseconds_text(case.median_ns, case.median_ci), ratio, interval, str(case.n), case.told]


def change_cells(comparison: Comparison, change: Change) -> list[str]:
    """Return a case's row of a comparison: host and levels where they differ, both times, the change, and verdict."""
    return [
        *([change.new_host] if len(comparison.pairs) > 1 else []),
        *(level_text(name, change.levels.get(name)) for name in comparison.varying),
        time_text(change.base_ns),
        time_text(change.new_ns),
        percent_text(change.change, change.change_ci),
        percent_interval_text(change.change, change.change_ci),
        detectable_text(change),
        f"{change.verdict}: {change.note}" if change.note else change.verdict,
    ]


def _case_row(summary: Summary, case: CaseSummary) -> list[str]:
    *cells, word = case_cells(summary, case)
    if case.median_ns is None:
        reasons = [f"{each.status}: {each.reason}" if each.reason else each.status for each in case.endings]
        word = "; ".join([word, *reasons[:1]])
    return [*map(escaped, cells), escaped(word)]


def _change_row(comparison: Comparison, change: Change) -> list[str]:
    *cells, word = map(escaped, change_cells(comparison, change))
    return [*cells, word.replace(change.verdict, f"**{change.verdict}**", 1) if change.over_limit else word]


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], text_columns: int) -> list[str]:
    """Write a table whose columns after the first `text_columns` but the last are numbers, flush right."""
    rules = ["---" if i < text_columns or i == len(heads) - 1 else "--:" for i in range(len(heads))]
    return [_line(map(escaped, heads)), _line(rules), *(_line(row) for row in rows)]


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _rest(count: int) -> list[str]:
    return ["", f"{count - _ROWS:,} more cases are left out here; the report has all."] if count > _ROWS else []


def _side(word: str, side: Side) -> str:
    text = f"- {word}: run {escaped(side.run_id)} of {escaped(side.experiment)}"
    if side.hosts:
        text += f" on {listed([escaped(host) for host in side.hosts])}"
    if side.commit:
        text += f", commit {escaped(side.commit[:12])}{', with uncommitted changes' if side.dirty else ''}"
    return text


def _code(text: str) -> list[str]:
    fence = "`" * (max((len(found) for found in re.findall(r"`+", text)), default=0) + 3)
    return [f"{fence}sh", clipped("".join(c if c.isprintable() else " " for c in text), _LONGEST), fence]
