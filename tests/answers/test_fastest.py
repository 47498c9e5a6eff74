"""Which is the fastest is said of each contest apart, and of nothing that moves no page or moved one wrongly."""

from __future__ import annotations

import pytest

from pageswap.answers.fastest import Winners
from pageswap.answers.record import CORRUPT, FASTEST, MIXED, NOT_TOLD_APART, UNDECIDED, YES
from pageswap.answers.words import say
from tests.answers.answered import answered, field, slow_down


def test_one_that_was_told_from_all_others() -> None:
    """Its lead over the baseline and the others' over it are findings."""
    answer = answered(field({"a": 400.0, "b": 600.0, "c": 2_000.0}))
    by_name = {finding.subject: finding for finding in answer.findings}

    assert (answer.verdict, answer.headline) == (YES, "a was fastest")
    assert by_name["a"].verdict == FASTEST
    assert by_name["a"].against == "memcpy"
    assert (by_name["b"].verdict, by_name["b"].against) == ("slower", "a")
    assert 1.4 < 1 / by_name["b"].ratio < 1.6
    assert 1.9 < 1 / by_name["memcpy"].ratio < 2.1


def test_what_cannot_be_told_from_the_first_is_named_with_it() -> None:
    """Two of the same speed, one clearly behind, and the baseline further behind."""
    answer = answered(field({"a": 400.0, "b": 400.5, "c": 600.0}, noise=0.02))

    assert answer.verdict == UNDECIDED
    assert answer.headline in {
        "Undecided: a and b were not told apart, ahead of 2 others",
        "Undecided: b and a were not told apart, ahead of 2 others",
    }
    assert {finding.subject for finding in answer.findings if finding.verdict == NOT_TOLD_APART} == {"a", "b"}


def test_all_alike_have_no_fastest() -> None:
    """None is claimed."""
    answer = answered(field({"a": 800.0, "b": 800.0}, noise=0.02))

    assert answer.headline == "Undecided: none of 3 was told to be the fastest"


def test_contests_are_judged_apart() -> None:
    """Each level has its own winner."""
    run = field({"a": 400.0, "b": 600.0}, touch=["none", "moved"])
    slow_down(run, 0.25, method="b", touch="moved")
    answer = answered(run)

    assert answer.verdict == MIXED
    assert answer.headline == "a was fastest with touch none; b was fastest with touch moved"


def test_levels_that_others_share_are_not_said_to_be_where_it_won() -> None:
    """Both of its contests are without touching, but so is one that it lost: the count is all that is true."""
    run = field({"a": 600.0, "b": 400.0}, touch=["none", "moved"], region_size=[64 << 20, 128 << 20, 256 << 20])
    for size in (64 << 20, 128 << 20):
        slow_down(run, 0.25, method="a", touch="none", region_size=size)

    assert answered(run).headline == "b was fastest in 4 of 6 cases; a was fastest in 2 of 6 cases"


def test_a_winner_is_named_before_what_was_not_told_apart() -> None:
    """One contest has a winner, two have none."""
    run = field({"a": 400.0, "b": 400.5}, noise=0.02, region_size=[64 << 20, 128 << 20, 256 << 20])
    slow_down(run, 0.5, method="b", region_size=256 << 20)

    assert answered(run).headline.startswith("b was fastest with a 256MiB region; ")


def test_contests_are_left_out_before_their_conditions_are() -> None:
    """One that is told with its condition says more than three that are counted."""
    a, b = "a" * 26, "b" * 26
    run = field({a: 400.0, b: 400.5}, noise=0.02, region_size=[64 << 20, 128 << 20, 256 << 20])
    slow_down(run, 0.5, method=a, region_size=64 << 20)
    slow_down(run, 0.5, method=b, region_size=256 << 20)

    assert answered(run).headline == (
        f"{a} was fastest with a 64MiB region; {b} was fastest with a 256MiB region; no single fastest in 1 more case"
    )


@pytest.mark.parametrize(
    ("left_out", "words"),
    [
        ([(["b"], True, 1)], "another was fastest in 1 more case"),
        ([(["b"], True, 2), (["c"], True, 1)], "others were fastest in 3 more cases"),
        ([(["b", "c"], True, 1)], "no single fastest in 1 more case"),
        ([(["b", "c"], True, 1), (["b", "d"], False, 2)], "no single fastest in 3 more cases"),
        ([(["b", "d"], False, 2)], "too few blocks in 2 more cases"),
        ([(["b"], True, 1), (["b", "c"], True, 1)], "other results in 2 more cases"),
    ],
)
def test_contests_without_a_name_are_told_by_how_they_ended(
    left_out: list[tuple[list[str], bool, int]], words: str
) -> None:
    """By their winners, and by whether blocks sufficed."""
    groups = [Winners(tuple(names), 4, is_known, [{}] * contests, {}) for names, is_known, contests in left_out]

    assert say("headline", "more_cases", groups) == words


def test_a_winner_is_named_once_however_many_competed() -> None:
    """One contender could not be measured in one of three contests that `a` wins, and the fourth is another's."""
    run = field({"a": 400.0, "b": 600.0, "c": 700.0}, region_size=[32 << 20, 64 << 20, 128 << 20, 256 << 20])
    slow_down(run, 0.25, method="b", region_size=32 << 20)
    for outcome in run.of(method="c", region_size=64 << 20):
        outcome |= {"status": "unavailable", "reason": "no such call", "elapsed_ns": None}

    assert answered(run).headline.startswith("a was fastest in 3 of 4 cases; b was fastest with a 32MiB region")


def test_what_may_be_the_fastest_says_what_it_was_not_told_from() -> None:
    """The first of a contest every one that is not beaten, each of these the first."""
    run = field({"a": 400.0, "b": 400.5, "c": 400.5, "d": 900.0}, noise=0.02)
    found = [finding for finding in answered(run).findings if finding.verdict == NOT_TOLD_APART]
    tied = {finding.subject: finding.why.partition(", after correction")[0] for finding in found}
    (first,) = (name for name, why in tied.items() if " and " in why)
    others = [name for name in tied if name != first]

    assert tied == {first: f"not told apart from {others[0]} and {others[1]}"} | dict.fromkeys(
        others, f"not told apart from {first}"
    )


def test_what_only_a_correction_kept_from_being_slower_says_so() -> None:
    """Its interval excludes 1, and nobody else's does; that of b, the first, is against the baseline."""
    run = field({"a": 400.0, "b": 400.5, "c": 400.5, "d": 900.0}, noise=0.02)
    found = [finding for finding in answered(run).findings if finding.verdict == NOT_TOLD_APART]
    excluded = {each.subject for each in found if each.low and each.high and not each.low <= 1 <= each.high}
    told = {each.subject for each in found if each.why.endswith(", after correction for 10 comparisons")}

    assert excluded - {"b"} == told == {"a"}


def test_what_has_blocks_enough_to_be_told_from_all_but_one_says_so() -> None:
    """That one may be as fast: nobody knows."""
    run = field({"a": 400.0, "b": 600.0, "c": 900.0})
    for block in range(3, 7):
        run.end("failed", "ENOMEM", method="b", block=block)
    by_name = {finding.subject: finding for finding in answered(run).findings}

    assert (by_name["a"].verdict, by_name["a"].why) == (NOT_TOLD_APART, "too few blocks to tell it from b")
    assert (by_name["b"].verdict, by_name["b"].why) == ("too few", "3 of at least 6 blocks")


def test_what_has_blocks_enough_is_told_before_what_has_too_few() -> None:
    """One contest could have told two apart, two could not have."""
    run = field({"a": 400.0, "b": 400.5}, noise=0.02, region_size=[64 << 20, 128 << 20, 256 << 20])
    for size in (128 << 20, 256 << 20):
        slow_down(run, 0.5, method="a", region_size=size)
        for block in range(3, 7):
            run.end("failed", "ENOMEM", region_size=size, block=block)
    headline = answered(run).headline

    assert 0 < headline.index("were not told apart") < headline.index("too few blocks")


def test_contests_with_too_few_blocks_are_judged_apart_too() -> None:
    """The one that leads in one of two does not lead in both."""
    run = field({"a": 400.0, "b": 600.0}, touch=["none", "moved"], blocks=3)
    slow_down(run, 0.05, method="b", touch="moved")
    answer = answered(run)

    assert answer.verdict == UNDECIDED
    assert answer.headline == (
        "Undecided: too few blocks to say which is fastest, 3 of the 6 needed; "
        "so far a leads with touch none, b leads with touch moved"
    )


def test_what_moves_no_page_is_no_way_to_move_one() -> None:
    """However fast it is."""
    run = field({"null": 1.0, "index": 2.0, "a": 400.0})
    run.families["index"] = "window"
    answer = answered(run)

    assert answer.headline == "a was fastest"
    assert {"a", "memcpy"} == {finding.subject for finding in answer.findings}


def test_a_corrupt_one_does_not_compete() -> None:
    """It is named, and the next is the fastest."""
    run = field({"a": 400.0, "b": 600.0})
    run.end("corrupt", "page 3", method="a", block=2, warmup=0)
    answer = answered(run)

    assert answer.headline == "Corrupt: a in 1 trial. b was fastest"
    assert answer.verdict == MIXED
    assert {finding.verdict for finding in answer.findings if finding.subject == "a"} == {CORRUPT}


def test_hosts_with_different_winners_disagree() -> None:
    """And each is named with its own."""
    run = field({"a": 400.0, "b": 600.0}, hosts=("lab1", "lab2"))
    slow_down(run, 0.25, method="b", host="lab2")
    answer = answered(run)

    assert answer.verdict == MIXED
    assert answer.headline == "Hosts disagree: a was fastest on lab1; b was fastest on lab2"


def test_many_hosts_are_counted() -> None:
    """Nobody reads a list of hosts."""
    names = tuple(f"h{index}" for index in range(100))
    run = field({"a": 400.0, "b": 600.0, "c": 900.0}, hosts=names)
    for host in names[60:]:
        slow_down(run, 0.25, method="b", host=host)

    assert (
        answered(run).headline == "Hosts disagree: a was fastest in 60 of 100 cases; b was fastest in 40 of 100 cases"
    )


def test_one_alone_has_nobody_to_be_told_from() -> None:
    """A contest of one is none."""
    answer = answered(field({}))

    assert (answer.verdict, answer.headline) == (
        UNDECIDED,
        "Undecided: no two were measured under the same conditions",
    )
