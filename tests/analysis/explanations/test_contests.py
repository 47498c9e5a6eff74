"""The fastest is named only as far as a run can tell: what cannot be told from the first is named beside it."""

from __future__ import annotations

import re

import pytest

from pageswap.analysis.explanations.contests import contests
from pageswap.analysis.summary import summarise
from pageswap.answers.answer import answer
from tests.fake_run import FakeRun, make_run

ONE = {"region_size": [128 << 20], "touch": ["none"]}
QUESTION = "Which method exchanges pages fastest?"


def field(speeds: dict[str, float], **more: object) -> FakeRun:
    """Make a run that asks which of memcpy (800 ns) and these methods is the fastest."""
    levels = {**ONE, **more}
    run = make_run(method=["memcpy", *speeds], speeds=speeds, **levels)  # type: ignore[arg-type]
    run.experiment["question"] = QUESTION
    return run


def winners(run: FakeRun) -> list[set[str]]:
    """Give the methods that won each contest."""
    summary = summarise(run)
    return [{str(case.levels["method"]) for case in held.winners} for held in contests(summary, summary.cases)]


def test_one_winner_is_named_with_its_figure() -> None:
    """Twice as fast as the rest."""
    sentences = answer(summarise(field({"a": 400.0, "b": 600.0, "c": 2_000.0})))

    assert re.search(r": a was fastest, at \d\.\d+x \[\d\.\d+ to \d\.\d+\] memcpy's speed \(95 % CIs in", sentences[0])
    assert sentences[1].startswith("Of the others, b ran faster than memcpy, at 1.3")
    assert "c ran slower, at 0." in sentences[1]


def test_what_cannot_be_told_from_the_first_wins_too() -> None:
    """Two of the same speed, one clearly behind, and the baseline further behind."""
    run = field({"a": 400.0, "b": 400.5, "c": 600.0}, noise=0.02)
    (sentence, *_) = answer(summarise(run))

    assert [{"a", "b"}] == winners(run)
    assert re.search(
        r": (a and b|b and a) were fastest, at \d\.\d+x \[.+\] and \d\.\d+x \[.+\] memcpy's speed, ", sentence
    )
    assert "with no difference found between these two" in sentence


def test_three_that_are_level_are_named() -> None:
    """That none was told from the first is all that is claimed."""
    (sentence, *_) = answer(summarise(field({"a": 400.0, "b": 400.5, "c": 399.5, "d": 900.0}, noise=0.02)))

    assert re.search(r": [abc], [abc] and [abc] were fastest, at .+, with none of them told from [abc] ", sentence)


def test_nothing_is_fastest_where_nothing_beats_the_baseline() -> None:
    """The baseline is among those that could not be told apart."""
    (sentence, *_) = answer(summarise(field({"a": 801.0, "b": 2_000.0}, noise=0.02)))

    assert re.search(r": nothing was shown to be faster than memcpy, from which a could not be told \(.+x \[", sentence)
    assert "fastest" not in sentence


def test_a_baseline_that_beats_all_is_the_fastest() -> None:
    """Whoever is slower than it is listed after it."""
    sentences = answer(summarise(field({"a": 1_200.0, "b": 2_000.0})))

    assert ": memcpy was fastest." in sentences[0]
    assert sentences[1].startswith("Of the others, a and b ran slower than memcpy, at 0.")


def test_all_alike_have_no_fastest() -> None:
    """None is claimed."""
    (sentence, *_) = answer(summarise(field({"a": 800.0, "b": 800.0}, noise=0.02)))

    assert ": none of the 3 was shown to be the fastest (" in sentence


def test_the_winner_may_depend_on_the_level() -> None:
    """Each level has its own, levels with the same winner stand together."""
    run = field({"a": 400.0, "b": 600.0}, run_pages=[1, 8, 64])
    for case in run.case_list:
        case["workload"] = "move"
    for outcome, case in [(o, c) for o in run.outcomes for c in run.case_list if o["case_id"] == c["case_id"]]:
        if case["method"] == "b" and case["run_pages"] > 1:
            outcome["elapsed_ns"] //= 4
    (sentence, *_) = answer(summarise(run))

    assert [{"a"}, {"b"}, {"b"}] == winners(run)
    assert re.search(r": with runs of 1 page a was fastest, at \d\.\d+x ", sentence)
    assert re.search(r"; with runs of 8 pages and runs of 64 pages b was fastest, at 5\.\d+x to 5\.\d+x ", sentence)


def test_few_blocks_have_no_fastest() -> None:
    """The first is named as that of what there is so far."""
    (sentence, *_) = answer(summarise(field({"a": 400.0, "b": 600.0}, blocks=2)))

    assert ": there were too few blocks to say which was fastest (6 needed), so far a was, at 2.0" in sentence


def test_times_stand_where_there_is_no_baseline() -> None:
    """Nothing to be a multiple of."""
    (sentence, *_) = answer(summarise(field({"a": 400.0, "b": 600.0}, baseline={})))

    assert re.search(r": a was fastest, at \d{3} ns \[\d+ to \d+\] ", sentence)


def test_the_noise_floor_holds_for_winners() -> None:
    """Ten per cent in every block is nothing where the same thing measured twice differs by more."""
    run = field({"a": 400.0, "b": 440.0}, noise=0.001, replicas=True)
    quiet = winners(run)
    for outcome in run.of(replica=1):
        outcome["elapsed_ns"] = outcome["elapsed_ns"] * 13 // 10

    assert [{"a"}] == quiet
    assert [{"a", "b"}] == winners(run)


def test_one_that_the_baseline_beats_never_wins() -> None:
    """However wide the first's scatter is."""
    run = field({"a": 780.0, "b": 900.0}, noise=0.001)
    for block, outcome in enumerate(run.of(method="a", warmup=0)):
        outcome["elapsed_ns"] = outcome["elapsed_ns"] * (6 + block % 3 * 4) // 10

    assert [{"a", "memcpy"}] == winners(run)


def test_the_truly_fastest_is_among_the_winners() -> None:
    """In 95 of 100 runs at least, of six methods that are within 3 %; and often it is not all of them."""
    truth = {f"m{index}": 400.0 * (1 + 0.006 * index) for index in range(6)}
    found = [winners(field(truth, noise=0.01, seed=seed, blocks=10, replicas=True))[0] for seed in range(100)]

    assert sum("m0" in each for each in found) >= 95
    assert sum(len(each) < 6 for each in found) >= 50


def test_equals_are_rarely_told_apart() -> None:
    """Five of the same speed: one is left out in at most 5 of 100 runs, although the first was chosen by looking."""
    found = [
        winners(field(dict.fromkeys("abcd", 800.0), noise=0.02, seed=seed, replicas=True))[0] for seed in range(100)
    ]

    assert sum(len(each) < 5 for each in found) <= 5


@pytest.mark.parametrize("hosts", [3, 12])
def test_many_hosts_are_counted(hosts: int) -> None:
    """One winner everywhere is said so; many kinds of winners are counted."""
    names = tuple(f"h{index}" for index in range(hosts))
    run = field({"a": 400.0, "b": 600.0}, hosts=names)
    same = answer(summarise(run))[0]
    for host in names[1:]:
        for outcome in run.of(host=host, method="ab"[int(host[1:]) % 2]):
            outcome["elapsed_ns"] //= 1 + int(host[1:])
    unlike = answer(summarise(run))[0]

    assert f"a was fastest in all {hosts} cases, at " in same
    assert len(unlike) < 1_500
    assert "fastest" in unlike


def test_a_contest_of_one_is_none() -> None:
    """A run with a single method says what it took."""
    run = make_run(method=["memcpy"], baseline={}, **ONE)
    run.experiment["question"] = QUESTION

    assert "fastest" not in answer(summarise(run))[0]


def test_what_is_named_is_bounded() -> None:
    """Sixty hosts with the same two winners each, and forty with others: nobody reads a list of hosts."""
    names = tuple(f"h{index}" for index in range(100))
    run = field({"a": 400.0, "b": 600.0, "c": 900.0}, hosts=names)
    for host in names[60:]:
        for outcome in run.of(host=host, method="b"):
            outcome["elapsed_ns"] //= 4
    (sentence, *_) = answer(summarise(run))

    assert "in 60 of 100 cases a was fastest, at " in sentence
    assert "; in 40 of 100 cases b was fastest, at " in sentence
    assert "h7" not in sentence
