"""Changes what an agent says into what a hostile or broken host might say instead; the same seed, the same words."""

from __future__ import annotations

import contextlib
import copy
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator

# Every word of ours that a reader must not find outside of the text it stands in.
MARK = "hostile"
TEXTS = (
    *(
        "\x1b[2J\x1b]0;hostile\x07",
        "\x9b2J",
        "a\r\nFORGED: a line",
        "\tx",
        "\x00",
        "\x7f",
        "\ud800",
        "\u202eevil\u2066",
    ),
    *("\nFORGED: a line", "x\n  FORGED: a line", "\x85FORGED: a line", "\u2028FORGED: a line", "x\n\nFORGED: a line"),
    *("<hostile>", "<img src=x onerror=hostile()>", "</script><hostile>", "\"'><hostile x='", "]]><hostile/>", "<!--"),
    *("{{ 7 * 7 }}{% raw %}", "%s%n{0!r:>99999}", "javascript:hostile()", "https://hostile.example/", "@hostile"),
    *("[x](javascript:hostile)", "![x](https://hostile.example/x)", "| a | b |", "a\n\n# hostile", "`x`", "$x$", "\\"),
    *("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "=cmd|' /c calc'!A0", "'", '"', ",", ";", "\n", "", " "),
    *("x" * 4999, "x" * 100_000, "\u00e9" * 2000, "Z\u0337" * 300, "\U0001f3f4" * 100, "\n" * 500, "w " * 2000),
    *("2025-02-30T12:00:00Z", "99999-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "2199-12-31T23:59:59Z", "yesterday"),
    *("../../../etc/passwd", "/dev/null", "~", "'; DROP TABLE outcome; --", "null", "NaN", "1e999", "0x10", "ok"),
    *("corrupt", "unavailable", "memcpy", "private_anon", "done", "begin", "end", "h00", "1.5 GiB", "5s", "9" * 400),
)
NUMBERS = (0, -1, 1, 1 << 31, (1 << 53) + 1, (1 << 63) - 1, 1 << 63, -(1 << 63), 1 << 64, 10**400, 0.5, 1e308, 5e-324)
# Written as they stand, since json.dumps has no word for most of them.
TOKENS = ("NaN", "-Infinity", "1e999", "9" * 5000, "[" * 900 + "]" * 900, "[" * 99_999, '{"a":1,"a":[2]}', "truex")
_LITERAL = "\ue000token"

# What passes for a text or a count wherever one may stand.
_LONG_ENOUGH = tuple(text for text in TEXTS if len(text) < 5000)
COUNTS = (0, 1, (1 << 31) + 1, (1 << 53) + 1, (1 << 63) - 1)
_FREE_TEXTS = (
    *("reason", "build", "core_hash", "source_hash", "compiler", "flags", "summary", "family", "hostname", "cpu_model"),
    *("kernel", "kernel_build", "microcode", "hypervisor", "governor", "libc", "python", "clocksource"),
    *("check", "found", "cure", "why", "log"),
)
_FIXED = ("seq", "segment", "format", "attempt")

Path = tuple[Any, ...]


def mutated(chance: random.Random, line: bytes) -> bytes:
    """Return a line that was changed in one to three ways; it ends as it did, with a newline, or is many lines."""
    try:
        document = json.loads(line)
    except (ValueError, RecursionError):
        return _torn(chance, line)
    places = [*_places(document)]
    if not places or chance.random() < 0.1:
        return _torn(chance, line)
    texts = [place for place in places if isinstance(_at(document, place), str)]
    numbers = [place for place in places if type(_at(document, place)) is int]
    token = ""
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        change, among = chance.choice(_CHANGES)
        path = chance.choice({"texts": texts, "numbers": numbers}.get(among) or places)
        # What is deep inside is much, so that what stands outside would hardly ever be chosen.
        path = path if among else path[: chance.choice((len(path), len(path), 1))]
        # What an earlier change took away cannot be changed.
        with contextlib.suppress(LookupError, TypeError):
            token = change(chance, document, path) or token
        # What was made large once is large enough, and is in several places.
        if change is _grown:
            break
    text = json.dumps(document, ensure_ascii=chance.random() < 0.5)
    return (
        text.replace(json.dumps(_LITERAL), token).replace(f'"{_LITERAL}"', token).encode("utf-8", "surrogatepass")
        + b"\n"
    )


def plausible(chance: random.Random, line: bytes) -> bytes:
    """Return a line that no check finds fault with, and whose words and counts are what they must not be."""
    document = json.loads(line)
    places = [place for place in _places(document) if _is_free(place, _at(document, place))]
    # By name, so that what stands once is chosen as often as what each of forty methods has.
    names = sorted({str(place[-1]) for place in places})
    for name in chance.sample(names, min(12, len(names))):
        path = chance.choice([place for place in places if str(place[-1]) == name])
        is_text = isinstance(_at(document, path), str)
        _at(document, path[:-1])[path[-1]] = chance.choice(_LONG_ENOUGH if is_text else COUNTS)
    if document.get("kind") == "trial":
        document["reason"] = chance.choice(_LONG_ENOUGH)
        document["status"] = chance.choice(("ok", "failed", "timeout", "oom", "unavailable", "skipped", "corrupt"))
    return json.dumps(document).encode() + b"\n"


def _is_free(place: Path, value: Any) -> bool:
    if isinstance(value, str):
        is_refusal = place[0] == "refusals" and place[-1] == 2
        return place[-1] in _FREE_TEXTS or place[-2:-1] == ("mitigations",) or is_refusal
    return type(value) is int and "environment" not in place and place[-1] not in _FIXED


def _places(value: Any, path: Path = ()) -> Iterator[Path]:
    """Yield where each part of a document stands, but not the document itself."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in parts:
        yield (*path, name)
        yield from _places(part, (*path, name))


def _at(document: Any, path: Path) -> Any:
    for name in path:
        document = document[name]
    return document


def _text(chance: random.Random, document: Any, path: Path) -> None:
    """Put a text there, or at the end of the one that is there."""
    text = chance.choice(TEXTS)
    before = _at(document, path)
    _at(document, path[:-1])[path[-1]] = before + text if isinstance(before, str) and chance.random() < 0.3 else text


def _number(chance: random.Random, document: Any, path: Path) -> None:
    _at(document, path[:-1])[path[-1]] = chance.choice(NUMBERS)


def _other_type(chance: random.Random, document: Any, path: Path) -> None:
    others: tuple[Any, ...] = (None, True, False, [], {}, [[]], {"a": {}}, 7, "7", [None], [1, "2"], {"": 0})
    _at(document, path[:-1])[path[-1]] = copy.deepcopy(chance.choice(others))


def _removed(_: random.Random, document: Any, path: Path) -> None:
    del _at(document, path[:-1])[path[-1]]


def _renamed(chance: random.Random, document: Any, path: Path) -> None:
    holder = _at(document, path[:-1])
    if isinstance(holder, dict):
        holder[chance.choice(TEXTS)] = holder.pop(path[-1])


def _added(chance: random.Random, document: Any, path: Path) -> None:
    holder = _at(document, path[:-1])
    more = chance.choice((chance.choice(TEXTS), chance.choice(NUMBERS), {"a": [{"b": [[[["deep"]]]]}]}, _nested(40)))
    if isinstance(holder, dict):
        holder[chance.choice((*TEXTS, "note", "cpu2"))] = more
    else:
        holder.append(more)


def _grown(chance: random.Random, document: Any, path: Path) -> None:
    """Make a list or an object hold far too much."""
    value = _at(document, path)
    many = chance.choice((600, 3000, 20_000))
    if isinstance(value, list):
        value *= max(2, many // (len(value) or 1))
    elif isinstance(value, dict):
        value.update({f"c{number}": number for number in range(many)})
    else:
        _at(document, path[:-1])[path[-1]] = [7 if isinstance(value, str) else value] * chance.choice((many, 1_000_000))


def _token(chance: random.Random, document: Any, path: Path) -> str:
    _at(document, path[:-1])[path[-1]] = _LITERAL
    return chance.choice(TOKENS)


def _nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


# Each with the kind of place that it is for, so that what it puts there is taken for one; "" is any.
_CHANGES: tuple[tuple[Callable[[random.Random, Any, Path], str | None], str], ...] = (
    *((_text, "texts"), (_text, "texts"), (_text, "texts"), (_text, ""), (_number, "numbers"), (_number, "numbers")),
    *((_other_type, ""), (_removed, ""), (_renamed, ""), (_added, ""), (_grown, ""), (_token, "")),
)


def _torn(chance: random.Random, line: bytes) -> bytes:
    """Change the bytes: cut, turned over, doubled, of another encoding, or none at all."""
    where = chance.randrange(len(line) or 1)
    changes: tuple[Callable[[], bytes], ...] = (
        lambda: line[:where] + b"\n",
        lambda: line[:where] + bytes([chance.randrange(256)]) + line[where + 1 :],
        lambda: line[:where] + b"\x1b]0;hostile\x07" + line[where:],
        lambda: line[:where] + b"\n" + line[where:],
        lambda: line.decode("utf-8", "replace").encode("utf-16"),
        lambda: b"\xef\xbb\xbf" + line,
        lambda: line + line,
        lambda: b"\n",
        lambda: b"\xff\xfe\x00" * 99 + b"\n",
        lambda: b"Welcome to h00!\x1b[2J\n" + line,
        lambda: b'{"error": "\\u001b[2J\\nFORGED: a line <hostile>"}\n',
        lambda: b'{"error": {"a": [1]}}\n',
        lambda: line.rstrip(b"\n") + b"x" * (5 << 20) + b"\n",
    )
    return chance.choice(changes)()
