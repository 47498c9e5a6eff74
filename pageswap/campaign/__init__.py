"""The whole way of a run: plan times targets into the store, kept going through whatever happens on the way."""

from __future__ import annotations

from pageswap.campaign.campaign import Outcome, resume, run
from pageswap.campaign.options import Options
from pageswap.campaign.provenance import provenance
from pageswap.campaign.runs import find_run

__all__ = ["Options", "Outcome", "find_run", "provenance", "resume", "run"]
