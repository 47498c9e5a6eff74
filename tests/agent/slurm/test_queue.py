"""What Slurm's commands say, read."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pageswap.agent.slurm.queue import FullQueueError, QueuedJob, jobs_of_mine, most_minutes, submit

if TYPE_CHECKING:
    from pathlib import Path

# As sinfo 22.05 prints it.
SAID = "urgent infinite\nmain* 1-02:30:00\nmain* 1-02:30:00\nshort 30:00\nlong 2:00:00\nodd n/a\n"


@pytest.mark.parametrize(
    ("partition", "minutes"),
    [(None, 1590), ("main", 1590), ("short", 30), ("long", 120), ("urgent", None), ("odd", None), ("nowhere", None)],
)
def test_a_partitions_longest_time_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, partition: str | None, minutes: int | None
) -> None:
    """Of the cluster's own partition where none is named."""
    have(tmp_path, monkeypatch, "sinfo", f"cat <<'END'\n{SAID}END\n")

    assert most_minutes(partition) == minutes


def have(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, script: str) -> None:
    """Have a program of this name in the way of others."""
    (folder / name).write_text(f"#!/bin/sh\n{script}")
    (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


@pytest.mark.parametrize("limit", ["AssocMaxSubmitJobLimit", "AssocGrpSubmitJobsLimit", "QOSGrpSubmitJobsLimit"])
def test_a_queue_that_takes_no_more_for_now_is_told_from_one_that_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    """Whoever's limit it is."""
    said = f"sbatch: error: {limit}\nsbatch: error: Batch job submission failed: Job violates accounting/QOS policy"
    have(tmp_path, monkeypatch, "sbatch", f"echo '{said}' >&2; exit 1\n")

    with pytest.raises(FullQueueError, match=limit):
        submit([], "#!/bin/sh\n")


def test_a_users_own_defaults_are_not_for_these_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQUEUE_PARTITION would hide jobs of ours; where Slurm's own configuration lies is kept."""
    monkeypatch.setenv("SQUEUE_PARTITION", "other")
    monkeypatch.setenv("SLURM_CONF", "/opt/slurm.conf")
    row = "printf '%-20s%-20s%-10s%-200s%-500s%-600s' 7 RUNNING 0 None \"$SLURM_CONF\" folder"
    have(tmp_path, monkeypatch, "squeue", f'[ -n "$SQUEUE_PARTITION" ] || {row}\n')

    assert jobs_of_mine() == [QueuedJob(7, "RUNNING", 0, "None", "/opt/slurm.conf", "folder")]
