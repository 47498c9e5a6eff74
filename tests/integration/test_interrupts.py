"""Ctrl-C, two controllers on one host, and disks that fill up: each ends as documented, and the run can go on."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from typing import TYPE_CHECKING

import pytest

from pageswap.agent.workspace import host_lease
from pageswap.errors import StoreError
from tests.integration.lab import (
    fill,
    go_on,
    hold_trial,
    last_attempts,
    press_ctrl_c,
    small_disk,
    stop_at_once,
    wait_for_word,
    wait_until,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.integration.lab import Lab

BRIEF = 60_000  # iterations
TRIALS = 38  # with four repeats


def is_measuring(lab: Lab) -> bool:
    """Tell whether rows are there and more are being made."""
    return bool(lab.runs() and last_attempts(lab.runs()[0]) and lab.processes()["trial"])


def check_resume_completes(lab: Lab, trials: int) -> None:
    """Assert that the only run comes to a good end."""
    (run,) = lab.runs()
    code, errors = lab.resume(run)
    rows = last_attempts(run)
    assert code == 0, errors
    assert len(rows) == len(set(rows)) == trials
    assert {status for _, status in rows} == {"ok"}


class TestCtrlC:
    """The terminal's signal reaches the controller and nothing else."""

    def test_once_lets_the_trial_in_hand_end(self, lab: Lab) -> None:
        """Exit code 130, every stored row whole, the rest by resume."""
        controller = lab.start_run(lab.spec(repeats=4, iterations=BRIEF))
        trial = hold_trial(lab.processes)
        press_ctrl_c(controller)
        said = wait_for_word(controller, "interrupted:")
        go_on(trial)
        _, errors = controller.communicate(timeout=60)
        rows = last_attempts(lab.runs()[0])

        assert controller.returncode == 130, errors
        assert "interrupted: the trial in hand ends" in said
        assert 0 < len(rows) < TRIALS
        assert {status for _, status in rows} == {"ok"}
        wait_until(lambda: not any(lab.processes().values()))
        check_resume_completes(lab, TRIALS)

    def test_twice_kills_the_trial_in_hand(self, lab: Lab) -> None:
        """Exit code 130, and that trial is a row that says so."""
        controller = lab.start_run(lab.spec(repeats=1, iterations=BRIEF))
        hold_trial(lab.processes)
        stop_at_once(controller)
        _, errors = controller.communicate(timeout=60)

        assert controller.returncode == 130, errors
        *earlier, last = [status for _, status in last_attempts(lab.runs()[0])]
        assert last == "interrupted"
        assert set(earlier) <= {"ok"}
        wait_until(lambda: not any(lab.processes().values()))

    def test_while_waiting_for_another_run_gives_up_the_place(self, lab: Lab) -> None:
        """Exit code 130; the other run goes on, and resume makes up for this one."""
        first = lab.start_run(lab.spec(repeats=1, iterations=BRIEF))
        hold_trial(lab.processes)
        second = lab.start_run(lab.spec(repeats=1), wait=True)
        wait_until(lambda: len(lab.runs()) == 2 and lab.processes()["starter"])
        press_ctrl_c(second)
        _, errors = second.communicate(timeout=60)

        assert second.returncode == 130, errors
        wait_until(lambda: len(lab.processes()["agent"]) == 1 and not lab.processes()["starter"])
        stop_at_once(first)
        first.communicate(timeout=60)
        assert last_attempts(lab.runs()[1]) == []
        code, errors = lab.resume(lab.runs()[1])
        assert code == 0, errors
        assert len(last_attempts(lab.runs()[1])) == 14

    @pytest.mark.parametrize("behaviour", ["bound", "silent", "babbling"])
    def test_before_a_lease_that_no_agent_keeps(self, lab: Lab, behaviour: str) -> None:
        """Exit code 130, whatever keeps it, after it was named; and root measures beside it if told to."""
        with socket.socket(socket.AF_UNIX) as squatter:
            try:
                squatter.bind("\0pageswap/lease")
            except OSError:
                pytest.skip("this host is being measured, and only root can give the test a lease of its own")
            if behaviour != "bound":
                squatter.listen(16)
            if behaviour == "babbling":
                threading.Thread(target=_babble, args=(squatter,), daemon=True).start()
            waiting = lab.start_run(lab.spec(repeats=1), wait=True)
            words = wait_for_word(waiting, "waiting for")
            press_ctrl_c(waiting)
            _, errors = waiting.communicate(timeout=60)
            (run,) = lab.runs()
            beside = lab.start_run(lab.spec(repeats=1), ignore_lease=os.geteuid() == 0)
            _, told = beside.communicate(timeout=60)
            with contextlib.suppress(OSError):
                squatter.shutdown(socket.SHUT_RDWR)

        assert f"local: waiting for process {os.getpid()} of user" in words
        assert waiting.returncode == 130, errors
        assert last_attempts(run) == []
        if os.geteuid() == 0:
            assert beside.returncode == 0, told
            assert len(last_attempts(lab.runs()[1])) == 14
        else:
            assert "or measure beside it as root with --ignore-lease" in told


def _babble(squatter: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            asker, _ = squatter.accept()
            asker.sendall(b"hello, what a nice name\n")
            asker.close()


class TestTwoAtOnce:
    """One measurement at a time on a host."""

    def test_the_second_run_is_told_who_measures(self, lab: Lab) -> None:
        """Exit code 3 with process, user, run and time; it leaves no empty run behind."""
        first = lab.start_run(lab.spec(repeats=1, iterations=BRIEF))
        hold_trial(lab.processes)
        (agent,) = lab.processes()["agent"]
        second = lab.start_run(lab.spec(repeats=1))
        _, errors = second.communicate(timeout=60)
        runs = lab.runs()
        stop_at_once(first)
        first.communicate(timeout=60)

        assert second.returncode == 3
        assert f"local: is measured by process {agent} of user" in errors
        assert f"run {runs[0].name}, since 20" in errors
        assert "--wait" in errors
        assert len(runs) == 1

    def test_the_second_run_waits_if_told_to(self, lab: Lab) -> None:
        """And measures everything once the host is free."""
        held = host_lease.try_take({"pid": os.getpid(), "user": "ann", "run_id": None, "since": None})
        if held is None:
            pytest.skip("this host is being measured, and only root can give the test one of its own")
        second = lab.start_run(lab.spec(repeats=1), wait=True)
        words = wait_for_word(second, "waiting")
        held.close()
        _, errors = second.communicate(timeout=60)

        assert f"local: waiting for process {os.getpid()} of user" in words
        assert second.returncode == 0, errors
        assert len(last_attempts(lab.runs()[0])) == 14

    def test_a_run_has_one_controller(self, lab: Lab) -> None:
        """Resuming what is being run is a mistake that changes nothing."""
        controller = lab.start_run(lab.spec(repeats=9, iterations=BRIEF))
        wait_until(lambda: is_measuring(lab))
        code, errors = lab.resume(lab.runs()[0])
        _, first_errors = controller.communicate(timeout=60)

        assert code == 1
        assert "another process is at work on this run" in errors
        assert controller.returncode == 0, first_errors


@pytest.fixture
def disk(lab: Lab) -> Iterator[Callable[[str], Path]]:
    """Give what mounts a small file system at a folder of the lab's."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    with contextlib.ExitStack() as mounted:

        def mount(name: str) -> Path:
            mounted.enter_context(small_disk(lab.folder / name, 4))
            return lab.folder / name

        yield mount


class TestFullDisk:
    """A full disk stops a run with its reason and loses nothing."""

    def test_where_the_results_are(self, lab: Lab, disk: Callable[[str], Path]) -> None:
        """The exit code of files, earlier rows intact; with room again, resume completes the run."""
        results = disk("results")
        controller = lab.start_run(lab.spec(repeats=4, iterations=BRIEF))
        wait_until(lambda: is_measuring(lab))
        trial = hold_trial(lab.processes)
        filler = fill(results)
        go_on(trial)
        _, errors = controller.communicate(timeout=60)
        rows = last_attempts(lab.runs()[0])

        assert controller.returncode == StoreError.exit_code, errors
        assert "run.sqlite: rows cannot be stored: database or disk is full; the disk or a quota is full" in errors
        assert "Traceback" not in errors
        assert 0 < len(rows) < TRIALS
        wait_until(lambda: not any(lab.processes().values()))
        filler.unlink()
        check_resume_completes(lab, TRIALS)

    def test_where_the_journal_is(self, lab: Lab, disk: Callable[[str], Path]) -> None:
        """The host's reason is passed on; rows before it are stored, and resume completes the run."""
        home = disk("home")
        controller = lab.start_run(lab.spec(repeats=4, iterations=BRIEF))
        wait_until(lambda: is_measuring(lab))
        trial = hold_trial(lab.processes)
        filler = fill(home)
        go_on(trial)
        _, errors = controller.communicate(timeout=60)
        rows = last_attempts(lab.runs()[0])

        assert controller.returncode == 3, errors
        assert "No space left on device" in errors
        assert "Traceback" not in errors
        assert 0 < len(rows) < TRIALS
        filler.unlink()
        check_resume_completes(lab, TRIALS)
