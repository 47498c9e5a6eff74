"""Whether two measurements may be compared: which of their conditions differ, which of those matter, and why."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any, Final

from pageswap.agent.host.conditions import CODE, CONDITIONS, HARMLESS, MACHINE, SETTING, find
from pageswap.answers.words import say
from pageswap.text.numbers import gibibytes
from pageswap.text.words import clipped, with_short_hashes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

# What a difference between two runs is about, beside what one between two hosts is.
WORK: Final = "work"

STANDS: Final = "stands"
RESERVATIONS: Final = "stands with reservations"
DOES_NOT_STAND: Final = "does not stand"
# What each kind of difference that matters leaves of a comparison, the worst first.
_WEIGHTS: Final = {WORK: DOES_NOT_STAND, MACHINE: DOES_NOT_STAND, SETTING: RESERVATIONS, CODE: STANDS}

_ABSENT: Final = "not recorded"
_LONGEST_VALUE: Final = 80


@dataclasses.dataclass(frozen=True)
class Difference:
    """One condition that is not the same on both sides; ``a`` and ``b`` are its values as text.

    ``kind`` is code, setting, machine, work or harmless; ``matters`` is False for the last alone.
    """

    key: str
    a: str
    b: str
    matters: bool
    why: str
    kind: str

    @property
    def name(self) -> str:
        """Name the condition: ``mem_available`` as "Memory available at start", ``thp.enabled`` as "..., enabled"."""
        condition = find(self.key)
        if condition is None:
            return self.key
        return condition.label if condition.key == self.key else f"{condition.label}, {self.key.partition('.')[2]}"


@dataclasses.dataclass(frozen=True)
class Verdict:
    """Whether a comparison stands: one of the three words, and the reason as a sentence."""

    word: str
    text: str


# What is known of a run beside its hosts -> what it is about, and why that matters or does not.
_OF_A_RUN: Final[dict[str, tuple[str, str]]] = {
    "commit": (HARMLESS, "what is timed is the core, whose own hash says whether it is the same"),
    "dirty": (HARMLESS, "what is timed is the core, whose own hash says whether it is the same"),
    "version": (HARMLESS, "what is timed is the core, whose own hash says whether it is the same"),
    "experiment": (HARMLESS, "a name; cases are matched by their levels"),
    "workload": (WORK, "another operation is timed"),
    "baseline": (WORK, "ratios are to another case"),
    "seed": (WORK, "other pages are chosen, in another order"),
    "rounds": (WORK, "the clock is read more often, and caches are warm for another share of the time"),
    "warmups": (WORK, "what a machine settles into during warm-up differs"),
    "repeats": (HARMLESS, "more blocks narrow the intervals, which say so themselves"),
    "tune": (HARMLESS, "what it sets are conditions of their own"),
}
_ORDER: Final = {key: place for place, key in enumerate([*(each.key for each in CONDITIONS), *_OF_A_RUN])}
_UNKNOWN: Final = (SETTING, "nothing is known of its effect, so it is not taken for harmless")


def differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[Difference]:
    """List what differs between two hosts' environments, what matters first, in the order of the table of conditions.

    A fact that only one side recorded is a difference; one that neither did is not.
    """
    ours, theirs = dict(_flat(a)), dict(_flat(b))
    pairs = [(key, ours.get(key), theirs.get(key)) for key in {**ours, **theirs}]
    return sorted((_difference(*pair) for pair in pairs if not _is_alike(*pair)), key=_place)


def run_differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[Difference]:
    """List what differs between two runs' experiments, code and options, from their ``meta``.

    Levels are left out, for cases are compared only where all of theirs are the same.
    """
    return differences(_conditions_of_run(a), _conditions_of_run(b))


def verdict(found: Iterable[Difference]) -> Verdict:
    """Say whether figures measured under conditions that differ so may be compared.

    Unlike machines, or other work, leave nothing that a difference could be put down to: the comparison does not stand.
    Other settings leave it standing with reservations, as the cause may be any of them. Where only the code differs, or
    nothing that matters, it stands.
    """
    found = list(found)
    kind = next((kind for kind in _WEIGHTS if any(each.kind == kind for each in found)), HARMLESS)
    names = [each.name for each in found if each.kind == kind]
    if kind == SETTING and any(each.kind == CODE for each in found):
        names.append("the code")
    return Verdict(_WEIGHTS.get(kind, STANDS), say("comparison", "stands", kind, names))


def _conditions_of_run(meta: Mapping[str, Any]) -> dict[str, Any]:
    experiment = meta.get("experiment") or {}
    known = {**(meta.get("options") or {}), **(meta.get("provenance") or {}), **experiment}
    known["experiment"] = experiment.get("name")
    # A baseline is one condition, not one for each of its factors.
    known["baseline"] = json.dumps(experiment.get("baseline") or None, sort_keys=True)
    return {name: known.get(name) for name in _OF_A_RUN}


def _flat(facts: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in facts.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _is_alike(key: str, a: object, b: object) -> bool:
    condition = find(key)
    first, second = (each[0] if isinstance(each, list) and each else each for each in (a, b))
    if a == b or not isinstance(first, int | float) or not isinstance(second, int | float):
        return a == b
    return condition is not None and bool(condition.step) and abs(first - second) < condition.step


def _difference(key: str, a: object, b: object) -> Difference:
    condition = find(key)
    kind, why = _OF_A_RUN.get(key, _UNKNOWN) if condition is None else (condition.kind, condition.why)
    is_near = _text(key, a) == _text(key, b)
    first, second = (_text(key, value, exactly=is_near) for value in (a, b))
    return Difference(key, first, second, kind != HARMLESS, why, kind)


def _place(each: Difference) -> tuple[bool, int]:
    condition = find(each.key)
    return not each.matters, _ORDER.get(each.key if condition is None else condition.key, len(_ORDER))


def _text(key: str, value: object, *, exactly: bool = False) -> str:
    if value is None:
        return _ABSENT
    condition = find(key)
    if condition is not None and condition.unit == "bytes" and isinstance(value, int):
        return gibibytes(value, exactly=exactly)
    if isinstance(value, list) and value and all(isinstance(each, int | float) for each in value):
        value = ", ".join(map(str, value))
    text = value if isinstance(value, str) else json.dumps(value)
    return clipped(text if exactly else with_short_hashes(text), _LONGEST_VALUE)
