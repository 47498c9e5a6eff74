"""The C core as Python sees it; the only package that imports the compiled module."""

from __future__ import annotations

from pageswap.native.core import (
    ALIGNMENTS,
    BACKINGS,
    CHOICES,
    COUNTERS,
    NEIGHBOURS,
    PATTERNS,
    TOUCHES,
    WORKLOADS,
    BackingInfo,
    MethodInfo,
    TrialParams,
    TrialProcess,
    TrialResult,
    backings,
    core_info,
    enter_child,
    methods,
    run_trial,
)

__all__ = [
    "ALIGNMENTS",
    "BACKINGS",
    "CHOICES",
    "COUNTERS",
    "NEIGHBOURS",
    "PATTERNS",
    "TOUCHES",
    "WORKLOADS",
    "BackingInfo",
    "MethodInfo",
    "TrialParams",
    "TrialProcess",
    "TrialResult",
    "backings",
    "core_info",
    "enter_child",
    "methods",
    "run_trial",
]
