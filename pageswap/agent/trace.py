"""Reads a trace, the moves that the workload `replay` plays, and packs it for its way to hosts and into stores."""

from __future__ import annotations

import array
import base64
import dataclasses
import hashlib
import re
import zlib

MAX_BYTES = 64 << 20
MAX_MOVES = 2_000_000
MAX_LINES = 2 * MAX_MOVES
# A move that overlaps its place is made in pieces, for each of which the core has a row.
MAX_PIECES = 4_000_000
MAX_MOVED_PAGES = 1_000_000_000
MAX_SLOTS = 1 << 28

_LINE = re.compile(rb"([0-9]{1,10}),([0-9]{1,10}),([0-9]{1,10})")
_EXPECTED = "expected 'dst,src,pages' in slots, such as 0,512,8, or nothing, where a batch ends"
_SHOWN = 60
_PAGE, _NOTHING = b"\1", b"\2"


@dataclasses.dataclass(frozen=True)
class Trace:
    """The moves of a trace.

    `lines` has three numbers for each line, as the core takes them: where to, where from, how many pages; three zeroes
    end a batch. `slots` is how many there must be, `moves` how many lines are moves.
    """

    lines: array.array[int]
    moves: int
    slots: int


def trace_from(data: bytes, name: str) -> Trace:
    """Read a trace from a file's bytes; raises ValueError, whose text begins with ``name:line``, for what is none."""
    if len(data) > MAX_BYTES:
        raise ValueError(f"{name}: holds more than {MAX_BYTES:,} bytes; a trace has at most that (64 MiB)")
    if data.count(b"\n") > MAX_LINES:
        raise ValueError(f"{name}: holds more than {MAX_LINES:,} lines; a trace has fewer")
    lines = array.array("I")
    reader = _Slots()
    moves = 0
    for number, line in enumerate(data.split(b"\n"), 1):
        if not line:
            lines.extend((0, 0, 0))
            continue
        try:
            move = _numbers(line)
            moves += 1
            if moves > MAX_MOVES:
                raise ValueError(f"is move {moves:,}; a trace has at most {MAX_MOVES:,}")  # noqa: TRY301 - named below
            reader.follow(*move)
        except ValueError as error:
            raise ValueError(f"{name}:{number}: {error}{_earlier(data, number, error)}") from None
        lines.extend(move)
    if not moves:
        raise ValueError(f"{name}: has no move; {_EXPECTED}")
    return Trace(lines, moves, reader.slots)


def _numbers(line: bytes) -> tuple[int, int, int]:
    match = _LINE.fullmatch(line)
    if match is None:
        raise ValueError(f"found {_shown(line)}, {_EXPECTED}; {_cure(line)}")
    to, source, pages = map(int, match.groups())
    if not pages:
        raise ValueError(f"found {_shown(line)}, which moves no page; write the number of pages, or delete the line")
    if to == source:
        raise ValueError(f"found {_shown(line)}, which goes where it comes from; delete the line")
    if max(to, source) + pages > MAX_SLOTS:
        raise ValueError(
            f"found {_shown(line)}, which ends in slot {max(to, source) + pages - 1:,}; slots are numbers of pages, "
            f"from 0 to {MAX_SLOTS - 1:,}: take the lowest one off all"
        )
    return to, source, pages


def _shown(line: bytes) -> str:
    text = line.decode("utf-8", "backslashreplace")
    text = text if text.isprintable() else ascii(text)[1:-1]
    return f"'{text}'" if len(text) <= _SHOWN else f"'{text[:_SHOWN]}...'"


def _cure(line: bytes) -> str:
    if line.endswith(b"\r"):
        return "its end is that of Windows (CRLF); save the file with Unix ends of lines"
    if line.startswith(b"\xef\xbb\xbf"):
        return "it begins with a byte order mark; save the file without one"
    return "write decimal numbers without blanks, signs, headings and comments"


class _Slots:
    """What each slot holds while the moves are followed: a page or nothing, where that is known."""

    def __init__(self) -> None:
        self._held = bytearray()
        self.slots = 0
        self._pieces = self._pages = 0

    def follow(self, to: int, source: int, pages: int) -> None:
        """Make one move; raises ValueError where it cannot be made."""
        self._count(abs(to - source), pages)
        self.slots = max(self.slots, to + pages, source + pages)
        if self.slots > len(self._held):
            self._held.extend(bytes(max(self.slots, 2 * len(self._held)) - len(self._held)))
        empty = self._held.find(_NOTHING, source, source + pages)
        if empty >= 0:
            raise _EmptyError(empty)
        self._held[source : source + pages] = _NOTHING * pages
        self._held[to : to + pages] = _PAGE * pages

    def _count(self, far: int, pages: int) -> None:
        self._pages += pages
        self._pieces += -(-pages // far)
        if self._pages > MAX_MOVED_PAGES:
            raise ValueError(f"more than {MAX_MOVED_PAGES:,} pages are moved up to here, which is the most of a trace")
        if self._pieces > MAX_PIECES:
            raise ValueError(
                f"more than {MAX_PIECES:,} moves that do not overlap their places are needed up to here, which is the "
                "most of a trace; write shorter runs, or such as go farther"
            )


class _EmptyError(ValueError):
    """A move takes from a slot that holds no page any more."""

    def __init__(self, slot: int) -> None:
        super().__init__(f"takes from slot {slot:,}, which holds no page")
        self.slot = slot


def _earlier(data: bytes, number: int, error: ValueError) -> str:
    """Say which line emptied the slot that an error is about, and the cure; nothing of other errors."""
    if not isinstance(error, _EmptyError):
        return ""
    emptied = 0
    for earlier, line in enumerate(data.split(b"\n")[: number - 1], 1):
        if line:
            _, source, pages = _numbers(line)
            emptied = earlier if source <= error.slot < source + pages else emptied
    return f" since line {emptied:,} took it; give a page that was made there later a slot of its own"


def packed(data: bytes) -> str:
    """Return a trace's bytes as a text for JSON, a third of its size or less."""
    return base64.b64encode(zlib.compress(data)).decode()


def unpacked(text: str, sha256: str) -> bytes:
    """Return the bytes that `packed` was given; raises ValueError where they have another hash."""
    data = b""
    try:
        data = zlib.decompressobj().decompress(base64.b64decode(text, validate=True), MAX_BYTES + 1)
    except (ValueError, zlib.error) as error:
        raise ValueError(f"the trace {sha256:.12} cannot be unpacked: {error}") from None
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise ValueError(f"the trace that came has the hash {found:.12}, expected {sha256:.12}")
    return data


def name_of(level: str) -> str:
    """Return the name of the file that a level of the factor `trace` was read from."""
    return level.partition(":")[0]


def sha256_of(level: str) -> str:
    """Return the hash of a level's trace, "" of no trace."""
    return level.partition(":")[2]
