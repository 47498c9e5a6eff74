"""A question is read for what it wants: yes or no, of which methods, or the fastest."""

from __future__ import annotations

import pytest

from pageswap.analysis.summary import Summary, summarise
from pageswap.answers.answer import answer
from pageswap.answers.asked import asked, asks_for_best
from tests.fake_run import FakeRun, make_run

ONE = {"region_size": [128 << 20], "touch": ["none"]}
FAMILIES = {
    "memcpy": "copy",
    "mremap_fixed": "remap",
    "uffd_move": "remap",
    "remap_file_pages": "remap",
    "ldt_window": "window",
    "index": "window",
}
BASE = {"method": "mremap_fixed"}


def against_mremap(question: str, **speeds: float) -> FakeRun:
    """Make a run of the methods with these speeds, compared with mremap at 16,000 ns."""
    run = make_run(method=["mremap_fixed", *speeds], speeds=speeds, baseline=BASE, **ONE)
    run.families = FAMILIES
    run.experiment["question"] = question
    return run


def first(run: FakeRun) -> str:
    """Give the first sentence."""
    return answer(summarise(run))[0]


def methods(summary: Summary) -> tuple[str, ...] | None:
    """Give whom the question is read to be about."""
    found = asked(summary, [case for case in summary.cases if case.ratio is not None])
    return found and found.methods


@pytest.mark.parametrize(
    ("speed", "word"), [(60_000.0, "no, ldt_window was slower"), (4_000.0, "yes, ldt_window was faster")]
)
def test_an_alternative_is_known_by_a_part_of_its_name(speed: float, word: str) -> None:
    """modify_ldt is what ldt_window calls; that the copy beside it is faster decides nothing."""
    run = against_mremap("Is modify_ldt an alternative to mremap?", memcpy=800.0, ldt_window=speed, index=3.0)

    assert f": {word} than mremap_fixed, at " in first(run)


def test_another_call_is_any_of_the_baselines_family() -> None:
    """One that is faster makes a yes, although another is slower; a copy is no call."""
    question = "Is another call than mremap faster at exchanging pages?"
    run = against_mremap(question, memcpy=800.0, uffd_move=3_000.0, remap_file_pages=20_000.0, ldt_window=60_000.0)
    sentences = answer(summarise(run))

    assert methods(summarise(run)) == ("uffd_move", "remap_file_pages")
    assert ": yes, uffd_move ran faster than mremap_fixed, at 5." in sentences[0]
    assert "memcpy" not in sentences[0]
    assert sentences[1].startswith("Beside these, memcpy ran faster than mremap_fixed, at ")


def test_no_other_call_is_faster() -> None:
    """All of the family slower: no, whatever the copy does. One level: neither."""
    question = "Is another call than mremap faster?"
    slower = against_mremap(question, memcpy=800.0, uffd_move=30_000.0, remap_file_pages=20_000.0)
    level = against_mremap(question, memcpy=800.0, uffd_move=30_000.0, remap_file_pages=16_000.0)

    assert ": no, " in first(slower)
    assert ": no, " not in first(level)
    assert ": yes, " not in first(level)


@pytest.mark.parametrize(("speed", "word"), [(16_000.0, "yes"), (400.0, "no")])
def test_slower_can_be_asked_for_and_conditions_put_before(speed: float, word: str) -> None:
    """The question of the seed's replica."""
    run = make_run(method=["memcpy", "mremap_fixed"], speeds={"mremap_fixed": speed}, **ONE)
    run.experiment["question"] = "At the old conditions, is mremap slower than copying once every call is checked?"

    assert f": {word}, mremap_fixed was " in first(run)


@pytest.mark.parametrize(
    ("question", "is_best"),
    [
        ("What exchanges pages of 2 MiB fastest?", True),
        ("Which copy kernel is fastest?", True),
        ("How fast can memory be copied at best?", True),
        ("Is the fastest copy faster than mremap?", False),
        ("Which methods gain from a second thread?", False),
        ("", False),
    ],
)
def test_the_fastest_is_asked_for_by_what_and_which(question: str, *, is_best: bool) -> None:
    """A question of yes or no that has the word in it is none."""
    run = make_run(**ONE)
    run.experiment["question"] = question

    assert asks_for_best(summarise(run)) == is_best


@pytest.mark.parametrize(
    "question", ["Is mremap faster than mremap?", "Is it faster than light?", "faster than memcpy"]
)
def test_what_is_no_question_about_the_baseline_gets_no_yes(question: str) -> None:
    """Neither the baseline itself nor something unknown is compared with."""
    assert methods(summarise(against_mremap(question, memcpy=800.0))) is None


def test_a_family_that_was_not_measured_gets_no_answer() -> None:
    """What else is faster than copying says nothing of remapping."""
    run = make_run(method=["memcpy", "copy_words"], speeds={"copy_words": 400.0}, **ONE)

    assert ": copy_words was faster than memcpy" in first(run)
    assert methods(summarise(run)) == ()


def test_an_endless_question_is_read_soon() -> None:
    """It is text from a file that anyone may write."""
    run = make_run(**ONE)
    run.experiment["question"] = "is " + "a, is " * 200_000 + "faster than"

    assert "slower than memcpy" in answer(summarise(run))[0]
