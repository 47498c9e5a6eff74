"""Changes keep their sign and side of zero; Markdown is complete, bounded, and harmless whatever the names are."""

from __future__ import annotations

import re
from typing import Any

import pytest

from pageswap.comparison.comparison import Part, compare
from pageswap.comparison.tables import (
    comparison_as_markdown,
    escaped,
    findings,
    slowdown_interval_text,
    slowdown_text,
    summary_as_markdown,
    time_text,
)
from pageswap.statistics.intervals import Interval
from pageswap.text.numbers import percent_text
from tests.fake_run import FakeRun, make_run

SMALL: dict[str, Any] = {"region_size": [128 << 20], "blocks": 8, "noise": 0.01}
TOUCHED_NONE: dict[str, Any] = {**SMALL, "touch": ["none"]}
HOSTILE = "<img src=x onerror=alert(1)> | `a` [b](http://evil) @everyone \u202e**c**\n# d ~~e~~ &lt;"


def cells(markdown: str) -> list[list[str]]:
    """Give the cells of all table rows."""
    rows = [line for line in markdown.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row.replace("\\|", "").strip("|").split("|")] for row in rows]


def comparison(base: FakeRun, new: FakeRun, limit: float | None = 0.05) -> str:
    """Compare two runs and give the Markdown."""
    return comparison_as_markdown(compare(Part(base, None, "base"), Part(new, None, "new"), limit=limit))


def test_a_summary_has_the_answer_every_case_and_how_to_repeat_it() -> None:
    """Six cases with their figures, the commit and the command."""
    text = summary_as_markdown(make_run(**SMALL))
    table = cells(text)

    assert text.startswith("### Is remapping a page faster than copying it?\n")
    assert re.search(r"\*\*copy\\_words and mremap\\_fixed were 1\.2 to 20 times slower than memcpy", text)
    assert "Trust: good" in text
    assert ["method", "touch", "ns per swap", "speed", "95 % interval", "n", ""] == table[0]
    assert 2 + 6 == len(table)
    assert {7} == {len(row) for row in table}
    assert "0123456789abcdef0123456789abcdef01234567" in text
    assert "```sh\n./inv run --spec mremap_vs_copy.yaml\n```" in text


def test_a_summary_says_what_was_not_measured_and_why() -> None:
    """In the row of the case."""
    run = make_run(**SMALL)
    run.end("unavailable", "needs Linux 6.8", method="mremap_fixed")

    assert "not measured; unavailable: needs Linux 6.8" in summary_as_markdown(run)


def test_a_comparison_has_every_case_what_differs_and_the_gate() -> None:
    """The heading says how the gate ended, the folded part why the conditions matter."""
    new = make_run(seed=2, speeds={"copy_words": 1_100.0}, **SMALL)
    new.facts["local"]["kernel"] = "7.0"
    text = comparison(make_run(seed=1, **SMALL), new)
    table = cells(text)

    assert text.startswith("### new against base: gate undecided\n")
    assert {8, 5} == {len(row) for row in table}
    assert [row[-1] for row in table[2:4]] == ["**slower**: between two visits"] * 2
    assert ["Kernel", "6.18.5", "7.0", "yes"] == table[-1][:4]
    assert "stands with reservations" in text


def test_without_a_gate_none_is_mentioned() -> None:
    """A comparison alone decides nothing."""
    assert "ate" not in comparison(make_run(**SMALL), make_run(**SMALL), None).splitlines()[0]


def test_hostile_text_stays_text() -> None:
    """No name makes markup, ends its table cell, calls a person, or turns the line around."""
    run = make_run(hosts=(HOSTILE,), **SMALL)
    run.experiment["question"] = HOSTILE
    run.facts[HOSTILE]["kernel"] = HOSTILE
    run.end("failed", HOSTILE, method="mremap_fixed")
    other = make_run(hosts=(HOSTILE,), seed=2, **SMALL)

    for text in (summary_as_markdown(run), comparison(other, run)):
        assert "<img" not in text
        assert "@everyone" not in text
        assert "http://" not in text
        assert "\u202e" not in text
        assert "[b](" not in text
        assert "\n# d" not in text
        assert {7} >= {len(row) for row in cells(text)} - {5, 8}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a|b", "a\\|b"),
        ("a_b", "a\\_b"),
        ("<b>", "&lt;b&gt;"),
        ("&amp;", "&amp;amp;"),
        ("a\nb", "a b"),
        ("\x1b[2J", "&lt;U+001B&gt;\\[2J"),
    ],
)
def test_each_special_character_is_escaped(text: str, expected: str) -> None:
    """As GitHub's renderer wants it."""
    assert expected == escaped(text)


def test_a_huge_run_fits_into_a_comment() -> None:
    """GitHub takes 65,536 characters; what is left out is counted."""
    run = make_run(blocks=2, region_size=[(size + 1) << 20 for size in range(60)])
    text = summary_as_markdown(run)

    assert len(text) < 65_536
    assert "260 more cases are left out here" in text


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
    """In five sentences, the gate's decision last."""
    new = make_run(seed=2, speeds={"mremap_fixed": 20_000.0}, **TOUCHED_NONE)
    said = findings(compare(Part(make_run(**TOUCHED_NONE), None, "a"), Part(new, None, "b"), limit=0.05))

    assert said[0].startswith("Of 3 cases: 1 slower: mremap_fixed +2")
    assert said[0].endswith("; no difference found in 2.")
    assert "smallest change that could have been found was" in said[1]
    assert said[2] == "Two visits: the interval does not cover what differs between visits."
    assert said[3].startswith("The comparison stands. ")
    assert said[4].startswith("Gate undecided: nothing is decided: 1 of 3 cases")


def test_what_changed_most_is_named_first() -> None:
    """Slower and faster ones apart, three of each; the rest is counted."""
    methods = ["memcpy", *(f"m{number}" for number in range(8))]
    slower, faster = (1.2, 2.0, 1.5, 1.1), (0.8, 0.25, 0.6, 0.9)
    changed = dict(zip(methods[1:], [1_000 * factor for factor in (*slower, *faster)], strict=True))
    base = make_run(**{**TOUCHED_NONE, "method": methods, "speeds": dict.fromkeys(methods[1:], 1_000.0)})
    new = make_run(seed=2, **{**TOUCHED_NONE, "method": methods, "speeds": changed})
    said = findings(compare(Part(base, None, "a"), Part(new, None, "b")))[0]

    assert re.findall(r"\d+ (?:slower|faster)|m\d|\d more", said) == [
        *("4 slower", "m1", "m2", "m0", "1 more"),
        *("4 faster", "m5", "m6", "m4", "1 more"),
    ]


def test_the_finding_names_cases_without_a_partner_and_hosts() -> None:
    """What was not compared is counted, and a case is named with its host where there are several."""
    base = make_run(hosts=("a", "b"), **{**TOUCHED_NONE, "blocks": 3})
    new = make_run(hosts=("a", "b"), **{**TOUCHED_NONE, "method": ["memcpy", "null"], "blocks": 3})
    new.end("failed", "ENOMEM", host="a", method="memcpy")
    said = findings(compare(Part(base, None, "old"), Part(new, None, "new")))

    assert "Of 2 cases: too few blocks to tell in 1; 1 not compared." == said[0]
    assert "Cases without a partner: 2 only in old and 1 only in new." == said[1]


def test_no_time_is_said_to_vanish() -> None:
    """However small an end is, rounding does not make it a change by -100 %."""
    assert slowdown_interval_text(1.0, Interval(0.004, 28.0)).startswith("-99")
