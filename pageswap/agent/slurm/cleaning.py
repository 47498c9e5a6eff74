"""Jobs of ours that nobody waits for any more: found by their names and folders, and cancelled."""

from __future__ import annotations

import contextlib
import glob
import os
import time

from pageswap.agent.slurm import queue
from pageswap.agent.slurm.jobs import PREFIX

# A follower touches its mark every second, a start whenever it looks; a clock of another machine may be off a little.
_UNWANTED_S = 180.0


def cancel_unwanted(cache: str) -> tuple[str, ...]:
    """Cancel this user's pending jobs whose folder lies in the cache and nobody waits for; return the others' folders.

    A folder is that of all segments that a job may come to.
    """
    busy = []
    for job in queue.jobs_of_mine():
        if not (job.lives and job.name.startswith(PREFIX) and job.comment.startswith(f"{cache}/")):
            continue
        # One that measures ends by itself after its lease.
        if job.is_pending and _idle_s(job.comment) > _UNWANTED_S:
            queue.cancel(job.number)
        else:
            busy.append(os.path.dirname(job.comment))
    return tuple(busy)


def _idle_s(folder: str) -> float:
    """Return for how long nobody has shown that a job in a folder is wanted; one that has just come is."""
    changed = [0.0]
    for path in (*glob.glob(f"{glob.escape(os.path.dirname(folder))}/*/followed"), f"{folder}/asked.json"):
        with contextlib.suppress(OSError):
            changed.append(os.stat(path).st_mtime)
    return time.time() - max(changed)
