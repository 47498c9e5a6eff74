"""Journals that are not what the agent wrote: refused, never stored, and what they lack is measured again."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from requirement import require

from tests.integration import network as networks
from tests.integration.fleet import Fleet, check_quiet, check_whole
from tests.integration.network import USER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.integration.network import Host

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


@dataclasses.dataclass
class LeftAlone:
    """A run that its host finished while no controller was there: as it was, and as each test finds it."""

    fleet: Fleet
    host: Host
    spec: Path
    kept: Path

    @property
    def run_dir(self) -> Path:
        """The controller's folder of the run."""
        (run_dir,) = self.fleet.runs()
        return run_dir

    @property
    def _places(self) -> dict[str, Path]:
        return {"here": self.fleet.results, "there": self.host.home(".cache/pageswap/runs", USER)}

    def keep(self) -> None:
        """Put aside what the controller and the host have of it."""
        for name, place in self._places.items():
            subprocess.run(["cp", "-a", place, self.kept / name], check=True)

    def restore(self) -> Path:
        """Have both have again what was put aside; give the journal."""
        for name, place in self._places.items():
            shutil.rmtree(place)
            subprocess.run(["cp", "-a", self.kept / name, place], check=True)
        (journal,) = self._places["there"].glob("*/*/*/journal.jsonl")
        return journal


@pytest.fixture(scope="module")
def left_alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LeftAlone]:
    """Give a run whose journal is whole."""
    missing = networks.what_is_missing()
    require("root" if "root" in missing else "sshd", not missing, missing)
    folder = tmp_path_factory.mktemp("journals")
    with networks.network(folder / "network") as network:
        fleet = Fleet(folder, network)
        host = network.add("lab1")
        left = LeftAlone(fleet, host, fleet.spec(repeats=1), folder / "kept")
        fleet.left_alone(host, left.spec)
        left.kept.mkdir()
        left.keep()
        yield left


@pytest.mark.parametrize("how", DAMAGES)
def test_a_journal(left_alone: LeftAlone, how: str) -> None:
    """Its host measures again what could not be read; no row is doubled, and none has what was made up."""
    journal = left_alone.restore()
    assert json.loads(journal.read_bytes().splitlines()[-1])["kind"] == "end"
    DAMAGES[how](journal)
    resumed = left_alone.fleet.resumed(left_alone.run_dir)

    assert resumed.code == 0, resumed.errors
    check_whole(left_alone.run_dir, left_alone.spec, ["lab1"])
    check_quiet(left_alone.host)
