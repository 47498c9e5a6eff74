"""Thirty mistakes that people make in YAML: each ends in one line, where the mistake is, with the cure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pageswap.errors import SpecError
from pageswap.spec.loader import loads

if TYPE_CHECKING:
    from pageswap.spec.factors import Vocabulary

HEAD = "name: tiny\nquestion: Which one is faster?\n"
TAIL = "baseline: {method: memcpy}\n"

NO_LIST = "this '-' is in no list; write all dashes of a list in one column"
COLUMN = "this key does not stand below the others; begin all of them in one column"
RIGHT = "stands further right than the key above, and so belongs to its value; begin all keys in one column, or put"
QUOTE = "a quote opens here and ends on another line; end it here, or write its other kind"
AFTER = "text goes on after the end of the value; put all of it in quotes of the other kind"
NEITHER = "is neither 'key: value', with a blank after the colon, nor '- value'"

# What is in the file, and its one line after "a.yaml:".
BROKEN = {
    "a tab before a dash": (HEAD + "method:\n\t- memcpy\n" + TAIL, "4: a tab stands here; write blanks"),
    "a tab before a key": (
        HEAD + "method: memcpy\nbaseline:\n\tmethod: memcpy\n",
        "5: a tab stands here; write blanks",
    ),
    "a tab after a value": (HEAD + "method: memcpy\t\n" + TAIL, "3: a tab stands here; write blanks"),
    "a colon in a text": (
        "name: tiny\nquestion: Which is faster: this or that?\nmethod: memcpy\n" + TAIL,
        "2: a text that holds a ':' needs quotes; write question: 'Which is faster: this or that?'",
    ),
    "a colon in a text with an apostrophe": (
        "name: tiny\nquestion: What's faster: this or that?\nmethod: memcpy\n" + TAIL,
        "2: a text that holds a ':' needs quotes; write question: \"What's faster: this or that?\"",
    ),
    "a quote that is never closed": (HEAD + "method: 'memcpy\n" + TAIL, f"3: {QUOTE}"),
    "a quote that a later one closes": (
        'name: tiny\nquestion: "Which one is faster?\nmethod: "memcpy"\n' + TAIL,
        f"2: {QUOTE}",
    ),
    "an apostrophe between quotes": (
        "name: tiny\nquestion: 'What's faster?'\nmethod: memcpy\n" + TAIL,
        f"2: {AFTER}",
    ),
    "quotes around a part": ("name: tiny\nquestion: 'memcpy' or not?\nmethod: memcpy\n" + TAIL, f"2: {AFTER}"),
    "a backslash": (
        'name: tiny\nquestion: "Is C:\\path faster?"\nmethod: memcpy\n' + TAIL,
        "2: a backslash has a meaning between double quotes; write single ones",
    ),
    "a bracket that is never closed": (
        HEAD + TAIL + "method: [memcpy, mremap_fixed\n",
        "4: '[' opens here and does not end; write ']' at its end",
    ),
    "a bracket that is open at the next key": (
        HEAD + "method: [memcpy, mremap_fixed\n" + TAIL,
        "3: '[' opens here and does not end; write ']' at its end",
    ),
    "a brace that is open at the next key": (
        HEAD + "baseline: {method: memcpy\nmethod: memcpy\n",
        "3: '{' opens here and does not end; write '}' at its end",
    ),
    "a bracket that a brace closes": (
        HEAD + "method: [memcpy, mremap_fixed}\n" + TAIL,
        "3: '[' opens here and does not end; write ']' at its end",
    ),
    "a bracket in a text": (
        "name: tiny\nquestion: [Which one is faster?\nmethod: memcpy\n" + TAIL,
        "2: '[' opens here and does not end; write ']' at its end",
    ),
    "a bracket too many": (
        HEAD + "method: [memcpy]]\n" + TAIL,
        "3: nothing is open that this ']' could belong to; delete it, or put the text in quotes",
    ),
    "a comma too few in a mapping": (
        HEAD + "method: memcpy\nbaseline: {method: memcpy touch: none}\n",
        "4: a ',' is missing between two values",
    ),
    "a comma too few in a list": (
        HEAD + "method: memcpy\nexclude: [{touch: none} {touch: moved}]\n" + TAIL,
        "4: a ',' is missing between two values",
    ),
    "a list with commas only": (
        HEAD + "method: memcpy, mremap_fixed\n" + TAIL,
        "3: method: 'memcpy, mremap_fixed' is a list, which stands in brackets; write [memcpy, mremap_fixed]",
    ),
    "numbers with commas only": (
        HEAD + "method: memcpy\nthreads: 1,2,4\n" + TAIL,
        "4: threads: '1,2,4' is a list, which stands in brackets; write [1,2,4]",
    ),
    "a number with commas": (
        HEAD + "method: memcpy\niterations: 200,000\n" + TAIL,
        "4: iterations: '200,000' is not a whole number; write decimal digits without leading zeros, such as 200000",
    ),
    "a dash further right": (HEAD + "method:\n  - memcpy\n   - mremap_fixed\n" + TAIL, f"5: method[0]: {NO_LIST}"),
    "a dash further left": (HEAD + "method:\n  - memcpy\n - mremap_fixed\n" + TAIL, f"5: {NO_LIST}"),
    "a dash below a value": (HEAD + "method: memcpy\n  - mremap_fixed\n" + TAIL, f"4: method: {NO_LIST}"),
    "a dash beside its key": (
        HEAD + "method: - memcpy\n" + TAIL,
        "3: a list begins on the line below its key, each value after '- '",
    ),
    "a range": (
        HEAD + "method: memcpy\nthreads: 1..64\n" + TAIL,
        "4: threads: '1..64' is a range; write every level that is meant, such as 1 and 64",
    ),
    "a range of sizes": (
        HEAD + "method: memcpy\npage_size: [4KiB-64KiB]\n" + TAIL,
        "4: page_size[0]: '4KiB-64KiB' is a range; write every level that is meant, such as 4KiB and 64KiB",
    ),
    "a key further right": (HEAD + "  method: memcpy\n" + TAIL, f"3: {RIGHT}"),
    "a key further left": (HEAD + "method: memcpy\nbaseline:\n  method: memcpy\n touch: none\n", f"6: {COLUMN}"),
    "no blank after a colon": (HEAD + "method:memcpy\n" + TAIL, f"3: {NEITHER}"),
    "no colon": (HEAD + "method = memcpy\n" + TAIL, f"3: {NEITHER}"),
    "a value missing its dash": (HEAD + "method:\n  - memcpy\n  mremap_fixed\n" + TAIL, f"5: {NEITHER}"),
    "a group of hosts without quotes": (
        HEAD + "method: memcpy\nhosts: @lab\n" + TAIL,
        "4: a value that begins with '@' needs quotes",
    ),
}


@pytest.mark.parametrize(("text", "expected"), BROKEN.values(), ids=BROKEN)
def test_a_mistake_is_one_line_where_it_is(vocabulary: Vocabulary, text: str, expected: str) -> None:
    """The line of the mistake, which is not always where reading stopped, and what to write there."""
    with pytest.raises(SpecError) as caught:
        loads(text, "a.yaml", vocabulary=vocabulary)

    assert str(caught.value).startswith(f"a.yaml:{expected}")
    assert "\n" not in str(caught.value)


def test_all_errors_of_a_file_come_at_once(vocabulary: Vocabulary) -> None:
    """In the order of the lines; what follows from another error is not one."""
    text = """\
name: Tiny
question: Which one is faster?
method: [memcpy, mremap, memcpy, quux]
page_size: 4K
pagesize: 4KiB
exclude: [{method: mremap_fixed, touch: no}, {size: 4KiB}]
baseline: {method: memcopy}
repeats: 0
repeats: 3
"""
    with pytest.raises(SpecError) as caught:
        loads(text, "a.yaml", vocabulary=vocabulary)

    places = [line.removeprefix("a.yaml:").split(": ")[:2] for line in str(caught.value).split("\n")]
    assert places == [
        ["1", "name"],
        ["3", "method[1]"],
        ["3", "method[2]"],
        ["3", "method[3]"],
        ["4", "page_size"],
        ["5", "pagesize"],
        ["6", "exclude[0].touch"],
        ["6", "exclude[1].size"],
        ["7", "baseline.method"],
        ["8", "repeats"],
        ["9", "repeats"],
    ]


def test_all_that_no_case_can_have_comes_at_once(vocabulary: Vocabulary) -> None:
    """Sizes, spans, rounds and the baseline are looked at by themselves."""
    text = HEAD + "method: memcpy\nregion_size: [4KiB, 1MiB]\ndistance: 1000\niterations: 5\nbaseline: {threads: 2}\n"
    with pytest.raises(SpecError) as caught:
        loads(text, "a.yaml", vocabulary=vocabulary)

    places = [line.removeprefix("a.yaml:").split(": ")[:2] for line in str(caught.value).split("\n")]
    assert places == [["4", "region_size[0]"], ["5", "distance"], ["6", "iterations"], ["7", "baseline"]]


def test_a_wrong_workload_is_told_alone(vocabulary: Vocabulary) -> None:
    """What the rest of the file may say follows from it."""
    with pytest.raises(SpecError, match=r"^a.yaml:3: workload: unknown workload 'mov'; did you mean 'move'\?.*$"):
        loads(HEAD + "workload: mov\nmethod: copy_words\nrun_pages: 4\n" + TAIL, "a.yaml", vocabulary=vocabulary)


def test_many_errors_are_cut_short(vocabulary: Vocabulary) -> None:
    """Twenty are enough for one reading."""
    with pytest.raises(SpecError) as caught:
        loads(HEAD + f"method: [{', '.join(map(str, range(50)))}]\n" + TAIL, "a.yaml", vocabulary=vocabulary)

    lines = str(caught.value).split("\n")
    assert (len(lines), lines[-1]) == (21, "a.yaml: and 30 more errors")
