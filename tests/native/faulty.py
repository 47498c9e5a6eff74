"""Runs a trial in a process of its own in which some calls fail, fall short or lie (faulty_calls.c)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from apart import run_apart

if TYPE_CHECKING:
    import pathlib

    from pageswap import native


def run_faulty(shim: pathlib.Path, trial: native.TrialParams, **faults: object) -> dict[str, Any]:
    """Run a trial under the shim; `faults` are its settings. Return the result or the error, and how many `faults`."""
    settings = {f"FAULTY_{key.upper()}": str(value) for key, value in faults.items()}
    answer, told = run_apart(trial, preloaded=shim, **settings)
    count = re.search(r"faults=(\d+)", told)
    return answer | {"faults": int(count[1]) if count else 0}
