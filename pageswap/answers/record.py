"""An answer as a record: what is asked, the verdict, one headline, how far to trust it, and what it rests on."""

from __future__ import annotations

import dataclasses
from typing import Any, Final

YES: Final = "yes"
NO: Final = "no"
MIXED: Final = "mixed"
UNDECIDED: Final = "undecided"
NOTHING_MEASURED: Final = "nothing_measured"

GOOD: Final = "good"
DOUBTFUL: Final = "doubtful"
BAD: Final = "bad"

HEADLINE_LENGTH: Final = 160
# As many as JSON lists; of more hosts than that the figures of the cases tell.
MOST_FINDINGS: Final = 2_000

# Verdicts of findings beside those of a comparison with the baseline (`pageswap.analysis.verdicts`).
CORRUPT: Final = "corrupt"
FASTEST: Final = "fastest"
NOT_TOLD_APART: Final = "not told apart"
UNAVAILABLE: Final = "unavailable"
MEASURED: Final = "measured"
PART: Final = "part"


@dataclasses.dataclass(frozen=True)
class Reason:
    """Why an answer is not to be trusted without reserve: a short code, and the words for it."""

    code: str
    text: str


@dataclasses.dataclass(frozen=True)
class Trust:
    """How far an answer is to be trusted: ``good``, ``doubtful`` or ``bad``; what speaks against it, worst first."""

    level: str
    why: tuple[Reason, ...] = ()


@dataclasses.dataclass(frozen=True)
class Finding:
    """One comparison on one host: ``subject`` against ``against``, under the levels ``where``.

    ``ratio`` is the speed of the subject as a multiple of the other's, above 1 is faster, with its 95 % interval from
    ``low`` to ``high``; None is not known. ``times`` says it in words: ``20 times slower``, or ``0.98 times as fast``
    where neither was decided. ``verdict`` is a word of `pageswap.analysis.verdicts` or of this module; ``why`` says
    what kept it from being decided.
    """

    host: str
    subject: str
    against: str
    where: dict[str, Any]
    ratio: float | None
    low: float | None
    high: float | None
    times: str
    verdict: str
    why: str


@dataclasses.dataclass(frozen=True)
class Caveat:
    """What an answer does not cover: its ``kind``, the words for it, and the ids of the cases that it is about."""

    kind: str
    text: str
    cases: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a run answers.

    ``asks`` is the experiment's. ``headline`` has at most `HEADLINE_LENGTH` characters and claims what the findings
    say, no more. ``findings`` are in the order of the run's hosts and cases.
    """

    asks: str
    verdict: str
    headline: str
    trust: Trust
    findings: tuple[Finding, ...] = ()
    caveats: tuple[Caveat, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the record as `run --json`, `report --format json` and the page hold it, of bounded length."""
        return dataclasses.asdict(dataclasses.replace(self, findings=self.findings[:MOST_FINDINGS]))
