"""Whatever is killed with SIGKILL, and whenever: resume completes the run, no trial lost and none twice."""

from __future__ import annotations

import contextlib
import os
import statistics
import sys
import time
from typing import TYPE_CHECKING

import pytest

from pageswap.store.store import Store
from tests.integration.agent_processes import kill
from tests.integration.lab import dice, go_on, hold_trial, last_attempts, wait_for_word, wait_until
from tests.integration.random_kills import SHORT, SPEC, Kills

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from tests.integration.fleet import Fleet
    from tests.integration.lab import Lab

KILLS = int(os.environ.get("PAGESWAP_TEST_KILLS", "30"))
KILLS_OVER_SSH = int(os.environ.get("PAGESWAP_TEST_KILLS", "12"))
VICTIMS = ("controller", "keeper", "agent", "follower", "trial", "starter")

# The run must outlive all kills: what is killed had about half a second to start and as long to measure.
TRIAL_S = 0.7


def kill_one(lab: Lab, controller: subprocess.Popen[str], victim: str, delay_s: float) -> str:
    """Kill a `victim` some time from now, or the controller where there is none; gives what it was."""
    deadline = time.monotonic() + delay_s
    while time.monotonic() < deadline and controller.poll() is None:
        time.sleep(0.002)
    # A starter or a trial's child may be between two lives at this moment: look again for a little while.
    for _ in range(50):
        pids = [] if victim == "controller" else lab.processes()[victim]
        if pids or victim == "controller" or controller.poll() is not None:
            break
    assert controller.poll() is None, f"it ended before it was killed: {controller.communicate()}"
    for pid in pids or [controller.pid]:
        kill(pid)
    return victim if pids else "controller"


@pytest.mark.slow
def test_every_trial_comes_back_exactly_once_after_thirty_kills(lab: Lab) -> None:
    """At random moments of one run, to a random one of all processes that take part, each followed by a resume."""
    chance = dice()
    spec = lab.folder / "killed.yaml"
    spec.write_text(SPEC.format(iterations=SHORT, repeats=12))
    undisturbed = lab.start_run(spec)
    _, errors = undisturbed.communicate(timeout=120)
    assert undisturbed.returncode == 0, errors
    (quiet,) = lab.runs()
    expected = sorted(last_attempts(quiet))
    assert len(expected) == 60
    assert {status for _, status in expected} == {"ok"}

    spec.write_text(SPEC.format(iterations=int(SHORT * TRIAL_S / mean_trial_s(quiet)), repeats=12))
    controller = lab.start_run(spec)
    wait_until(lambda: len(lab.runs()) == 2)
    run = lab.runs()[1]
    killed = dict.fromkeys(VICTIMS, 0)
    for number in range(KILLS):
        victim = chance.choice(VICTIMS)
        killed[kill_one(lab, controller, victim, chance.uniform(0.0, 0.4 if victim == "starter" else 1.0))] += 1
        time.sleep(chance.choice((0.0, chance.uniform(0.0, 0.1))))
        kill(controller.pid)
        controller.communicate(timeout=60)
        assert len(last_attempts(run)) < 60, f"complete after {number + 1} of {KILLS} kills"
        controller = lab.start({"resume": str(run)})
    _, errors = controller.communicate(timeout=240)
    sys.stdout.write(f"{killed}\n")

    assert sum(killed.values()) == KILLS
    if controller.returncode == 2:  # a killed trial was the last that its segment stored
        code, errors = lab.resume(run)
        assert code == 0, errors
    else:
        assert controller.returncode == 0, errors
    assert lab.runs() == [quiet, run]
    assert sorted(last_attempts(run)) == expected
    wait_until(lambda: not any(lab.processes().values()))


@pytest.mark.slow
def test_every_row_comes_back_over_either_transport(fleet: Fleet) -> None:
    """Whatever is killed, ssh's own processes too: rows as of an undisturbed run, all that journals had, none left."""
    kills = Kills(fleet, dice())
    kills.until(KILLS_OVER_SSH)

    assert kills.hits.total() == KILLS_OVER_SSH


def mean_trial_s(run_dir: Path) -> float:
    """Give how long the trials of a run took in the mean."""
    with Store.open(run_dir / "run.sqlite") as store:
        elapsed = store.columns().index("elapsed_ns")
        return statistics.mean(row[elapsed] for row in store.rows()) / 1e9


@pytest.mark.parametrize("victim", ["agent", "follower"])
def test_a_run_goes_on_by_itself_when_a_helper_dies(lab: Lab, victim: str) -> None:
    """Without anyone typing resume."""
    controller = lab.start_run(lab.spec(repeats=4, iterations=60_000))
    trial = hold_trial(lab.processes)
    for pid in lab.processes()[victim]:
        kill(pid)
    with contextlib.suppress(ProcessLookupError):  # it dies with its agent
        go_on(trial)
    _, errors = controller.communicate(timeout=60)

    assert controller.returncode == 0, errors
    assert len(last_attempts(lab.runs()[0])) == 38


def test_a_killed_trial_is_a_row_and_is_measured_again_by_resume(lab: Lab) -> None:
    """The run ends with exit code 2 and names it; the superseded attempt stays in the database."""
    controller = lab.start_run(lab.spec(repeats=1, iterations=200_000))
    wait_until(lambda: lab.processes()["trial"] and lab.processes()["follower"])
    while controller.poll() is None:
        for pid in lab.processes()["trial"]:
            kill(pid)
        if lab.runs() and ("killed" in {status for _, status in last_attempts(lab.runs()[0])}):
            break
    _, errors = controller.communicate(timeout=60)
    assert controller.returncode == 2, errors
    assert "killed: SIGKILL from outside" in errors

    code, errors = lab.resume(lab.runs()[0])
    rows = last_attempts(lab.runs()[0])
    assert code == 0, errors
    assert len(rows) == len(set(rows)) == 14
    assert {status for _, status in rows} == {"ok"}


def test_an_agent_whose_controller_died_is_followed_again(lab: Lab) -> None:
    """What it measured alone is collected, nothing is measured twice."""
    controller = lab.start_run(lab.spec(repeats=9, iterations=60_000))
    trial = hold_trial(lab.processes)
    kill(controller.pid)
    controller.communicate()
    resumed = lab.start({"resume": str(lab.runs()[0])})
    wait_for_word(resumed, "still works on segment 1; following it")
    go_on(trial)
    _, errors = resumed.communicate(timeout=60)

    assert resumed.returncode == 0, errors
    assert len(last_attempts(lab.runs()[0])) == 78


def test_a_run_killed_before_its_plan_was_stored_leaves_no_run(lab: Lab) -> None:
    """Nothing that `latest` would find, whenever that was."""
    for wait_s in (0.05, 0.15, 0.2, 0.25):
        controller = lab.start_run(lab.spec(repeats=1))
        time.sleep(wait_s)
        kill(controller.pid)
        controller.communicate()
    for run in lab.runs():
        assert lab.resume(run)[0] == 0
        assert len(last_attempts(run)) == 14
