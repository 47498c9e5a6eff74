"""The experiment's stopping rule on one host: allows its first blocks, then more until they are enough."""

from __future__ import annotations

import functools
import types
from typing import TYPE_CHECKING, Any

from pageswap.campaign.events import Noted

if TYPE_CHECKING:
    from pageswap.store import Store


class StoppingRule:
    """Grants a host its measured blocks; does nothing where the experiment has a fixed number of them."""

    def __init__(self, store: Store, host: str) -> None:
        """Take the run and the host; a host that has been allowed nothing yet may now run the least blocks."""
        experiment = store.meta()["experiment"]
        self._store = store
        self._host = host
        self._most = int(experiment["repeats"])
        self._rule: dict[str, Any] | None = experiment.get("stopping")
        if self._rule and store.allowed_blocks(host) is None:
            store.allow_blocks(host, int(self._rule["least"]))

    def look(self) -> Noted | None:
        """Look at what the host has measured: allow it more blocks, or write down why it has enough; None without rule.

        To be asked when the host owes nothing: the figures are made on this machine, which may be the one measured.
        """
        if not self._rule or self._host in self._store.stops():
            return None
        # Imported where it is needed: it takes half a second, and most runs have no such rule.
        from pageswap.analysis.checks.stopping import decide

        blocks = self._store.allowed_blocks(self._host) or 0
        until = float(self._rule["until"])
        # One host's rows only, so that many hosts do not read each other's.
        whole = {name: getattr(self._store, name) for name in ("meta", "cases", "columns", "methods")}
        run_data: Any = types.SimpleNamespace(**whole, rows=functools.partial(self._store.rows, self._host))
        decision = decide(run_data, self._host, blocks=blocks, most=self._most, until=until)
        if decision.enough:
            self._store.allow_blocks(self._host, blocks, enough=decision.reason)
            return Noted(self._host, f"stops {decision.reason}")
        before = self._store.trial_count(self._host)
        self._store.allow_blocks(self._host, decision.blocks)
        trials = self._store.trial_count(self._host) - before
        return Noted(self._host, f"{decision.reason}: {trials:,} trials more", trials)
