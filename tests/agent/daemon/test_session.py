"""A whole agent as a program: jobs, stops, kills, leases and settings, with real processes and signals."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from agent import fake_core
from agent.fake_core import processes_with
from agent.harness import Host, make_trial, wait_until
from requirement import require

from pageswap.agent import trace as traces
from pageswap.agent.host.host_files import HostFiles
from pageswap.agent.journal.line_fields import MEASURES
from pageswap.agent.trial.perf import problem
from pageswap.agent.workspace import host_lease

if TYPE_CHECKING:
    from collections.abc import Iterator

_QUESTION = {"region_size": 256 << 20, "iterations": 200_000}


def _statuses(host: Host) -> list[str]:
    return [line["status"] for line in host.trials()]


def test_a_job_runs_to_its_end_with_every_outcome_in_order(host: Host) -> None:
    """A row for each trial, whatever became of it, between begin and end."""
    methods = ("good", "segv", "absent", "corrupt", "hang", "fill_memory", "good")
    trials = [make_trial(method, timeout_s=0.5 if method == "hang" else 30.0) for method in methods]

    host.start(*trials, make_trial("good", region_size=1 << 50))
    lines = host.finish()

    assert [line["kind"] for line in lines] == ["begin", *["trial"] * 8, "end"]
    assert _statuses(host) == ["ok", "killed", "unavailable", "corrupt", "timeout", "oom", "ok", "skipped"]
    assert [line["trial_id"] for line in host.trials()] == [f"b00.c{i:04}" for i in range(8)]
    assert lines[-1]["why"] == "done"
    refused = host.trials()[2]
    assert {name: refused[name] for name in MEASURES} == dict.fromkeys(MEASURES)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", refused["started_at"])


def test_traces_come_with_the_job_and_are_held_against_their_hashes(host: Host) -> None:
    """One that is another, no trace or not there is told to the starter, and no trial begins."""
    sent = {hashlib.sha256(data).hexdigest(): data for data in (b"0,1,1\n", b"no trace\n")}
    good, bad = sent
    packed = {sha256: traces.packed(data) for sha256, data in sent.items()}
    playing = make_trial("good", trace=f"moves.csv:{good}")
    refusals = {
        f"the trace {good:.12} did not come with it": {},
        f"the trace that came has the hash {bad:.12}, expected {good:.12}": {good: packed[bad]},
        f"the trace {bad:.12}:1: found 'no trace'": packed,
    }
    for number, (told, of_job) in enumerate(refusals.items()):
        refusing = host.beside(f"r{number + 2}")
        assert told in refusing.call("start", job=refusing.job(playing, traces=of_job))["error"]
        assert not refusing.finish()

    host.start(playing, traces={good: packed[good]})
    host.finish()

    assert _statuses(host) == ["ok"]


def test_the_first_line_holds_the_conditions(host: Host) -> None:
    """Environment and methods as they were when it began, and all CPUs, not those the agent kept for itself."""
    pid = host.start()

    begin = host.finish()[0]

    assert begin["pid"] == pid
    assert begin["environment"]["cpus_allowed"] == sorted(os.sched_getaffinity(0))
    assert begin["environment"]["core"]["core_hash"] == "0" * 64
    assert begin["methods"] == fake_core.methods()


def test_the_work_folder_is_private(host: Host) -> None:
    """0700, files included."""
    host.start(make_trial())
    host.finish()

    assert host.work_dir.stat().st_mode & 0o777 == 0o700
    assert all(path.stat().st_mode & 0o077 == 0 for path in host.work_dir.iterdir())


def test_the_agent_is_detached_from_its_starter(host: Host) -> None:
    """It has a session of its own, nothing of the starter's open, and outlives it."""
    with host.popen("start", job=host.job(make_trial("hang"))) as starter:
        output, _ = starter.communicate(timeout=60)
    pid = json.loads(output)["pid"]

    assert starter.returncode == 0
    assert os.getsid(pid) not in (os.getsid(0), starter.pid)
    targets = {str(Path(f"/proc/{pid}/fd/{number}").readlink()) for number in range(3)}
    assert targets == {"/dev/null", str(host.work_dir / "agent.log")}
    assert host.alive() == pid


def test_asking_twice_starts_once(host: Host) -> None:
    """A controller that did not hear the answer may ask again."""
    pid = host.start(make_trial("hang"))

    assert host.call("start", job=host.job(make_trial("hang"))) == {"pid": pid}


def test_a_segment_never_runs_twice(host: Host) -> None:
    """Its journal would have two beginnings."""
    host.start(make_trial())
    host.finish()
    before = (host.work_dir / "journal.jsonl").read_bytes()

    answer = host.call("start", job=host.job(make_trial()))

    assert "this segment has run already; use another segment number" in answer["error"]
    assert (host.work_dir / "journal.jsonl").read_bytes() == before


def test_a_killed_agent_leaves_a_usable_journal_a_free_lease_and_no_process(host: Host) -> None:
    """SIGKILL in the middle of a trial: the rows before it are there, and the next agent starts at once."""
    pid = host.start(make_trial(), make_trial("hang"))
    wait_until(lambda: len(host.trials()) == 1, "the first trial")
    wait_until(lambda: _children(pid), "the second trial")
    child = _children(pid)[0]

    os.kill(pid, signal.SIGKILL)

    wait_until(lambda: not Path(f"/proc/{child}").exists(), "the child's death")
    assert host.call("status")["alive"] is False
    assert _statuses(host) == ["ok"]
    other = host.beside("r2")
    other.start(make_trial())
    assert other.finish()[-1]["why"] == "done"


def _children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


@pytest.mark.slow
def test_agents_killed_at_any_moment_lose_no_line_and_double_none(host: Host) -> None:
    """Fifteen kills: each journal reads as whole lines that are a prefix of the job."""
    for number in range(15):
        one = host.beside(f"r{number}")
        pid = one.start(*[make_trial("good")] * 20)
        time.sleep(number * 0.008)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda one=one: one.alive() is None, "the agent's death")

        ids = [line["trial_id"] for line in one.trials()]

        assert ids == [f"b00.c{i:04}" for i in range(len(ids))]


def test_an_agent_nobody_follows_stops_after_the_trial(host: Host) -> None:
    """After the lease time without a follower."""
    host.start(*[make_trial("slow")] * 100, lease_s=0.5)

    lines = host.finish()

    assert lines[-1]["why"] == "lease_expired"
    assert set(_statuses(host)) == {"ok"}
    assert 0 < len(host.trials()) < 100


def test_an_agent_that_is_followed_goes_on(host: Host) -> None:
    """For much longer than the lease time."""
    pid = host.start(*[make_trial("slow")] * 10, lease_s=1.5)
    # It waits for its follower, whose program may take longer to start than the lease.
    os.kill(pid, signal.SIGSTOP)
    stopped_ns = time.time_ns()
    mark = host.work_dir / "followed"
    with host.popen("follow", offset=0) as follower:
        wait_until(lambda: mark.exists() and mark.stat().st_mtime_ns > stopped_ns, "the follower")
        os.kill(pid, signal.SIGCONT)
        output, _ = follower.communicate(timeout=60)

    assert json.loads(output.splitlines()[-1])["why"] == "done"


def test_a_raised_limit_lets_the_trial_run_and_is_restored(host: Host) -> None:
    """The journal tells what was raised and what was put back."""
    splitter = make_trial("splitter", **_QUESTION)

    host.start(splitter, tune=True)
    lines = host.finish()

    assert _statuses(host) == ["ok"]
    raised, restored = [line for line in lines if line["kind"] == "tune"]
    assert (raised["before"], raised["set"] > 65_536) == (65_530, True)
    assert restored["restored"] == 65_530
    assert [line["kind"] for line in lines] == ["begin", "tune", "trial", "tune", "end"]
    assert host.sysctl.read_text() == "65530\n"
    assert not host.record.exists()


def test_without_tune_the_same_trial_is_unavailable(host: Host) -> None:
    """And nothing is changed."""
    host.start(make_trial("splitter", **_QUESTION))
    host.finish()

    row = host.trials()[0]
    assert row["status"] == "unavailable"
    assert "vm.max_map_count is 65,530; run with --tune as root" in row["reason"]


def test_tune_without_root_says_why_it_did_not_help(host: Host) -> None:
    """In the row's reason."""
    host.settings["may_change"] = "no"
    host.start(make_trial("splitter", **_QUESTION), tune=True)
    host.finish()

    row = host.trials()[0]
    assert row["status"] == "unavailable"
    assert "--tune was asked for, but the agent is not root" in row["reason"]


@pytest.mark.parametrize("how", ["drain", "kill"])
def test_a_stopped_job_restores_too(host: Host, how: str) -> None:
    """Drained or killed."""
    host.start(make_trial("splitter", **_QUESTION), make_trial("slow"), *[make_trial()] * 500, tune=True)
    wait_until(lambda: len(host.trials()) >= 1, "the first trial")
    assert host.sysctl.read_text() != "65530\n"

    host.call("stop", how=how)
    host.finish()

    assert host.sysctl.read_text() == "65530\n"


def test_what_a_killed_agent_left_is_restored_by_its_keeper(host: Host) -> None:
    """At once, without another agent; the log says so."""
    pid = host.start(make_trial("splitter", **_QUESTION), make_trial("hang"), tune=True)
    wait_until(lambda: len(host.trials()) == 1, "the first trial")
    os.kill(pid, signal.SIGKILL)

    wait_until(lambda: host.sysctl.read_text() == "65530\n", "the former setting")
    wait_until(lambda: not host.record.exists(), "the record's end")
    assert f"agent {pid} was killed by signal 9" in host.call("status")["log"]


def test_what_a_killed_job_left_is_restored_by_the_next_agent(host: Host) -> None:
    """Whose journal says so, and which measures under the restored limit."""
    pid = host.start(make_trial("splitter", **_QUESTION), make_trial("hang"), tune=True)
    wait_until(lambda: len(host.trials()) == 1, "the first trial")
    host.kill_whole(pid)
    assert host.sysctl.read_text() != "65530\n"

    other = host.beside("r2")
    other.start(make_trial())
    lines = other.finish()

    assert host.sysctl.read_text() == "65530\n"
    assert lines[0]["environment"]["max_map_count"] == 65_530
    assert lines[1]["restored"] == 65_530


def test_what_a_killed_job_left_is_restored_by_a_look_at_the_facts(host: Host) -> None:
    """Doctor, as root, repairs and says so; the second look finds nothing."""
    pid = host.start(make_trial("splitter", **_QUESTION), make_trial("hang"), tune=True)
    wait_until(lambda: len(host.trials()) == 1, "the first trial")
    assert _finding(host, "tunables")["status"] == "ok"
    assert _finding(host, "lease")["status"] == "warn"
    host.kill_whole(pid)

    host.settings["may_change"] = "no"
    assert _finding(host, "tunables")["status"] == "bad"
    host.settings["may_change"] = "yes"
    assert "vm.max_map_count=65530" in _finding(host, "tunables")["found"]

    assert host.sysctl.read_text() == "65530\n"
    assert _finding(host, "tunables") == {
        "check": "tunables",
        "status": "ok",
        "found": "nothing left changed",
        "cure": "",
    }


def _require_perf() -> None:
    require("perf", shutil.which("perf") and not problem(HostFiles()), f"needs perf: {problem(HostFiles())}")


def _sampled(host: Host) -> list[int]:
    return processes_with(f"--output={host.work_dir}/perf.data")


def test_a_job_that_profiles_writes_no_trial(host: Host) -> None:
    """A line a case, with its reason where there are no samples."""
    _require_perf()
    host.start(make_trial("corrupt"), make_trial("absent"), profile="perf")
    lines = host.finish()

    assert [line["kind"] for line in lines] == ["begin", "profile", "profile", "end"]
    assert [(line["trial_id"], line["status"]) for line in lines[1:-1]] == [
        ("b00.c0000", "failed"),
        ("b00.c0001", "unavailable"),
    ]
    assert lines[-1]["why"] == "done"
    assert [path.name for path in host.work_dir.iterdir() if "perf" in path.name] == []


def test_a_profile_that_is_stopped_has_no_line(host: Host) -> None:
    """It is made again; perf and its trial are gone with it, and its files, and what came before is there."""
    _require_perf()
    host.start(make_trial("corrupt"), make_trial("hang"), make_trial("good"), profile="perf")
    wait_until(lambda: len(host.journal()) == 2 and _sampled(host), "the second profile")
    host.call("stop", how="kill")
    lines = host.finish()

    assert [line["kind"] for line in lines] == ["begin", "profile", "end"]
    assert lines[-1]["why"] == "killed"
    assert _sampled(host) == []
    assert [path.name for path in host.work_dir.iterdir() if "perf" in path.name] == []


def test_perf_does_not_outlive_a_killed_agent(host: Host) -> None:
    """Its keeper ends it; the journal has what came before."""
    _require_perf()
    pid = host.start(make_trial("corrupt"), make_trial("hang"), profile="perf")
    wait_until(lambda: len(host.journal()) == 2 and _sampled(host), "the second profile")
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not _sampled(host), "the end of perf")

    assert [line["kind"] for line in host.journal()] == ["begin", "profile"]


def _finding(host: Host, check: str) -> dict[str, str]:
    findings = host.call("facts")["doctor"]
    return next(finding for finding in findings if finding["check"] == check)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system with room for the job and a part of its journal."""
    require("mount", os.geteuid() == 0, "needs root to mount")
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=176k,mode=0700", "tmpfs", str(disk)]
    mounted = subprocess.run(command, capture_output=True, check=False)
    require("mount", mounted.returncode == 0, "cannot mount here")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_full_disk_ends_the_job_with_its_rows_intact(small_disk: Path) -> None:
    """The rows that fitted are whole, the log says why it ended, the setting is restored, nobody is left."""
    host = Host(small_disk.parent / "elsewhere")
    host.work_dir = small_disk / "runs" / "r1" / "here" / "0"

    host.start(make_trial("splitter", **_QUESTION), *[make_trial("good")] * 300, tune=True)
    wait_until(lambda: host.alive() is None, "the agent's end")

    data = (host.work_dir / "journal.jsonl").read_bytes()
    assert data.endswith(b"\n")
    assert len(host.trials()) > 10
    assert host.journal()[-1]["kind"] == "trial"
    assert "cannot be written: No space left on device; make room there and resume" in host.call("status")["log"]
    assert host.sysctl.read_text() == "65530\n"
    assert host_lease.who_holds("\0" + host.settings["lease"]) is None


def test_an_agent_that_cannot_begin_tells_its_starter(host: Host) -> None:
    """A job of another format, no job at all, a work folder that is not ours to have."""
    job_document = host.job(make_trial())

    assert "format 2, this agent reads 1" in host.call("start", job={**job_document, "format": 2})["error"]
    assert "not a job document" in host.call("start", job={"format": 1})["error"]
    assert "not a job document" in host.call("start", job={**job_document, "trials": [1]})["error"]
    assert "job is [], expected dict" in host.call("start", job=[])["error"]
    assert "not an absolute path" in host.call("start", work_dir="runs", job=job_document)["error"]
    assert "cannot be made" in host.call("start", work_dir="/proc/no", job=job_document)["error"]


def test_a_core_that_does_not_load_is_the_starters_to_hear(host: Host) -> None:
    """Not only the log's."""
    script = (
        f"import sys; sys.path[:0] = {sys.path!r}\n"
        "from pageswap.agent import cli\nfrom pageswap.agent.daemon import host_context\n"
        "def fail(): raise ImportError('GLIBC_9.9 not found')\n"
        f"context = host_context.HostContext(lease_name='\\0' + {host.settings['lease']!r}, load_core=fail)\n"
        "sys.exit(cli.main(['start'], context))"
    )
    document = json.dumps({"work_dir": str(host.work_dir), "job": host.job(make_trial())})

    done = subprocess.run([sys.executable, "-c", script], input=document, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "GLIBC_9.9 not found" in json.loads(done.stdout)["error"]
    assert done.stderr == ""
