"""What is known of Linux, from its releases, of the machines of the kernels' lab: what they must have and what not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from tests.bench.kernels_page import STATUSES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.bench.kernel_hosts import KernelHost
    from tests.bench.kernels_page import Seen

# The release of Linux that brought what a method calls, and for the module: that it is written for.
SINCE: Final = {
    "mremap_dontunmap": (5, 7),
    "uffd_copy": (5, 11),
    "module_swap": (5, 13),
    "mremap_populate": (5, 14),
    "uffd_move": (6, 8),
    "memcpy_process_madvise": (6, 13),
    "process_madvise": (6, 13),
    "mremap_multi": (6, 17),
}
# What the CPU must have, by the end of a method's name.
FLAGS: Final = {"_avx2": "avx2", "_avx512": "avx512f"}
TWO_NODES: Final = ("move_pages", "copy_to_node")
IN_A_GUEST: Final = "guest_pte"
LOCKED_DOWN: Final = "lockdown"
# Why else a trial is refused here: what no host can do, or none of these.
REFUSALS: Final = (
    r" does not work on ",
    r"^a local descriptor table has [\d,]+ windows; ",
    r"^while it moves a page there is nothing at its place, and a thread that reads there dies \(SIGSEGV\)",
    r"^nobody tells it that a thread waits for a page that has not come",
    r"^the kernel refuses fresh pages: ioctl\(UFFDIO_(COPY\): Bad address|MOVE\): No such file or directory): ",
    r"^the kernel refuses forked pages: ioctl\(UFFDIO_MOVE\): Device or resource busy: ",
    r"^the kernel refuses mlocked pages: (madvise\(MADV_DONTNEED\)|process_madvise|ioctl\(UFFDIO_MOVE\)): Invalid arg",
    r"^this CPU has no nonstop_tsc; ",
    r"/hugepages-64kB/enabled is 'never'; run with --tune as root",
    r"^needs \d+ free huge pages of 2048 KiB; as root: ",
)
# The same before a release of Linux.
OLD_REFUSALS: Final = {
    r"^this kernel has no large folios of 64 KiB \(mTHP\); use Linux 6\.8 or newer": (6, 8),
    r"^locking \d+ MiB: Cannot allocate memory; raise the limit": (5, 16),
}
_SKIPPED: Final = re.compile(r"needs [\d,]+ MiB .*; use a smaller region_size")


def version(release: str) -> tuple[int, int]:
    """Return the numbers that a kernel's release begins with."""
    major, minor = re.findall(r"\d+", release)[:2]
    return int(major), int(minor)


def lacks(method: str, host: KernelHost, seen: Seen) -> str:
    """Say what a host is known to lack of what a method needs, "" when it must have it."""
    since = SINCE.get(method, (0, 0))
    if version(seen.kernel) < since:
        return f"Linux {since[0]}.{since[1]}"
    if method == "module_swap" and LOCKED_DOWN in host.line:
        return "the module"
    if method == IN_A_GUEST:
        return "KVM, which none of these kernels is given"
    if method in TWO_NODES and len(host.nodes_mib) == 1:
        return "two nodes"
    flag = next((flag for end, flag in FLAGS.items() if method.endswith(end)), "")
    return flag if flag and flag not in seen.flags else ""


def wrong_methods(host: KernelHost, seen: Seen) -> Iterator[str]:
    """Name the methods whose availability is not what is known of that kernel."""
    for name, method in seen.methods.items():
        lacked = lacks(name, host, seen)
        if method["available"] == bool(lacked):
            yield f"{name} is {'available without ' + lacked if lacked else 'unavailable: ' + method['reason']}"


def wrong_checks(host: KernelHost, checks: list[dict[str, Any]]) -> Iterator[str]:
    """Name what doctor does not tell of what a host is known to be."""
    found = {check["check"]: check for check in checks}
    for name, status, words in host.told:
        check = found[name]
        if check["status"] != status or words not in check["found"]:
            yield f"doctor's {name} is {check}, not {status}: {words}"
    for check in checks:
        if (check["status"] == "ok") != (not check["cure"]):
            yield f"doctor's {check} has a cure for nothing, or none"


def wrong_ending(row: dict[str, Any], host: KernelHost, seen: Seen) -> str:
    """Say what is wrong with how a trial ended, "" for nothing."""
    method, said = seen.methods[row["method"]], f"{row['status']}: {row['reason']}"
    if row["status"] not in STATUSES:
        return said
    if not method["available"]:
        is_so = (row["status"], row["reason"]) == ("unavailable", method["reason"])
        return "" if is_so else f"{said}, but 'methods' said: {method['reason']}"
    if row["status"] == "ok" or any(re.search(words, row["reason"]) for words in _refusals(host, seen)):
        return ""
    return "" if row["status"] == "skipped" and _SKIPPED.match(row["reason"]) else said


def _refusals(host: KernelHost, seen: Seen) -> Iterator[str]:
    yield from (*REFUSALS, *host.refusals)
    yield from (words for words, release in OLD_REFUSALS.items() if version(seen.kernel) < release)
