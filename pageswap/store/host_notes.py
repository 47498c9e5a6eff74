"""What is written down of each host beside its trials: where its time went, which machine it is, what stopped it."""

from __future__ import annotations

import math
from typing import Any

from pageswap.store.database import Database
from pageswap.store.schema import PHASES


class HostNotes(Database):
    """The part of a run's database that is about its hosts."""

    def _of_hosts(self, column: str) -> list[tuple[str, str]]:
        return self._read(f"SELECT host, {column} FROM host WHERE {column} IS NOT NULL ORDER BY position")  # noqa: S608 - our own names

    def add_ledger(self, host: str, phase: str, seconds: float) -> None:
        """Add `seconds` to what `host` spent in one of PHASES."""
        if phase not in PHASES or not 0.0 <= seconds < math.inf:
            raise ValueError(f"{seconds!r} s of {phase!r}: expected a finite time in one of {', '.join(PHASES)}")
        query = "INSERT INTO ledger VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET seconds = seconds + excluded.seconds"
        self._write("where time went cannot be stored", query, host, phase, seconds)

    def ledger(self) -> dict[str, dict[str, float]]:
        """Return the seconds each host spent in each of PHASES; hosts and phases without any are absent."""
        query = "SELECT host, phase, seconds FROM ledger JOIN host USING (host) ORDER BY position"
        spent: dict[str, dict[str, float]] = {}
        for host, phase, seconds in self._read(query):
            spent.setdefault(host, {})[phase] = seconds
        return {host: {phase: parts[phase] for phase in PHASES if phase in parts} for host, parts in spent.items()}

    def set_problem(self, host: str, text: str | None) -> None:
        """Write down why `host` gave nothing more, with the cure; None when it has nothing to say any more."""
        self._write("a host's problem cannot be stored", "UPDATE host SET problem = ? WHERE host = ?", text, host)

    def problems(self) -> dict[str, str]:
        """Return why hosts gave nothing more, in the run's order; hosts without a problem are absent."""
        return dict(self._of_hosts("problem"))

    def set_machine(self, host: str, machine: str) -> None:
        """Write down which machine `host` leads to, by what two names of one machine share."""
        query = "UPDATE host SET machine = ? WHERE host = ?"
        self._write("which machine a host is cannot be stored", query, machine, host)

    def machines(self) -> dict[str, str]:
        """Return by which host each machine has been measured, as far as that is known."""
        query = "SELECT machine, host FROM host WHERE machine IS NOT NULL AND host IN (SELECT host FROM outcome)"
        return dict(self._read(query))

    def allow_blocks(self, host: str, blocks: int, *, enough: str | None = None) -> None:
        """Let `host` run the first `blocks` measured blocks; more perhaps later, unless `enough` says why not."""
        query = (
            "INSERT INTO stopping VALUES (?, ?, ?)"
            " ON CONFLICT DO UPDATE SET blocks = excluded.blocks, reason = excluded.reason"
        )
        self._write("how many blocks are enough cannot be stored", query, host, blocks, enough)

    def allowed_blocks(self, host: str) -> int | None:
        """Return how many measured blocks `host` may run; None while all of the plan's."""
        found = self._read("SELECT blocks FROM stopping WHERE host = ?", host)
        return int(found[0][0]) if found else None

    def stops(self) -> dict[str, dict[str, Any]]:
        """Return {"blocks", "reason"} of each host that has enough; the others are absent."""
        query = (
            "SELECT host, blocks, reason FROM stopping JOIN host USING (host) WHERE reason IS NOT NULL"
            " ORDER BY position"
        )
        return {host: {"blocks": blocks, "reason": reason} for host, blocks, reason in self._read(query)}
