"""Numbers and levels as a person reads them: rounded to what is known, always with a unit."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pageswap.statistics.intervals import Interval

_UNKNOWN_DIGITS = 2
_KNOWN_DIGITS = 4
_MOST_DIGITS = 5
_TWO_DIGITS_UP_TO = 354
_MOST_PLACES = 12
_PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_TWICE = 2.0
_GIB = 1 << 30
# A figure is a loss, a gain, faster or slower by its side of these.
_BORDERS = (0.0, 1.0)


def decimals(value: float, interval: Interval | None) -> int:
    """Say how many decimals of a value are worth printing; negative is to the left of the point.

    With an interval this is the Particle Data Group's rule (Review of Particle Physics, section 5.3): half its width is
    kept to two digits when its first three are 100 to 354, to one from there to 949, above that it counts as 1000 and
    has two again. Without an interval nothing is known of the precision, and two significant digits are printed. It is
    as many more as it takes for the interval as printed to hold the value as printed (`holding`).
    """
    if not value or not math.isfinite(value):
        return 0
    magnitude = math.floor(math.log10(abs(value)))
    if interval is None:
        return _UNKNOWN_DIGITS - 1 - magnitude
    half = (interval.high - interval.low) / 2
    if half <= 0 or not math.isfinite(half):
        return holding(value, interval, _KNOWN_DIGITS - 1 - magnitude)
    place = math.floor(math.log10(half))
    leading = round(half / 10 ** (place - 2))
    digits = 1 - place if leading <= _TWO_DIGITS_UP_TO else -place
    return holding(value, interval, min(max(digits, -magnitude), _MOST_DIGITS - 1 - magnitude))


def holding(value: float, interval: Interval, places: int, borders: Sequence[float] = _BORDERS) -> int:
    """Return the decimals, ``places`` or more, to which a value rounds to what its interval's ends hold as printed.

    The ends have more than that where they would be rounded to one of ``borders`` or across it (`kept_apart`).
    """
    if not interval.low <= value <= interval.high:
        return places
    while places < _MOST_PLACES:
        low, high = (round(end, kept_apart(end, places, borders)) for end in (interval.low, interval.high))
        if low <= round(value, places) <= high:
            break
        places += 1
    return places


def kept_apart(value: float, places: int, borders: Sequence[float] = _BORDERS) -> int:
    """Return the decimals, ``places`` or more, that bring a number to none of ``borders``, nor across one."""
    while places < _MOST_PLACES and any(_side(round(value, places), each) != _side(value, each) for each in borders):
        places += 1
    return places


def _side(value: float, border: float) -> int:
    return (value > border) - (value < border)


def rounded(value: float, places: int) -> str:
    """Print a number with a fixed count of decimals and thousands separators; never in scientific notation."""
    return f"{round(value, places):,.{max(0, places)}f}"


def figure_text(value: float, interval: Interval | None) -> str:
    """Print a figure to the digits that its interval knows, without a unit."""
    return rounded(value, decimals(value, interval))


def ratio_text(ratio: float, interval: Interval | None) -> str:
    """Print a speed-up as ``1.85x``."""
    return f"{figure_text(ratio, interval)}x"


def interval_text(value: float, interval: Interval | None) -> str:
    """Print ``1.80 to 1.90``, the ends with the decimals of the value between them; nothing without an interval.

    An end that those decimals would turn into 0, or carry onto or past 1, where "faster" begins, gets as many more as
    it takes to stay itself.
    """
    if interval is None:
        return ""
    places = decimals(value, interval)
    return f"{end_text(interval.low, places)} to {end_text(interval.high, places)}"


def end_text(end: float, places: int) -> str:
    """Print an interval's end so that rounding changes neither its sign nor its side of 1."""
    return rounded(end, kept_apart(end, places))


def scaled(value: float, interval: Interval | None, centre: float) -> str:
    """Print a rate with a decimal prefix, ``1.09 M``, to as many digits as the time it was made from is known."""
    factor, prefix = decimal_unit(value)
    known = decimals(centre, interval) + math.floor(math.log10(abs(centre))) + 1 if centre else 1
    return f"{with_digits(value / factor, min(_KNOWN_DIGITS, max(1, known)))} {prefix}"


def decimal_unit(value: float) -> tuple[float, str]:
    """Return the largest decimal unit that leaves one before the point, and its prefix: ``1e6`` and ``M``."""
    return next(((factor, prefix) for factor, prefix in _PREFIXES if value >= factor), (1.0, ""))


def percent_text(ratio: float) -> str:
    """Print how far a ratio above 1 is from 1: ``1.2 %``, from twice on ``3.4x``."""
    return f"{with_digits(ratio, _UNKNOWN_DIGITS)}x" if ratio >= _TWICE else f"{with_digits(100 * (ratio - 1), 2)} %"


def share_text(share: float, interval: Interval | None = None) -> str:
    """Print a share of a whole as ``12 %``, with its interval as ``12 % [10 to 14]``."""
    percent = 100 * share
    ends = interval and dataclasses.replace(interval, low=100 * interval.low, high=100 * interval.high)
    return f"{rounded(percent, decimals(percent, ends))} %{f' [{interval_text(percent, ends)}]' if ends else ''}"


def change_text(ratio: float) -> str:
    """Print how far a ratio is from 1 either way, ``+12 %`` or ``-0.5 %``, to two digits and no finer than a tenth."""
    percent = 100 * (ratio - 1)
    places = min(1, decimals(percent, None))
    sign = "+" if percent > 0 else "-"
    return f"{sign}{rounded(abs(percent), places)} %" if round(percent, places) else "no change"


def with_digits(value: float, digits: int) -> str:
    """Print a number from 0 on to so many digits."""
    return rounded(value, digits - 1 - math.floor(math.log10(value)) if value > 0 else 0)


def count_text(value: float | None) -> str:
    """Print a count that may be the middle of two, and nothing for one that was not taken."""
    if value is None:
        return ""
    return f"{value:,.0f}" if value == round(value) else f"{value:,.1f}"


def gibibytes(size_bytes: int, *, exactly: bool = True) -> str:
    """Print an amount of memory, by default with its bytes: ``23.44 GiB (25,165,824,000 bytes)``; none for 0."""
    if not size_bytes:
        return "none"
    return f"{size_bytes / _GIB:,.2f} GiB{f' ({size_bytes:,} bytes)' if exactly else ''}"
