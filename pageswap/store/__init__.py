"""One run's database: the plan as it was made, and every attempt of every trial as it came back."""

from __future__ import annotations

from pageswap.store.store import NOT_STARTED, Segment, Store

__all__ = ["NOT_STARTED", "Segment", "Store"]
