"""Journals that are not what the agent wrote: refused, never stored, and what they lack is measured again."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from tests.integration.fleet import check_quiet, check_whole
from tests.integration.network import USER

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.integration.fleet import Fleet

BRIEF = 100_000
HUGE_BYTES = 10_000_000_000


def replace_in_trials(pattern: bytes, replacement: bytes) -> Callable[[Path], None]:
    """Change every trial's line."""

    def change(journal: Path) -> None:
        lines = journal.read_bytes().splitlines(keepends=True)
        changed = [re.sub(pattern, replacement, line) if b'"trial"' in line else line for line in lines]
        assert changed != lines
        journal.write_bytes(b"".join(changed))

    return change


def truncated(journal: Path) -> None:
    """Cut it in the middle of a line."""
    journal.write_bytes(journal.read_bytes()[:-700])


def emptied(journal: Path) -> None:
    """Leave nothing."""
    journal.write_bytes(b"")


def garbled(journal: Path) -> None:
    """Turn bits over in the second half."""
    content = journal.read_bytes()
    half = len(content) // 2
    journal.write_bytes(content[:half] + bytes(byte ^ 0x55 for byte in content[half:]))


def huge(journal: Path) -> None:
    """Make it ten gigabytes long, of which nothing but the beginning takes room."""
    with journal.open("r+b") as file:
        file.truncate(HUGE_BYTES)


def replayed(journal: Path) -> None:
    """Have everything in it five times."""
    journal.write_bytes(journal.read_bytes() * 5)


def replayed_by_line(journal: Path) -> None:
    """Have every line five times."""
    journal.write_bytes(b"".join(line * 5 for line in journal.read_bytes().splitlines(keepends=True)))


DAMAGES = {
    "truncated": truncated,
    "emptied": emptied,
    "garbled": garbled,
    "10 GB long": huge,
    "with NaN": replace_in_trials(rb'"elapsed_ns": ?\d+', b'"elapsed_ns": NaN'),
    "with Infinity": replace_in_trials(rb'"setup_ns": ?\d+', b'"setup_ns": Infinity'),
    "with a negative time": replace_in_trials(rb'"elapsed_ns": ?\d+', b'"elapsed_ns": -5'),
    "with another run's rows": replace_in_trials(rb'"run_id": ?"[^"]*"', b'"run_id": "20250131T120000Z-0a1b2c"'),
    "with another host's rows": replace_in_trials(rb'"host": ?"[^"]*"', b'"host": "lab9"'),
    "replayed five times": replayed,
    "replayed line by line": replayed_by_line,
}


@pytest.mark.parametrize("how", DAMAGES)
def test_a_journal(fleet: Fleet, how: str) -> None:
    """Its host measures again what could not be read; no row is doubled, and none has what was made up."""
    host = fleet.network.add("lab1")
    spec = fleet.spec(repeats=2, iterations=BRIEF)
    run_dir = fleet.left_alone(host, spec)
    (journal,) = host.home(".cache/pageswap/runs", USER).glob("*/*/*/journal.jsonl")
    content = journal.read_bytes()
    assert json.loads(content.splitlines()[-1])["kind"] == "end"
    DAMAGES[how](journal)
    resumed = fleet.resumed(run_dir)

    assert resumed.code == 0, resumed.errors
    check_whole(run_dir, spec, ["lab1"])
    check_quiet(host)
