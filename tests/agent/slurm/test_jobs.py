"""Which job serves a segment, also where Slurm has begun it again, and what a job is told to be."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pageswap.agent.slurm.jobs import Placement, living, name_of, serving
from pageswap.agent.slurm.queue import QueuedJob
from pageswap.agent.workspace.work_folder import WorkFolder
from pageswap.errors import HostError

PLACE = {
    "node": "n3",
    "python": "/usr/bin/python3",
    "bundle": "/shared/ps/bundles/0",
    "partition": None,
    "account": None,
    "constraint": None,
    "minutes": None,
}


def placement(**changes: Any) -> Placement:
    """Make a placement as a controller says it."""
    return Placement.from_json({**PLACE, **changes})


def segment(folder: Path, number: int, **files: str) -> WorkFolder:
    """Lay out a segment's folder with these files."""
    work = WorkFolder(str(folder / "runs/r1/big=n3" / str(number)))
    Path(work.path).mkdir(parents=True)
    for name, text in files.items():
        Path(getattr(work, name)).write_text(text)
    return work


def job(work: WorkFolder, state: str = "RUNNING", restarts: int = 0, number: int = 7) -> QueuedJob:
    """Make a job that was submitted for a segment."""
    return QueuedJob(number, state, restarts, "None", name_of(work), work.path)


def test_a_job_serves_the_segment_that_it_was_submitted_for(tmp_path: Path) -> None:
    """While it waits, while it runs and until it has ended, by whatever."""
    work = segment(tmp_path, 1, job="{}")

    assert name_of(work) == "pageswap/r1/big=n3"
    assert serving(work, []) is None
    assert serving(work, [job(work, "PENDING")]) == job(work, "PENDING")
    assert serving(work, [job(work, "COMPLETED", number=9), job(work)]) == job(work)
    for state in ("CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY"):
        assert serving(work, [job(work, state)]) is None
    assert serving(segment(tmp_path, 2), [job(work)]) is None, "nothing was asked for there"


def test_a_job_that_was_begun_again_has_left_its_former_segment(tmp_path: Path) -> None:
    """It serves the next one, from its folder on."""
    first = segment(tmp_path, 1, job="{}", journal="{}\n", restarts="0")
    again = job(first, restarts=1)

    assert serving(first, [job(first)]) == job(first)
    assert serving(first, [again]) is None
    assert serving(first, [job(first, "PENDING")]) is None
    assert living([again]) == again
    second = segment(tmp_path, 2, job="{}", continues="1", restarts="1")
    assert serving(second, [again]) == again
    third = segment(tmp_path, 3, job="{}")
    assert serving(third, [again]) is None, "another job's"


def test_a_job_that_failed_before_it_measured_serves_its_segment_again(tmp_path: Path) -> None:
    """Its journal had not begun."""
    work = segment(tmp_path, 1, job="{}", restarts="0")

    assert serving(work, [job(work, "PENDING", restarts=1)])
    assert serving(work, [job(work, restarts=1)])


def test_a_job_has_its_node_alone_and_may_be_begun_again() -> None:
    """What is not said of it is Slurm's own."""
    options = placement().options("pageswap/r1/big=n3", "/shared/ps/runs/r1/big=n3/1", 90)

    assert {"--exclusive", "--mem=0", "--requeue", "--nodes=1", "--nodelist=n3"} <= set(options)
    assert "--comment=/shared/ps/runs/r1/big=n3/1" in options
    assert not [option for option in options if option.startswith(("--partition", "--account", "--signal"))]
    told = placement(partition="zen4", account="lab", constraint="a&b").options("n", "/f", 90)
    assert {"--partition=zen4", "--account=lab", "--constraint=a&b", "--time=90"} <= set(told)


@pytest.mark.parametrize(
    ("minutes", "longest_s", "warning"), [(2000, 3600.0, 600), (90, 60.0, 90), (10, 600.0, 200), (3, 60.0, None)]
)
def test_a_job_is_warned_of_its_end(minutes: int, longest_s: float, warning: int | None) -> None:
    """Early enough for its longest trial, and never in the first two thirds of its time."""
    options = placement().options("n", "/f", minutes, longest_s)

    expected = [] if warning is None else [f"--signal=B:TERM@{warning}"]
    assert [option for option in options if option.startswith("--signal")] == expected


def test_a_job_asks_for_the_time_that_it_is_expected_to_need() -> None:
    """With room for a guess that is wrong, and for one trial that is, but for no more than it may have."""
    assert placement().minutes_for(0.0, 0.0, None) == 5
    assert placement().minutes_for(600.0, 60.0, None) == 33
    assert placement(minutes=20).minutes_for(600.0, 60.0, None) == 20
    assert placement(minutes=20).minutes_for(600.0, 60.0, 15) == 15
    assert placement(minutes=20).minutes_for(0.0, 0.0, 3) == 3


def test_a_script_becomes_the_program_with_an_environment_of_its_own(tmp_path: Path) -> None:
    """Whatever is in the paths, and in the environment of who submitted it."""
    bundle = tmp_path / "a 'bundle'"
    bundle.mkdir()
    (bundle / "__main__.py").write_text("import os, sys\nprint(sys.argv[1:], sys.stdin.read(), sorted(os.environ))\n")
    (tmp_path / "in put").write_text("asked")
    script = placement(python=sys.executable, bundle=str(bundle)).script(
        "facts", str(tmp_path / "in put"), str(tmp_path / "out put")
    )
    environment = {"HOME": "/h", "PATH": "/usr/bin:/bin", "SLURM_JOB_ID": "3", "LD_PRELOAD": "", "A": "b"}

    subprocess.run(["/bin/sh"], input=script, text=True, env=environment, check=True)

    kept = ["HOME", "LC_CTYPE", "LOGNAME", "PATH", "SLURM_JOB_ID", "SLURM_RESTART_COUNT", "USER"]
    said = (tmp_path / "out put").read_text().strip()
    assert said in (f"['facts'] asked {kept}", f"['facts'] asked {[each for each in kept if each != 'LC_CTYPE']}")


@pytest.mark.parametrize("wrong", [None, [], {}, {**PLACE, "node": 3}, {**PLACE, "minutes": "90"}])
def test_what_is_no_placement_is_refused(wrong: object) -> None:
    """With what is wrong."""
    with pytest.raises(HostError, match="standard input: slurm: "):
        Placement.from_json(wrong)
