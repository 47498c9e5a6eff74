"""The whole way of a run: plan times targets into the store, kept going through whatever happens on the way."""

from __future__ import annotations

from pageswap.campaign.options import CORES, Options, make_targets
from pageswap.campaign.outcome import HostOutcome, NoHostError, Outcome
from pageswap.campaign.run_and_resume import provenance, resume, run
from pageswap.campaign.run_folders import find_run

__all__ = [
    "CORES",
    "HostOutcome",
    "NoHostError",
    "Options",
    "Outcome",
    "find_run",
    "make_targets",
    "provenance",
    "resume",
    "run",
]
