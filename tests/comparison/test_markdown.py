"""Markdown that can be pasted: complete, bounded, and harmless whatever the names are."""

from __future__ import annotations

import re
from typing import Any

import pytest

from pageswap.comparison.comparison import Part, compare
from pageswap.comparison.markdown import comparison_as_markdown, escaped, summary_as_markdown
from tests.fake_run import FakeRun, make_run

SMALL: dict[str, Any] = {"region_size": [128 << 20], "blocks": 8, "noise": 0.01}
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

    assert text.startswith("### new against base: gate **tripped**\n")
    assert {8, 5} == {len(row) for row in table}
    assert [row[-1] for row in table[2:4]] == ["**slower**", "**slower**"]
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
