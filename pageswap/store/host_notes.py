"""What a run's database keeps of each host beside its rows: where its time went, its problem, when it may stop."""

from __future__ import annotations

import math
from typing import Any

from pageswap.store.database import Database
from pageswap.store.schema import PHASES


class HostNotes(Database):
    """Notes on hosts, each write a transaction of its own; all of them raise StoreError when it fails."""

    def add_ledger(self, host: str, phase: str, seconds: float) -> None:
        """Add `seconds` to what `host` spent in one of PHASES."""
        if phase not in PHASES or not 0.0 <= seconds < math.inf:
            raise ValueError(f"{seconds!r} s of {phase!r}: expected a finite time in one of {', '.join(PHASES)}")
        with self._transaction("where time went cannot be stored") as connection:
            connection.execute(
                "INSERT INTO ledger VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET seconds = seconds + excluded.seconds",
                (host, phase, seconds),
            )

    def ledger(self) -> dict[str, dict[str, float]]:
        """Give the seconds each host spent in each of PHASES; hosts and phases without any are absent."""
        query = "SELECT host, phase, seconds FROM ledger JOIN host USING (host) ORDER BY position"
        spent: dict[str, dict[str, float]] = {}
        for host, phase, seconds in self._read(query):
            spent.setdefault(host, {})[phase] = seconds
        return {host: {phase: parts[phase] for phase in PHASES if phase in parts} for host, parts in spent.items()}

    def set_problem(self, host: str, text: str | None) -> None:
        """Write down why `host` gave nothing more, with the cure; None when it has nothing to say any more."""
        with self._transaction("a host's problem cannot be stored") as connection:
            connection.execute("UPDATE host SET problem = ? WHERE host = ?", (text, host))

    def problems(self) -> dict[str, str]:
        """Give why hosts gave nothing more, in the run's order; hosts without a problem are absent."""
        return dict(self._read("SELECT host, problem FROM host WHERE problem IS NOT NULL ORDER BY position"))

    def allow_blocks(self, host: str, blocks: int) -> None:
        """Let `host` run the measured blocks 0 to `blocks` - 1, more of them perhaps later."""
        self._set_blocks(host, blocks, None)

    def allowed_blocks(self, host: str) -> int | None:
        """Give how many measured blocks `host` may run; None while all of the plan's."""
        found = self._read("SELECT blocks FROM stopping WHERE host = ?", host)
        return int(found[0][0]) if found else None

    def stop(self, host: str, blocks: int, reason: str) -> None:
        """Let `host` run no more than the first `blocks` measured blocks, and write down why that is enough."""
        self._set_blocks(host, blocks, reason)

    def _set_blocks(self, host: str, blocks: int, reason: str | None) -> None:
        with self._transaction("how many blocks are enough cannot be stored") as connection:
            connection.execute("INSERT OR REPLACE INTO stopping VALUES (?, ?, ?)", (host, blocks, reason))

    def stops(self) -> dict[str, dict[str, Any]]:
        """Give {"blocks", "reason"} of each host that `stop` was said of; the others are absent."""
        query = (
            "SELECT host, blocks, reason FROM stopping JOIN host USING (host) WHERE reason IS NOT NULL"
            " ORDER BY position"
        )
        return {host: {"blocks": blocks, "reason": reason} for host, blocks, reason in self._read(query)}
