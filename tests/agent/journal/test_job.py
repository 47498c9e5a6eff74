"""The job file survives its way to the host and back."""

from __future__ import annotations

import dataclasses
import json

import pytest
from agent.harness import make_trial

from pageswap.agent.journal.job import RETRIED, STATUSES, Job, job_from_json
from pageswap.errors import HostError


def test_a_job_reads_back_as_it_was_written() -> None:
    """Through JSON text."""
    job = Job("r1", "e", "h", 0, 30.0, tune=False, wait=True, trials=(make_trial(), make_trial("hang")))

    assert job_from_json(json.loads(json.dumps(dataclasses.asdict(job)))) == job


@pytest.mark.parametrize("change", [{"trials": [{}]}, {"unknown": 1}])
def test_missing_and_unknown_fields_are_refused(change: dict[str, object]) -> None:
    """Never filled in."""
    document = Job("r1", "e", "h", 0, 30.0, tune=False, wait=True, trials=())

    with pytest.raises(HostError, match="not a job document"):
        job_from_json({**dataclasses.asdict(document), **change})


def test_only_cut_short_trials_are_measured_again() -> None:
    """A status is retried or final."""
    assert set(RETRIED) < set(STATUSES)
    assert set(RETRIED) == {"killed", "interrupted", "lost"}
