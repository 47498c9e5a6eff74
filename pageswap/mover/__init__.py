"""The mover: slots of a buffer exchanged, permuted and moved the fastest way that this host has.

It is the library `native/mover` as Python sees it; docs/mover.md says what it promises.
"""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import os
import pathlib
from typing import TYPE_CHECKING, Any, Final

from pageswap.mover._mover import ffi, lib

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from _typeshed import ReadableBuffer, WriteableBuffer

_WORD = 4  # bytes of a slot's number
_OPERATIONS = {"swap": lib.PM_SWAP, "permute": lib.PM_PERMUTE, "move": lib.PM_MOVE, "move_release": lib.PM_MOVE_RELEASE}
_TEXT_BYTES = 512


class Flag(enum.IntFlag):
    """What a region's memory must be spared, or need not be feared; pageswap_mover.h says what each promises."""

    COPY_ONLY = lib.PM_COPY_ONLY
    SINGLE_THREADED = lib.PM_SINGLE_THREADED
    KEEP_MAPPINGS = lib.PM_KEEP_MAPPINGS
    SHARED_LATER = lib.PM_SHARED_LATER


_NO_FLAGS: Final = Flag(0)


class MoverError(OSError):
    """A call failed: `errno` and the message say why, `done` how many pairs, slots or runs were complete."""

    def __init__(self, errnum: int, call: str, done: int = 0) -> None:
        """Take a positive errno and the call that failed."""
        super().__init__(errnum, f"{call}: {os.strerror(errnum)}")
        self.done = done


@dataclasses.dataclass(frozen=True)
class Explanation:
    """What a call would do, by how many threads, and what it is predicted to take, in ns.

    `remap` names the way in which the kernel moves pages of the region, or says why there is none.
    """

    way: str
    predicted_ns: int
    next: str
    next_ns: int
    memcpy_ns: int
    remap: str
    profile: str
    threads: int


def _check(failed: int, call: str) -> None:
    if failed:
        raise MoverError(-failed, call)


@contextlib.contextmanager
def _profile(path: str | os.PathLike[str] | None, budget_ms: int = 0) -> Iterator[Any]:
    made = ffi.new("pm_profile **")
    if path is not None:
        _check(lib.pm_calibrate(made, budget_ms, os.fsencode(path)), f"pm_calibrate: {os.fsdecode(path)}")
    try:
        yield made[0]
    finally:
        lib.pm_profile_free(made[0])


def calibrate(path: str | os.PathLike[str], budget_ms: int = 2000) -> dict[str, float]:
    """Return this host's profile, by the names of native/mover/profile.h: from the file, or measured and written there.

    What is there is measured anew when it is another CPU's, kernel's, mode of huge pages' or hypervisor's. With a
    budget of 0 nothing is measured. Raises MoverError.
    """
    with _profile(path, budget_ms):
        lines = pathlib.Path(path).read_text(encoding="utf-8").splitlines()
    return {name: float(number) for name, _, number in (line.partition(" ") for line in lines[2:])}


class Region:
    """Slots of `slot_bytes` in a writable buffer, which is kept, and cannot be resized, until the region is closed.

    Slots are numbered from 0. `pairs`, `source_of` and `runs` are buffers of 32-bit unsigned numbers (array.array("I"),
    numpy.uint32), whatever their shape. Every call releases the GIL; one call at a time for each region. A call that
    fails raises MoverError, an OSError.
    """

    def __init__(
        self,
        buffer: WriteableBuffer,
        slot_bytes: int = 4096,
        *,
        flags: Flag = _NO_FLAGS,
        threads: int = 1,
        profile: str | os.PathLike[str] | None = None,
    ) -> None:
        """Make a region of all of the buffer; so many threads, the caller's among them, share large permutations.

        `profile` is a file that `calibrate` wrote on this host; without one the built-in profile chooses.
        """
        self._memory = ffi.from_buffer("unsigned char[]", buffer, require_writable=True)
        self._region = ffi.NULL
        self.slot_bytes = slot_bytes
        options = ffi.new("struct pm_options *", {"slot_bytes": slot_bytes, "threads": threads, "flags": int(flags)})
        made = ffi.new("pm_region **")
        try:
            with _profile(profile) as known:
                _check(lib.pm_open(made, self._memory, len(self._memory), options, known), "pm_open")
        except MoverError:
            ffi.release(self._memory)
            raise
        self._region = made[0]

    def __len__(self) -> int:
        """Return how many slots there are."""
        return len(self._memory) // self.slot_bytes

    def swap(self, a: int, b: int) -> None:
        """Exchange two slots."""
        failed = lib.pm_swap(self._open(), a, b)
        if failed:
            self._fail(failed, "pm_swap", 0)

    def swap_many(self, pairs: ReadableBuffer) -> None:
        """Exchange pairs of slots as if one by one, in order: a0, b0, a1, b1, ..."""
        self._call("pm_swap_many", "pm_pair[]", 2, pairs)

    def permute(self, source_of: ReadableBuffer) -> None:
        """Bring to each slot i what slot source_of[i] holds; a permutation of the first len(source_of) slots."""
        self._call("pm_permute", "uint32_t[]", 1, source_of)

    def move(self, runs: ReadableBuffer, *, release: bool = False, empty_places: bool = False) -> None:
        """Move runs one way, in order: dst0, src0, n0, dst1, ...

        With `release` the memory that is left goes back to the kernel and reads as zeroes, else it is undefined.
        `empty_places` says that the places that runs go to have no memory, which spares emptying them.
        """
        how = (lib.PM_RELEASE_SOURCE if release else lib.PM_RELEASE_NONE) | (lib.PM_EMPTY_PLACES if empty_places else 0)
        self._call("pm_move", "pm_run[]", 3, runs, how)

    def explain(self, operation: str, *, slots: int = 1, n: int = 1) -> Explanation:
        """Say what a call of n pairs, slots or runs of so many slots would do.

        `operation` is swap, permute, move or move_release.
        """
        text = ffi.new("char[]", _TEXT_BYTES)
        lib.pm_explain(self._open(), _OPERATIONS[operation], slots, n, text, _TEXT_BYTES)
        words: dict[str, Any] = dict(word.split("=", 1) for word in ffi.string(text).decode().split())
        numbers = {name: int(words[name]) for name in ("predicted_ns", "next_ns", "memcpy_ns", "threads")}
        return Explanation(**{**words, **numbers})

    def close(self) -> None:
        """Let go of the buffer; every page stays where it is. A second time does nothing."""
        if self._region != ffi.NULL:
            lib.pm_close(self._region)
            self._region = ffi.NULL
            ffi.release(self._memory)

    def __enter__(self) -> Region:  # noqa: PYI034 - typing.Self is newer than Python 3.9
        """Return the region."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def __del__(self) -> None:
        """Close it where that was forgotten; one that was never opened has nothing to close."""
        if hasattr(self, "_region"):
            self.close()

    def _open(self) -> Any:  # noqa: ANN401 - a cffi pointer
        if self._region == ffi.NULL:
            raise ValueError("the region is closed")
        return self._region

    def _call(self, name: str, kind: str, numbers: int, buffer: ReadableBuffer, *rest: int) -> None:
        view = memoryview(buffer)
        if view.itemsize != _WORD or view.format.strip("@=<") not in {"I", "L"}:
            raise TypeError(f"{name}: found numbers of format '{view.format}', expected 32-bit unsigned ones, 'I'")
        if view.nbytes % (numbers * _WORD):
            raise ValueError(f"{name}: found {view.nbytes // _WORD} numbers, expected a multiple of {numbers}")
        done = ffi.new("size_t *")
        listed = ffi.from_buffer(kind, view) if view.nbytes else ffi.NULL
        failed = getattr(lib, name)(self._open(), listed, view.nbytes // (numbers * _WORD), *rest, done)
        if failed:
            self._fail(failed, name, done[0])

    def _fail(self, failed: int, name: str, done: int) -> None:
        call = ffi.string(lib.pm_failed_call(self._region)).decode()
        raise MoverError(-failed, f"{name}: {call}" if call else name, done)
