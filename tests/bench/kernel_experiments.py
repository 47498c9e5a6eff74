"""The small experiments of the kernels' lab, which show what each kernel does: every method, all workloads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pageswap import native

if TYPE_CHECKING:
    from pathlib import Path

# A timeout is pageswap's own, since it must do on slow machines, too.
HEAD: Final = """
name: kernels_{name}
question: What does this kernel do?
workload: {workload}
method: [{methods}]
baseline: {{method: {baseline}}}
repeats: 1
warmups: 0
"""
# Rounds that find a page moved twice, batches that meet others' pages, and runs that overlap their places.
TRACE: Final = "0,64,8\n8,80,1\n\n16,17,4\n9,90,1\n\n64,0,8\n80,8,1\n"
# By name: the workload, and the other factors. Every method of the workload does each, on every host.
EVERYWHERE: Final = {
    "swap": (
        "swap",
        """
page_size: 4KiB
region_size: 4MiB
iterations: 64
rounds: 2
touch: moved
backing: [private_anon, memfd, thp, thp_off, mthp_64k]
""",
    ),
    "permute": (
        "permute",
        """
page_size: 4KiB
region_size: 2MiB
iterations: 256
rounds: 2
touch: moved
batch: [16, round]
backing: [private_anon, memfd, thp]
""",
    ),
    "move": (
        "move",
        """
page_size: 4KiB
region_size: 1MiB
iterations: 128
rounds: 2
touch: moved
release: [kept, both]
pages: [present, fresh, forked, mlocked]
""",
    ),
    "grow": ("grow", "region_size: [128KiB, 4MiB]\niterations: 4\nrounds: 2\ntouch: [moved, new]\n"),
    "decommit": (
        "decommit",
        """
page_size: 4KiB
region_size: 2MiB
iterations: 16
rounds: 2
run_pages: [1, 16]
touch: [none, moved]
""",
    ),
    "migrate": (
        "migrate",
        """
page_size: 4KiB
region_size: 2MiB
iterations: 16
rounds: 2
run_pages: [1, 16]
numa: [local, remote]
backing: thp_off
""",
    ),
    "call": ("call", "iterations: 200\n"),
    "limit": ("limit", "page_size: 4KiB\nregion_size: 2MiB\niterations: 256\nrounds: 2\n"),
}
# What some hosts do, as their `experiments` say.
SOME: Final = {
    "files": (
        "swap",
        """
page_size: 4KiB
region_size: 4MiB
iterations: 64
rounds: 2
touch: moved
backing: [shared_anon, file]
""",
    ),
    "huge": (
        "swap",
        """
page_size: 2MiB
region_size: 16MiB
iterations: 8
rounds: 2
touch: moved
backing: [private_anon, memfd, thp, hugetlb_2m]
""",
    ),
    "beside": (
        "swap",
        """
page_size: 4KiB
region_size: 1MiB
iterations: 64
rounds: 2
touch: moved
neighbours: [spinning, reading]
""",
    ),
    "served": (
        "move",
        """
page_size: 4KiB
region_size: 1MiB
iterations: 64
rounds: 2
touch: moved
neighbours: reading
reads: [missing, resting]
""",
    ),
    "compact": (
        "compact",
        """
page_size: 4KiB
region_size: 2MiB
run_pages: 8
occupancy: [25%, 75%]
release: [kept, source]
touch: moved
""",
    ),
    "replay": ("replay", "page_size: 4KiB\ntrace: moves.csv\nrelease: [kept, both]\ntouch: moved\n"),
    "too_large": (
        "swap",
        """
page_size: 4KiB
region_size: [32MiB, 64MiB, 96MiB, 128MiB, 192MiB, 16GiB]
iterations: 64
rounds: 2
touch: moved
backing: [private_anon, memfd]
""",
    ),
}
# Of these, what shows a kernel more than a condition.
BY_KERNEL: Final = ("files", "huge", "beside", "served", "compact", "replay")
# Large regions take long here: one method of each kind.
_LARGE: Final = ("too_large",)
_OF_EACH_KIND: Final = {"memcpy", "exchange_sse2", "mremap_fixed", "uffd_move", "memfd_map_fixed"}

NAMES: Final = (*EVERYWHERE, *SOME)


def write(folder: Path) -> None:
    """Write all of them into a folder, a file each, and the trace that one plays."""
    (folder / "moves.csv").write_text(TRACE)
    for name, (workload, factors) in {**EVERYWHERE, **SOME}.items():
        methods = [method.name for method in native.methods() if workload in method.workloads]
        methods = [method for method in methods if name not in _LARGE or method in _OF_EACH_KIND]
        head = HEAD.format(name=name, workload=workload, methods=", ".join(methods), baseline=methods[0])
        (folder / f"{name}.yaml").write_text(head + factors)
