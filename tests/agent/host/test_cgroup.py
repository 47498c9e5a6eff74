"""A trial gets no more memory than the job allows it: by a control group where one can be made."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from agent.harness import Host, make_trial
from requirement import require

from pageswap.agent.host import cgroup
from pageswap.agent.host.host_files import HostFiles
from pageswap.agent.journal import job

if TYPE_CHECKING:
    from pathlib import Path

MIB = 1 << 20


@pytest.fixture
def _real() -> None:
    """Need a host where a control group can be made."""
    group = cgroup.make_capped(HostFiles(), 64 * MIB)
    require("cgroup", group is not None, "no memory control group can be made here")
    if group:
        group.remove()


def own_groups() -> list[str]:
    """List the groups that agents have made on this host."""
    parents = cgroup.parents_for_groups(HostFiles())
    return [f"{p.folder}/{n}" for p in parents for n in HostFiles().names(p.folder) if n.startswith("pageswap-")]


@pytest.mark.usefixtures("_real")
def test_a_trial_over_the_cap_is_oom_with_the_numbers(host: Host) -> None:
    """The kernel ends it; trials within the cap are measured before and after; the group is gone at the end."""
    before = own_groups()
    trials = [make_trial("use_32_mib"), make_trial("fill_memory"), make_trial("use_32_mib")]
    host.start(*trials, memory_cap_bytes=64 * MIB)
    host.finish()

    assert [line["status"] for line in host.trials()] == [job.OK, job.OOM, job.OK]
    reason = host.trials()[1]["reason"]
    assert reason.startswith("used more than the 64 MiB that a trial may have on this host (its region and")
    assert "raise the host's memory in hosts.yaml, or use a smaller region_size" in reason
    assert set(own_groups()) <= set(before)


@pytest.mark.usefixtures("_real")
def test_a_killed_agents_group_is_removed(host: Host) -> None:
    """By its keeper."""
    pid = host.start(make_trial("hang"), memory_cap_bytes=64 * MIB)
    from agent.harness import wait_until  # noqa: PLC0415

    wait_until(lambda: any(name.endswith(f"-{pid}") for name in own_groups()), "the group")
    os.kill(pid, 9)

    wait_until(lambda: not any(name.endswith(f"-{pid}") for name in own_groups()), "the group's end")


def test_a_trial_that_needs_more_than_the_cap_is_skipped(host: Host) -> None:
    """Before it runs, with what it would need."""
    host.start(make_trial("good", region_size=256 * MIB), make_trial("good"), memory_cap_bytes=64 * MIB)
    host.finish()

    skipped, measured = host.trials()
    assert (skipped["status"], measured["status"]) == (job.SKIPPED, job.OK)
    assert "64 MiB are allowed to a trial on this host; use a smaller region_size" in skipped["reason"]
    assert skipped["reason"].endswith("or raise the host's memory in hosts.yaml")


def lay_out(root: Path, files: dict[str, str]) -> HostFiles:
    """Make a host whose own control group is /a/b of a version-2 hierarchy."""
    common = {
        "/proc/self/cgroup": "0::/a/b\n",
        "/proc/self/mountinfo": "30 1 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
    }
    for path, text in {**common, **files}.items():
        target = root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    return HostFiles(str(root))


def folders(files: HostFiles) -> list[str]:
    """Name the groups that a new one may be made in."""
    return [group.folder for group in cgroup.parents_for_groups(files)]


class TestVersion2:
    """Where a group may be made in the unified hierarchy."""

    def test_only_below_a_group_that_hands_memory_on(self, tmp_path: Path) -> None:
        """A group with processes in it hands nothing on, so it is one above."""
        files = lay_out(
            tmp_path,
            {
                "/sys/fs/cgroup/a/b/cgroup.subtree_control": "\n",
                "/sys/fs/cgroup/a/b/memory.max": "max\n",
                "/sys/fs/cgroup/a/cgroup.subtree_control": "cpu memory\n",
                "/sys/fs/cgroup/a/memory.max": "max\n",
                "/sys/fs/cgroup/cgroup.subtree_control": "cpu memory pids\n",
            },
        )

        assert folders(files) == ["/sys/fs/cgroup/a", "/sys/fs/cgroup"]

    def test_never_where_it_would_escape_a_limit(self, tmp_path: Path) -> None:
        """An administrator's limit on the agent's group holds for its trials."""
        files = lay_out(
            tmp_path,
            {
                "/sys/fs/cgroup/a/b/cgroup.subtree_control": "\n",
                "/sys/fs/cgroup/a/b/memory.max": "1000000\n",
                "/sys/fs/cgroup/a/cgroup.subtree_control": "memory\n",
            },
        )

        assert folders(files) == []
        assert cgroup.make_capped(files, 64 * MIB) is None

    def test_a_folder_without_limits_is_no_group(self, tmp_path: Path) -> None:
        """What was made is removed when it cannot hold anything to a limit."""
        files = lay_out(tmp_path, {"/sys/fs/cgroup/a/b/cgroup.subtree_control": "memory\n"})

        assert cgroup.make_capped(files, 64 * MIB) is None
        assert not any(name.startswith("pageswap-") for name in files.names("/sys/fs/cgroup/a/b"))

    def test_groups_of_dead_agents_go(self, tmp_path: Path) -> None:
        """Those of living ones stay."""
        files = lay_out(tmp_path, {"/sys/fs/cgroup/a/b/cgroup.subtree_control": "memory\n"})
        parent = tmp_path / "sys/fs/cgroup/a/b"
        (parent / "pageswap-999999999").mkdir()
        (parent / f"pageswap-{os.getpid()}").mkdir()
        (parent / "pageswap-other").mkdir()
        cgroup.sweep(files)

        assert sorted(path.name for path in parent.glob("pageswap-*")) == [f"pageswap-{os.getpid()}", "pageswap-other"]
