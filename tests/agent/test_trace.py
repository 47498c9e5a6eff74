"""Traces on their way to a host and into a store."""

from __future__ import annotations

import base64
import hashlib
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pageswap.agent import trace as traces


@given(st.binary(max_size=300))
def test_any_bytes_are_a_trace_or_refused_with_their_place(data: bytes) -> None:
    """Nothing else comes out of what a person may have put into a file."""
    told = ""
    try:
        traces.trace_from(data, "moves.csv")
    except ValueError as error:
        told = str(error)

    assert told == "" or (told.startswith("moves.csv:") and told.isprintable())


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 4)), min_size=1, max_size=12))
def test_moves_are_a_trace_where_a_model_can_make_them(moves: list[tuple[int, int, int]]) -> None:
    """A dictionary of slots, which knows of each whether it holds a page."""
    held: dict[int, bool] = {}
    can = True
    for to, source, pages in moves:
        can = can and to != source and pages > 0 and all(held.get(source + page, True) for page in range(pages))
        held |= {source + page: False for page in range(pages)}
        held |= {to + page: True for page in range(pages)}
    data = "".join(f"{to},{source},{pages}\n" for to, source, pages in moves).encode()
    if not can:
        with pytest.raises(ValueError, match=r"^m:\d+: "):
            traces.trace_from(data, "m")
        return
    found = traces.trace_from(data, "m")

    assert found.lines.tolist() == [*(number for move in moves for number in move), 0, 0, 0]
    assert (found.moves, found.slots) == (len(moves), max(held) + 1)


def test_what_comes_is_what_was_sent_or_refused() -> None:
    """A hash of other bytes, what is no text of ours, and what would fill the memory."""
    data = b"0,1,1\n"
    sha256 = hashlib.sha256(data).hexdigest()
    bomb = base64.b64encode(zlib.compress(bytes(traces.MAX_BYTES + 2))).decode()

    assert traces.unpacked(traces.packed(data), sha256) == data
    for text, told in (
        (traces.packed(b"0,1,2\n"), "has the hash"),
        ("?", "cannot be unpacked"),
        (traces.packed(data)[:8], "has the hash|cannot be unpacked"),
        (bomb, "has the hash"),
    ):
        with pytest.raises(ValueError, match=told):
            traces.unpacked(text, sha256)
