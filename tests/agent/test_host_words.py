"""What a host says is read with distrust: what it may hold, and what is in the way of showing it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pageswap.agent.host_words import misfit, plain, read_object


def test_plain_text_keeps_its_lines_and_loses_its_power() -> None:
    """Letters of any language, tabs and line breaks stay; what a terminal would obey is written out."""
    assert plain("größer\t98 %\nzweitens") == "größer\t98 %\nzweitens"
    assert plain("a\u200bb\u2060\ufeff\u00ad") == r"a\u200bb\u2060\ufeff\xad"
    assert plain("a\x1b[31m\x7f\x85\u2066b\ud800") == r"a\x1b[31m\x7f\x85\u2066b\ud800"
    obeyed = [*range(9), *range(0xB, 0x20), *range(0x7F, 0xA0), 0xAD, 0x61C, 0x180E, *range(0x200B, 0x2010)]
    obeyed += [*range(0x2028, 0x202F), *range(0x2060, 0x2070), 0xFEFF, *range(0xFFF9, 0xFFFC), *range(0xD800, 0xE000)]
    obeyed += range(0xE0000, 0xE0080)
    assert all(plain(chr(number)).startswith("\\") for number in obeyed)


def test_an_objects_texts_lose_their_power_wherever_they_stand() -> None:
    """Names, too; numbers and what is plain stay."""
    told = {"a\x1b[2J": ["\u202eb", {"c": "\ud800\n"}], "n": [1, -2.5, None, True]}

    assert read_object(json.dumps(told).encode()) == {
        r"a\x1b[2J": [r"\u202eb", {"c": "\\ud800\n"}],
        "n": [1, -2.5, None, True],
    }
    assert read_object('{"raw": "\u202e\x7f"}'.encode()) == {"raw": r"\u202e\x7f"}


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"[1]", "not a JSON object"),
        (b"\xff", "utf-8"),
        ('{"a": "\u202e"}'.encode("utf-16-le"), "Expecting property name"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' + b"[" * 17 + b"]" * 17 + b"}", "nested too deeply"),
        (b'{"a": [' + b"1," * ((1 << 17) + 1) + b"1]}", "of more than 131,072 parts"),
        (b'{"a": NaN}', "'NaN' is no finite number"),
        (b'{"a": -1e999}', "'-1e999' is no finite number"),
        (b'{"a": 9223372036854775808}', "'9223372036854775808' has more than 64 bits"),
        (b'{"a": -' + b"9" * 5000 + b"}", "has more than 64 bits"),
    ],
)
def test_what_no_agent_says_is_no_object(line: bytes, why: str) -> None:
    """And is never a traceback, whatever it is."""
    with pytest.raises(ValueError, match=why):
        read_object(line)


SHAPE = {
    "each?": {"*": (int,)},
    "name": (str,),
    "size?": (int, type(None)),
    "parts": [{"at": (int,)}, 2],
    "word": lambda it: "" if it else "no word",
}
GOOD: dict[str, Any] = {"name": "x", "parts": [{"at": 1}], "word": 1, "more": [[]]}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({}, ""),
        ({"size": None}, ""),
        ({"size": True}, "size is True, which it cannot be"),
        ({"name": "x" * 5001}, f"name is {'x' * 5001!r:.60}, which it cannot be"),
        ({"parts": [{"at": 1}, {}]}, "parts[1].at is missing"),
        ({"parts": [{"at": 1}] * 3}, f"parts is {[{'at': 1}] * 3!r:.60}, which it cannot be"),
        ({"parts": {}}, "parts is {}, which it cannot be"),
        ({"parts": [1]}, "parts[0] is 1, which it cannot be"),
        ({"word": 0}, "no word"),
        ({"each": {"a": 1, "b?": 2}}, ""),
        ({"each": {"a": 1, "b?": "x"}}, "each.*[1] is 'x', which it cannot be"),
        ({"each": [1]}, "each is [1], which it cannot be"),
    ],
)
def test_what_does_not_fit_is_named(change: dict[str, Any], problem: str) -> None:
    """By its place; what is not asked for is no problem."""
    assert misfit({**GOOD, **change}, SHAPE) == problem
