"""An agent that a scheduler owns: it stays in the foreground, drains at SIGTERM, and goes on if it is begun again."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING, Any

from agent.harness import Host, make_trial, wait_until

from pageswap.agent.journal.journal import JournalReader

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    import pytest

    from pageswap.agent.journal.job import TrialSpec


def prepare(host: Host, *trials: TrialSpec, **changes: Any) -> None:
    """Lay a job into the host's segment, as a submission does."""
    host.work_dir.mkdir(parents=True, mode=0o700)
    (host.work_dir / "job.json").write_text(json.dumps(host.job(*trials, **changes)))


def begin(host: Host, monkeypatch: pytest.MonkeyPatch, restarts: int = 0) -> subprocess.Popen[bytes]:
    """Have the scheduler begin the job, for the first time or again."""
    monkeypatch.setenv("SLURM_RESTART_COUNT", str(restarts))
    return host.popen("measure")


def ended(process: subprocess.Popen[bytes], words: bytes = b"") -> int:
    """Wait for a job's end, at which it may have said a few words; gives its exit status."""
    output, errors = process.communicate(timeout=60)
    assert output == b""
    assert errors[25:] == words
    return process.returncode


def journal_of(folder: Path, segment: int) -> list[dict[str, Any]]:
    """Read a segment's journal, checked."""
    data = (folder / str(segment) / "journal.jsonl").read_bytes()
    return JournalReader(run_id="r1", host="here", segment=segment).feed(data)


def outcomes(journal: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Give trials and statuses."""
    return [(line["trial_id"], line["status"]) for line in journal if line["kind"] == "trial"]


def test_it_measures_before_it_ends(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its words are in a file; nothing is detached, so whoever ends the process that was started ends all."""
    prepare(host, make_trial(), make_trial("corrupt"))

    assert ended(begin(host, monkeypatch)) == 0

    assert host.alive() is None
    assert host.journal()[-1]["why"] == "done"
    assert [line["status"] for line in host.trials()] == ["ok", "corrupt"]
    assert [*json.loads((host.work_dir / "said").read_text())] == ["pid"]


def test_sigterm_ends_it_after_the_trial_in_hand(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the scheduler says it to the first process or to all of them."""
    prepare(host, *[make_trial("slow")] * 100)
    process = begin(host, monkeypatch)
    wait_until(host.trials, "an outcome")

    os.kill(process.pid, signal.SIGTERM)
    agent = host.alive()
    if agent:
        os.kill(agent, signal.SIGTERM)

    assert ended(process) == 0
    statuses = [line["status"] for line in host.trials()]
    assert statuses == ["ok"] * len(statuses)
    assert len(statuses) < 100
    assert host.journal()[-1]["why"] == "drained"


def test_begun_again_it_goes_on_in_the_next_segment(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what has no outcome yet, however often; nothing is measured twice, and in the end nothing is begun."""
    prepare(host, make_trial(), make_trial("segv"), make_trial("hang"), make_trial())
    folder = host.work_dir.parent
    process = begin(host, monkeypatch)
    wait_until(lambda: len(host.trials()) == 2, "two outcomes")
    host.kill_whole(host.alive() or 0)
    process.communicate()
    document = json.loads((host.work_dir / "job.json").read_text())
    document["trials"][2]["levels"]["method"] = "good"
    (host.work_dir / "job.json").write_text(json.dumps(document))

    assert ended(begin(host, monkeypatch, 1)) == 0
    assert ended(begin(host, monkeypatch, 2), b"all that was owed is measured\n") == 0

    assert outcomes(journal_of(folder, 0)) == [("b00.c0000", "ok"), ("b00.c0001", "killed")]
    second = journal_of(folder, 1)
    assert outcomes(second) == [("b00.c0002", "ok"), ("b00.c0003", "ok")]
    assert second[-1]["why"] == "done"
    assert (folder / "1/restarts").read_text() == "1"
    assert sorted(path.name for path in folder.iterdir()) == ["0", "1"]


def test_begun_again_it_profiles_no_case_twice(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """What its journal tells is owed no more, be it a reason."""
    prepare(host, make_trial("absent"), profile="perf")
    assert ended(begin(host, monkeypatch)) == 0
    assert ended(begin(host, monkeypatch, restarts=1), b"all that was owed is measured\n") == 0

    assert [line["kind"] for line in host.journal()] == ["begin", "profile", "end"]
    assert not (host.work_dir.parent / "1").exists()


def test_it_does_not_go_on_where_a_controller_has(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """A segment that is another job's is left alone."""
    prepare(host, make_trial("segv"), make_trial())
    process = begin(host, monkeypatch)
    assert ended(process) == 0
    lines = host.work_dir.joinpath("journal.jsonl").read_bytes().splitlines(keepends=True)
    (host.work_dir / "journal.jsonl").write_bytes(b"".join(lines[:2]))
    (host.work_dir.parent / "1").mkdir()

    with begin(host, monkeypatch, 1) as process:
        output, errors = process.communicate(timeout=60)

    assert process.returncode == 1
    assert b"the run has gone on without this job, which ends" in output
    assert errors == b""
    assert list((host.work_dir.parent / "1").iterdir()) == []


def test_without_a_job_it_says_so(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that was cleaned away meanwhile."""
    with begin(host, monkeypatch) as process:
        output, _ = process.communicate(timeout=60)

    assert b"there is no job to measure" in output
    assert process.returncode == 1
