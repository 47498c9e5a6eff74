"""Numbers are rounded to what their interval supports, and never without a meaning."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pageswap.answers.words import rate_text
from pageswap.comparison.tables import slowdown_interval_text, slowdown_text
from pageswap.statistics.intervals import Interval
from pageswap.text.numbers import (
    change_text,
    count_text,
    figure_text,
    interval_text,
    percent_text,
    ratio_text,
    scaled,
    share_text,
)


@pytest.mark.parametrize(
    ("value", "low", "high", "text"),
    [
        (0.051234, 0.0500, 0.0524, "0.0512x"),
        (1.23456, 1.1, 1.4, "1.23x"),
        (1.23456, 1.0, 2.0, "1.2x"),
        (67.1234, 60.0, 75.0, "67x"),
        (2.0, 2.0, 2.0, "2.000x"),
    ],
)
def test_a_ratio_has_the_digits_its_interval_supports(value: float, low: float, high: float, text: str) -> None:
    """The Particle Data Group's rounding rule, and four digits where nothing varied."""
    assert text == ratio_text(value, Interval(low, high))


def test_a_ratio_without_an_interval_has_two_digits() -> None:
    """Nothing is known of its precision."""
    assert ratio_text(0.05123, None) == "0.051x"


def test_a_time_is_rounded_left_of_the_point_too() -> None:
    """A vague time in ns does not show digits it has not."""
    assert figure_text(18_056.3, Interval(17_000, 19_500)) == "18,100"
    assert interval_text(18_056.3, Interval(17_000, 19_500)) == "17,000 to 19,500"


def test_a_rate_has_a_decimal_prefix_and_the_digits_of_its_time() -> None:
    """1 / 18,056 ns is 55.4 k a second."""
    assert scaled(1e9 / 18_056, Interval(17_000, 19_500), 18_056) == "55.4 k"


@pytest.mark.parametrize(("value", "text"), [(None, ""), (3.0, "3"), (2.5, "2.5"), (65_560.0, "65,560")])
def test_a_count_that_was_not_taken_is_empty(value: float | None, text: str) -> None:
    """Absent is not zero."""
    assert text == count_text(value)


@pytest.mark.parametrize(("low", "high"), [(4.3, 81.9), (0.0004, 0.023), (1.0004, 6.5), (0.9996, 6.5), (1.8, 1.9)])
def test_rounding_moves_no_end_to_nothing_or_across_one(low: float, high: float) -> None:
    """An end printed as 0, or as 1.0 beside the word faster, would contradict the finding."""
    ends = [float(end) for end in interval_text((low * high) ** 0.5, Interval(low, high)).split(" to ")]

    assert ends[0] > 0
    assert [(end > 1) for end in ends] == [low > 1, high > 1]


MAGNITUDES = st.floats(-9, 12).map(lambda power: 10**power)
BESIDE = st.one_of(st.just(0.0), st.floats(-7, 0.5).map(lambda power: 10**power))


def parsed(text: str) -> list[float]:
    """Read the numbers of a text back, all of one unit."""
    return [float(number.replace(",", "")) for number in re.findall(r"[-+]?[\d,]*\d(?:\.\d+)?", text)]


@given(MAGNITUDES, BESIDE, BESIDE)
@example(553.0, 0.9964, 0.0109)
@example(1.004, 0.0001, 0.4)
@example(19_300.0, 0.0, 5.0)
@example(1.00002, 0.0, 0.0)
def test_an_interval_as_printed_holds_its_figure_as_printed(value: float, below: float, above: float) -> None:
    """Whatever the unit and the size: a factor, a time, a rate, a share, a change of either sign."""
    interval = Interval(value / (1 + below), value * (1 + above))
    texts = [f"{write(value, interval)} {interval_text(value, interval)}" for write in (ratio_text, figure_text)]
    texts += [rate_text(value, interval), share_text(value, interval)]
    texts.append(f"{slowdown_text(value, interval)} {slowdown_interval_text(value, interval)}")
    for text in texts:
        figure, low, high = parsed(text)

        assert low <= figure <= high, text


@pytest.mark.parametrize(
    ("ratio", "text"),
    [(1.6, "+60 %"), (1.123, "+12 %"), (0.5, "-50 %"), (0.9949, "-0.5 %"), (1.0004, "no change"), (1.0, "no change")],
)
def test_a_change_has_its_sign_and_no_digit_finer_than_a_tenth(ratio: float, text: str) -> None:
    """Two digits, either way."""
    assert change_text(ratio) == text


@pytest.mark.parametrize(
    ("ratio", "text"), [(1.012, "1.2 %"), (1.5, "50 %"), (1.99, "99 %"), (2.0, "2.0x"), (3.4, "3.4x")]
)
def test_how_far_a_ratio_is_from_one_is_percents_below_twice(ratio: float, text: str) -> None:
    """From twice on it is the ratio itself."""
    assert percent_text(ratio) == text
