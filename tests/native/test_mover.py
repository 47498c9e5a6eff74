"""The mover against a model: random calls on every kind of memory, by every way that it has."""

from __future__ import annotations

import array
import ctypes
import errno
import mmap
import os
import random
import re
import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import child
import fuzz
import mover_model
import pytest
from refusing import IOCTL, in_child, refuse
from requirement import require

from pageswap.mover import Flag, MoverError, Region

if TYPE_CHECKING:
    from collections.abc import Callable

PAGE = 4096
# How the kernel can move pages, as the profiles prefer it.
PREFERRED = ("uffd_move", "mremap_dontunmap")
# x86-64 numbers of what kernels, filters and security modules refuse.
MREMAP = 25
USERFAULTFD = 323
CLONE_NEWPID = 0x20000000
UFFDIO_API = 0xC018AA3F
UFFDIO_MOVE = 0xC028AA05


@pytest.mark.parametrize("slot_bytes", [PAGE, 3 * PAGE, 64 << 10])
@pytest.mark.parametrize("kind", [*mover_model.KINDS, "unaligned"])
def test_any_calls_leave_what_the_model_says(kind: str, slot_bytes: int) -> None:
    """By what the built-in profile chooses."""
    for seed in range(fuzz.examples(10 if slot_bytes == PAGE else 5)):
        assert not mover_model.play(seed, kind, slot_bytes)
        fuzz.VERIFIED["sequences"] += 1


@pytest.mark.parametrize(
    ("features", "swaps", "permutes"),
    [("-avx512f", "exchange_prefetch_avx2", "permute_avx2"), ("-avx512f,-avx2", "exchange_sse2", "memcpy")],
)
def test_a_lesser_cpu_does_it_with_other_registers(
    features: str, swaps: str, permutes: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the widest that it has."""
    child.available(swaps)
    monkeypatch.setenv("PAGESWAP_CPU_FEATURES", features)
    for seed in range(fuzz.examples(10)):
        assert not mover_model.play(seed, "private_anon", PAGE, flags=Flag.COPY_ONLY)
    with mover_model.memory("private_anon", 1 << 20) as view, Region(view, PAGE) as region:
        assert region.explain("swap").way == swaps
        assert region.explain("permute", n=256).way == permutes


@pytest.mark.parametrize("slot_bytes", [PAGE, 64 << 10, 2 << 20])
@pytest.mark.parametrize("way", PREFERRED)
@pytest.mark.parametrize("kind", ["private_anon", "thp"])
def test_what_the_kernel_moves_is_as_what_is_copied(
    kind: str, way: str, slot_bytes: int, mover_profiles: dict[str, Path]
) -> None:
    """On small pages and on huge ones, which are moved whole or not at all."""
    for seed in range(fuzz.examples({PAGE: 10, mover_model.HUGE: 2}.get(slot_bytes, 5))):
        assert not mover_model.play(seed, kind, slot_bytes, profile=mover_profiles[way], flags=Flag.SINGLE_THREADED)
        fuzz.VERIFIED["sequences"] += 1


@pytest.mark.parametrize("way", PREFERRED)
def test_the_preferred_way_is_the_one_that_is_taken(way: str, mover_profiles: dict[str, Path]) -> None:
    """Else the tests beside this one would test nothing; and each flag that forbids it does."""
    with mover_model.memory("private_anon", 1 << 20) as view:
        with Region(view, PAGE, profile=mover_profiles[way]) as region:
            told = region.explain("swap")
            assert told.way == told.remap
            if told.remap == "unavailable":
                pytest.skip(f"this kernel has no {way}")
            assert told.way == way
        for flag in (Flag.COPY_ONLY, Flag.SHARED_LATER):
            with Region(view, PAGE, profile=mover_profiles[way], flags=flag) as region:
                assert region.explain("swap").remap == str(flag.name).lower()
        with Region(view, PAGE, profile=mover_profiles["mremap_dontunmap"], flags=Flag.KEEP_MAPPINGS) as region:
            assert region.explain("swap").remap != "mremap_dontunmap"


@pytest.mark.parametrize(
    ("refused", "way", "remap"),
    [
        ([], "uffd_move", "uffd_move"),
        ([(USERFAULTFD, errno.EPERM, None)], "mremap_dontunmap", "mremap_dontunmap"),
        ([(IOCTL, errno.EINVAL, UFFDIO_API)], "mremap_dontunmap", "mremap_dontunmap"),
        ([(IOCTL, errno.EINVAL, UFFDIO_MOVE)], "exchange_sse2", "refused:uffd_move"),
        ([(USERFAULTFD, errno.ENOSYS, None), (MREMAP, errno.EINVAL, None)], "exchange_sse2", "unavailable"),
    ],
    ids=["nothing", "no permission", "Linux before 6.8", "a filter", "Linux before 5.7"],
)
def test_what_a_kernel_refuses_the_next_best_does(
    refused: list[tuple[int, int, int | None]], way: str, remap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a CPU without AVX2, too; what is left is the exchange through the registers that every x86-64 has."""
    child.available(*PREFERRED)
    monkeypatch.setenv("PAGESWAP_CPU_FEATURES", "-avx512f,-avx2")
    size = mover_model.HUGE

    def in_the_child() -> list[str]:
        for call, errnum, request in refused:
            refuse(call, errnum, request)
        with mover_model.memory("thp", 4 * size) as view:
            model = mover_model.Model(view, size)
            with Region(view, size, flags=Flag.SINGLE_THREADED) as region:
                for pair in ([0, 3], [1, 2]):
                    region.swap(*pair)
                    model.slots = mover_model.swapped(model.slots, pair)
                told = region.explain("swap")
            return [told.way, told.remap, *map(str, model.wrong([model.slots]))]

    assert in_child(in_the_child) == [way, remap]


@pytest.mark.parametrize("slot_bytes", [PAGE, 3 * PAGE])
@pytest.mark.parametrize("threads", [2, 3, 7, 64])
def test_threads_share_what_is_rotated(threads: int, slot_bytes: int, mover_profiles: dict[str, Path]) -> None:
    """Cycles are cut where the part of one thread ends, some of them several times; and some threads get nothing."""
    for seed in range(fuzz.examples(20)):
        ways = {"profile": mover_profiles["threads"], "flags": Flag.COPY_ONLY, "threads": threads}
        assert not mover_model.play(seed, "private_anon", slot_bytes, **ways)
        fuzz.VERIFIED["sequences"] += 1
    with (
        mover_model.memory("private_anon", 40 * slot_bytes) as view,
        Region(view, slot_bytes, profile=mover_profiles["threads"], flags=Flag.COPY_ONLY, threads=threads) as region,
    ):
        assert region.explain("permute", n=40).threads == threads
        assert region.explain("swap").threads == 1


def test_a_cycle_longer_than_all_registers_is_cut_as_well(mover_profiles: dict[str, Path]) -> None:
    """One cycle of all slots, whose arcs are two streams each, and a part that is nobody's."""
    slots = 101
    with mover_model.memory("private_anon", slots * PAGE) as view:
        for threads in range(2, 65):
            model = mover_model.Model(view, PAGE)
            with Region(view, PAGE, profile=mover_profiles["threads"], flags=Flag.COPY_ONLY, threads=threads) as region:
                region.permute(array.array("I", [*range(1, slots), 0]))
            assert not model.wrong([[*range(2, slots + 1), 1]]), threads


def _tasks() -> set[str]:
    """Give the numbers of this process's threads."""
    return {task.name for task in Path("/proc/self/task").iterdir()}


def _sleeps(task: str) -> int:
    """Give how often a thread of this process has gone to sleep."""
    status = Path(f"/proc/self/task/{task}/status").read_text(encoding="ascii")
    return int(re.findall(r"^voluntary_ctxt_switches:\s(\d+)", status, re.MULTILINE)[0])


def _wait_until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


def test_threads_live_as_long_as_their_region_and_each_does_its_part(mover_profiles: dict[str, Path]) -> None:
    """They wake and sleep once more for what is shared, and for nothing else; they take no signal but a fault's."""
    slots = 200
    before = _tasks()
    with (
        mover_model.memory("private_anon", slots * PAGE) as view,
        Region(view, PAGE, profile=mover_profiles["threads"], flags=Flag.COPY_ONLY, threads=3) as region,
    ):
        made = _tasks() - before
        assert len(made) == 2
        _wait_until(lambda: all(map(_sleeps, made)))
        asleep = {task: _sleeps(task) for task in made}
        region.swap(0, 1)
        assert {task: _sleeps(task) for task in made} == asleep
        region.permute(array.array("I", [*range(1, slots), 0]))
        _wait_until(lambda: all(_sleeps(task) > asleep[task] for task in made))
        for task in made:
            status = Path(f"/proc/self/task/{task}/status").read_text(encoding="ascii")
            blocked = int(re.findall(r"^SigBlk:\s(\w+)", status, re.MULTILINE)[0], 16)
            assert blocked >> (signal.SIGTERM - 1) & 1
            assert not blocked >> (signal.SIGSEGV - 1) & 1
    assert _tasks() == before


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_has_no_threads(mover_profiles: dict[str, Path]) -> None:
    """And goes on without them; its parent keeps them."""
    slots = 40
    order = array.array("I", [*range(1, slots), 0])
    with mover_model.memory("private_anon", slots * PAGE) as view:
        model = mover_model.Model(view, PAGE)
        with Region(view, PAGE, profile=mover_profiles["threads"], flags=Flag.COPY_ONLY, threads=3) as region:

            def in_the_child() -> list[int]:
                region.permute(order)
                told = region.explain("permute", n=slots).threads
                region.close()
                return [told, *model.wrong([[*range(2, slots + 1), 1]])]

            assert in_child(in_the_child) == [1]
            region.permute(order)
            assert region.explain("permute", n=slots).threads == 3
            assert not model.wrong([[*range(2, slots + 1), 1]])


def test_huge_pages_are_not_split_for_smaller_slots(mover_profiles: dict[str, Path]) -> None:
    """Moving parts of them would leave small pages for good."""
    child.available("uffd_move")
    with mover_model.memory("thp", 8 << 20) as view:
        mover_model.Model(view, PAGE)
        with Region(view, PAGE, profile=mover_profiles["uffd_move"]) as region:
            assert region.explain("swap").remap == "huge_pages_would_be_split"
        with Region(view, mover_model.HUGE, profile=mover_profiles["uffd_move"]) as region:
            assert region.explain("swap").remap == "uffd_move"


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_child_with_its_parents_number_is_none_the_less_a_child(mover_profiles: dict[str, Path]) -> None:
    """As in PID namespaces, each of which has a first process."""
    child.available("uffd_move")
    require("root", os.geteuid() == 0, "only root makes PID namespaces")

    def first() -> list[object]:
        with mover_model.memory("private_anon", 8 * PAGE) as view:
            mover_model.Model(view, PAGE)
            with Region(view, PAGE, profile=mover_profiles["uffd_move"], threads=2) as region:

                def second() -> list[object]:
                    region.swap(0, 1)
                    return [os.getpid(), region.explain("swap").remap]

                return [os.getpid(), in_new_pids(second)]

    def in_new_pids(work: Callable[[], list[object]]) -> object:
        if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWPID) != 0:
            raise OSError(ctypes.get_errno(), "unshare")
        return in_child(work)

    assert in_child(lambda: [in_new_pids(first)]) == [[1, [1, "forked"]]]


def test_a_forked_child_moves_its_own_pages(mover_profiles: dict[str, Path]) -> None:
    """The kernel's session is the parent's: used in the child it would move the parent's pages."""
    child.available("uffd_move")
    with mover_model.memory("private_anon", 8 * PAGE) as view:
        model = mover_model.Model(view, PAGE)
        with Region(view, PAGE, profile=mover_profiles["uffd_move"]) as region:

            def in_the_child() -> list[object]:
                region.move(array.array("I", [0, 4, 4]), release=True)
                wrong = model.wrong([[5, 6, 7, 8, 0, 0, 0, 0]])
                return [wrong, region.explain("swap").remap]

            assert [[], "forked"] == in_child(in_the_child)
            assert not model.wrong([model.slots])
            region.swap(0, 1)
            assert not model.wrong([[2, 1, 3, 4, 5, 6, 7, 8]])


@pytest.mark.parametrize("way", PREFERRED)
def test_who_reads_meanwhile_never_faults(way: str, mover_profiles: dict[str, Path]) -> None:
    """The kernel leaves a slot empty for a moment, which reads as zeroes: a hole would end the process."""
    slots = 16

    def read_and_move() -> int:
        reads, leave = [0], threading.Event()
        with (
            mover_model.memory("private_anon", slots * PAGE) as view,
            Region(view, PAGE, profile=mover_profiles[way]) as region,
        ):

            def read() -> None:
                while not leave.is_set():
                    reads[0] += bytes(view[:: PAGE // 2]).count(0) >= 0

            reader = threading.Thread(target=read)
            reader.start()
            chance = random.Random(42)  # noqa: S311 - a schedule
            for _ in range(100):
                region.swap_many(array.array("I", [chance.randrange(slots) for _ in range(40)]))
                region.move(array.array("I", [0, slots // 2, slots // 2]), release=True)
                while reads[0] == 0:
                    time.sleep(0.001)
            leave.set()
            reader.join()
        return reads[0]

    assert in_child(read_and_move) > 0


@pytest.mark.parametrize(
    ("slot_bytes", "size", "errnum"),
    [(1000, 4000, errno.EINVAL), (PAGE, 5000, errno.EINVAL), (PAGE, 0, errno.EINVAL)],
)
def test_what_is_no_region_is_refused(slot_bytes: int, size: int, errnum: int) -> None:
    """Slots are whole pages, and the buffer is whole slots."""
    with pytest.raises(MoverError) as caught:
        Region(bytearray(size), slot_bytes)
    assert caught.value.errno == errnum


@pytest.mark.parametrize(
    "call",
    [
        lambda region: region.swap(0, 4),
        lambda region: region.swap_many(array.array("I", [0, 1, 4, 0])),
        lambda region: region.permute(array.array("I", [0, 0, 1])),
        lambda region: region.permute(array.array("I", [0, 1, 2, 3, 4])),
        lambda region: region.move(array.array("I", [0, 1, 1, 1, 2, 3])),
        lambda region: region.move(array.array("I", [0, 1, 2**32 - 1])),
    ],
)
def test_a_call_with_a_wrong_argument_changes_nothing(call: Callable[[Region], None]) -> None:
    """Not even by what comes before the wrong one."""
    with mover_model.memory("private_anon", 4 * PAGE) as view:
        model = mover_model.Model(view, PAGE)
        with Region(view, PAGE) as region, pytest.raises(MoverError) as caught:
            call(region)
        assert (caught.value.errno, caught.value.done) == (errno.EINVAL, 0)
        assert not model.wrong([model.slots])


def test_memory_that_would_read_as_a_file_again_is_not_given_back(tmp_path: Path) -> None:
    """A private mapping of a file has no zeroes to give."""
    path = tmp_path / "file"
    path.write_bytes(b"x" * 4 * PAGE)
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0, mmap.MAP_PRIVATE) as mapped:
        with Region(mapped, PAGE) as region, pytest.raises(MoverError) as caught:
            region.move(array.array("I", [0, 2, 1]), release=True)
        assert caught.value.errno == errno.EOPNOTSUPP
