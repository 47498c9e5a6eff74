"""A journal reaches the store in whole lines, each with the byte it begins at, in memory of a bounded size."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pageswap.campaign import journal_intake
from pageswap.errors import HostError, JournalError
from pageswap.store.store import Ingested
from tests.campaign.fakes import FakeStream

if TYPE_CHECKING:
    from collections.abc import Iterator

JOURNAL = b"".join(b'{"seq": %d}\n' % number for number in range(30))


class FakeStore:
    """Takes lines at the byte that comes next, and nowhere else."""

    def __init__(self, offset: int) -> None:
        """Take where the first line is expected."""
        self.offset = offset
        self.pieces: list[bytes] = []

    def ingest(self, _host: str, _segment: int, offset: int, lines: list[bytes]) -> Ingested:
        """Take whole lines; a line that says so is the journal's end."""
        assert offset == self.offset
        assert all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in lines)
        self.pieces.append(b"".join(lines))
        self.offset += len(self.pieces[-1])
        return Ingested([{"line": line} for line in lines], "done" if b"end" in lines[-1] else None)


def take(chunks: list[bytes], offset: int = 0) -> tuple[FakeStore, bool, list[Any]]:
    """Feed a store with chunks; gives it, whether the end came, and the trials that were told."""
    store, told = FakeStore(offset), []
    ended = journal_intake.JournalIntake(store, "a", told.extend).take(FakeStream(chunks), 1, offset)  # type: ignore[arg-type]
    return store, ended, told


@pytest.fixture
def at_once() -> Iterator[None]:
    """Store whatever came, whenever it came."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(journal_intake, "COMMIT_S", 0.0)
        yield


@settings(deadline=None)
@given(st.lists(st.integers(1, len(JOURNAL) - 1), max_size=20), st.booleans(), st.integers(0, 10**12))
def test_however_a_journal_is_cut_its_lines_arrive_whole(cuts: list[int], waits: bool, offset: int) -> None:
    """At their own bytes; half a line at the end is not one."""
    ends = [0, *sorted(cuts), len(JOURNAL)]
    chunks = [JOURNAL[start:end] for start, end in itertools.pairwise(ends) if start < end]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(journal_intake, "COMMIT_S", 1e9 if waits else 0.0)
        store, ended, told = take([*chunks, b'{"seq": 30'], offset)

    assert b"".join(store.pieces) == JOURNAL
    assert [each["line"] for each in told] == JOURNAL.splitlines(keepends=True)
    assert not ended


def test_what_comes_fast_is_stored_in_pieces_of_a_bounded_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the journal: it is never held as a whole."""
    monkeypatch.setattr(journal_intake, "COMMIT_S", 1e9)
    monkeypatch.setattr(journal_intake, "_FULL_BYTES", 100)
    chunks = [JOURNAL[start : start + 40] for start in range(0, len(JOURNAL), 40)]
    store, _, _ = take(chunks)

    assert b"".join(store.pieces) == JOURNAL
    assert max(map(len, store.pieces)) < 100 + 40


@pytest.mark.usefixtures("at_once")
def test_the_journals_end_ends_the_feed() -> None:
    """Without waiting for the stream's."""
    store, ended, _ = take([b"a\n", b"end\n", b"never read\n"])

    assert ended
    assert store.pieces == [b"a\n", b"end\n"]


@pytest.mark.usefixtures("at_once")
def test_a_line_without_end_is_refused() -> None:
    """After what came before it was stored; four MiB are more than any line has."""
    store = FakeStore(0)
    stream = FakeStream([b"a\n", *[b"x" * (1 << 20)] * 9])
    with pytest.raises(JournalError, match="a, segment 1: a line longer than"):
        journal_intake.JournalIntake(store, "a", [].extend).take(stream, 1, 0)  # type: ignore[arg-type]

    assert store.pieces == [b"a\n"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"error": "no journal; start it"}\n', "a: no journal; start it"),
        (b'{"error":"no journal"}\n', "a: no journal"),
        (b'{"error": nonsense}\n', 'a: expected a journal, found: {"error": nonsense}'),
    ],
)
@pytest.mark.usefixtures("at_once")
def test_a_followers_error_is_the_hosts(line: bytes, message: str) -> None:
    """In its own words, as far as they can be read."""
    with pytest.raises(HostError) as caught:
        take([line])

    assert str(caught.value).strip() == message
    assert not isinstance(caught.value, JournalError)


def test_a_silence_that_is_too_long_is_told_once() -> None:
    """As when the agent is stopped; what comes after it is stored as ever."""
    patiences: list[float | None] = []

    class Slow(FakeStream):
        def read(self, timeout_s: float | None = None) -> bytes | None:
            patiences.append(timeout_s)
            return None if timeout_s == 7.0 else super().read(timeout_s)

    store, told = FakeStore(0), []
    taken = journal_intake.JournalIntake(store, "a", [].extend, quiet_s=7.0, on_quiet=told.append)  # type: ignore[arg-type]

    assert taken.take(Slow([b"end\n"]), 1, 0)
    assert told == [7.0]
    assert patiences[:2] == [7.0, None]
    assert store.pieces == [b"end\n"]
