"""Makes an experiment into trials: which cases, in which order, with which schedule, at what cost."""

from __future__ import annotations

from pageswap.plan.estimate import CaseEstimate, Estimate
from pageswap.plan.plan import Case, Plan, make

__all__ = ["Case", "CaseEstimate", "Estimate", "Plan", "make"]
