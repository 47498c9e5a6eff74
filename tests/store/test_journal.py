"""A journal line from a host is believed only as far as it was checked."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pageswap.errors import JournalError
from pageswap.store.journal import MAX_LINE_BYTES, parse_line
from tests.store.fakes import HOST, RUN_ID, FakeJournal


def parse(line: bytes) -> Any:
    """Read a line as the first segment's."""
    return parse_line(line, run_id=RUN_ID, host=HOST, segment=1)


@pytest.mark.parametrize(
    "fields",
    [
        {"elapsed_ns": -1},
        {"elapsed_ns": 1.5},
        {"elapsed_ns": 1 << 63},
        {"elapsed_ns": True},
        {"elapsed_ns": "1"},
        {"elapsed_ns": float("nan")},
        {"elapsed_ns": float("inf")},
        {"rounds_ns": [1, None]},
        {"rounds_ns": 5},
        {"status": "fine"},
        {"status": None},
        {"status": ["ok"]},
        {"reason": None},
        {"reason": "x" * 20_000},
        {"attempt": 0},
        {"attempt": None},
        {"trial_id": 4},
        {"started_at": "yesterday"},
        {"started_at": 5},
    ],
)
def test_a_trial_with_an_impossible_field_is_refused(fields: dict[str, object]) -> None:
    """Wrong type, out of range, not a number, not a known word."""
    with pytest.raises(JournalError):
        parse(FakeJournal().trial("b00.c0000") if not fields else FakeJournal().line("trial", **fields_over(fields)))


def fields_over(fields: dict[str, object]) -> dict[str, object]:
    """Give a good trial's fields with `fields` over them."""
    good = json.loads(FakeJournal().trial("b00.c0000"))
    own = {name: value for name, value in good.items() if name not in ("seq", "run_id", "host", "segment", "kind")}
    return {**own, **fields}


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"{}\n",
        b"[1]\n",
        b"\xff\xfe\n",
        b'{"seq": 0\n',
        b"[" * 100_000,
        FakeJournal().line("surprise"),
        FakeJournal().line("begin", format=99, environment={}, methods=[]),
        FakeJournal().line("begin", format=1, environment=[], methods=[]),
        FakeJournal().line("end", why="tired"),
        FakeJournal().line("tune"),
        b'{"seq":null,"run_id":"%s","host":"local","segment":1,"kind":"end","why":"done"}\n' % RUN_ID.encode(),
        b"x" * (MAX_LINE_BYTES + 1),
    ],
)
def test_what_is_not_a_journal_line_is_refused(line: bytes) -> None:
    """With a JournalError, never another exception."""
    with pytest.raises(JournalError):
        parse(line)


@pytest.mark.parametrize("line", [FakeJournal().begin(), FakeJournal().trial("b00.c0000"), FakeJournal().end()])
def test_an_agents_lines_are_accepted(line: bytes) -> None:
    """Each kind with its own fields."""
    assert parse(line).seq == 0


@given(st.binary(max_size=200))
def test_any_bytes_end_in_an_entry_or_a_journal_error(line: bytes) -> None:
    """Nothing else escapes."""
    with pytest.raises(JournalError):
        parse(line)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=4))
def test_any_value_in_any_field_ends_in_an_entry_or_a_journal_error(value: object) -> None:
    """Nothing else escapes."""
    good = json.loads(FakeJournal().trial("b00.c0000"))
    for name in good:
        line = json.dumps({**good, name: value}).encode() + b"\n"
        with contextlib.suppress(JournalError):
            assert parse(line).seq >= 0
