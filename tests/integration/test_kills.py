"""Whatever is killed with SIGKILL, and whenever: resume completes the run, no trial lost and none twice."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.integration.agent_processes import kill
from tests.integration.lab import dice, go_on, hold_trial, last_attempts, wait_for_word, wait_until
from tests.integration.random_kills import SHORT, SPEC, Kills

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from tests.integration.fleet import Fleet
    from tests.integration.lab import Lab

KILLS = int(os.environ.get("PAGESWAP_TEST_KILLS", "30"))
KILLS_OVER_SSH = int(os.environ.get("PAGESWAP_TEST_KILLS", "8"))
VICTIMS = ("controller", "keeper", "agent", "follower", "trial", "starter")

LONGER = 9 * SHORT  # iterations
REPEATS = 12
TRIALS = 60


def kill_one(lab: Lab, controller: subprocess.Popen[str], victim: str, delay_s: float) -> str:
    """Kill a `victim` some time from now, or the controller where there is none; gives what it was, "" if all is over.

    A starter or a trial's child may be between two lives at that moment: it is looked for a little while.
    """
    deadline = time.monotonic() + delay_s
    while time.monotonic() < deadline and controller.poll() is None:
        time.sleep(0.002)
    pids: list[int] = []
    for _ in range(50):
        if controller.poll() is not None:
            return ""
        pids = [] if victim == "controller" else lab.processes()[victim]
        if pids or victim == "controller":
            break
    for pid in pids or [controller.pid]:
        kill(pid)
    return victim if pids else "controller"


@dataclasses.dataclass
class Local:
    """Runs of one experiment here, one after the other; `whole` are those that have come to a good end."""

    lab: Lab
    spec: Path
    whole: list[Path] = dataclasses.field(default_factory=list)

    def go_on(self) -> subprocess.Popen[str]:
        """Resume the run that is going on, or begin one where there is none, as when it was killed before its plan."""
        going = [run for run in self.lab.runs() if run not in self.whole]
        return self.lab.start({"resume": str(going[0])}) if going else self.lab.start_run(self.spec)

    def end(self, controller: subprocess.Popen[str]) -> list[tuple[str, str]]:
        """Wait for a controller's end, and give what its run then has."""
        _, errors = controller.communicate(timeout=240)
        (run,) = (run for run in self.lab.runs() if run not in self.whole)
        code = controller.returncode
        if code == 2:  # a killed trial was the last that its segment stored
            code, errors = self.lab.resume(run)
        assert code == 0, errors
        self.whole.append(run)
        return sorted(last_attempts(run))


@pytest.mark.slow
def test_every_trial_comes_back_exactly_once_after_thirty_kills(lab: Lab) -> None:
    """At random moments of runs, to a random one of all processes that take part, each followed by a resume.

    However fast the machine is, a run that is whole before all are killed is followed by another one.
    """
    chance = dice()
    spec = lab.folder / "killed.yaml"
    spec.write_text(SPEC.format(iterations=LONGER, repeats=REPEATS))
    runs = Local(lab, spec)
    expected = runs.end(runs.go_on())
    assert len(expected) == TRIALS
    assert {status for _, status in expected} == {"ok"}

    killed = dict.fromkeys(VICTIMS, 0)
    controller = runs.go_on()
    while sum(killed.values()) < KILLS:
        victim = chance.choice(VICTIMS)
        hit = kill_one(lab, controller, victim, chance.uniform(0.0, 0.4 if victim == "starter" else 1.0))
        if hit:
            killed[hit] += 1
            time.sleep(chance.choice((0.0, chance.uniform(0.0, 0.1))))
            kill(controller.pid)
            controller.communicate(timeout=60)
        else:
            assert runs.end(controller) == expected
        controller = runs.go_on()
    sys.stdout.write(f"{killed} in {len(runs.whole)} runs\n")

    assert runs.end(controller) == expected
    wait_until(lambda: not any(lab.processes().values()))


@pytest.mark.slow
def test_every_row_comes_back_over_either_transport(fleet: Fleet) -> None:
    """Whatever is killed, ssh's own processes too: rows as of an undisturbed run, all that journals had, none left."""
    kills = Kills(fleet, dice())
    kills.until(KILLS_OVER_SSH)

    assert kills.hits.total() == KILLS_OVER_SSH


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
