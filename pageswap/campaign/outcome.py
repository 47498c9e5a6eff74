"""How a run stands when its campaign ends: what each host has given, why one gave no more, and the exit code."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

from pageswap.agent.journal.job import CORRUPT, OK, SKIPPED, UNAVAILABLE
from pageswap.errors import HostError
from pageswap.store.schema import RUNNING

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Mapping
    from pathlib import Path

    from pageswap.errors import PageswapError
    from pageswap.store.store import Store

INTERRUPTED_EXIT: Final = 130
_CORRUPT_EXIT = 4
_OTHERWISE_EXIT = 2


@dataclasses.dataclass(frozen=True)
class HostOutcome:
    """One host's part: its rows and their statuses, what it still owes, where its time went, and why it gave no more.

    `ledger` has seconds by phase, of all campaigns of this run together; `problem` is "" when there is none.
    """

    host: str
    rows: int
    statuses: dict[str, int]
    missing: int
    ledger: dict[str, float]
    problem: str

    @property
    def lost(self) -> dict[str, float]:
        """The seconds by phase in which its agents were not measuring: connecting, waiting, and so on."""
        return {phase: seconds for phase, seconds in self.ledger.items() if phase != RUNNING}

    def to_json(self) -> dict[str, Any]:
        """Return all of it as one JSON object."""
        return {**dataclasses.asdict(self), "lost_s": sum(self.lost.values())}


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a run stands now: its question's kind, the last attempts' statuses, and what no host has given yet or why."""

    run_id: str
    asks: str
    run_dir: Path
    report_path: Path | None
    statuses: Counter[str]
    missing: int
    hosts: tuple[HostOutcome, ...]
    host_errors: dict[str, PageswapError]
    exit_code: int


class NoHostError(HostError):
    """No host could be used and nothing was measured; `outcome` has each one's part."""

    def __init__(self, outcome: Outcome) -> None:
        """Take how the run stands; the text is the only error's, or has those of all, on a line each."""
        texts = [str(error) for error in outcome.host_errors.values()]
        if len(texts) > 1:
            texts.insert(0, f"none of the {len(texts)} hosts could be used")
        super().__init__("\n  ".join(texts))
        self.outcome = outcome
        self.exit_code = outcome.exit_code


def host_outcomes(store: Store) -> tuple[HostOutcome, ...]:
    """Return every host's part of the run, in the run's order."""
    ledger, problems, counts = store.ledger(), store.problems(), store.status_counts()
    return tuple(
        HostOutcome(
            host=host,
            rows=sum(counts.get(host, {}).values()),
            statuses=dict(counts.get(host, {})),
            missing=store.missing_count(host),
            ledger=ledger.get(host, {}),
            problem=problems.get(host, ""),
        )
        for host in store.meta()["hosts"]
    )


def exit_code(statuses: Counter[str], errors: Mapping[str, PageswapError], *, interrupted: bool, strict: bool) -> int:
    """Return the documented exit code; of several that apply the one that asks most of a person.

    A run in which trials have ended and not one of them was measured is no success, however good its reasons.
    """
    if interrupted:
        return INTERRUPTED_EXIT
    if statuses[CORRUPT]:
        return _CORRUPT_EXIT
    if errors:
        return next(iter(errors.values())).exit_code
    harmless = {OK} if strict else {OK, UNAVAILABLE, SKIPPED}
    ended = set(+statuses)
    return 0 if not ended or (OK in ended and ended <= harmless) else _OTHERWISE_EXIT
