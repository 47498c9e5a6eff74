"""The job file: what an agent is asked to measure, and the words for how each trial can end."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, TypeVar, Union, cast

from pageswap.agent.trace import sha256_of
from pageswap.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Callable

# The one value that a factor has in a case: a size in bytes, a count, or a word.
Level = Union[int, str]
_T = TypeVar("_T")

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


def _level_of(factor: str, kind: Callable[[Level], _T]) -> _T:
    """Return the property of a trial that is its level of a factor, with the type of what it reads."""
    return cast("_T", property(lambda trial: kind(trial.levels[factor])))


@dataclasses.dataclass(frozen=True)
class TrialSpec:
    """One case to execute once, and its place in the run.

    `levels` has the level of every factor by the factor's name, sizes in bytes. What the agent itself asks for is an
    attribute; the others are handed to the core as they are.
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

    method = _level_of("method", str)
    backing = _level_of("backing", str)
    page_size = _level_of("page_size", int)
    region_size = _level_of("region_size", int)
    iterations = _level_of("iterations", int)
    threads = _level_of("threads", int)

    @property
    def trace_sha256(self) -> str:
        """The hash of the trace that it plays, "" where it plays none."""
        return sha256_of(str(self.levels.get("trace") or ""))

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
    # Measure although another process keeps the host's lease, which only root may.
    ignore_lease: bool = False
    # The CPU of the first measured thread, and the most memory that a trial may use; None leaves both to the agent.
    cpu: int | None = None
    memory_cap_bytes: int | None = None
    # What profiles the cases of the trials, none of which is counted then; "" measures.
    profile: str = ""
    # By its hash each trace that trials play, packed as by pageswap.agent.trace.
    traces: dict[str, str] = dataclasses.field(default_factory=dict)
    # What all trials are expected to take, where a scheduler is told of it.
    expected_s: float = 0.0
    format: int = FORMAT


def job_from_json(document: dict[str, Any]) -> Job:
    """Build a Job from the JSON of its fields; raises HostError when it is none that this agent reads."""
    try:
        if document["format"] != FORMAT:
            raise HostError(f"job: format {document['format']!r}, this agent reads {FORMAT}; rebuild the bundle")
        return Job(**{**document, "trials": tuple(TrialSpec(**trial) for trial in document["trials"])})
    except (KeyError, TypeError, AttributeError) as error:
        raise HostError(f"job: not a job document ({type(error).__name__}: {error})") from error
