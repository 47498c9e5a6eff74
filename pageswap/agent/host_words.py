"""What a host says, read with distrust: JSON of no absurd depth or number, and of the shape that is expected."""

from __future__ import annotations

import json
import math
import re
from typing import Any

# Nothing of ours is nested as deeply; what is ends a program that looks into it.
_DEEPEST = 16
# Three bytes of JSON may become seventy in memory.
MOST_PARTS = 1 << 17
# The store's integers have 64 bits.
_MAX_INTEGER = (1 << 63) - 1
# A text is a sentence or a name, a list has a member a CPU or a method: more is no measurement, but a parcel.
_LONGEST_TEXT = 5000
_MOST_MEMBERS = 10_000

# C0 and C1 but tab and newline, marks that cannot be seen or turn the direction of writing, and what is no character.
_OBEYED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)


def plain(text: str) -> str:
    """Return `text` with every character escaped that a terminal would obey rather than show; its lines stay lines.

    What comes from a host is shown, and must not paint over what stands there or turn its letters around.
    """
    if text.isprintable():  # none of these is, and a text is seldom anything else
        return text
    return _OBEYED.sub(lambda found: found[0].encode("unicode_escape", "replace").decode(), text)


def read_object(line: bytes, most_parts: int = MOST_PARTS) -> dict[str, Any]:
    """Return the JSON object that a line holds, all its texts `plain`; raises ValueError that says why it is none."""
    try:
        text = line.decode()
        if text.count(",") > most_parts:
            raise ValueError(f"of more than {most_parts:,} parts")
        found = json.loads(text, parse_constant=_finite, parse_float=_finite, parse_int=_integer)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(found, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - it is the line that is wrong
    # Most lines have nothing to look for.
    if text.isascii() and not re.search(r"[\\\x7f]", text) and text.count("[") + text.count("{") <= _DEEPEST:
        return found
    return dict(_plain(found, _DEEPEST))


def _plain(value: Any, deepest: int) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, str):
        return plain(value)
    if not isinstance(value, (dict, list)):
        return value
    if not deepest:
        raise ValueError("nested too deeply")
    if isinstance(value, list):
        return [_plain(member, deepest - 1) for member in value]
    return {plain(name): _plain(member, deepest - 1) for name, member in value.items()}


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text!r:.60} is no finite number")
    return value


def _integer(text: str) -> int:
    value = int(text) if len(text) <= len(str(-_MAX_INTEGER)) else _MAX_INTEGER + 1
    if abs(value) > _MAX_INTEGER:
        raise ValueError(f"{text!r:.60} has more than 64 bits")
    return value


# A value's place: a text, or a place and what leads on from it. It is put into words only where something is wrong.
_Place = Any


def misfit(value: Any, shape: Any, place: _Place = "") -> str:  # noqa: ANN401 - whatever the host has told
    """Say what in a value is not of a shape, "" when nothing is; `place` names the value.

    A shape is some types; a list of one shape, and perhaps of how many members at most; a dict of shapes by the names
    that must be there, or may be where a name ends in a question mark, and of all members' shape by an asterisk; or
    what says of a value why it is none.
    """
    if isinstance(shape, tuple):
        # Not by isinstance: to Python a bool is a number, too.
        kind = type(value)
        if kind in shape and not (kind is str and len(value) > _LONGEST_TEXT):
            return ""
    elif isinstance(shape, dict):
        if isinstance(value, dict):
            return _misfit_in_dict(value, shape, place)
    elif not isinstance(shape, list):
        return str(shape(value))
    elif isinstance(value, list) and len(value) <= (shape[1] if shape[1:] else _MOST_MEMBERS):
        return _misfit_in_list(value, shape[0], place)
    return f"{_spelled(place)} is {value!r:.60}, which it cannot be"


def _misfit_in_dict(value: dict[str, Any], shape: dict[str, Any], place: _Place) -> str:
    for key, inner in shape.items():
        name = key.rstrip("?")
        if key == "*":
            problem = _misfit_in_list([*value.values()], inner, (place, key))
        elif name in value:
            problem = misfit(value[name], inner, (place, name))
        else:
            problem = f"{_spelled((place, name))} is missing" if name == key else ""
        if problem:
            return problem
    return ""


def _misfit_in_list(value: list[Any], shape: Any, place: _Place) -> str:  # noqa: ANN401 - a shape of `misfit`
    for index, member in enumerate(value):
        problem = misfit(member, shape, (place, index))
        if problem:
            return problem
    return ""


def _spelled(place: _Place) -> str:
    if isinstance(place, str):
        return place
    above, step = place
    where = _spelled(above)
    return f"{where}[{step}]" if isinstance(step, int) else f"{where}.{step}" if where else step
