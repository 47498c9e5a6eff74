"""A series of figures as one line of text, with a bar where its level changes."""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_HEIGHTS: Final = "▁▂▃▄▅▆▇█"
_EDGE: Final = "│"
# A series that varies by less than this is drawn flat: its noise is no landscape.
_FLAT: Final = 1.02
MOST_LETTERS: Final = 60


def sparkline(parts: Sequence[Sequence[float]], most: int = MOST_LETTERS) -> str:
    """Draw the positive values of each part, a bar between two parts, in at most ``most`` letters.

    Heights are logarithmic, from the smallest to the largest value of all parts. Of more values than there are letters
    neighbours are drawn by their median.
    """
    values = [value for part in parts for value in part]
    if not values:
        return ""
    room = max(len(parts), most - len(parts) + 1)
    step = max(1, math.ceil(len(values) / room))
    drawn = [[statistics.median(part[at : at + step]) for at in range(0, len(part), step)] for part in parts]
    low, high = math.log(min(map(min, drawn))), math.log(max(map(max, drawn)))
    missing = max(0.0, math.log(_FLAT) - (high - low))
    # In the middle of the fifth of eight letters; between two of them the least noise would take turns.
    low, span = low - missing * 9 / 16, max(high - low, math.log(_FLAT))
    return _EDGE.join("".join(_height((math.log(value) - low) / span) for value in part) for part in drawn)


def _height(share: float) -> str:
    return _HEIGHTS[min(len(_HEIGHTS) - 1, int(share * len(_HEIGHTS)))]
