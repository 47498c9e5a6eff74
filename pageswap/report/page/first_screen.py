"""What is seen first of a run: a row a contender, made of the answer's findings, and where and when it was measured."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

from pageswap.analysis.verdicts import FASTER, NO_DIFFERENCE, NOT_COMPARED, NOT_MEASURED, SLOWER, TOO_FEW
from pageswap.answers.record import CORRUPT, FASTEST, MEASURED, NOT_TOLD_APART, PART
from pageswap.answers.words import say, span_text
from pageswap.spec.asks import COST, GAIN
from pageswap.statistics.intervals import Interval
from pageswap.text.levels import level_text, levels_phrase
from pageswap.text.lists import clipped, first_few
from pageswap.text.numbers import decimals, interval_text, rounded

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping, Sequence

    from pageswap.answers.record import Answer, Finding

MOST_ROWS: Final = 12
_NAMED: Final = 3
_LONGEST: Final = 80
_METHOD: Final = "method"
_HOST: Final = "host"
# What a host says of a hypervisor that does not tell its name.
_UNNAMED: Final = "present"
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
_WITHOUT_FIGURE: Final = (NOT_COMPARED, NOT_MEASURED, CORRUPT)
# The interval of a finding is that of its ratio: of a share or a rate it would say something else.
_WITHOUT_INTERVAL: Final = (*_WITHOUT_FIGURE, PART, MEASURED)


@dataclasses.dataclass(frozen=True)
class ContenderRow:
    """A contender's findings that ended alike: its speed in words, the interval's ends, the verdict, and where it is.

    Of several findings ``speed`` and ``interval`` span all. ``where`` is "" where the contender ended alike everywhere.
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
        where = {_HOST: finding.host, **finding.where}
        name = _contender(answer, finding, where)
        by_contender.setdefault(name, []).append((finding, where))
    ordered = sorted(by_contender.items(), key=lambda item: (item[0] in staying, _rank([each for each, _ in item[1]])))
    ordered = [(f"{name} (moves no page)" if name in staying else name, found) for name, found in ordered]
    rows = [row for name, found in ordered for row in _rows(answer.asks, name, found)]
    names = {finding.against for finding in answer.findings}
    against = names.pop() if len(names) == 1 else ""
    return FirstRows(tuple(rows[:MOST_ROWS]), max(0, len(rows) - MOST_ROWS), against)


def _contender(answer: Answer, finding: Finding, where: dict[str, Any]) -> str:
    """Name a finding's row. Where conditions are compared, a method is told by its change; then it is no condition."""
    if answer.asks == GAIN and _METHOD in where:
        return clipped(f"{where.pop(_METHOD)}: {finding.subject}", _LONGEST)
    return clipped(finding.subject, _LONGEST)


def _rank(findings: Sequence[Finding]) -> tuple[bool, float]:
    """Order rows: the parts of a call first, then the fastest contender."""
    return findings[0].verdict != PART, -max(each.ratio or 0.0 for each in findings)


def _rows(asks: str, name: str, found: list[tuple[Finding, dict[str, Any]]]) -> list[ContenderRow]:
    alike: dict[str, list[tuple[Finding, dict[str, Any]]]] = {}
    for finding, where in found:
        alike.setdefault(finding.verdict, []).append((finding, where))
    rows = []
    for verdict, own in alike.items():
        findings = [finding for finding, _ in own]
        rows.append(
            ContenderRow(
                contender=name,
                speed=_speed(verdict, findings),
                interval=_interval(asks, verdict, findings),
                verdict=say("headline", "word", verdict),
                kind=_KINDS.get(verdict, ""),
                where=_where([where for _, where in own], [where for _, where in found]) if len(alike) > 1 else "",
                why=clipped(next((finding.why for finding in findings if finding.why), ""), _LONGEST),
                against=first_few(dict.fromkeys(finding.against for finding in findings if finding.against), _NAMED),
            )
        )
    return rows


def _speed(verdict: str, findings: Sequence[Finding]) -> str:
    known = list(dict.fromkeys(finding.times for finding in findings if finding.times))
    if verdict in _WITHOUT_FIGURE or not known:
        return ""
    if verdict in (NO_DIFFERENCE, NOT_TOLD_APART, TOO_FEW):
        ratios = sorted(((each.ratio, _ends(each)) for each in findings if each.ratio), key=lambda each: each[0])
        if not ratios:
            return known[0]  # a rate, which is measured and not compared
        figures = dict.fromkeys(rounded(ratio, decimals(ratio, ends)) for ratio, ends in (ratios[0], ratios[-1]))
        return f"{' to '.join(figures)} times as fast"
    words = {times.partition(" times ")[2] for times in known}
    if verdict in (FASTER, SLOWER) and len(known) > 1 and len(words) == 1 and words != {""}:
        return f"{span_text(findings)} times {words.pop()}"
    ends = sorted(findings, key=lambda finding: finding.ratio or 0.0)
    return " to ".join(dict.fromkeys((ends[0].times, ends[-1].times)))


def _ends(finding: Finding) -> Interval | None:
    return Interval(finding.low, finding.high) if finding.low and finding.high else None


def _interval(asks: str, verdict: str, findings: Sequence[Finding]) -> str:
    """Return the outermost ends, in the unit of the speed beside them: times slower or as long where that is told."""
    known = [(finding.low, finding.high) for finding in findings if finding.low and finding.high]
    if verdict in _WITHOUT_INTERVAL or not known:
        return ""
    low, high = min(low for low, _ in known), max(high for _, high in known)
    if verdict == SLOWER or asks == COST:
        low, high = 1 / high, 1 / low
    return f"{interval_text((low * high) ** 0.5, Interval(low, high))} times"


def _where(own: Sequence[Mapping[str, Any]], every: Sequence[Mapping[str, Any]]) -> str:
    """Say in which of a contender's conditions it ended so: by what tells these from the rest, or by their count."""
    levels = {name: list(dict.fromkeys(where.get(name) for where in every)) for name in every[0]}
    mine = {name: {where.get(name) for where in own} for name in levels}
    telling = {name: [level for level in levels[name] if level in mine[name]] for name in levels}
    telling = {name: found for name, found in telling.items() if len(found) < len(levels[name])}
    inside = sum(all(where.get(name) in found for name, found in telling.items()) for where in every)
    if inside != len(own):
        return f"in {len(own):,} of {len(every):,} conditions"
    return clipped(", ".join(_levels(name, found, levels[name]) for name, found in telling.items()), _LONGEST)


def _levels(name: str, found: list[Any], every: list[Any]) -> str:
    if name == _HOST:
        return f"on {first_few([clipped(str(host), _LONGEST) for host in found], _NAMED)}"
    if len(found) == 1:
        return levels_phrase({name: found[0]})
    start = every.index(found[0])
    if isinstance(found[0], int) and every[start : start + len(found)] == found:
        return f"{name.replace('_', ' ')} {level_text(name, found[0])} to {level_text(name, found[-1])}"
    return f"{name.replace('_', ' ')} {first_few([level_text(name, level) for level in found], _NAMED)}"


def measured_on(
    hosts: Sequence[str],
    environments: Mapping[str, Mapping[str, Any]],
    spans: Mapping[str, tuple[dt.datetime, dt.datetime]],
) -> list[tuple[str, str]]:
    """Return where and when a run was measured, as (label, text): hosts, processors, kernels, machines, the day."""
    known = [environments[host] for host in hosts if host in environments]
    facts = [("Host" if len(hosts) == 1 else "Hosts", first_few([clipped(host, _LONGEST) for host in hosts], _NAMED))]
    facts += [
        ("CPU", _different(str(each.get("cpu_model") or "") for each in known)),
        ("Kernel", _different(str(each.get("kernel") or "") for each in known)),
        ("Machine", _different(_machine(each) for each in known)),
    ]
    if spans:
        first = min(began for began, _ in spans.values())
        facts.append(("Measured", f"{first:%Y-%m-%d %H:%M} UTC"))
    return [(label, text or "not recorded") for label, text in facts]


def _machine(environment: Mapping[str, Any]) -> str:
    if "hypervisor" not in environment:
        return ""
    hypervisor = environment["hypervisor"]
    kind = f" ({clipped(str(hypervisor), _LONGEST)})" if hypervisor != _UNNAMED else ""
    return f"virtual machine{kind}" if hypervisor else "metal: no hypervisor found"


def _different(values: Any) -> str:  # noqa: ANN401 - any iterable of texts
    return first_few([clipped(value, _LONGEST) for value in dict.fromkeys(values) if value], _NAMED)
