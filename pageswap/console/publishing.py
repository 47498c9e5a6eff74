"""What a person sees of publishing: each step as it is taken, and what became of every run."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pageswap.publish import Published

_NAMED = 5


def show_step(text: str) -> None:
    """Say what is being done, beside what is printed in the end."""
    print(text, file=sys.stderr, flush=True)


def show_published(published: Published) -> None:
    """Print what became of the runs, those that were left out with their reasons, and last where the site is."""
    for run_id, reason in published.left_out.items():
        print(f"left out: {run_id}: {reason}")
    for word in ("added", "updated", "removed"):
        names: tuple[str, ...] = getattr(published, word)
        if names:
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            print(f"{word}: {', '.join(names[:_NAMED])}{more}")
    sent = f"{published.sent_bytes / 1e6:.1f} MB sent" if published.sent_bytes else "nothing to send"
    print(f"{len(published.unchanged)} unchanged, {sent}")
    if not published.is_atomic:
        print("this file system cannot exchange two folders: for an instant there was no site")
    print(f"site: {published.where}")
