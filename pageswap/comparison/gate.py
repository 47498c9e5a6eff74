"""The gate of a comparison, `--fail-above`: how a limit is written, what trips it, and the exit code that follows."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Final

from pageswap.answers.words import say
from pageswap.comparison.environments import DOES_NOT_STAND
from pageswap.errors import UsageError

if TYPE_CHECKING:
    from pageswap.comparison.environments import Verdict

GATE_TRIPPED: Final = 5
_PERCENT: Final = re.compile(r"(\d{1,4}(?:\.\d{1,4})?)\s?%")


@dataclasses.dataclass(frozen=True)
class Gate:
    """What `--fail-above` decided: ``limit`` is the largest slowdown let through, 0.05 is 5 %.

    ``passed`` is None when nothing could be decided; ``text`` says why.
    """

    limit: float
    judged: int
    tripped: int
    passed: bool | None
    text: str


def parse_limit(text: str) -> float:
    """Read `--fail-above`: ``5%`` gives 0.05. Raises UsageError on anything else."""
    match = _PERCENT.fullmatch(text)
    if not match:
        hint = f"; write '{text}%'" if _PERCENT.fullmatch(f"{text}%") else ""
        raise UsageError(f"--fail-above: expected a percentage such as 5%, found {text!r}{hint}")
    return float(match[1]) / 100


def gate_of(limit: float, over_limit: list[bool | None], verdict: Verdict) -> Gate:
    """Decide whether any case is over the limit, where the comparison stands; None is one that cannot be judged."""
    judged, tripped = sum(each is not None for each in over_limit), sum(map(bool, over_limit))
    passed = None if verdict.word == DOES_NOT_STAND or not judged else not tripped
    text = say("comparison", "gate", limit, judged, tripped, len(over_limit), verdict)
    return Gate(limit, judged, tripped, passed, text)


def conclude(gate: Gate | None) -> int:
    """Return the exit code: 0, or 5 when the gate trips; raises UsageError when one was asked for and decides nothing.

    A pipeline that took an undecided gate for a passed one would let everything through.
    """
    if gate and gate.passed is None:
        raise UsageError(f"--fail-above: {gate.text.rstrip('.')}; leave the gate out to compare all the same")
    return GATE_TRIPPED if gate and not gate.passed else 0
