"""Figures of sentences, rounded to what a reader keeps in mind; and an answer in plain text."""

from __future__ import annotations

import pytest

from pageswap.answers.record import HEADLINE_LENGTH, Answer, Caveat, Reason, Trust
from pageswap.answers.words import answer_lines, factor_text, rate_text, say, short_factor
from pageswap.statistics.intervals import Interval


@pytest.mark.parametrize(
    ("ratio", "text"), [(0.05, "20"), (20.4, "20"), (1.042, "1.04"), (0.62, "1.6"), (1 / 1234, "1,200"), (1.0, "1.00")]
)
def test_a_factor_in_a_sentence(ratio: float, text: str) -> None:
    """Two digits, three near 1."""
    assert short_factor(ratio) == text


def test_a_factor_with_its_interval_has_the_digits_that_are_known() -> None:
    """Turned round where it is below 1."""
    assert factor_text(0.0512, Interval(0.0500, 0.0524)) == "19.5"
    assert factor_text(1.853, Interval(1.801, 1.904)) == "1.85"


def test_equal_is_neither_faster_nor_slower() -> None:
    """A ratio of exactly one."""
    assert say("findings", "times", 1.0, None) == "equally fast"
    assert say("findings", "times", 0.5, None) == "2.0 times slower"
    assert say("findings", "as_fast", 1.0, None) == "equally fast"


def test_rates_have_a_prefix() -> None:
    """The interval has the same."""
    assert rate_text(22.13e9, Interval(21.9e9, 22.3e9)) == "22.13 GB/s, 21.90 to 22.30"


def test_a_headline_has_a_bound() -> None:
    """It is part of the contract."""
    assert HEADLINE_LENGTH == 160


def test_the_headline_stands_first_and_trust_beside_it() -> None:
    """A line each."""
    trust = Trust("doubtful", (Reason("steal", "time was stolen"), Reason("few_blocks", "there were few")))
    answer = Answer("faster", "no", "a was slower", trust, (), (Caveat("unfinished", "Not finished."),))

    assert answer_lines(answer) == ["a was slower", "Trust: doubtful: time was stolen; there were few", "Not finished."]
