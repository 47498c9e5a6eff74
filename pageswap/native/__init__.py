"""The C core as Python sees it; the only package that imports the compiled module."""

from __future__ import annotations

from pageswap.native.core import (
    BACKINGS,
    CHOICES,
    COUNTERS,
    FAMILIES,
    WORKLOADS,
    MethodInfo,
    TrialParams,
    TrialProcess,
    TrialResult,
    backings,
    core_info,
    enter_child,
    is_control,
    methods,
    moves_pages,
    run_trial,
)

__all__ = [
    "BACKINGS",
    "CHOICES",
    "COUNTERS",
    "FAMILIES",
    "WORKLOADS",
    "MethodInfo",
    "TrialParams",
    "TrialProcess",
    "TrialResult",
    "backings",
    "core_info",
    "enter_child",
    "is_control",
    "methods",
    "moves_pages",
    "run_trial",
]
