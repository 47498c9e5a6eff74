"""Changes as percentages: signs, digits, and ends that keep their side of zero."""

from __future__ import annotations

import re
from typing import Any

import pytest

from pageswap.comparison.comparison import Part, compare
from pageswap.comparison.percent import findings, slowdown_interval_text, slowdown_text, time_text
from pageswap.statistics.intervals import Interval
from pageswap.text.numbers import percent_text
from tests.fake_run import make_run

SMALL: dict[str, Any] = {"region_size": [128 << 20], "touch": ["none"], "blocks": 8, "noise": 0.01}


@pytest.mark.parametrize(
    ("change", "ends", "text", "interval"),
    [
        (1.102, (1.089, 1.116), "+10.2 %", "+8.9 to +11.6 %"),
        (0.95, (0.935, 0.973), "-5.0 %", "-6.5 to -2.7 %"),
        (1.0001, (0.98, 1.02), "0.0 %", "-2.0 to +2.0 %"),
        (1.3, (0.9996, 2.1), "+30 %", "-0.04 to +110 %"),
        (13.0, (10.0, 88.0), "+1,000 %", "+1,000 to +9,000 %"),
    ],
)
def test_a_change_is_as_precise_as_its_interval(
    change: float, ends: tuple[float, float], text: str, interval: str
) -> None:
    """And an end that is below zero is never printed as zero."""
    assert text == slowdown_text(change, Interval(*ends))
    assert interval == slowdown_interval_text(change, Interval(*ends))


def test_what_is_not_known_is_not_printed() -> None:
    """No zero stands for it."""
    assert ["", "", "+10 %", "", ""] == [
        slowdown_text(None, None),
        slowdown_interval_text(None, None),
        slowdown_text(1.1, None),
        slowdown_interval_text(1.1, None),
        time_text(None),
    ]


@pytest.mark.parametrize(("ns", "text"), [(0.5123, "0.512"), (847.4, "847"), (15_671.0, "15,700")])
def test_a_time_has_three_digits(ns: float, text: str) -> None:
    """Never in scientific notation."""
    assert text == time_text(ns)


@pytest.mark.parametrize(("factor", "text"), [(1.0184, "1.8 %"), (49.0, "49x"), (1.0, "0 %")])
def test_the_smallest_change_has_two_digits(factor: float, text: str) -> None:
    """Never in scientific notation."""
    assert text == percent_text(factor)


def test_the_finding_says_what_how_sure_and_whether_it_stands() -> None:
    """In four sentences, the gate's decision last."""
    new = make_run(seed=2, speeds={"mremap_fixed": 20_000.0}, **SMALL)
    said = findings(compare(Part(make_run(**SMALL), None, "a"), Part(new, None, "b"), limit=0.05))

    assert said[0].startswith("Of 3 cases: 1 slower: mremap_fixed +2")
    assert said[0].endswith("; no difference found in 2.")
    assert "smallest change that could have been found was" in said[1]
    assert said[2].startswith("The comparison stands. ")
    assert said[3].startswith("Gate tripped: 1 of 3 cases")


def test_what_changed_most_is_named_first() -> None:
    """Slower and faster ones apart, three of each; the rest is counted."""
    methods = ["memcpy", *(f"m{number}" for number in range(8))]
    slower, faster = (1.2, 2.0, 1.5, 1.1), (0.8, 0.25, 0.6, 0.9)
    changed = dict(zip(methods[1:], [1_000 * factor for factor in (*slower, *faster)], strict=True))
    base = make_run(**{**SMALL, "method": methods, "speeds": dict.fromkeys(methods[1:], 1_000.0)})
    new = make_run(seed=2, **{**SMALL, "method": methods, "speeds": changed})
    said = findings(compare(Part(base, None, "a"), Part(new, None, "b")))[0]

    assert re.findall(r"\d+ (?:slower|faster)|m\d|\d more", said) == [
        *("4 slower", "m1", "m2", "m0", "1 more"),
        *("4 faster", "m5", "m6", "m4", "1 more"),
    ]


def test_the_finding_names_cases_without_a_partner_and_hosts() -> None:
    """What was not compared is counted, and a case is named with its host where there are several."""
    base = make_run(hosts=("a", "b"), **{**SMALL, "blocks": 3})
    new = make_run(hosts=("a", "b"), **{**SMALL, "method": ["memcpy", "null"], "blocks": 3})
    new.end("failed", "ENOMEM", host="a", method="memcpy")
    said = findings(compare(Part(base, None, "old"), Part(new, None, "new")))

    assert "Of 2 cases: too few blocks to tell in 1; 1 not compared." == said[0]
    assert "Cases without a partner: 2 only in old and 1 only in new." == said[1]
