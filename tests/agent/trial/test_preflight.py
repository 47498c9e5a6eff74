"""What cannot run is refused before it starts, with numbers and a cure."""

from __future__ import annotations

import re
import resource
from typing import TYPE_CHECKING, Any

import pytest
from agent import fake_core
from agent.harness import make_trial

from pageswap.agent.host.host_files import HostFiles
from pageswap.agent.host.settings import MAX_MAP_COUNT
from pageswap.agent.journal import job
from pageswap.agent.trial.preflight import Preflight, mappings_need, memory_need

if TYPE_CHECKING:
    from pathlib import Path

_GIB = 1 << 30
_QUESTION = {"region_size": 256 << 20, "iterations": 200_000, "backing": "shared_anon"}


def _files(root: Path, **files: str) -> HostFiles:
    """Make a host of files; "__" in a name stands for "/"."""
    for name, text in {
        "proc__meminfo": "MemTotal: 8388608 kB\nMemAvailable: 4194304 kB\n",
        "proc__sys__vm__max_map_count": "65530\n",
        "proc__self__maps": "one\n" * 150,
        "proc__self__statm": "3000 1 1 1 0 1 0\n",
        **files,
    }.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return HostFiles(str(root))


def _refusal(files: HostFiles, method: str = "good", tune_problem: str = "", **changes: Any) -> tuple[str, str] | None:
    preflight = Preflight(fake_core.methods(), files)
    preflight.tune_problems = {MAX_MAP_COUNT: tune_problem} if tune_problem else {}
    return preflight.refusal(make_trial(method, **changes))


def test_an_ordinary_trial_may_run(tmp_path: Path) -> None:
    """Nothing is refused without a reason."""
    assert _refusal(_files(tmp_path)) is None


def test_a_host_that_tells_nothing_refuses_nothing(tmp_path: Path) -> None:
    """Without /proc there is no number to refuse on: the trial itself finds out."""
    assert _refusal(HostFiles(str(tmp_path)), "splitter", **_QUESTION) is None


@pytest.mark.parametrize(
    ("method", "changes", "reason"),
    [
        ("absent", {}, "no such CPU; use another"),
        ("avx9", {}, "this core has no method 'avx9'; 'inv methods' lists them"),
        ("good", {"workload": "grow"}, "good does not do 'grow', only swap"),
    ],
)
def test_what_the_core_cannot_do_is_unavailable(
    tmp_path: Path, method: str, changes: dict[str, Any], reason: str
) -> None:
    """The core's own reason, or the missing name."""
    assert _refusal(_files(tmp_path), method, **changes) == (job.UNAVAILABLE, reason)


def test_a_backing_the_method_does_not_work_on_is_unavailable(tmp_path: Path) -> None:
    """The backings it does work on are named."""
    method = {**fake_core.methods()[0], "backings": ("memfd", "shared_anon")}

    refusal = Preflight([method], _files(tmp_path)).refusal(make_trial("good"))

    assert refusal == (job.UNAVAILABLE, "good does not work on private_anon, only on memfd, shared_anon")


def test_splitting_256_mib_passes_the_default_mapping_limit(tmp_path: Path) -> None:
    """65,536 mappings and the process's own are more than 65,530: the trap the original program fell into."""
    refusal = _refusal(_files(tmp_path), "splitter", **_QUESTION)

    reason = (
        "needs up to 65,750 mappings (65,536 of the region, 150 of the process, 64 spare), vm.max_map_count is 65,530; "
        "run with --tune as root, or: sysctl -w vm.max_map_count=65750"
    )
    assert refusal == (job.UNAVAILABLE, reason)


@pytest.mark.parametrize(
    "changes",
    [{**_QUESTION, "region_size": 128 << 20}, {**_QUESTION, "iterations": 16_000}, {**_QUESTION, "page_size": 8192}],
)
def test_fewer_pages_or_fewer_swaps_stay_below_the_limit(tmp_path: Path, changes: dict[str, Any]) -> None:
    """Four mappings a swap at most, and never more than pages."""
    assert _refusal(_files(tmp_path), "splitter", **changes) is None


def test_the_same_trial_runs_where_the_limit_is_just_enough(tmp_path: Path) -> None:
    """The sysctl command in the reason is enough to make it run."""
    refusal = _refusal(_files(tmp_path), "splitter", **_QUESTION)
    assert refusal
    limit = re.search(r"max_map_count=(\d+)$", refusal[1])
    assert limit

    assert _refusal(_files(tmp_path, proc__sys__vm__max_map_count=limit[1]), "splitter", **_QUESTION) is None


def test_methods_that_do_not_split_need_no_mappings(tmp_path: Path) -> None:
    """Copying is not refused for a limit it never meets."""
    assert _refusal(_files(tmp_path), "good", **_QUESTION) is None


def test_a_tuning_that_failed_is_part_of_the_reason(tmp_path: Path) -> None:
    """Who asked for --tune hears why it did not help instead of the advice to ask for it."""
    problem = "--tune was asked for, but the agent is not root"

    refusal = _refusal(_files(tmp_path), "splitter", tune_problem=problem, **_QUESTION)

    assert refusal
    assert f"{problem}, or: sysctl -w" in refusal[1]
    assert "run with --tune" not in refusal[1]


def test_what_all_trials_want_is_the_largest_of_the_splitters(tmp_path: Path) -> None:
    """The limit is raised once, to what the job needs and a little more, as the agent's own mappings may grow."""
    preflight = Preflight(fake_core.methods(), _files(tmp_path))
    small, large = make_trial("splitter"), make_trial("splitter", **_QUESTION)

    wanted = preflight.settings_wanted((small, large, make_trial("good", **_QUESTION))).pop(MAX_MAP_COUNT)

    assert isinstance(wanted, int)
    assert mappings_need(large, 150) < wanted < mappings_need(large, 150) + 100
    assert preflight.settings_wanted((make_trial("good", **_QUESTION),)) == {}


def test_memory_is_counted_by_purpose(tmp_path: Path) -> None:
    """Region, huge pages of scratch, eight bytes an iteration, sixteen a page; reserved memory is not free memory."""
    need = memory_need(make_trial(**{**_QUESTION, "threads": 2}))

    assert (need.region_bytes, need.scratch_bytes) == (256 << 20, 4 << 20)
    assert (need.schedule_bytes, need.model_bytes) == (1_600_000, 16 * 65_536)
    assert need.total_bytes == (256 << 20) + (4 << 20) + 1_600_000 + 16 * 65_536
    assert memory_need(make_trial(region_size=1 << 30), is_reserved=True).region_bytes == 0

    preflight = Preflight(fake_core.methods(), _files(tmp_path), reserved_page_bytes={"pool_of_2m": 2 << 20})
    assert preflight.refusal(make_trial("good", backing="pool_of_2m", region_size=8 << 30, page_size=2 << 20)) is None
    assert preflight.refusal(make_trial("good", backing="other", region_size=8 << 30, page_size=2 << 20))


def test_scratch_is_counted_for_who_copies_through_it(tmp_path: Path) -> None:
    """A method says with which workloads it does without, and then needs no room for it."""
    thrifty = [{**method, "without_scratch": ("swap",)} for method in fake_core.methods()]
    trial = make_trial(**{**_QUESTION, "page_size": 1 << 30, "region_size": 3 << 30})

    assert "1,024 MiB scratch" in (Preflight(fake_core.methods(), _files(tmp_path)).refusal(trial) or ("", ""))[1]
    assert Preflight(thrifty, _files(tmp_path)).refusal(trial) is None


@pytest.mark.parametrize(
    ("workload", "regions"), [("swap", 1), ("permute", 1), ("limit", 1), ("move", 2), ("grow", 12)]
)
def test_a_workload_counts_all_regions_it_keeps(workload: str, regions: int) -> None:
    """A move needs room to move to, growing needs one round's blocks."""
    trial = make_trial(workload=workload, iterations=100, rounds=10)

    assert memory_need(trial).region_bytes == regions * trial.region_size


def test_pages_that_a_child_shares_may_be_there_twice() -> None:
    """Who writes to one gets a copy, and the child keeps the old one."""
    trial = make_trial("good", workload="move", pages="forked", **_QUESTION)

    assert memory_need(trial).region_bytes == 4 * trial.region_size


def test_what_readers_read_that_nobody_moves_is_memory_of_the_trial() -> None:
    """As much as the region; what is of the pool of huge pages takes no other memory."""
    beside = {"neighbours": "reading", "reads": "resting", "region_size": 1 << 30}

    assert memory_need(make_trial(**beside)).region_bytes == 2 << 30
    assert memory_need(make_trial(**{**beside, "reads": "moving"})).region_bytes == 1 << 30
    assert memory_need(make_trial(**beside), is_reserved=True).region_bytes == 0


def test_a_region_larger_than_the_memory_is_skipped_with_the_numbers(tmp_path: Path) -> None:
    """The reason has each part, what is there, and what to do."""
    refusal = _refusal(_files(tmp_path), region_size=4 * _GIB)

    reason = (
        "needs 4,179 MiB (4,096 MiB region, 2 MiB scratch, 1 MiB schedule, 16 MiB model, 64 MiB spare), "
        "4,096 MiB are available on this host; use a smaller region_size or fewer iterations, or free memory"
    )
    assert refusal == (job.SKIPPED, reason)


@pytest.mark.parametrize(
    ("workload", "cure"),
    [
        ("replay", "use a smaller page_size, fewer threads or a trace of fewer slots, or free memory"),
        ("compact", "use a smaller region_size, or free memory"),
    ],
)
def test_the_cure_for_a_region_that_is_too_large_is_one_that_the_workload_has(
    tmp_path: Path, workload: str, cure: str
) -> None:
    """The region of a trace is what its slots take, and nobody writes it."""
    methods = [{**method, "workloads": [workload]} for method in fake_core.methods()]
    trial = make_trial("good", workload=workload, region_size=4 * _GIB)
    status, reason = Preflight(methods, _files(tmp_path)).refusal(trial) or ("", "")

    assert status == job.SKIPPED
    assert reason.endswith(cure)


def test_a_schedule_larger_than_the_memory_is_skipped(tmp_path: Path) -> None:
    """10**18 iterations are a number like any other."""
    refusal = _refusal(_files(tmp_path), iterations=10**18)

    assert refusal
    assert refusal[0] == job.SKIPPED
    assert Preflight([], _files(tmp_path)).address_space_cap(make_trial(iterations=10**18 * 10)) == (1 << 63) - 1


@pytest.mark.parametrize(
    ("mount", "group", "folder"),
    [
        ("1 2 0:3 / /cg rw - cgroup cgroup rw,memory", "4:memory:/a/b", "/cg/a/b"),
        ("1 2 0:3 / /cg rw - cgroup cgroup rw,memory", "4:memory:/a/b", "/cg/a"),
        ("1 2 0:3 /a/b /cg rw - cgroup cgroup rw,memory", "4:memory:/a/b", "/cg"),
        ("1 2 0:3 / /cg rw - cgroup cgroup rw,memory", "4:memory:/../x", "/cg"),
        ("1 2 0:3 / /cg rw shared:4 - cgroup2 cgroup2 rw", "0::/a/b", "/cg/a/b"),
        ("1 2 0:3 / /cg rw shared:4 - cgroup2 cgroup2 rw", "0::/a/b", "/cg/a"),
    ],
)
def test_the_control_groups_limit_counts_on_both_versions_up_to_the_mount(
    tmp_path: Path, mount: str, group: str, folder: str
) -> None:
    """A limit of the group or of any ancestor skips the trial; droppable page cache is not in use."""
    second = "cgroup2" in mount
    name = folder.replace("/", "__").removeprefix("__")
    files = {
        "proc__self__mountinfo": mount,
        "proc__self__cgroup": group,
        f"{name}__{'memory.max' if second else 'memory.limit_in_bytes'}": str(512 << 20),
        f"{name}__{'memory.current' if second else 'memory.usage_in_bytes'}": str(400 << 20),
        f"{name}__memory.stat": f"{'inactive_file' if second else 'total_inactive_file'} {200 << 20}",
    }
    host = _files(tmp_path, **files)

    assert _refusal(host, region_size=128 << 20) is None
    refusal = _refusal(host, region_size=256 << 20)
    assert refusal
    assert f"312 MiB are left in the control group {folder};" in refusal[1]


@pytest.mark.parametrize("limit", ["max", "9223372036854771712"])
def test_a_group_without_limit_refuses_nothing(tmp_path: Path, limit: str) -> None:
    """Both versions' word for "no limit" is understood."""
    files = {
        "proc__self__mountinfo": "1 2 0:3 / /cg rw - cgroup2 cgroup2 rw\n1 2 0:3 / /cg rw - cgroup cgroup rw,memory",
        "proc__self__cgroup": "0::/\n4:memory:/",
        "cg__memory.max": limit,
        "cg__memory.current": str(1 << 40),
        "cg__memory.limit_in_bytes": limit,
        "cg__memory.usage_in_bytes": str(1 << 40),
    }

    assert _refusal(_files(tmp_path, **files)) is None


def test_strict_overcommit_bounds_a_trial_too(tmp_path: Path) -> None:
    """With vm.overcommit_memory=2 it is the commit limit that mmap meets."""
    meminfo = "MemAvailable: 4194304 kB\nCommitLimit: 1048576 kB\nCommitted_AS: 1000000 kB\n"
    files = {"proc__meminfo": meminfo, "proc__sys__vm__overcommit_memory": "2"}

    refusal = _refusal(_files(tmp_path, **files), region_size=64 << 20)

    assert refusal
    assert "47 MiB may still be committed" in refusal[1]


def test_an_inherited_address_limit_bounds_a_trial_too(tmp_path: Path) -> None:
    """`ulimit -v` of the user's shell holds for the trial."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (32 * _GIB, before[1]))
    try:
        host = _files(tmp_path, proc__meminfo="MemAvailable: 99999999 kB\n")
        refusal = _refusal(host, region_size=40 * _GIB)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)

    assert refusal
    assert "of addresses are left (ulimit -v)" in refusal[1]


def test_no_cap_is_set_under_a_sanitizer(tmp_path: Path) -> None:
    """A process that has reserved 20 TiB of shadow cannot be capped near what a trial needs."""
    files = _files(tmp_path, proc__self__statm=f"{20 << 28} 1 1")

    assert Preflight([], files).address_space_cap(make_trial()) is None


def test_the_real_host_has_mappings_and_memory_to_count() -> None:
    """The files named here are the kernel's."""
    files = HostFiles()

    assert Preflight([], files).base_mappings > 10
    assert files.table("/proc/meminfo")["MemAvailable"] > 0
    cap = Preflight([], files).address_space_cap(make_trial())
    assert cap is None or cap > 256 << 20


def test_a_pool_of_gigantic_pages_takes_addresses_by_the_gigantic_page(tmp_path: Path) -> None:
    """Region and scratch begin at a border of such a page, wherever the kernel finds room."""
    files = _files(tmp_path)
    trial = make_trial(page_size=4096, region_size=1 << 30)
    small, large = (
        Preflight([], files, reserved_page_bytes={trial.backing: size}).address_space_cap(trial) or 0
        for size in (2 << 20, 1 << 30)
    )

    assert large - small == 5 * ((1 << 30) - (2 << 20))


def test_a_region_at_a_gigantic_border_takes_addresses_by_the_gigantic_page(tmp_path: Path) -> None:
    """Whatever its pages are."""
    plain, at_border = (
        Preflight([], _files(tmp_path)).address_space_cap(make_trial(alignment=alignment)) or 0
        for alignment in ("2MiB", "1GiB")
    )

    assert at_border - plain == 5 * ((1 << 30) - (2 << 20))


_THP = "sys__kernel__mm__transparent_hugepage__"
_OF_64K = f"{_THP}hugepages-64kB__enabled"


@pytest.mark.parametrize(
    ("word", "inherited", "is_given"),
    [
        ("never", "always", False),
        ("madvise", "never", True),
        ("always", "never", True),
        ("inherit", "madvise", True),
        ("inherit", "never", False),
    ],
)
def test_a_size_of_folios_must_be_given_to_who_asks(tmp_path: Path, word: str, inherited: str, is_given: bool) -> None:
    """Its own setting counts, or the one for all where it says so."""
    files = _files(tmp_path, **{_OF_64K: f"[{word}]\n", f"{_THP}enabled": f"[{inherited}]\n"})
    trial = make_trial("good", backing="mthp_64k")
    preflight = Preflight(_on_any_backing(), files, folio_bytes={"mthp_64k": 64 << 10})
    setting = "/sys/kernel/mm/transparent_hugepage/hugepages-64kB/enabled"
    reason = f"{setting} is '{word}'; run with --tune as root, or: echo madvise > {setting}"

    assert preflight.refusal(trial) == (None if is_given else (job.UNAVAILABLE, reason))
    assert preflight.settings_wanted((trial,)) == ({} if is_given else {setting: "madvise"})
    preflight.will_tune = True
    assert preflight.refusal(trial) is None


@pytest.mark.parametrize(
    ("word", "region_size", "is_given"),
    [
        ("never", 4 << 20, False),
        ("madvise", 4 << 20, True),
        ("always", 4 << 20, True),
        ("never", 1 << 20, True),
    ],
)
def test_huge_pages_must_be_given_to_who_asks(tmp_path: Path, word: str, region_size: int, is_given: bool) -> None:
    """A region that has room for one asks."""
    files = _files(tmp_path, **{f"{_THP}enabled": f"[{word}]\n"})
    trial = make_trial("good", backing="thp", region_size=region_size)
    preflight = Preflight(_on_any_backing(), files)
    setting = "/sys/kernel/mm/transparent_hugepage/enabled"
    reason = f"{setting} is 'never'; run with --tune as root, or: echo madvise > {setting}"

    assert preflight.refusal(trial) == (None if is_given else (job.UNAVAILABLE, reason))
    assert preflight.settings_wanted((trial,)) == ({} if is_given else {setting: "madvise"})
    preflight.tune_problems = {setting: "cannot be set to madvise: Read-only file system"}
    assert is_given or "; cannot be set to madvise: Read-only" in (preflight.refusal(trial) or ("", ""))[1]
    preflight.will_tune = True
    assert preflight.refusal(trial) is None


def test_a_kernel_without_a_size_is_told_so(tmp_path: Path) -> None:
    """No setting would help."""
    files = _files(tmp_path, **{f"{_THP}enabled": "[madvise]\n"})
    preflight = Preflight(_on_any_backing(), files, folio_bytes={"mthp_64k": 64 << 10}, will_tune=True)
    status, reason = preflight.refusal(make_trial("good", backing="mthp_64k")) or ("", "")

    assert (status, reason) == (
        "unavailable",
        "this kernel has no large folios of 64 KiB (mTHP); use Linux 6.8 or newer",
    )
    assert preflight.settings_wanted((make_trial("good", backing="mthp_64k"),)) == {}


def _on_any_backing() -> list[dict[str, Any]]:
    return [{**method, "backings": []} for method in fake_core.methods()]
