"""Controllers that are killed, interrupted, doubled or out of room: what the hosts measured meanwhile is never lost."""

from __future__ import annotations

import os
import shutil
import signal
import time
from typing import TYPE_CHECKING

import pytest

from pageswap.errors import StoreError
from tests.integration.agent_processes import kill
from tests.integration.fleet import check_quiet, check_whole, finish, rows, trial_ids
from tests.integration.lab import (
    dice,
    fill,
    go_on,
    hold_trial,
    press_ctrl_c,
    small_disk,
    stop_at_once,
    wait_for_word,
    wait_until,
)
from tests.integration.network import NEIGHBOUR

if TYPE_CHECKING:
    import subprocess

    from tests.integration.fleet import Fleet
    from tests.integration.network import Host

KILLS = int(os.environ.get("PAGESWAP_TEST_KILLS", "20"))
BRIEF = 100_000


@pytest.mark.slow
def test_a_controller_killed_at_twenty_random_moments(fleet: Fleet) -> None:
    """Each time resume goes on; in the end two hosts have given every trial exactly once."""
    chance = dice()
    hosts = [fleet.network.add("lab1"), fleet.network.add("lab2")]
    spec = fleet.spec(repeats=9, iterations=BRIEF)
    killed, ended = 0, set()
    while killed < KILLS:
        going = [run for run in fleet.runs() if run not in ended]
        controller = (
            fleet.start({"resume": str(going[0])}) if going else fleet.begin("lab1", "lab2", spec=spec, lease_s=5.0)
        )
        deadline = time.monotonic() + chance.uniform(0.1, 2.0)
        while time.monotonic() < deadline and controller.poll() is None:
            time.sleep(0.002)
        if controller.poll() is None:
            killed += 1
        kill(controller.pid)
        _, errors = controller.communicate()
        assert controller.returncode in {0, -signal.SIGKILL}, errors
        ended |= {run for run in going if controller.returncode == 0}
    for run in fleet.runs():
        if run not in ended:
            last = fleet.resumed(run)
            assert last.code == 0, last.errors
        check_whole(run, spec, ["lab1", "lab2"])
    for host in hosts:
        check_quiet(host, 5.0)
    fleet.check_next_run("lab1")


def test_what_hosts_finish_while_nobody_looks_is_collected(fleet: Fleet) -> None:
    """The controller is killed, the hosts end by themselves, resume measures nothing."""
    host = fleet.network.add("lab1")
    spec = fleet.spec(repeats=2, iterations=BRIEF)
    run_dir = fleet.left_alone(host, spec)
    resumed = fleet.resumed(run_dir)

    assert resumed.code == 0, resumed.errors
    check_whole(run_dir, spec, ["lab1"])
    assert len(list(host.home(".cache/pageswap/runs").glob("*/*/*/journal.jsonl"))) == 1


class TestFullDisk:
    """A controller without room for rows."""

    def test_is_told_and_loses_nothing(self, fleet: Fleet) -> None:
        """The exit code of files, rows intact, hosts stop by themselves; with room again, resume completes the run."""
        host = fleet.network.add("lab1")
        with small_disk(fleet.results, 2):
            spec = fleet.spec(repeats=4, iterations=BRIEF)
            controller = fleet.begin("lab1", spec=spec, lease_s=5.0)
            wait_until(lambda: fleet.runs() and rows(fleet.runs()[0]))
            trial = hold_trial(host.roles)
            filler = fill(fleet.results)
            go_on(trial)
            ended = finish(controller)
            (run_dir,) = fleet.runs()
            assert ended.code == StoreError.exit_code, ended.errors
            assert "disk is full" in ended.errors
            assert 0 < len(rows(run_dir)) < len(trial_ids(spec))
            check_quiet(host, 5.0)
            filler.unlink()
            resumed = fleet.resumed(run_dir)
            assert resumed.code == 0, resumed.errors
            check_whole(run_dir, spec, ["lab1"])


class TestTwoAtOnce:
    """One measurement at a time on a host, whoever asks."""

    @pytest.fixture
    def held(self, fleet: Fleet) -> tuple[Host, subprocess.Popen[str], int]:
        """Give a host that is being measured, by whom, and the trial in hand, which is held until it may go on."""
        host = fleet.network.add("lab1")
        fleet.network.configure("other", HostName=host.address, User=NEIGHBOUR)
        for alias in ("lab1", "other"):
            fleet.check_next_run(alias)  # the bundle is there: what comes next starts soon
            shutil.rmtree(fleet.results)
        controller = fleet.begin("lab1", spec=fleet.spec(repeats=4, iterations=BRIEF))
        return host, controller, hold_trial(host.roles)

    def test_the_second_is_told_who_measures(self, fleet: Fleet, held: tuple[Host, subprocess.Popen[str], int]) -> None:
        """Exit code 3 with user, run and time; the first comes to a good end."""
        host, first, trial = held
        second = fleet.run("lab1")
        go_on(trial)
        ended = finish(first)

        assert second.code == 3
        for word in ("is measured by", "measurer", fleet.runs()[0].name, "since 20", "--wait"):
            assert word in second.errors
        assert ended.code == 0, ended.errors
        (run_dir,) = fleet.runs()
        check_whole(run_dir, fleet.spec(repeats=4, iterations=BRIEF), ["lab1"])
        check_quiet(host)
        fleet.check_next_run("lab1")

    def test_another_user_is_told_too(self, fleet: Fleet, held: tuple[Host, subprocess.Popen[str], int]) -> None:
        """The lease is the host's, not a user's."""
        _, first, trial = held
        second = fleet.run("other")
        go_on(trial)

        assert second.code == 3, second.errors
        assert "measurer" in second.errors
        assert finish(first).code == 0
        fleet.check_next_run("other")

    def test_the_second_waits_if_told_to(self, fleet: Fleet, held: tuple[Host, subprocess.Popen[str], int]) -> None:
        """And measures everything once the host is free."""
        host, first, trial = held
        second = fleet.begin("lab1", wait=True)
        wait_for_word(second, "waiting for")
        go_on(trial)
        ended = finish(second)

        assert ended.code == 0, ended.errors
        assert finish(first).code == 0
        specs = fleet.spec(repeats=4, iterations=BRIEF), fleet.spec(repeats=1)
        for run_dir, spec in zip(fleet.runs(), specs, strict=True):
            check_whole(run_dir, spec, ["lab1"])
        check_quiet(host)


class TestCtrlC:
    """The terminal's signal reaches the controller, which tells the hosts."""

    def test_once_lets_the_trial_in_hand_end(self, fleet: Fleet) -> None:
        """Exit code 130, every stored row whole, on both hosts; the rest by resume."""
        hosts = [fleet.network.add("lab1"), fleet.network.add("lab2")]
        spec = fleet.spec(repeats=4, iterations=BRIEF * 2)
        controller = fleet.begin("lab1", "lab2", spec=spec)
        wait_until(lambda: fleet.runs() and {row.host for row in rows(fleet.runs()[0])} == {"lab1", "lab2"})
        press_ctrl_c(controller)
        ended = finish(controller)
        (run_dir,) = fleet.runs()

        assert ended.code == 130, ended.errors
        assert {row.status for row in rows(run_dir)} == {"ok"}
        for host in hosts:
            check_quiet(host)
        resumed = fleet.resumed(run_dir)
        assert resumed.code == 0, resumed.errors
        check_whole(run_dir, spec, ["lab1", "lab2"])

    def test_twice_kills_the_trial_in_hand(self, fleet: Fleet) -> None:
        """Exit code 130, and that trial is a row that says so, which resume makes up for."""
        host = fleet.network.add("lab1")
        controller = fleet.begin("lab1", spec=fleet.spec(repeats=4, iterations=BRIEF))
        hold_trial(host.roles)
        stop_at_once(controller)
        ended = finish(controller)
        (run_dir,) = fleet.runs()

        assert ended.code == 130, ended.errors
        *earlier, last = [row.status for row in rows(run_dir)]
        assert last == "interrupted"
        assert set(earlier) <= {"ok"}
        check_quiet(host)
        fleet.check_next_run("lab1")
