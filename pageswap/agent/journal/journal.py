"""The journal of a segment: append-only lines made durable one by one, and the reader that trusts none of them."""

from __future__ import annotations

import contextlib
import json
import os
from typing import Any

from pageswap.agent.host_words import read_object
from pageswap.agent.journal.line_fields import line_problem
from pageswap.agent.workspace.work_folder import sync_folder
from pageswap.errors import JournalError

MAX_LINE_BYTES = 4 << 20
# How the last line begins, as `Journal` writes it.
END_LINE = b'{"kind":"end"'


class Journal:
    """Appends lines; each is on the disk when `append` returns."""

    def __init__(self, path: str, *, run_id: str, host: str, segment: int, again: bool = False) -> None:
        """Create the file, or go on after the last whole line of one ``again`` whose writer is no more.

        Raises JournalError when it is there already, or cannot be made.
        """
        self._path = path
        self._labels = {"run_id": run_id, "host": host, "segment": segment}
        self._next = 0
        self._length = 0
        self._broken = False
        try:
            how = 0 if again else os.O_CREAT | os.O_EXCL
            self._descriptor = os.open(path, os.O_RDWR | how | os.O_APPEND | os.O_CLOEXEC, 0o600)
            sync_folder(os.path.dirname(path))
            if again:
                self._take_up()
        except OSError as error:
            raise JournalError(
                f"{path}: cannot be made: {error.strerror}; look at space and permissions there"
            ) from error

    def _take_up(self) -> None:
        with open(self._path, "rb") as file:
            for line in file:
                if line.endswith(b"\n"):
                    self._next += 1
                    self._length += len(line)
        os.ftruncate(self._descriptor, self._length)

    def append(self, kind: str, **fields: object) -> None:
        """Write one line and make it durable.

        Raises JournalError when that fails (a full disk), and ever after: a journal with a hole must not go on. A line
        that did not fit is taken back whole; the lines before it are untouched.
        """
        if self._broken:
            raise JournalError(f"{self._path}: an earlier line could not be written; the journal ended there")
        record = {"kind": kind, "seq": self._next, **self._labels, **fields}
        line = json.dumps(record, separators=(",", ":"), allow_nan=False).encode() + b"\n"
        if len(line) > MAX_LINE_BYTES:
            raise ValueError(f"a journal line of {len(line)} bytes, at most {MAX_LINE_BYTES} are allowed")
        self._broken = True
        left = memoryview(line)
        try:
            while left:
                left = left[os.write(self._descriptor, left) :]
            os.fsync(self._descriptor)
        except OSError as error:
            with contextlib.suppress(OSError):
                if left:
                    os.ftruncate(self._descriptor, self._length)
            raise JournalError(
                f"{self._path}: line {self._next} cannot be written: {error.strerror}; make room there and resume"
            ) from error
        self._broken = False
        self._next += 1
        self._length += len(line)

    def close(self) -> None:
        """Close the file; everything in it is durable already."""
        os.close(self._descriptor)


class JournalReader:
    """Turns the bytes of one segment's journal, in pieces of any size, into checked records.

    `offset` counts the bytes of the whole lines given out so far: commit it with them, and reading can go on from
    there after any crash. `end` is the last line's `why`, None until it was seen.
    """

    def __init__(self, *, run_id: str, host: str, segment: int, offset: int = 0) -> None:
        """Expect the journal of that segment from byte `offset` (a former reader's `offset`) on."""
        self._labels = {"run_id": run_id, "host": host, "segment": segment}
        self._torn = b""
        self._next: int | None = 0 if offset == 0 else None
        self.offset = offset
        self.end: str | None = None

    def feed(self, data: bytes) -> list[dict[str, Any]]:
        """Take the next bytes and give the records of the lines that are whole now; a torn last line waits.

        Raises JournalError, saying at which byte and what, at the first line that is not one of this journal's. The
        records before it in the same piece are not given; `offset` still names the last line given before.
        """
        *lines, torn = (self._torn + data).split(b"\n")
        records, offset, following, end = [], self.offset, self._next, self.end
        for line in lines:
            self._check_length(line, offset)
            if end is not None:
                raise self._error(offset, "a line after the journal's end")
            record = self._record(line, offset, following)
            end = record["why"] if record["kind"] == "end" else None
            records.append(record)
            offset += len(line) + 1
            following = record["seq"] + 1
        self._check_length(torn, offset)
        self._torn, self.offset, self._next, self.end = torn, offset, following, end
        return records

    def _check_length(self, line: bytes, offset: int) -> None:
        if len(line) >= MAX_LINE_BYTES:
            raise self._error(offset, f"a line longer than {MAX_LINE_BYTES} bytes")

    def _record(self, line: bytes, offset: int, following: int | None) -> dict[str, Any]:
        try:
            record = read_object(line)
        except ValueError as error:
            raise self._error(offset, f"not a JSON line ({error})") from error
        problem = line_problem(record) or self._misplaced(record, following)
        if problem:
            raise self._error(offset, problem)
        return record

    def _misplaced(self, record: dict[str, Any], following: int | None) -> str:
        """Say why a record is not this journal's next one, "" when it is."""
        for name, expected in self._labels.items():
            if record[name] != expected:
                return f"{name} is {record[name]!r:.60}, expected {expected!r:.60}: another run's journal"
        if following is not None and record["seq"] != following:
            return f"seq is {record['seq']}, expected {following}: a line is missing or doubled"
        if (record["kind"] == "begin") != (record["seq"] == 0):
            return f"line {record['seq']} is a {record['kind']} line; the first line, and only it, begins"
        return ""

    def _error(self, offset: int, problem: str) -> JournalError:
        labels = self._labels
        return JournalError(
            f"journal of {labels['run_id']} on {labels['host']}, segment {labels['segment']}, byte {offset}: {problem}"
        )
