"""The journal: durable whole lines, and a reader that believes nothing."""

from __future__ import annotations

import json
import os
import resource
import signal
from typing import TYPE_CHECKING, Any

import pytest

from pageswap.agent.journal import journal
from pageswap.agent.journal.journal import Journal, JournalReader
from pageswap.agent.journal.line_fields import MEASURES
from pageswap.errors import JournalError

if TYPE_CHECKING:
    from pathlib import Path

TIME = "2025-01-01T00:00:00.000Z"
_LABELS = {"run_id": "r1", "host": "here", "segment": 0}


def _begin(**changes: object) -> dict[str, Any]:
    fields = {"format": 1, "pid": 1, "started_at": "2025-01-01T00:00:00.000Z", "environment": {}, "methods": []}
    return {"kind": "begin", "seq": 0, **_LABELS, **fields, **changes}


def _trial(**changes: object) -> dict[str, Any]:
    fields = {"trial_id": "b00.c0000", "attempt": 0, "status": "failed", "reason": "", "started_at": TIME}
    return {"kind": "trial", "seq": 1, **_LABELS, **dict.fromkeys(MEASURES), **fields, **changes}


def _end(**changes: object) -> dict[str, Any]:
    return {"kind": "end", "seq": 1, **_LABELS, "why": "done", "finished_at": TIME, **changes}


def _lines(*records: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def _reader(offset: int = 0) -> JournalReader:
    return JournalReader(**_LABELS, offset=offset)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """Write a journal as the agent does."""
    path = tmp_path / "journal.jsonl"
    lines = Journal(str(path), **_LABELS)
    lines.append("begin", **{k: v for k, v in _begin().items() if k not in {"kind", "seq", *_LABELS}})
    lines.append("trial", **{k: v for k, v in _trial().items() if k not in {"kind", "seq", *_LABELS}})
    lines.append("end", why="done", finished_at=TIME)
    lines.close()
    return path


def test_a_journal_that_was_cut_off_is_taken_up_after_its_last_whole_line(written: Path) -> None:
    """With the numbers that follow."""
    whole = written.read_bytes().splitlines(keepends=True)
    written.write_bytes(b"".join(whole[:2]) + whole[2][:20])

    lines = Journal(str(written), **_LABELS, again=True)
    lines.append("end", why="killed", finished_at=TIME)
    lines.close()

    records = _reader().feed(written.read_bytes())
    assert [record["kind"] for record in records] == ["begin", "trial", "end"]
    assert written.read_bytes().splitlines(keepends=True)[:2] == whole[:2]


def test_what_was_written_is_read(written: Path) -> None:
    """Writer and reader agree, and the reader's offset ends at the file's."""
    reader = _reader()

    records = reader.feed(written.read_bytes())

    assert [(line["kind"], line["seq"]) for line in records] == [("begin", 0), ("trial", 1), ("end", 2)]
    assert reader.offset == written.stat().st_size
    assert reader.end == "done"


def test_every_split_of_the_bytes_reads_the_same(written: Path) -> None:
    """Pieces of any size give the same records, and the offset is always one after a whole line."""
    data = written.read_bytes()
    whole = _reader().feed(data)
    boundaries = {0} | {i + 1 for i, byte in enumerate(data) if byte == 10}

    for cut in range(0, len(data), 7):
        reader = _reader()
        records = reader.feed(data[:cut])
        assert reader.offset in boundaries
        assert records + reader.feed(data[cut:]) == whole


def test_a_torn_last_line_is_not_given_and_reading_goes_on_behind_the_lines_before(written: Path) -> None:
    """After a kill in the middle of a write the reader stops at the last whole line; a new one continues there."""
    data = written.read_bytes()
    first = _reader()
    assert [line["kind"] for line in first.feed(data[:-5])] == ["begin", "trial"]
    assert first.end is None

    second = _reader(offset=first.offset)

    assert [line["kind"] for line in second.feed(data[first.offset :])] == ["end"]


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"not json\n", "not a JSON line"),
        (b"[" * 100_000 + b"\n", "not a JSON line"),
        (b"[1]\n", "not a JSON line (not a JSON object)"),
        (b"\xff\xfe\n", "not a JSON line"),
        (b"\n", "not a JSON line"),
        (_lines(_begin(kind="other")), "kind is 'other', expected one of begin, tune, trial, profile, end"),
        (_lines(_begin(kind=["begin"])), "kind is"),
        (_lines(_begin(format=2)), "format 2, this version reads 1"),
        (_lines(_begin(run_id="r2")), "another run's journal"),
        (_lines(_begin(segment=True)), "segment is True"),
        (_lines(_begin(pid="1")), "pid is '1'"),
        (_lines({k: v for k, v in _begin().items() if k != "methods"}), "begin line: methods is missing"),
        (_lines(_trial(seq=0)), "the first line, and only it, begins"),
        (_lines(_begin(), _begin(seq=1)), "the first line, and only it, begins"),
        (_lines(_begin(), _trial(seq=2)), "seq is 2, expected 1"),
        (_lines(_begin(), _trial(seq=0)), "seq is 0, expected 1"),
        (_lines(_begin(), _trial(status="fine")), "status is 'fine', expected one of ok"),
        (_lines(_begin(), _trial(status="ok")), "status ok without its times"),
        (_lines(_begin(), _trial(elapsed_ns=-1)), "elapsed_ns is negative"),
        (_lines(_begin(), _trial(elapsed_ns=1 << 64)), "18446744073709551616' has more than 64 bits"),
        (_lines(_begin(), _trial(elapsed_ns=1.5)), "elapsed_ns is 1.5"),
        (_lines(_begin(), _trial(rounds_ns=[1, "2"])), "rounds_ns holds something else than times"),
        (_lines(_begin(), _trial(cpu=float("nan"))), "'NaN' is no finite number"),
        (_lines(_begin(), _end(why="bored")), "why is 'bored', expected one of done"),
        (_lines(_begin(), _end(), _trial(seq=2)), "a line after the journal's end"),
        (_lines(_begin(started_at="yesterday")), "'yesterday' is no time in UTC"),
        (_lines(_begin(), _trial(started_at="2025-01-01T00:00:00")), "is no time in UTC"),
        (_lines(_begin(), _end(finished_at="<b>")), "'<b>' is no time in UTC"),
        (_lines(_begin(methods=[1])), "methods[0] is 1, which it cannot be"),
        (_lines(_begin(), _trial(load1_before=-0.5)), "load1_before is negative"),
        (_lines(_begin(), _trial(load1_after="low")), "load1_after is 'low'"),
        (
            _lines(_begin(), _trial(load1_after=0)).replace(b'"load1_after": 0', b'"load1_after": 1e999'),
            "no finite number",
        ),
        (_lines(_begin(environment={"x": 0})).replace(b'{"x": 0}', b'{"x": -1e999}'), "no finite number"),
        (_lines(_begin(), _trial(cpu_khz_before=2.5)), "cpu_khz_before is 2.5"),
        (_lines(_begin(), _trial(core_hash=7)), "core_hash is 7"),
        (_lines(_begin(), _trial(counters=[])), "counters is []"),
        (_lines(_begin(), _trial(counters={"steal_ns": "0"})), "counters holds 'steal_ns': '0', which is no count"),
        (_lines(_begin(), _trial(counters={"steal_ns": 1 << 64})), "has more than 64 bits"),
        (_lines(_begin(), _trial(counters={f"c{number}": 1 for number in range(3000)})), "counters is {'c0'"),
        (_lines(_begin(), _trial(rounds_ns=[1] * 20_000)), "rounds_ns holds something else than times"),
        (_lines(_begin(), _trial(rounds_ns=[1] * 1_000_000)), "of more than 131,072 parts"),
        (_lines(_begin(environment={"x": "x" * 300_000})), "environment is {'x'"),
        (_lines(_begin(), _trial(counters={"<script>": 1})), "which is no count"),
        (_lines(_begin(), _trial(reason="x" * 5001)), "reason is 'xxx"),
        (_lines(_begin(), _trial(more=["x"] * 20_000)), "more than 65536 bytes beside the times"),
        (
            _lines(_begin(), {"kind": "tune", "seq": 1, **_LABELS, "name": "x", "y": "x" * 70_000}),
            "more than 65536 bytes",
        ),
    ],
)
def test_what_is_no_journal_line_is_refused_with_place_and_problem(data: bytes, problem: str) -> None:
    """Each kind of wrong line ends in one error that names run, host, byte and problem."""
    offset = data.rfind(b"\n", 0, -1) + 1

    with pytest.raises(JournalError) as caught:
        _reader().feed(data)

    assert problem in str(caught.value)
    assert str(caught.value).startswith(f"journal of r1 on here, segment 0, byte {offset}: ")


def test_a_line_without_end_is_refused_before_it_fills_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cap holds for a line whose newline never comes."""
    monkeypatch.setattr(journal, "MAX_LINE_BYTES", 1000)
    reader = _reader()
    reader.feed(b" " * 999)

    with pytest.raises(JournalError, match="a line longer than 1000 bytes"):
        reader.feed(b" ")


def test_an_existing_journal_is_never_continued(written: Path) -> None:
    """A segment's journal has one writer; a second one is refused and changes nothing."""
    before = written.read_bytes()

    with pytest.raises(JournalError, match="File exists"):
        Journal(str(written), **_LABELS)

    assert written.read_bytes() == before


def test_unmeasurable_numbers_are_never_written(tmp_path: Path) -> None:
    """NaN is not JSON: it is a bug of ours, not a line."""
    lines = Journal(str(tmp_path / "j"), **_LABELS)

    with pytest.raises(ValueError, match="not JSON compliant"):
        lines.append("trial", elapsed_ns=float("nan"))

    lines.close()
    assert (tmp_path / "j").read_bytes() == b""


def test_a_full_disk_takes_back_the_torn_line_and_ends_the_journal(tmp_path: Path) -> None:
    """A line that fits only in part leaves the lines before it as they were, and nothing may follow it."""
    path = tmp_path / "j"
    # A file size limit fails in the same place, and writes the same part of a line, as a full disk does.
    former = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    lines = Journal(str(path), **_LABELS)
    lines.append("tune", name="x" * 100)
    whole = path.read_bytes()
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole) + 50, limits[1]))
    try:
        with pytest.raises(JournalError, match="line 1 cannot be written: File too large"):
            lines.append("tune", name="y" * 100)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, former)

    assert path.read_bytes() == whole
    with pytest.raises(JournalError, match="the journal ended there"):
        lines.append("tune", name="z")
    lines.close()
    assert path.read_bytes() == whole


def test_a_line_is_on_the_disk_when_append_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each line is one fsync of the journal's own file, after the line."""
    path = tmp_path / "j"
    lines = Journal(str(path), **_LABELS)
    synced = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_size))

    lines.append("tune", name="a")
    lines.append("tune", name="b")

    lines.close()
    lengths = [len(line) for line in path.read_bytes().splitlines(keepends=True)]
    assert synced == [lengths[0], sum(lengths)]
