"""The job file: what an agent is asked to measure, and the words for how each trial can end."""

from __future__ import annotations

import dataclasses
from typing import Any, Union

# The one value that a factor has in a case: a size in bytes, a count, or a word.
Level = Union[int, str]

FORMAT = 1

OK = "ok"
UNAVAILABLE = "unavailable"
SKIPPED = "skipped"
FAILED = "failed"
CORRUPT = "corrupt"
TIMEOUT = "timeout"
KILLED = "killed"
OOM = "oom"
INTERRUPTED = "interrupted"
LOST = "lost"
STATUSES = (OK, UNAVAILABLE, SKIPPED, FAILED, CORRUPT, TIMEOUT, KILLED, OOM, INTERRUPTED, LOST)

# These say nothing about the method, only that the trial was cut short, so `resume` measures them again.
RETRIED = (KILLED, INTERRUPTED, LOST)

# What the id of a baseline's second trial in a block has after its case: "b03.c0004.aa".
REPLICA_SUFFIX = ".aa"


def case_id_of(trial_id: str) -> str:
    """Return ``c0004`` of ``b03.c0004`` and of its second trial, ``b03.c0004.aa``."""
    return trial_id.split(".")[1]


@dataclasses.dataclass(frozen=True)
class TrialSpec:
    """One case to execute once, and its place in the run.

    `levels` has the level of every factor by the factor's name, sizes in bytes. What the agent itself asks for is a
    property; the others are handed to the core as they are.
    """

    trial_id: str
    attempt: int
    workload: str
    levels: dict[str, Level]
    rounds: int
    seed: int
    timeout_s: float
    block: int
    position: int
    warmup: bool
    # 1 for the second trial of a baseline's case in a block, which is there to be compared with the first.
    replica: int = 0

    @property
    def method(self) -> str:
        """The method that is measured."""
        return str(self.levels["method"])

    @property
    def backing(self) -> str:
        """What the region is made of."""
        return str(self.levels["backing"])

    @property
    def page_size(self) -> int:
        """The bytes of a page."""
        return int(self.levels["page_size"])

    @property
    def region_size(self) -> int:
        """The bytes of the region of all threads."""
        return int(self.levels["region_size"])

    @property
    def iterations(self) -> int:
        """The operations of all threads together."""
        return int(self.levels["iterations"])

    @property
    def threads(self) -> int:
        """How many threads share the work."""
        return int(self.levels["threads"])

    @property
    def case_id(self) -> str:
        """The case it is a trial of, as its id names it."""
        return case_id_of(self.trial_id)


@dataclasses.dataclass(frozen=True)
class Job:
    """All trials one agent executes in order on one host; written as one JSON file of the field names below."""

    run_id: str
    experiment: str
    host: str
    segment: int
    lease_s: float
    tune: bool
    wait: bool
    trials: tuple[TrialSpec, ...]
    # The CPU of the first measured thread, and the most memory that a trial may use; None leaves both to the agent.
    cpu: int | None = None
    memory_cap_bytes: int | None = None
    format: int = FORMAT


def job_from_json(document: dict[str, Any]) -> Job:
    """Build a Job from the JSON of its fields; raises TypeError or KeyError when one is missing or unknown."""
    trials = tuple(TrialSpec(**trial) for trial in document["trials"])
    return Job(**{**document, "trials": trials})
