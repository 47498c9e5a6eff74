"""Old work folders and bundles go; what lives, what nobody has yet, and what lies elsewhere stays."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from agent.harness import Host, make_trial, wait_until

from pageswap.agent.workspace.agent_lock import AgentLock
from pageswap.agent.workspace.cleaning import KEEP_S, clean_cache, tidy
from pageswap.errors import HostError
from pageswap.fleet.provision.bundle import make_bundle

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def segment(cache: Path, name: str, *, begun: bool = True, delivered: bool = True, age_s: float = 0.0) -> Path:
    """Make a segment's folder of a run of that name."""
    folder = cache / "runs" / name / "here" / "1"
    folder.mkdir(parents=True)
    (folder / "job.json").write_text("{}")
    if begun:
        (folder / "journal.jsonl").write_bytes(b"x" * 10_000 + b"\n")
    if delivered:
        (folder / "delivered").touch()
    for path in (*folder.iterdir(), folder):
        os.utime(path, (time.time() - age_s, time.time() - age_s))
    return folder


def bundle(cache: Path, letter: str, *, age_s: float = 86_400.0) -> Path:
    """Make a bundle's folder."""
    folder = cache / "bundles" / (letter * 64)
    folder.mkdir(parents=True)
    (folder / "__main__.py").write_text("import time; print(flush=True); time.sleep(60)\n")
    os.utime(folder, (time.time() - age_s, time.time() - age_s))
    return folder


def reasons(answer: dict[str, list[dict[str, str]]]) -> dict[str, str]:
    """Return why each folder, named by its run or its bundle's first letter, was kept."""
    return {path.split("/")[-3] if "/runs/" in path else path.split("/")[-1][0]: why
            for path, why in ((each["path"], each["why"]) for each in answer["kept"])}  # fmt: skip


def test_finished_runs_go_with_the_folders_above_them(tmp_path: Path) -> None:
    """Their size is told, and nothing empty is left."""
    segment(tmp_path, "r1")
    (tmp_path / "runs" / "r2" / "here").mkdir(parents=True)
    two = segment(tmp_path, "r3").parent / "2"
    two.mkdir()

    answer = clean_cache(str(tmp_path), "finished")

    assert answer["removed"] == 2
    assert answer["bytes"] >= 20_000
    assert not (tmp_path / "runs" / "r1").exists()
    assert reasons(answer) == {"r3": "changed not long ago"}
    assert two.exists()


def test_rows_that_nobody_has_stay_unless_all_is_asked_for(tmp_path: Path) -> None:
    """What a controller has not collected is not yet a finished run's."""
    segment(tmp_path, "uncollected", delivered=False)

    answer = clean_cache(str(tmp_path), "finished")

    assert answer["removed"] == 0
    assert reasons(answer) == {"uncollected": "not collected yet; 'inv resume' does it, or clean all"}
    answer = clean_cache(str(tmp_path), "all")
    assert (answer["removed"], answer["kept"]) == (1, [])


def test_what_never_began_goes_when_it_cannot_be_about_to(tmp_path: Path) -> None:
    """A start that was refused leaves a folder without a journal; so does one that is in its first moments."""
    segment(tmp_path, "starting", begun=False, delivered=False)
    segment(tmp_path, "refused", begun=False, delivered=False, age_s=3600.0)

    answer = clean_cache(str(tmp_path), "finished")

    assert answer["removed"] == 1
    assert reasons(answer) == {"starting": "changed not long ago"}


def test_a_living_agents_folder_stays(tmp_path: Path) -> None:
    """Whatever is asked for."""
    folder = segment(tmp_path, "r1")
    lock = AgentLock(str(folder / "agent.lock"))
    assert lock.take()
    try:
        answer = clean_cache(str(tmp_path), "all")
    finally:
        lock.release()

    assert reasons(answer) == {"r1": "running"}
    assert folder.exists()


def test_only_what_is_old_enough_goes(tmp_path: Path) -> None:
    """By the latest change of anything in the folder."""
    segment(tmp_path, "old", age_s=100.0)
    segment(tmp_path, "young", age_s=20.0)
    touched = segment(tmp_path, "touched", age_s=100.0)
    (touched / "followed").touch()

    answer = clean_cache(str(tmp_path), "finished", older_than_s=50.0)

    assert answer["removed"] == 1
    assert reasons(answer) == dict.fromkeys(("touched", "young"), "changed not long ago")


def test_a_file_that_vanishes_meanwhile_keeps_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left of it goes."""
    folder = segment(tmp_path, "old")
    walk = os.walk

    def vanishing(path: str) -> Iterator[Any]:
        for found in walk(path):
            (folder / "job.json").unlink(missing_ok=True)
            yield found

    monkeypatch.setattr(os, "walk", vanishing)

    assert clean_cache(str(tmp_path), "finished")["kept"] == []
    assert not folder.exists()


def test_links_are_neither_followed_nor_removed(tmp_path: Path) -> None:
    """At no level: what lies outside the cache is not the cache's."""
    elsewhere = tmp_path / "elsewhere"
    precious = segment(elsewhere, "precious")
    cache = tmp_path / "cache"
    inside = segment(cache, "r1")
    (inside / "link").symlink_to(elsewhere)
    (cache / "runs" / "r2").symlink_to(elsewhere / "runs" / "precious")
    (cache / "runs" / "r3").mkdir()
    (cache / "runs" / "r3" / "here").symlink_to(elsewhere / "runs" / "precious" / "here")
    (cache / "runs" / "r4" / "here").mkdir(parents=True)
    (cache / "runs" / "r4" / "here" / "1").symlink_to(precious)
    (cache / "bundles").symlink_to(elsewhere)

    answer = clean_cache(str(cache), "all")

    assert (answer["removed"], answer["kept"]) == (1, [])
    assert answer["bytes"] < 100_000
    assert not inside.exists()
    assert (precious / "journal.jsonl").exists()
    assert (cache / "runs" / "r2").is_symlink()


def test_a_whole_runs_folder_that_is_a_link_is_left(tmp_path: Path) -> None:
    """The cache's own parts are real folders or not the cache's."""
    segment(tmp_path / "elsewhere", "r1")
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "runs").symlink_to(tmp_path / "elsewhere" / "runs")

    assert clean_cache(str(tmp_path / "cache"), "all") == {"removed": 0, "bytes": 0, "kept": []}


def test_bundles_go_unless_they_are_young_or_run(tmp_path: Path) -> None:
    """A program that runs from one keeps it; what is no bundle is not touched."""
    bundle(tmp_path, "a")
    bundle(tmp_path, "b", age_s=0.0)
    running = bundle(tmp_path, "c")
    (tmp_path / "bundles" / ".new.x").mkdir()
    with subprocess.Popen([sys.executable, running], stdout=subprocess.PIPE) as program:
        assert program.stdout
        program.stdout.readline()
        try:
            answer = clean_cache(str(tmp_path), "finished")
        finally:
            program.kill()

    assert answer["removed"] == 1
    assert reasons(answer) == {"b": "used not long ago", "c": "in use"}
    assert sorted(path.name[0] for path in (tmp_path / "bundles").iterdir()) == [".", "b", "c"]


def test_cores_that_were_built_here_go_when_they_are_old(tmp_path: Path) -> None:
    """They are in the bundles that were made with them."""
    for letter, age_s in (("a", 86_400.0), ("b", 0.0)):
        bundle(tmp_path, letter, age_s=age_s)
    (tmp_path / "bundles").rename(tmp_path / "cores")

    answer = clean_cache(str(tmp_path), "finished")

    assert (answer["removed"], reasons(answer)) == (1, {"b": "used not long ago"})


def test_a_bundle_that_answers_looks_young(tmp_path: Path) -> None:
    """Whatever is asked of it: who finds it in the cache may rely on it."""
    folder = make_bundle().write_below(tmp_path / "bundles")
    os.utime(folder, (1.0, 1.0))
    command = [sys.executable, "-I", "-S", "-B", folder, "clean"]
    done = subprocess.run(command, input=b'{"runs": "finished"}', capture_output=True, check=True)

    assert folder.stat().st_mtime > time.time() - 3600
    assert json.loads(done.stdout)["kept"] == [{"path": str(folder), "why": "in use"}]


def test_an_empty_cache_is_clean(tmp_path: Path) -> None:
    """Nothing to remove is no error."""
    assert clean_cache(str(tmp_path / "none"), "all") == {"removed": 0, "bytes": 0, "kept": []}


def test_anything_else_is_refused(tmp_path: Path) -> None:
    """With what is expected."""
    with pytest.raises(HostError, match="runs is 'some', expected finished or all"):
        clean_cache(str(tmp_path), "some")


def test_an_agent_takes_what_is_older_than_a_month(tmp_path: Path) -> None:
    """And nothing where its folder is in no cache."""
    segment(tmp_path, "old", age_s=KEEP_S + 60)
    mine = segment(tmp_path, "mine", age_s=KEEP_S - 60)
    answer = tidy(str(mine))

    assert answer
    assert answer["removed"] == 1
    assert not (tmp_path / "runs" / "old").exists()
    assert mine.exists()
    assert tidy("/nowhere/special/at/all") is None


def test_a_clock_that_is_put_right_takes_no_rows_that_nobody_has(tmp_path: Path) -> None:
    """By the host's uptime they are not old; what has been seen here for so long goes, and starts over boots count."""
    rows = segment(tmp_path, "uncollected", delivered=False, age_s=KEEP_S + 60)
    mine = segment(tmp_path, "mine")
    day_s = 86_400.0

    def kept(up_s: float, boot: str) -> bool:
        tidy(str(mine), up_s, boot)
        return rows.exists()

    assert kept(100 * day_s, "first")
    assert kept(115 * day_s, "first")
    assert kept(14 * day_s, "second")
    (tmp_path / "runs" / f"seen.{os.uname().nodename}.json").write_text("{}")
    assert kept(100 * day_s, "second")
    assert kept(129 * day_s, "second")
    assert not kept(131 * day_s, "second")


def test_another_host_of_the_same_home_takes_no_rows_by_its_own_uptime(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How long that one is up says nothing of a folder that it sees for the first time."""
    rows = segment(tmp_path, "uncollected", delivered=False, age_s=KEEP_S + 60)
    mine = segment(tmp_path, "mine")
    for host in ("node1", "node2"):
        monkeypatch.setattr(os, "uname", lambda name=host: SimpleNamespace(nodename=name))
        tidy(str(mine), 2 * KEEP_S, f"boot of {host}")

        assert rows.exists()


class TestVerb:
    """``clean`` as a controller calls it."""

    def test_a_collected_run_goes(self, host: Host) -> None:
        """Finished alone is not enough: somebody has to have followed it to its end."""
        host.start(make_trial())
        host.finish()
        cache = str(host.work_dir.parents[3])
        assert host.call("clean", cache=cache, runs="finished")["removed"] == 0
        with host.popen("follow", offset=0) as follower:
            follower.communicate(timeout=60)

        answer = host.call("clean", cache=cache, runs="finished")

        assert (answer["removed"], answer["kept"]) == (1, [])
        assert not host.work_dir.exists()
        assert host.call("status") == {"alive": False, "pid": None, "journal_bytes": 0, "log": ""}

    def test_a_killed_agents_rows_are_finished_once_they_are_collected(self, host: Host) -> None:
        """Its journal has no end, but nothing more will come."""
        pid = host.start(make_trial("good"), make_trial("hang"))
        wait_until(lambda: len(host.trials()) == 1, "the first trial")
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: host.alive() is None, "the agent's death")
        cache = str(host.work_dir.parents[3])
        assert host.call("clean", cache=cache, runs="finished")["removed"] == 0
        with host.popen("follow", offset=0) as follower:
            follower.communicate(timeout=60)

        assert host.call("clean", cache=cache, runs="finished")["removed"] == 1

    @pytest.mark.parametrize(
        ("document", "problem"),
        [
            ({}, "runs is None, expected str"),
            ({"runs": "finished", "cache": "here"}, "'here' is not an absolute path"),
            ({"runs": "finished", "older_than_s": -1}, "older_than_s is -1"),
            ({"runs": "finished", "older_than_s": "1"}, "older_than_s is '1'"),
        ],
    )
    def test_mistakes_are_named(self, host: Host, document: dict[str, object], problem: str) -> None:
        """Before anything is removed."""
        assert problem in host.call("clean", **document)["error"]

    def test_an_old_folder_goes_when_an_agent_starts(self, host: Host) -> None:
        """And its log says so."""
        old = segment(host.work_dir.parents[3], "old", age_s=KEEP_S + 60)
        host.start(make_trial())
        host.finish()

        assert not old.exists()
        assert "removed 1 old work folders" in (host.work_dir / "agent.log").read_text()
