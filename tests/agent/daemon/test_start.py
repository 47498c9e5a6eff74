"""Starting an agent while another has the lease: who holds it is told, and waiting ends with its starter."""

from __future__ import annotations

import json
import signal

import pytest
from agent.harness import Host, make_trial, wait_until

from pageswap.agent.workspace import host_lease


def test_a_second_agent_is_told_who_holds_the_lease(host: Host) -> None:
    """Process, user, run and since when; the second one leaves no journal and may start later."""
    host.settings["patience_s"] = "0.2"
    pid = host.start(make_trial("hang"))
    other = host.beside("r2")

    answer = other.call("start", job=other.job(make_trial()))

    assert answer["held_by"] == host_lease.who_holds("\0" + host.settings["lease"])
    assert answer["held_by"]["pid"] == pid
    assert answer["held_by"]["run_id"] == "r1"
    assert other.journal() == []
    host.call("stop", how="kill")
    other.start(make_trial())
    assert other.finish()[-1]["why"] == "done"


def test_the_holder_answers_while_a_trial_runs(host: Host) -> None:
    """Being busy measuring is no reason to be unnamed."""
    host.start(make_trial("hang"))

    holder = host_lease.who_holds("\0" + host.settings["lease"])

    assert holder
    assert holder["run_id"] == "r1"
    assert holder["since"]


def test_a_waiting_agent_says_for_whom_and_starts_after_it(host: Host) -> None:
    """--wait: first who is waited for, then the process id."""
    host.settings["patience_s"] = "0.1"
    first = host.start(make_trial("hang"))
    other = host.beside("r2")
    with other.popen("start", job=other.job(make_trial(), wait=True)) as starter:
        assert starter.stdout
        waiting = json.loads(starter.stdout.readline())
        host.call("stop", how="kill")
        started = json.loads(starter.stdout.readline())
        assert starter.stderr
        assert starter.stderr.read() == b""

    assert waiting["waiting_for"]["pid"] == first
    assert started["pid"]
    assert other.finish()[-1]["why"] == "done"


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_waiting_agent_goes_when_its_starter_does(host: Host, how: signal.Signals) -> None:
    """Nobody would know that it began to measure an hour later."""
    host.settings["patience_s"] = "0.1"
    host.start(make_trial("hang"))
    other = host.beside("r2")
    with other.popen("start", job=other.job(make_trial(), wait=True)) as starter:
        assert starter.stdout
        starter.stdout.readline()
        starter.send_signal(how)
        starter.wait()
        assert starter.stderr
        assert starter.stderr.read() == b""

    wait_until(lambda: other.alive() is None, "the waiting agent's end")
    assert other.journal() == []


def test_a_starter_nobody_listens_to_gives_up_waiting(host: Host) -> None:
    """A lost connection closes the starter's output; it must not wait on for an answer nobody will read."""
    host.settings["patience_s"] = "0.1"
    host.start(make_trial("hang"))
    other = host.beside("r2")
    with other.popen("start", job=other.job(make_trial(), wait=True)) as starter:
        assert starter.stdout
        starter.stdout.readline()
        starter.stdout.close()
        starter.wait(timeout=30)

    wait_until(lambda: other.alive() is None, "the waiting agent's end")
