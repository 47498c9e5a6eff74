"""A model of a region: what each slot may hold after random calls of the mover, whether they fail or not."""

from __future__ import annotations

import array
import contextlib
import ctypes
import itertools
import mmap
import os
import random
from typing import TYPE_CHECKING

from pageswap.mover import Flag, MoverError, Region

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

HUGE = 2 << 20
UNDEFINED = -1
CALLS = 12
MOST_PAIRS = 1200  # of a list: more than the library hands over at once

PRIVATE = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
# Name of the kind of memory -> how it is mapped and advised.
KINDS = {
    "private_anon": (PRIVATE, mmap.MADV_NOHUGEPAGE),
    "thp": (PRIVATE, mmap.MADV_HUGEPAGE),
    "shared_anon": (mmap.MAP_SHARED | mmap.MAP_ANONYMOUS, None),
    "memfd": (mmap.MAP_SHARED, None),
}


@contextlib.contextmanager
def memory(kind: str, size: int, offset: int = 0) -> Iterator[memoryview]:
    """Map `size` bytes that begin at a border of huge pages, or `offset` bytes beyond one."""
    flags, advice = KINDS[kind]
    fd = os.memfd_create("mover") if kind == "memfd" else -1
    if fd >= 0:
        os.ftruncate(fd, size + 2 * HUGE)
    with mmap.mmap(fd, size + 2 * HUGE, flags) as mapped:
        if fd >= 0:
            os.close(fd)
        if advice is not None:
            mapped.madvise(advice)
        begin = -address_of(mapped) % HUGE + offset
        with memoryview(mapped) as whole, whole[begin : begin + size] as part:
            yield part


def address_of(mapped: mmap.mmap) -> int:
    """Return where a mapping begins."""
    return ctypes.addressof(ctypes.c_char.from_buffer(mapped))


class Model:
    """What each slot holds: a page's number, 0 where it reads as zeroes, or UNDEFINED."""

    def __init__(self, view: memoryview, slot_bytes: int) -> None:
        """Fill every slot with a page of its own."""
        self.view, self.slot_bytes = view, slot_bytes
        self.slots = list(range(1, len(view) // slot_bytes + 1))
        for slot, page in enumerate(self.slots):
            self.view[slot * slot_bytes : (slot + 1) * slot_bytes] = self._bytes(page)

    def _bytes(self, page: int) -> bytes:
        word = (page * 0x9E3779B97F4A7C15 % 2**64).to_bytes(8, "little")
        return word * (self.slot_bytes // 8)

    def holds(self, slot: int, page: int) -> bool:
        """Return whether that page lies in the slot, all of it."""
        if page == UNDEFINED:
            return True
        found = self.view[slot * self.slot_bytes : (slot + 1) * self.slot_bytes]
        return bool(found == self._bytes(page))

    def wrong(self, states: list[list[int]]) -> list[int]:
        """Return the slots that hold what they hold in none of the states."""
        possible = enumerate(map(set, zip(*states, strict=True)))
        return [slot for slot, pages in possible if not any(self.holds(slot, page) for page in pages)]


def swapped(slots: list[int], pairs: list[int]) -> list[int]:
    """Return the slots after pairs a0, b0, a1, b1, ... were exchanged in this order."""
    after = list(slots)
    for a, b in zip(pairs[::2], pairs[1::2], strict=True):
        after[a], after[b] = after[b], after[a]
    return after


def moved(slots: list[int], run: list[int], *, release: bool) -> list[int]:
    """Return the slots after a run dst, src, n."""
    dst, src, n = run
    after = list(slots)
    if dst != src:
        after[src : src + n] = [0 if release else UNDEFINED] * n
        after[dst : dst + n] = slots[src : src + n]
    return after


def random_run(chance: random.Random, slots: int) -> list[int]:
    """Return a run, which may overlap its destination."""
    n = chance.randint(0, slots)
    return [chance.randint(0, slots - n), chance.randint(0, slots - n), n]


def call(chance: random.Random, region: Region, model: Model, *, releases: bool) -> list[list[int]]:
    """Make a random call, and return the states of which each slot must be in one; the model is in the last of them."""
    slots, before = len(region), model.slots
    kind = chance.choice(("swap", "swap_many", "permute", "move"))
    if kind == "swap":
        pair = [chance.randrange(slots), chance.randrange(slots)]
        states = [before, swapped(before, pair)]
        done, made = _try(lambda: region.swap(*pair))
    elif kind == "swap_many":
        pairs = [chance.randrange(slots) for _ in range(2 * chance.choice((0, 1, 2, 7, 40, MOST_PAIRS)))]
        states = [before, swapped(before, pairs)]
        done, made = _try(lambda: region.swap_many(array.array("I", pairs)))
    elif kind == "permute":
        source_of = chance.sample(range(n := chance.randint(0, slots)), n)
        states = [before, [before[source] for source in source_of] + before[n:]]
        done, made = _try(lambda: region.permute(array.array("I", source_of)))
    else:
        release = releases and chance.random() < 0.7
        runs = [random_run(chance, slots) for _ in range(chance.choice((0, 1, 2, 5, 100)))]
        # A wrong promise is harmless where every slot was written to.
        promises = 0 not in before and UNDEFINED not in before and len(runs) < 2 and chance.random() < 0.5
        states = [before]
        for run in runs:
            states.append(moved(states[-1], run, release=release))
        words = array.array("I", itertools.chain(*runs))
        done, made = _try(lambda: region.move(words, release=release, empty_places=promises))
    model.slots = states[-1]
    return [states[-1]] if made else states[done:]


def _try(work: Callable[[], None]) -> tuple[int, bool]:
    try:
        work()
    except MoverError as error:
        return error.done, False
    return 0, True


def play(  # noqa: PLR0913 - what a region may be opened with
    seed: int, kind: str, slot_bytes: int, *, profile: Path | None = None, flags: Flag | None = None, threads: int = 1
) -> str:
    """Make CALLS random calls for a region, and return what is wrong after one, or "" when nothing ever is.

    `kind` is one of KINDS, or `unaligned`: memory of the first that begins where no page does. It ends with the first
    call that fails, as then more than one state is right.
    """
    chance = random.Random(seed)  # noqa: S311 - a schedule
    offset = 16 if kind == "unaligned" else 0
    slots = chance.randint(1, 40 if slot_bytes < HUGE else 6)
    with memory("private_anon" if offset else kind, slot_bytes * slots, offset) as view:
        model = Model(view, slot_bytes)
        with Region(view, slot_bytes, profile=profile, flags=flags or Flag(0), threads=threads) as region:
            for number in range(CALLS):
                states = call(chance, region, model, releases=not offset)
                if wrong := model.wrong(states):
                    return f"seed {seed}, call {number}: slots {wrong} of {slots}"
                if len(states) > 1:
                    break
    return ""
