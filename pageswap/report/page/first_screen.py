"""What is seen first of a run: a row a contender, made of the answer's findings, and where and when it was measured."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

from pageswap.analysis.verdicts import FASTER, NO_DIFFERENCE, NOT_COMPARED, NOT_MEASURED, SLOWER, TOO_FEW
from pageswap.answers.record import CORRUPT, FASTEST, MEASURED, NOT_TOLD_APART, PART
from pageswap.answers.words import say
from pageswap.report.sections.section import notes
from pageswap.spec.asks import COST, GAIN
from pageswap.spec.factors import FACTORS
from pageswap.statistics.intervals import Interval
from pageswap.text.levels import level_text, levels_phrase
from pageswap.text.lists import clipped, first_few
from pageswap.text.numbers import decimals, end_text, rounded

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping, Sequence

    from pageswap.answers.record import Answer, Finding

MOST_ROWS: Final = 12
_NAMED: Final = 3
_LONGEST: Final = 80
_METHOD: Final = "method"
_HOST: Final = "host"
# The classes of styles that verdicts are shown in; any other has none.
_KINDS: Final = {
    FASTER: "faster",
    FASTEST: "faster",
    SLOWER: "slower",
    NO_DIFFERENCE: "same",
    NOT_TOLD_APART: "same",
    TOO_FEW: "too-few",
    CORRUPT: "corrupt",
}
# How many times what: always a number that grows with what is said of it.
_UNITS: Final = {FASTER: "times faster", FASTEST: "times faster", SLOWER: "times slower"}
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
    kind: str
    where: str
    why: str
    against: str


@dataclasses.dataclass(frozen=True)
class FirstRows:
    """The rows of the first table; ``left_out`` counts those beyond `MOST_ROWS`, ``against`` is "" for several."""

    rows: tuple[ContenderRow, ...]
    left_out: int
    against: str

    @property
    def has_conditions(self) -> bool:
        """Say whether any row is about a part of the conditions."""
        return any(row.where for row in self.rows)


def first_rows(answer: Answer, staying: frozenset[str] = frozenset()) -> FirstRows:
    """Return a row for each contender, or several where conditions decide; the fastest contender first.

    ``staying`` are the contenders that move no page where that is asked for: they come last, and are said to.
    """
    by_contender: dict[str, list[tuple[Finding, dict[str, Any]]]] = {}
    for finding in answer.findings:
        where, name = {_HOST: finding.host, **finding.where}, finding.subject
        if answer.asks == GAIN and _METHOD in where:
            # Where conditions are compared, a method is told by its change; then it is no condition.
            name = f"{where.pop(_METHOD)}: {name}"
        by_contender.setdefault(clipped(name, _LONGEST), []).append((finding, where))

    def rank(item: tuple[str, list[tuple[Finding, dict[str, Any]]]]) -> tuple[bool, bool, float]:
        """Put the parts of a call first, and else the fastest contender."""
        findings = [finding for finding, _ in item[1]]
        return item[0] in staying, findings[0].verdict != PART, -max(each.ratio or 0.0 for each in findings)

    ordered = [
        (f"{name} (moves no page)" if name in staying else name, found)
        for name, found in sorted(by_contender.items(), key=rank)
    ]
    rows = [row for name, found in ordered for row in _rows(answer.asks, name, found)]
    rows.sort(key=lambda row: not row.speed)
    names = {finding.against for finding in answer.findings}
    against = names.pop() if len(names) == 1 else ""
    return FirstRows(tuple(rows[:MOST_ROWS]), max(0, len(rows) - MOST_ROWS), against)


def _rows(asks: str, name: str, found: list[tuple[Finding, dict[str, Any]]]) -> list[ContenderRow]:
    alike: dict[tuple[str, str], list[tuple[Finding, dict[str, Any]]]] = {}
    for finding, where in found:
        # Rates are words, which have no range.
        key = (finding.verdict, finding.times if finding.verdict == MEASURED else "")
        alike.setdefault(key, []).append((finding, where))
    rows = []
    for (verdict, _), own in alike.items():
        findings = [finding for finding, _ in own]
        speed, interval = _figures(asks, verdict, findings)
        rows.append(
            ContenderRow(
                contender=name,
                speed=speed,
                interval=interval,
                verdict=say("headline", "word", verdict),
                kind=_KINDS.get(verdict, ""),
                where=_where([where for _, where in own], [where for _, where in found]) if len(alike) > 1 else "",
                why=next((finding.why for finding in findings if finding.why), "").partition("; ")[0],
                against=first_few(dict.fromkeys(finding.against for finding in findings if finding.against), _NAMED),
            )
        )
    return rows


def _figures(asks: str, verdict: str, findings: Sequence[Finding]) -> tuple[str, str]:
    """Return in one unit the lowest and the highest figure, and the outermost ends of their intervals."""
    ordered = sorted((each for each in findings if each.times), key=lambda each: each.ratio or 0.0)
    if verdict in _WITHOUT_FIGURE or not ordered:
        return "", ""
    if verdict in (PART, MEASURED) or not any(each.ratio for each in ordered):
        # A share or a rate, whose interval, if it is told, follows it; that of the ratio is another figure's.
        speeds = dict.fromkeys(each.times.partition(", ")[0] for each in (ordered[0], ordered[-1]))
        return " to ".join(speeds), ordered[0].times.partition(", ")[2]
    is_inverse = asks == COST or verdict == SLOWER
    known = sorted((_figure(each, is_inverse=is_inverse) for each in ordered if each.ratio), key=lambda each: each[0])
    places = [decimals(*each) for each in known]
    lows = [(ends.low, digits) for (_, ends), digits in zip(known, places, strict=True) if ends]
    highs = [(ends.high, digits) for (_, ends), digits in zip(known, places, strict=True) if ends]
    figures = dict.fromkeys(rounded(known[place][0], places[place]) for place in (0, -1))
    unit = "times as long" if asks == COST else _UNITS.get(verdict, "times as fast")
    return f"{' to '.join(figures)} {unit}", " to ".join([end_text(*min(lows)), end_text(*max(highs))] if lows else [])


def _figure(finding: Finding, *, is_inverse: bool) -> tuple[float, Interval | None]:
    """Return how many times as fast, or inversely as long, the subject was, with the interval of that."""
    ratio, low, high = finding.ratio or 1.0, finding.low, finding.high
    if is_inverse:
        return 1 / ratio, Interval(1 / high, 1 / low) if low and high else None
    return ratio, Interval(low, high) if low and high else None


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
    if name == _HOST:
        return f"on {first_few([clipped(str(host), _LONGEST) for host in found], _NAMED)}"
    if len(found) == 1:
        return levels_phrase({name: found[0]})
    texts = [level_text(name, level) for level in found]
    start = every.index(found[0])
    is_range = isinstance(found[0], int) and every[start : start + len(found)] == found
    told = f"{texts[0]} to {texts[-1]}" if is_range else first_few(texts, 2 * _NAMED)
    return FACTORS[name].phrase.format(told) if name in FACTORS else f"{told} {name}"


def measured_on(
    hosts: Sequence[str],
    environments: Mapping[str, Mapping[str, Any]],
    spans: Mapping[str, tuple[dt.datetime, dt.datetime]],
) -> list[tuple[str, str]]:
    """Return where and when a run was measured, as (label, text): hosts, processors, kernels, machines, the day."""
    known = [environments[host] for host in hosts if host in environments]
    facts = {
        "Host" if len(hosts) == 1 else "Hosts": list(hosts),
        "CPU": [str(each.get("cpu_model") or "") for each in known],
        "Kernel": [str(each.get("kernel") or "") for each in known],
        "Machine": [" ".join(notes("machine", each)) for each in known],
    }
    if spans:
        facts["Measured"] = [f"{min(began for began, _ in spans.values()):%Y-%m-%d %H:%M} UTC"]
    told = {label: dict.fromkeys(clipped(text, _LONGEST) for text in found if text) for label, found in facts.items()}
    return [(label, first_few(texts, _NAMED) or "not recorded") for label, texts in told.items()]
