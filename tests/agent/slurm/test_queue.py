"""What Slurm's commands say, read."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pageswap.agent.slurm.queue import most_minutes

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
    (tmp_path / "sinfo").write_text(f"#!/bin/sh\ncat <<'END'\n{SAID}END\n")
    (tmp_path / "sinfo").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    assert most_minutes(partition) == minutes
