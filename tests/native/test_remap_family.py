"""The remap and window families against a hostile kernel: calls missing, refused, short, or failing half-way."""

from __future__ import annotations

import ctypes
import dataclasses
import errno
import itertools
import mmap
import os
import pathlib
import re
from typing import Any

import child
import pytest
from faulty import run_faulty
from refusing import IOCTL, in_child, libc, refuse
from requirement import require

from pageswap import native
from pageswap.errors import CoreError, MethodUnavailableError

METHODS = child.METHODS
VMSTAT = pathlib.Path("/proc/vmstat")

# x86-64 numbers of system calls, and two requests of ioctl.
USERFAULTFD, MREMAP, MODIFY_LDT, REMAP_FILE_PAGES, MEMFD_CREATE = 323, 25, 154, 216, 319
PIDFD_OPEN, PROCESS_MADVISE = 434, 440
UNAME26 = 0x20000  # of personality(2)
UFFDIO_API, UFFDIO_MOVE, UFFDIO_COPY = 0xC018AA3F, 0xC028AA05, 0xC028AA03


UFFD = ("uffd_move", "uffd_copy")
ADVISING = ("memcpy_process_madvise", "process_madvise")
REFUSALS = {
    "no userfaultfd": (UFFD, (USERFAULTFD, errno.ENOSYS), r"userfaultfd: .*CONFIG_USERFAULTFD"),
    "userfaultfd forbidden": (UFFD, (USERFAULTFD, errno.EPERM), r"userfaultfd: .*seccomp profile"),
    "a kernel before 5.11": (UFFD, (USERFAULTFD, errno.EINVAL), r"userfaultfd: .*(Linux 6\.8|older than 5\.11)"),
    "no feature bit": (UFFD, (IOCTL, errno.EINVAL, UFFDIO_API), r"UFFDIO_API.*(Linux 6\.8|allows this ioctl)"),
    "the copy itself refused": (("uffd_copy",), (IOCTL, errno.EINVAL, UFFDIO_COPY), r"UFFDIO_COPY.*allows this ioctl"),
    "no process_madvise": (ADVISING, (PROCESS_MADVISE, errno.ENOSYS), r"process_madvise: .*Linux 6\.13"),
    "a kernel before 6.13": (ADVISING, (PROCESS_MADVISE, errno.EINVAL), r"process_madvise: .*Linux 6\.13"),
    "no pidfd": (ADVISING, (PIDFD_OPEN, errno.EPERM), r"pidfd_open: .*seccomp profile"),
    "a kernel before 5.7": (
        ("mremap_multi", "mremap_dontunmap"),
        (MREMAP, errno.EINVAL),
        r"mremap.*Linux (6\.17|5\.7)",
    ),
    "the move itself refused": (("uffd_move",), (IOCTL, errno.EINVAL, UFFDIO_MOVE), r"UFFDIO_MOVE.*Linux 6\.8"),
    "no modify_ldt": (("ldt_window",), (MODIFY_LDT, errno.ENOSYS), r"modify_ldt: .*CONFIG_MODIFY_LDT_SYSCALL"),
    "no remap_file_pages": (
        ("remap_file_pages",),
        (REMAP_FILE_PAGES, errno.ENOSYS),
        r"remap_file_pages: .*memfd_map_populate",
    ),
    "no memfd": (
        ("memfd_map_fixed", "memfd_map_populate"),
        (MEMFD_CREATE, errno.ENOSYS),
        r"memfd_create: .*Linux 3\.17",
    ),
}


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_call_that_the_kernel_refuses_makes_its_methods_unavailable_with_the_cure(refusal: str) -> None:
    """A probe tries the real call, so a filter shows as well as an old kernel; every other method is as it was."""
    lost, call, reason = REFUSALS[refusal]

    def listed() -> list[dict[str, Any]]:
        refuse(*call)
        return [dataclasses.asdict(method) for method in native.methods()]

    for method in in_child(listed):
        if method["name"] in lost:
            assert not method["available"]
            assert re.search(reason, method["reason"]), method["reason"]
            assert len(method["reason"]) < 200, "a longer one may have been cut"
        else:
            assert method["available"] == METHODS[method["name"]].available, method["reason"]


def test_a_userfaultfd_that_an_old_kernel_forbids_is_told_as_too_old() -> None:
    """Before 5.11 a sysctl forbids it (EPERM) before the kernel sees that it does not know what is asked for."""

    def reasons() -> list[str]:
        assert libc.personality(UNAME26) >= 0  # the release is 2.6.something from now on
        refuse(USERFAULTFD, errno.EPERM)
        return [method.reason for method in native.methods() if method.name in UFFD]

    found = in_child(reasons)

    assert len(found) == len(UFFD)
    assert all("userfaultfd: Operation not permitted: the kernel is older than 5.11; " in reason for reason in found)


def test_a_trial_of_an_unavailable_method_says_why_and_others_still_run() -> None:
    """Asked for by name, a method is never replaced by another one."""

    def run() -> list[Any]:
        refuse(IOCTL, errno.EINVAL, UFFDIO_MOVE)
        try:
            native.run_trial(child.params("uffd_move"))
        except MethodUnavailableError as error:
            return [str(error), native.run_trial(child.params("memcpy")).verified]
        return []

    reason, verified = in_child(run)

    assert "UFFDIO_MOVE" in reason
    assert verified


@pytest.mark.parametrize("workload", ["swap", "permute", "move"])
@pytest.mark.parametrize("how", [errno.EAGAIN, "short", "unnoticed"])
def test_moves_that_are_put_off_or_fall_short_are_continued(shim: pathlib.Path, workload: str, how: object) -> None:
    """UFFDIO_MOVE may do nothing, a part, or (Linux 6.18) more than it says, for reasons that pass: so go on."""
    child.available("uffd_move")
    trial = child.params("uffd_move", workload=workload, page_bytes=64 * child.KIB, region_bytes=4 * child.MIB)
    answer = run_faulty(shim, trial, call="move", how=how, every=3)

    assert answer["verified"], answer["reason"]
    assert answer["faults"] > 20
    counters = answer["counters"]
    assert bool(counters["move_retries"]) == (how != "unnoticed")
    assert bool(counters["move_refusals"]) == (how == "unnoticed")


@pytest.mark.parametrize("name", ["EBUSY", "EAGAIN", "ENOENT"])
def test_a_move_that_fails_for_good_fails_the_trial_with_the_name_of_its_errno(shim: pathlib.Path, name: str) -> None:
    """Also EAGAIN, when it does not pass: a hang until the deadline would hide the cause."""
    child.available("uffd_move")
    trial = child.params("uffd_move")
    answer = run_faulty(shim, trial, call="move", how=getattr(errno, name), **{"from": 50})

    assert answer["call"] == "ioctl(UFFDIO_MOVE)"
    assert answer["name"] == name


BATCHES = [("uffd_move", "move"), ("mremap_fixed", "mremap"), ("mremap_multi", "mremap")]


# `move` scatters its 64 pages before the batch; a failure there is one of the set-up.
@pytest.mark.parametrize(
    ("workload", "begin"),
    [("permute", 2), ("permute", 7), *((w, n) for w in ("permute", "move") for n in range(90, 96))],
)
@pytest.mark.parametrize(("method", "call"), BATCHES)
def test_a_batch_that_fails_half_way_loses_no_page(
    shim: pathlib.Path, method: str, call: str, workload: str, begin: int
) -> None:
    """Whichever move it is: every page is readable at its old or at its new place, and the error has a name."""
    child.available(method)
    trial = child.params(method, workload=workload)
    answer = run_faulty(shim, trial, call=call, how=errno.ENOMEM, **{"from": begin})

    assert answer["name"] == "ENOMEM"
    assert "every page is at its old or its new place" in answer["text"]


def test_a_run_of_pages_of_which_a_part_moved_is_brought_back(shim: pathlib.Path) -> None:
    """A short move and then a failure: the part that went must not stay behind at the new place."""
    child.available("uffd_move")
    trial = child.params("uffd_move", workload="permute", page_bytes=64 * child.KIB, region_bytes=4 * child.MIB)
    for begin in range(30, 40):
        short = run_faulty(shim, trial, call="move", how="short", every=2)
        failed = run_faulty(shim, trial, call="move", how=errno.EBUSY, **{"from": begin})

        assert short["verified"], short["reason"]
        assert "every page is at its old or its new place" in failed["text"]


@pytest.mark.parametrize("method", ["mremap_fixed", "mremap_multi"])
def test_a_batch_that_exhausts_the_mappings_loses_no_page(method: str) -> None:
    """The real limit: mremap refuses near vm.max_map_count, and would refuse to move back for the same reason."""
    child.available(method)
    limit = int(pathlib.Path("/proc/sys/vm/max_map_count").read_text(encoding="ascii"))
    require("max_map_count", limit <= 1 << 18, f"vm.max_map_count is {limit}: too many mappings to make in a test")

    def run() -> str:
        # After all other tests this process has a thousand mappings and more; 500 are left for the method.
        filling = limit - pathlib.Path("/proc/self/maps").read_text(encoding="utf-8").count("\n") - 500
        filler = mmap.mmap(-1, filling * 4096)
        base = ctypes.addressof(ctypes.c_char.from_buffer(filler))
        libc.mprotect.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
        for page in range(0, filling - 1, 2):
            assert libc.mprotect(base + page * 4096, 4096, 0) == 0
        try:
            native.run_trial(child.params(method, workload="permute", region_bytes=4 * child.MIB, iterations=3000))
        except CoreError as error:
            return f"{error.call} {error.errno_name} {error}"
        return "it did not fail"

    text = in_child(run)

    assert text.startswith("mremap ENOMEM")
    assert "every page is at its old or its new place" in text


def splits() -> int:
    """Count the huge pages and huge mappings that the kernel has split since it started."""
    lines = (line.split() for line in VMSTAT.read_text(encoding="ascii").splitlines())
    return sum(int(count) for name, count in lines if name in ("thp_split_page", "thp_split_pmd"))


@pytest.mark.parametrize("workload", ["swap", "permute", "move"])
def test_uffd_move_moves_huge_pages_whole(workload: str) -> None:
    """Else it would be forty times slower, and silently: neither page nor mapping of it may be split."""
    child.available("uffd_move")
    trial = child.params(
        "uffd_move", workload=workload, backing="thp", page_bytes=2 * child.MIB, region_bytes=32 * child.MIB
    )
    new_splits = []
    for _ in range(3):  # other processes may split huge pages of theirs meanwhile
        before = splits()
        try:
            result = child.run(trial)
        except MethodUnavailableError as error:
            require("thp", present=False, reason=str(error))
            return
        new_splits.append(splits() - before)
        assert result.verified, result.reason

    assert min(new_splits) == 0


def test_uffd_move_takes_pages_out_of_huge_ones() -> None:
    """Pages smaller than the huge page they lie in: the kernel splits it, and every part must be where it belongs."""
    child.available("uffd_move")
    trial = child.params("uffd_move", backing="thp", page_bytes=4096, region_bytes=8 * child.MIB, iterations=6000)
    try:
        result = child.run(trial)
    except MethodUnavailableError as error:
        require("thp", present=False, reason=str(error))
    else:
        assert result.verified, result.reason


def test_ldt_window_is_verified_through_the_window(shim: pathlib.Path) -> None:
    """Descriptors that are silently not written must show: else the pages would be read past the windows."""
    child.available("ldt_window")
    trial = child.params("ldt_window", touch="moved")
    answer = run_faulty(shim, trial, call="ldt", how="ignore", every=1, **{"from": 200})

    assert answer["faults"] > 0
    assert not answer["verified"]


def test_ldt_window_reports_a_failure_that_the_kernel_returns_as_an_unsigned_int(shim: pathlib.Path) -> None:
    """modify_ldt's int is not widened: taken for a long it is a success."""
    child.available("ldt_window")
    answer = run_faulty(shim, child.params("ldt_window"), call="ldt", how=errno.ENOMEM, **{"from": 200})

    assert (answer["call"], answer["name"]) == ("modify_ldt", "ENOMEM")


def test_an_ldt_that_nobody_wrote_reads_as_nothing() -> None:
    """Why modify_ldt(0) gives 0 bytes: there is no table until the first descriptor is written."""
    child.available("ldt_window")

    def run() -> list[int]:
        table = ctypes.create_string_buffer(65536)
        before = libc.syscall(MODIFY_LDT, 0, table, len(table))
        native.run_trial(child.params("ldt_window", iterations=3))
        return [before, libc.syscall(MODIFY_LDT, 0, table, len(table)), len(table.raw.strip(b"\0"))]

    before, after, left = in_child(run)

    assert before == 0
    assert after > 0
    assert left == 0, "every descriptor is cleared at the end"


@pytest.mark.parametrize(
    "changes",
    [
        {"page_bytes": 8192, "region_bytes": 1 << 20},
        {"region_bytes": 64 * child.MIB},
        {"region_bytes": 4096 * child.MIB, "backing": "memfd"},
    ],
)
def test_ldt_window_refuses_what_8192_windows_below_4_gib_cannot_show(changes: dict[str, Any]) -> None:
    """Other page sizes, more pages than descriptors, more memory than there are addresses."""
    child.available("ldt_window")
    with pytest.raises(MethodUnavailableError, match=r"region_size"):
        child.run(child.params("ldt_window", **changes))


def test_ldt_window_fills_the_whole_table() -> None:
    """8,192 windows are the most; the last one must work as the first does."""
    child.available("ldt_window")
    pairs = ((0, 8191), (8191, 1), (4095, 4096), (8190, 8191))
    result = child.run(child.params("ldt_window", region_bytes=32 * child.MIB, pairs=pairs, touch="moved"))

    assert result.verified, result.reason


def test_probes_and_trials_leave_no_descriptor_and_no_mapping_behind() -> None:
    """The agent probes in its own process, and a campaign runs thousands of trials.

    What is left behind is left each time; Python maps more memory for itself now and then.
    """

    def count() -> list[int]:
        maps = pathlib.Path("/proc/self/maps").read_text(encoding="utf-8")
        if "libasan" in maps:
            maps = ""  # the sanitizer keeps what was freed, so mappings of its own come and go
        # A sanitizer's allocator maps memory of its own as it goes.
        mappings = 0 if os.environ.get("PAGESWAP_SANITIZED") else maps.count("\n")
        return [len(list(pathlib.Path("/proc/self/fd").iterdir())), mappings]

    def run() -> list[list[int]]:
        counts = []
        for _ in range(4):
            native.methods()
            for method in METHODS.values():
                if method.family in ("remap", "window") and method.available and "swap" in method.workloads:
                    native.run_trial(child.params(method.name, backing=method.backings[0]))
                if method.workloads == ("move",) and method.available:
                    native.run_trial(child.params(method.name, workload="move", release="both"))
            counts.append(count())
        return counts

    _, *counts = in_child(run)

    assert any(before == after for before, after in itertools.pairwise(counts)), counts
