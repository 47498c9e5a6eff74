"""The answer says what the figures show, and no more."""

from __future__ import annotations

import dataclasses
import re

import pytest

from pageswap.analysis.summary import summarise
from pageswap.analysis.verdicts import NO_DIFFERENCE
from pageswap.answers.answer import answer
from pageswap.answers.standing import clause
from pageswap.statistics.intervals import Interval
from tests.fake_run import FakeRun, make_run

ONE = {"region_size": [128 << 20], "touch": ["none"]}


def words(run: FakeRun) -> str:
    """Give the whole answer as one text."""
    return " ".join(answer(summarise(run)))


def test_the_question_is_answered_with_processor_sizes_ratio_and_interval() -> None:
    """One method against the baseline: one sentence with everything in it."""
    text = words(make_run(method=["memcpy", "mremap_fixed"], **ONE))

    assert text.startswith(
        "On AMD EPYC 9R45, with 4KiB pages in a 128MiB region: no, mremap_fixed was slower than memcpy"
    )
    assert re.search(r"at 0\.0[45]\d+x its speed \(95 % CI 0\.0\d+ to 0\.0\d+\)\.", text)


def test_yes_needs_every_comparison_to_be_faster() -> None:
    """All faster: yes; one slower: neither yes nor no."""
    question = "Is another way faster than memcpy?"
    both = make_run(speeds={"copy_words": 400, "mremap_fixed": 500}, **ONE)
    one = make_run(speeds={"copy_words": 400, "mremap_fixed": 5_000}, **ONE)
    both.experiment["question"] = one.experiment["question"] = question

    assert ": yes, " in words(both)
    assert not re.search(r"\b(yes|no),", words(one))


@pytest.mark.parametrize(
    "question",
    ["Is copying faster than remapping?", "How fast is mremap?", "Which is faster?", "Is memcpy faster than x?"],
)
def test_a_question_that_is_put_otherwise_gets_no_yes_or_no(question: str) -> None:
    """The sentence still says which was slower than which."""
    run = make_run(method=["memcpy", "mremap_fixed"], **ONE)
    run.experiment["question"] = question

    assert ": mremap_fixed was slower than memcpy" in words(run)


def test_no_difference_is_no_answer_of_no() -> None:
    """What was not shown to differ is called just that."""
    text = words(make_run(method=["memcpy", "copy_words"], speeds={"copy_words": 800}, **ONE))

    assert "no difference found between copy_words and memcpy" in text
    assert "faster" not in text
    assert "slower" not in text


def test_what_could_not_be_measured_is_said_with_its_reason() -> None:
    """The reason and its cure stand in the answer."""
    run = make_run()
    run.end(
        "unavailable", "needs 65,536 mappings, has 65,530; use --tune", method="mremap_fixed", region_size=256 << 20
    )

    assert "2 of 12 cases could not be measured: mremap_fixed with a 256MiB region in 2 cases " in words(run)
    assert "(unavailable: needs 65,536 mappings, has 65,530; use --tune)." in words(run)


def test_nothing_measured_at_all_is_said() -> None:
    """A run in which every trial failed has an answer too."""
    run = make_run(**ONE)
    run.end("failed", "mmap: ENOMEM")

    assert "nothing could be compared with memcpy." in words(run)
    assert "3 of 3 cases could not be measured" in words(run)


def test_few_blocks_make_no_claim() -> None:
    """Neither word stands as a finding below the minimum."""
    text = words(make_run(method=["memcpy", "mremap_fixed"], blocks=3, **ONE))

    assert "too few blocks to say whether mremap_fixed is faster than memcpy (3 compared, 6 needed)" in text
    assert "slower" not in text


@pytest.mark.parametrize(
    ("reasons", "told"),
    [
        (
            ("after correction for 9 comparisons",) * 2,
            r"\) and .+ \(1\.\S+ \[.+\]\), both after correction for 9 comparisons$",
        ),
        (
            ("within the noise floor of 4 %", ""),
            r"touch none \(1\.\S+ \[.+\], within the noise floor of 4 %\) and .+\]\)$",
        ),
    ],
)
def test_why_no_difference_was_found_stands_where_its_interval_does_not_say_it(
    reasons: tuple[str, str], told: str
) -> None:
    """Once for both cases where they share it."""
    summary = summarise(make_run(region_size=[1 << 27], touch=["none", "moved", "written"], noise=0.0))
    cases = [case for case in summary.cases if case.levels["method"] == "mremap_fixed"]
    level = [
        dataclasses.replace(case, verdict=NO_DIFFERENCE, held=held, ratio=1.1, ratio_ci=Interval(1.05, 1.15))
        for case, held in zip(cases, reasons, strict=False)
    ]

    assert re.search(told, clause(summary, "mremap_fixed", [*level, cases[2]]))


def test_a_range_of_cases_gives_both_ends_and_where_they_are() -> None:
    """Different ratios in different cases: the sentence after the first says where."""
    run = make_run(blocks=10)
    for outcome in run.of(method="mremap_fixed", touch="moved"):
        outcome["elapsed_ns"] *= 2
    sentences = answer(summarise(run))

    assert "mremap_fixed was slower than memcpy in all 4 comparisons, at 0.02" in sentences[0]
    assert any(s.startswith("For mremap_fixed the speed ranged from 0.02") and "touch moved" in s for s in sentences)


def test_hosts_with_unlike_processors_are_named() -> None:
    """Each host's processor stands beside its name."""
    run = make_run(hosts=("a", "b"), **ONE)
    run.facts["b"]["cpu_model"] = "Intel Xeon"

    assert words(run).startswith("On AMD EPYC 9R45 (a) and Intel Xeon (b), ")


def test_many_alternatives_are_summed_up() -> None:
    """Twenty methods: how many won and lost with the range of each, and which was the fastest of all."""
    names = {f"m{index:02d}": 400.0 + 50 * index for index in range(20)}
    text = words(make_run(method=["memcpy", *names], speeds=names, noise=0.001, **ONE))

    assert "8 of 20 alternatives ran faster than memcpy, at 1.0" in text
    assert "11 of 20 alternatives ran slower, at 0.59" in text
    assert "no difference from memcpy was found for m08" in text
    assert "Compared with each other, m00 was fastest, at 2.00" in text


def test_controls_take_no_part() -> None:
    """An empty method is not the winner."""
    assert "null" not in words(make_run(method=["memcpy", "mremap_fixed", "null"], **ONE))


def test_an_experiment_about_controls_is_answered() -> None:
    """What moves nothing is compared where the baseline moves nothing either."""
    run = make_run(method=["getpid", "mmap_munmap"], speeds={"getpid": 120, "mmap_munmap": 4_000}, **ONE)
    run.experiment["baseline"] = {"method": "getpid"}
    run.families = {"getpid": "control", "mmap_munmap": "control"}

    assert "mmap_munmap was slower than getpid, at 0.030" in words(run)


def test_cases_of_unlike_verdicts_are_named_by_verdict() -> None:
    """Faster in one of four: that case is named with its figure, the other three are counted."""
    run = make_run(method=["memcpy", "copy_words"], speeds={"copy_words": 800}, blocks=12)
    for outcome in run.of(method="copy_words", touch="moved", region_size=128 << 20):
        outcome["elapsed_ns"] //= 2
    text = words(run)

    assert re.search(r"copy_words was faster than memcpy with a 128MiB region, touch moved \(2\.0\d+x \[", text)
    assert re.search(r", no difference found in the other 3 \(0\.9\d+x to 1\.0\d+x \[", text)
    assert "depends on the case" not in text


def test_without_a_baseline_the_extremes_are_given() -> None:
    """Times take the place of ratios, and the reader is told."""
    text = words(make_run(baseline={}, **ONE))

    assert "the smallest median time per swap was" in text
    assert "names no baseline" in text


def test_lost_trials_and_missing_trials_are_said() -> None:
    """Neither vanishes from the answer."""
    run = make_run(**ONE)
    run.end("timeout", "after 60s", method="memcpy", block=3)
    run.outcomes = [outcome for outcome in run.outcomes if outcome["block"] != 5]

    assert "1 trial of the measured cases did not end ok and is left out: 1 timeout." in words(run)
    assert "This run is not finished: 3 trials without an outcome yet." in words(run)


def test_a_faster_one_is_not_the_slowest_where_others_are_level() -> None:
    """Four that gain nothing and one that is faster: the fastest is named, and no slowest."""
    speeds = dict.fromkeys(("copy_words", "mremap_fixed", "uffd_move", "copy_movsb"), 770.0) | {"exchange_avx2": 400.0}
    run = make_run(method=["memcpy", *speeds], speeds={"memcpy": 770.0, **speeds}, noise=0.05, **ONE)
    run.experiment["question"] = "How fast are these?"
    text = words(run)

    assert "exchange_avx2 ran faster than memcpy" in text
    assert "Compared with each other, exchange_avx2 was fastest, at " in text
    assert "slower" not in text
