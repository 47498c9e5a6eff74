"""What is seen first of a run: a row a contender, made of the answer's findings."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

from pageswap.analysis.verdicts import NOT_COMPARED, NOT_MEASURED
from pageswap.answers.record import CORRUPT, FASTEST, MEASURED, PART, Answer, Finding
from pageswap.report.sections.section import grouped_by, speeds
from pageswap.spec.experiment import GAIN
from pageswap.spec.factors import FACTORS
from pageswap.statistics.intervals import Interval
from pageswap.text.words import clipped, first_few, level_text, levels_phrase

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

_NAMED: Final = 3
_LONGEST: Final = 80
_WITHOUT_FIGURE: Final = (NOT_COMPARED, NOT_MEASURED, CORRUPT)


@dataclasses.dataclass(frozen=True)
class ContenderRow:
    """A contender's findings that ended alike: its speed in words, the interval's ends, the verdict, and where it is.

    Of several findings ``speed`` and ``interval`` span all, in the same unit. ``where`` is "" where the contender ended
    alike everywhere.
    """

    contender: str
    speed: str
    interval: str
    verdict: str
    where: str
    why: str
    against: str


def first_rows(answer: Answer, staying: Collection[str] = ()) -> list[ContenderRow]:
    """Return a row for each contender, or several where conditions decide; the fastest contender first.

    ``staying`` are the contenders that move no page where that is asked for: they come last, and are said to.
    """
    by_contender: dict[str, list[Finding]] = {}
    for finding in answer.findings:
        where, name = {"host": finding.host, **finding.where}, finding.subject
        if answer.asks == GAIN and "method" in where:
            # Where conditions are compared, a method is told by its change; then it is no condition.
            name = f"{where.pop('method')}: {name}"
        by_contender.setdefault(clipped(name, _LONGEST), []).append(dataclasses.replace(finding, where=where))

    def rank(name: str) -> tuple[bool, bool, float]:
        """Put the parts of a call first, and else the fastest contender."""
        found = by_contender[name]
        return name in staying, found[0].verdict != PART, -max(each.ratio or 0.0 for each in found)

    rows = [
        row
        for name in sorted(by_contender, key=rank)
        for row in _rows(answer.asks, f"{name} (moves no page)" if name in staying else name, by_contender[name])
    ]
    return sorted(rows, key=lambda row: not row.speed)


def _rows(asks: str, name: str, found: Sequence[Finding]) -> list[ContenderRow]:
    # Rates are words, which have no range.
    alike = grouped_by(found, lambda each: (each.verdict, each.times if each.verdict == MEASURED else ""))
    rows = []
    for (verdict, _), own in sorted(alike.items(), key=lambda each: each[0][0] != FASTEST):
        speed, interval = _figures(asks, verdict, own)
        rows.append(
            ContenderRow(
                contender=name,
                speed=speed,
                interval=interval,
                verdict=verdict,
                where=_where([each.where for each in own], [each.where for each in found]) if len(alike) > 1 else "",
                why=next((each.why for each in own if each.why), "").partition("; ")[0],
                against=first_few(dict.fromkeys(each.against for each in own if each.against), _NAMED),
            )
        )
    return rows


def _figures(asks: str, verdict: str, findings: Sequence[Finding]) -> tuple[str, str]:
    """Return in one unit the lowest and the highest figure, and the outermost ends of their intervals."""
    ordered = sorted((each for each in findings if each.times), key=lambda each: each.ratio or 0.0)
    ends = [Interval(each.low, each.high) if each.low and each.high else None for each in ordered]
    ratios = [(each.ratio, own) for each, own in zip(ordered, ends, strict=True) if each.ratio]
    if verdict in _WITHOUT_FIGURE or not ordered:
        return "", ""
    if verdict in (PART, MEASURED) or not ratios:
        # A share or a rate, whose interval, if it is told, follows it; that of the ratio is another figure's.
        told = dict.fromkeys(each.times.partition(", ")[0] for each in (ordered[0], ordered[-1]))
        return " to ".join(told), ordered[0].times.partition(", ")[2]
    return speeds(asks, verdict, ratios)


def _where(own: Sequence[Mapping[str, Any]], every: Sequence[Mapping[str, Any]]) -> str:
    """Say in which of a contender's conditions it ended so: by what tells these from the rest, or by their count."""
    levels = {name: list(dict.fromkeys(where.get(name) for where in every)) for name in every[0]}
    mine = {name: {where.get(name) for where in own} for name in levels}
    telling = {name: [level for level in levels[name] if level in mine[name]] for name in levels}
    telling = {name: found for name, found in telling.items() if len(found) < len(levels[name])}
    if sum(all(where.get(name) in found for name, found in telling.items()) for where in every) == len(own):
        told = ", ".join(_levels(name, found, levels[name]) for name, found in telling.items())
    elif len(own) < _NAMED:
        varying = [name for name, found in levels.items() if len(found) > 1]
        told = "; ".join(", ".join(_levels(name, [where.get(name)], []) for name in varying) for where in own)
    else:
        told = f"in {len(own):,} of {len(every):,} conditions"
    return clipped(told, _LONGEST)


def _levels(name: str, found: list[Any], every: list[Any]) -> str:
    if name == "host":
        return f"on {first_few([clipped(str(host), _LONGEST) for host in found], _NAMED)}"
    if len(found) == 1:
        return levels_phrase({name: found[0]})
    texts = [level_text(name, level) for level in found]
    start = every.index(found[0])
    is_range = isinstance(found[0], int) and every[start : start + len(found)] == found
    told = f"{texts[0]} to {texts[-1]}" if is_range else first_few(texts, 2 * _NAMED)
    return FACTORS[name].phrase.format(told) if name in FACTORS else f"{told} {name}"
