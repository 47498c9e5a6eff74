"""Reads the headline of a run of calls against its findings: what each costs, where, and what a call is made of."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from tests.answers.independent_reader import DECIDED, by_name, number, phrase

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.answers.independent_reader import Finding, Reader


def cost_faults(reader: Reader, text: str) -> Iterator[str]:
    """Check what calls cost, and what a call is made of."""
    listing = re.fullmatch(r"(?:((?:With|On) .+), )?(\S+) takes ([\d.,]+) times as long as (\S+?)((?:, .+)?)", text)
    if listing is not None:
        yield from listing_faults(reader, listing)
    elif (found := re.fullmatch(r"Of the time of one (.+?), (\d+ % .+)", text)) is not None:
        # Shares differ by the condition: none is told where there are several without saying which.
        parts = [e for e in reader.findings if e["verdict"] == "part" and (" with " in found[1] or not e["where"])]
        for share, name in re.findall(r"(\d+) % (?:is )?(.+?)(?=, \d+ %|$)", found[2]):
            own = [each["ratio"] for each in parts if each["subject"] == name]
            if not any(abs(100 * ratio - float(share)) <= 0.51 for ratio in own):
                yield f"{share} % {name}, by the findings {own}"
    elif re.fullmatch(r"[nN]o (?:other )?call was told from .+", text):
        yield from [text for each in reader.findings if each["verdict"] in DECIDED][:1]
    elif not re.fullmatch(r"\d+ calls? compared with .+", text):
        yield f"not understood: {text!r}"


def listing_faults(reader: Reader, listing: re.Match[str]) -> Iterator[str]:
    """Check each call that is listed against the findings of the place that the headline names."""
    place, name, said, against, others = listing.groups()
    decided = called(reader, place)
    if not decided:
        yield f"{place!r}, of {sorted(by_name(reader.findings, place_of))}"
    yield from multiple_faults(decided, name, number(said))
    if {against} != {each["against"] for each in reader.findings if each["verdict"] != "part"}:
        yield f"against {against}"
    shown = [number(said)]
    for part in others.split(", ")[1:]:
        if (more := re.fullmatch(r"and (\d+) more take less", part)) is not None:
            yield from shorter_faults(decided, int(more[1]), len(shown), shown[-1])
        else:
            name, _, said = part.rpartition(" ")
            shown.append(number(said))
            yield from multiple_faults(decided, name, shown[-1])


def place_of(finding: Finding) -> str:
    """Name the conditions and the host of a finding."""
    levels = ", ".join(phrase(*pair) for pair in finding["where"].items())
    return f"With {levels} on {finding['host']}" if levels else f"On {finding['host']}"


def called(reader: Reader, place: str | None) -> list[Finding]:
    """Give the decided calls of the place that a headline names; nothing where it names none, and there are several."""
    calls = by_name([each for each in reader.findings if each["verdict"] != "part"], place_of)
    if place is None:
        own = next(iter(calls.values())) if len(calls) == 1 else []
    else:
        on = rf" on {reader.raw.hosts[0]}$" if len(reader.raw.hosts) == 1 else "$"
        shown = [name for name in calls if re.sub(on, "", name).startswith(place.rstrip("…"))]
        own = calls[shown[0]] if len(shown) == 1 or (shown and place in shown) else []
    return [each for each in own if each["verdict"] in DECIDED]


def shorter_faults(decided: Sequence[Finding], more: int, shown: int, last: float) -> Iterator[str]:
    """Check that so many calls beside those shown were decided, each shorter than the last that is shown."""
    if more + shown != len(decided) or sum(1 / each["ratio"] < 1.06 * last for each in decided) < more:
        yield f"{more} more take less than {last}, of {len(decided)}"


def multiple_faults(decided: Sequence[Finding], name: str, said: float) -> Iterator[str]:
    """Check how many times as long as the baseline a call is said to take."""
    own = [1 / each["ratio"] for each in decided if each["subject"] == name]
    if not any(math.isclose(said, each, rel_tol=0.06) for each in own):
        yield f"{name} {said}, by the findings {own}"
