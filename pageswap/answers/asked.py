"""What an experiment's question asks for: the fastest of all, yes or no, and of which methods."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Final

from pageswap.analysis.verdicts import FASTER, SLOWER
from pageswap.text.levels import level_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pageswap.analysis.summary import CaseSummary, Summary

_WORDS_OF_FAMILY: Final = {"copy": ("copy", "copies", "memcpy"), "remap": ("remap",), "window": ("window",)}
# Parts of methods' names that mean no method by themselves.
_COMMON: Final = frozenset(("copy", "file", "fixed", "map", "move", "multi", "page", "pages", "place", "words"))
_BEST: Final = re.compile(r"\b(fastest|quickest|best)\b")
_ASK: Final = r"(?:^|.*, )(?:is|are|does|do|can|will) "
_ANOTHER: Final = re.compile(_ASK + r"another .+? than (?P<than>.+?) (?P<word>faster|slower)\b.*")
_WHETHER: Final = re.compile(_ASK + r"(?P<what>.+?) (?P<word>faster|slower) than (?P<than>.+)")
_INSTEAD: Final = re.compile(_ASK + r"(?P<what>.+?) (?P<word>an alternative|alternatives) to (?P<than>.+)")
_SHORTEST_NAME: Final = 3
_LONGEST_READ: Final = 500


@dataclasses.dataclass(frozen=True)
class Asked:
    """A question of yes or no: whether the ``methods`` (all or, with ``is_any``, any) have this ``verdict``."""

    methods: tuple[str, ...]
    verdict: str
    is_any: bool


def asks_for_best(summary: Summary) -> bool:
    """Say whether the question is which method, or how fast a method, is best."""
    question = summary.question.strip().lower()
    return bool(_BEST.search(question)) and question.startswith(("what", "which", "how", "who"))


def asked(summary: Summary, compared: Sequence[CaseSummary]) -> Asked | None:
    """Read the question: "is X faster than (the baseline)?" and its like, or None; X may be named, or its family."""
    question = " ".join(summary.question[:_LONGEST_READ].lower().rstrip("? ").split())
    methods = list(dict.fromkeys(str(case.levels.get("method")) for case in compared))
    match = _ANOTHER.fullmatch(question)
    if match:
        family = summary.families.get(str(summary.baseline.get("method")))
        alike = tuple(name for name in methods if family and summary.families.get(name) == family)
        if not alike or not _names_baseline(summary, match["than"]):
            return None
        return Asked(alike, _verdict(match["word"]), is_any=True)
    match = _WHETHER.fullmatch(question) or _INSTEAD.fullmatch(question)
    if not match or _names_baseline(summary, match["what"]) or not _names_baseline(summary, match["than"]):
        return None
    return Asked(tuple(_named(summary, match["what"], methods)), _verdict(match["word"]), is_any=False)


def yes_or_no(summary: Summary, compared: Sequence[CaseSummary]) -> str:
    """Give "yes, " or "no, " when the question wants one and what it asks about agrees, else nothing."""
    question = asked(summary, compared)
    if question is None:
        return ""
    verdicts: dict[str, set[str]] = {}
    for case in compared:
        if str(case.levels.get("method")) in question.methods:
            verdicts.setdefault(str(case.levels.get("method")), set()).add(case.verdict)
    agree = [found == {question.verdict} for found in verdicts.values()]
    opposite = SLOWER if question.verdict == FASTER else FASTER
    if any(agree) if question.is_any else agree and all(agree):
        return "yes, "
    return "no, " if verdicts and all(found == {opposite} for found in verdicts.values()) else ""


def asked_first(summary: Summary, compared: Sequence[CaseSummary]) -> list[CaseSummary]:
    """Put what the question is about before what was measured beside it."""
    question = asked(summary, compared)
    methods = list(dict.fromkeys(str(case.levels.get("method")) for case in compared))
    first = question.methods if question else meant(summary, methods)
    return sorted(compared, key=lambda case: str(case.levels.get("method")) not in first)


def meant(summary: Summary, methods: Sequence[str]) -> list[str]:
    """Give the methods of the family that the question asks about, before any "than"; none where it names none."""
    return _by_family(summary, summary.question.lower().partition(" than ")[0], methods)


def _verdict(word: str) -> str:
    return SLOWER if word == "slower" else FASTER


def _named(summary: Summary, text: str, methods: Sequence[str]) -> list[str]:
    """Give the methods that a part of the question names, else those of the family it names, else all."""
    words = set(re.split(r"[\W_]+", text))
    named = [name for name in methods if words & _parts(name)]
    return named or (_by_family(summary, text, methods) if _families(text) else list(methods))


def _by_family(summary: Summary, text: str, methods: Sequence[str]) -> list[str]:
    families = _families(text)
    return [name for name in methods if summary.families.get(name) in families]


def _families(text: str) -> set[str]:
    return {family for family, words in _WORDS_OF_FAMILY.items() if any(word in text for word in words)}


def _parts(method: str) -> set[str]:
    return {part for part in method.lower().split("_") if len(part) >= _SHORTEST_NAME} - _COMMON


def _names_baseline(summary: Summary, text: str) -> bool:
    method = str(summary.baseline.get("method"))
    family = _WORDS_OF_FAMILY.get(summary.families.get(method, ""), ())
    names = (*family, *(level_text(*pair).lower() for pair in summary.baseline.items()))
    return any(name in text for name in names)
