"""Asks a node something by a short job, for whoever waits for the answer."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
from typing import TYPE_CHECKING, Any

from pageswap.agent.daemon.follow import has_gone
from pageswap.agent.slurm import queue
from pageswap.agent.slurm.jobs import LOOK_S, PREFIX, looks, refresh
from pageswap.agent.workspace.work_folder import private_folder, write_durably
from pageswap.errors import HostError

if TYPE_CHECKING:
    from pageswap.agent.slurm.jobs import Placement

_ASK_S = 1.0
_LAST_S = 3.0
# Who asks a node for its facts waits a minute.
_ANSWER_S = 50.0


def ask(cache: str, verb: str, document: dict[str, Any], placement: Placement) -> dict[str, Any]:
    """Have a verb that answers at once do so on the node, and return its answer; raises HostError, also if it waits."""
    folder = private_folder(f"{cache}/asks/{os.urandom(8).hex()}")
    number: int | None = None
    try:
        write_durably(f"{folder}/asked.json", json.dumps(document).encode())
        name = PREFIX + "/".join(folder.split("/")[-2:])
        script = placement.script(verb, f"{folder}/asked.json", f"{folder}/answer")
        minutes = placement.minutes_for(0.0, 0.0, queue.most_minutes(placement.partition))
        number = queue.submit(placement.options(name, folder, minutes), script)
        return _answer(folder, name, number)
    finally:
        if number is not None:
            with contextlib.suppress(HostError):
                queue.cancel(number)
        shutil.rmtree(folder, ignore_errors=True)


def _answer(folder: str, name: str, number: int) -> dict[str, Any]:
    until = time.monotonic() + _ANSWER_S
    reason = ""
    while time.monotonic() < until:
        answer = _answer_within(folder, _ASK_S)
        if answer is not None:
            return answer
        job = next((each for each in queue.jobs_of_mine(name) if each.number == number), None)
        if job is None or not job.lives:
            # What it wrote last may be seen here a moment later than its end is told.
            answer = _answer_within(folder, _LAST_S)
            if answer is not None:
                return answer
            with contextlib.suppress(OSError), open(f"{folder}/slurm.out", encoding="utf-8", errors="replace") as file:
                reason = file.read()[-500:].strip()
            raise HostError(f"Slurm's job {number} ended without an answer: {reason or (job.state if job else '?')}")
        reason = job.reason if job.is_pending else job.state
    raise HostError(f"its node gave no answer within {_ANSWER_S:g} s: Slurm's job {number} is waiting ({reason})")


def _answer_within(folder: str, seconds: float) -> dict[str, Any] | None:
    """Return the answer once it is there; raises HostError where nobody waits for it any more."""
    refresh(folder)
    for _ in looks(seconds):
        with contextlib.suppress(OSError, ValueError), open(f"{folder}/answer", encoding="utf-8") as file:
            answer = json.loads(file.read())
            if isinstance(answer, dict):
                return answer
        if has_gone(1, LOOK_S):
            raise HostError("whoever asked has gone")
    return None
