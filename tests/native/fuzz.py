"""How much Hypothesis looks for schedules that a method gets wrong, and how much it looked in this run."""

from __future__ import annotations

import collections
import os

# Cases that ran and agreed with the model, by kind; Hypothesis' own count has those, too, that were skipped.
VERIFIED: collections.Counter[str] = collections.Counter()


def examples(count: int) -> int:
    """Give how many examples a test looks at: `count`, times $PAGESWAP_FUZZ for a long search.

    Under the sanitizers half of them: what reaches beyond its memory does so with the first ones.
    """
    found = count * int(os.environ.get("PAGESWAP_FUZZ", "1"))
    return (found + 1) // 2 if os.environ.get("PAGESWAP_SANITIZED") else found


def summary() -> str:
    """Say what was tried, in one line; empty when nothing was."""
    if not VERIFIED:
        return ""
    return f"fuzz: {', '.join(f'{VERIFIED[kind]:,} {kind}' for kind in sorted(VERIFIED, reverse=True))}, verified"
