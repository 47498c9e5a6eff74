"""Whatever is killed with SIGKILL, and whenever: resume completes the run, no trial lost and none twice."""

from __future__ import annotations

import os
import random
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.integration.lab import kill, last_attempts, wait_until

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from tests.integration.lab import Lab

KILLS = int(os.environ.get("PAGESWAP_TEST_KILLS", "30"))
VICTIMS = ("controller", "agent", "follower", "trial child", "starter")


def kill_one(lab: Lab, controller: subprocess.Popen[str], victim: str, delay_s: float) -> bool:
    """Kill a `victim` some time from now, then the controller with it; gives whether there was one."""
    deadline = time.monotonic() + delay_s
    while time.monotonic() < deadline and controller.poll() is None:
        time.sleep(0.002)
    # A starter or a trial's child may be between two lives at this moment: look again for a little while.
    for _ in range(200):
        pids = [controller.pid] if victim == "controller" else lab.processes()[victim]
        if pids or controller.poll() is not None:
            break
    if controller.poll() is not None or not pids:
        return False
    for pid in pids:
        kill(pid)
    return True


@pytest.mark.slow
def test_every_trial_comes_back_exactly_once_after_thirty_kills(lab: Lab) -> None:
    """At random moments, to a random one of all processes that take part, each followed by a resume."""
    seed = int(os.environ.get("PAGESWAP_TEST_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)
    sys.stdout.write(f"PAGESWAP_TEST_SEED={seed}\n")  # pytest shows it when the test fails
    chance = random.Random(seed)  # noqa: S311 - a test's dice
    spec = lab.spec(repeats=9, iterations=60_000)
    undisturbed = lab.start_run(spec)
    _, errors = undisturbed.communicate(timeout=60)
    assert undisturbed.returncode == 0, errors
    expected = sorted(last_attempts(lab.runs()[0]))
    assert len(expected) == 78
    assert {status for _, status in expected} == {"ok"}

    done: set[Path] = set(lab.runs())
    killed = dict.fromkeys(VICTIMS, 0)
    while sum(killed.values()) < KILLS:
        going = [run for run in lab.runs() if run not in done]
        controller = lab.start({"resume": str(going[0])}) if going else lab.start_run(spec)
        victim = chance.choice(VICTIMS)
        if kill_one(lab, controller, victim, chance.uniform(0.0, 1.2 if victim != "starter" else 0.4)):
            killed[victim] += 1
            time.sleep(chance.choice((0.0, chance.uniform(0.0, 0.3))))
        kill(controller.pid)
        controller.communicate(timeout=60)
        done |= {run for run in going if controller.returncode == 0}
    sys.stdout.write(f"{killed}\n")

    runs = [run for run in lab.runs() if run not in done]
    for run in runs:
        code, errors = lab.resume(run)
        assert code == 0, errors
    for run in lab.runs():
        assert sorted(last_attempts(run)) == expected
    wait_until(lambda: not any(lab.processes().values()))


@pytest.mark.parametrize("victim", ["agent", "follower"])
def test_a_run_goes_on_by_itself_when_a_helper_dies(lab: Lab, victim: str) -> None:
    """Without anyone typing resume."""
    controller = lab.start_run(lab.spec(repeats=4, iterations=60_000))
    wait_until(lambda: lab.processes()["trial child"])
    wait_until(lambda: lab.processes()[victim])
    for pid in lab.processes()[victim]:
        kill(pid)
    _, errors = controller.communicate(timeout=60)

    assert controller.returncode == 0, errors
    assert len(last_attempts(lab.runs()[0])) == 38


def test_a_killed_trial_is_a_row_and_is_measured_again_by_resume(lab: Lab) -> None:
    """The run ends with exit code 2 and names it; the superseded attempt stays in the database."""
    controller = lab.start_run(lab.spec(repeats=1, iterations=200_000))
    wait_until(lambda: lab.processes()["trial child"] and lab.processes()["follower"])
    while controller.poll() is None:
        for pid in lab.processes()["trial child"]:
            kill(pid)
        if lab.runs() and ("killed" in {status for _, status in last_attempts(lab.runs()[0])}):
            break
    _, errors = controller.communicate(timeout=60)
    assert controller.returncode == 2
    assert "killed: SIGKILL from outside" in errors

    code, errors = lab.resume(lab.runs()[0])
    rows = last_attempts(lab.runs()[0])
    assert code == 0, errors
    assert len(rows) == len(set(rows)) == 14
    assert {status for _, status in rows} == {"ok"}


def test_an_agent_whose_controller_died_is_followed_again(lab: Lab) -> None:
    """What it measured alone is collected, nothing is measured twice."""
    controller = lab.start_run(lab.spec(repeats=9, iterations=60_000))
    wait_until(lambda: lab.processes()["trial child"])
    kill(controller.pid)
    controller.communicate()
    code, errors = lab.resume(lab.runs()[0])

    assert code == 0, errors
    assert "still works on segment 1; following it" in errors
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
