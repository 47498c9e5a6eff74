"""Summaries of runs made with known speeds."""

from __future__ import annotations

import pytest

from pageswap.analysis.summary import CaseSummary, Summary, summarise
from pageswap.analysis.trials.table import frame
from pageswap.analysis.verdicts import BASELINE, FASTER, NO_DIFFERENCE, NOT_COMPARED, NOT_MEASURED, SLOWER, TOO_FEW
from tests.fake_run import make_run

ONE = {"region_size": [128 << 20], "touch": ["none"]}


def of(summary: Summary, method: str, host: str = "local") -> CaseSummary:
    """Give the first case of a method on a host."""
    return next(case for case in summary.cases if case.levels["method"] == method and case.host == host)


def test_a_known_ratio_lies_within_its_interval() -> None:
    """copy_words was made 800 / 940 as fast as memcpy."""
    case = of(summarise(make_run(blocks=40, **ONE)), "copy_words")

    assert case.ratio == pytest.approx(800 / 940, rel=0.01)
    assert case.ratio_ci is not None
    assert case.ratio_ci.low <= 800 / 940 <= case.ratio_ci.high
    assert case.verdict == SLOWER


def test_pairing_cancels_what_a_whole_block_shares() -> None:
    """With blocks that differ by half and trials by 0.1 %, times are vague and ratios sharp."""
    case = of(summarise(make_run(blocks=20, block_noise=0.5, noise=0.001, **ONE)), "copy_words")

    assert case.median_ci is not None
    assert case.median_ns is not None
    assert case.ratio_ci is not None
    assert (case.median_ci.high - case.median_ci.low) / case.median_ns > 0.2
    assert case.ratio_ci.high - case.ratio_ci.low < 0.01


@pytest.mark.parametrize(("speed", "verdict"), [(400.0, FASTER), (1_600.0, SLOWER), (800.0, NO_DIFFERENCE)])
def test_words_follow_the_interval(speed: float, verdict: str) -> None:
    """Faster and slower only where the interval excludes 1."""
    case = of(summarise(make_run(blocks=20, speeds={"copy_words": speed}, **ONE)), "copy_words")

    assert case.verdict == verdict


def test_equal_methods_are_seldom_told_apart() -> None:
    """Of 200 comparisons of equals at most 5 % are called a difference."""
    names = [f"m{index}" for index in range(200)]
    run = make_run(method=["memcpy", *names], speeds=dict.fromkeys(names, 800.0), blocks=7, noise=0.02, **ONE)
    verdicts = [case.verdict for case in summarise(run).cases if case.verdict != BASELINE]

    assert verdicts.count(NO_DIFFERENCE) >= 190


def test_warmups_enter_no_figure_and_are_counted() -> None:
    """The fake's warm-ups take three times as long; the median does not see them."""
    summary = summarise(make_run(blocks=7, block_noise=0, noise=0, **ONE))

    assert of(summary, "memcpy").median_ns == pytest.approx(800)
    assert (summary.warmups, summary.trials) == (3, 21)


def test_the_control_enters_no_estimate() -> None:
    """A baseline measured twice has the figures of its first trials, however its second ones went."""
    run = make_run(replicas=True, **ONE)
    once = [(case.median_ns, case.ratio, case.ratio_ci) for case in summarise(run).cases]
    for outcome in run.of(replica=1):
        outcome["elapsed_ns"] *= 5
    summary = summarise(run)

    assert len(run.of(replica=1)) == 7
    assert [(case.median_ns, case.ratio, case.ratio_ci) for case in summary.cases] == once
    assert (summary.trials, summary.missing) == (28, 0)


def test_how_a_control_s_trial_ended_is_told() -> None:
    """It is a trial like any other: one that was corrupt is counted with its case."""
    run = make_run(replicas=True, **ONE)
    run.end("corrupt", "page 7", replica=1, block=3)

    assert of(summarise(run), "memcpy").statuses == {"ok": 13, "corrupt": 1}


def test_a_block_without_its_baseline_is_left_out_of_the_ratio_alone() -> None:
    """The case's own median keeps the block; the pair is gone."""
    run = make_run(**ONE)
    run.end("timeout", "after 60s", method="memcpy", block=3)
    case = of(summarise(run), "copy_words")

    assert (case.n, case.ratio_n) == (7, 6)


def test_too_few_blocks_give_a_ratio_without_an_interval_or_a_verdict() -> None:
    """Three blocks show a value, and no more is said."""
    case = of(summarise(make_run(blocks=3, **ONE)), "mremap_fixed")

    assert case.ratio == pytest.approx(0.05, rel=0.1)
    assert case.ratio_ci is None
    assert (case.verdict, case.note) == (TOO_FEW, "3 of at least 6 blocks")


def test_one_block_is_no_error() -> None:
    """A run of a single block has medians, and nothing else."""
    case = of(summarise(make_run(blocks=1, **ONE)), "memcpy")

    assert case.n == 1
    assert case.median_ns is not None
    assert case.median_ci is None


def test_an_unavailable_case_has_its_reason_and_no_figure() -> None:
    """Nothing is dropped: it is a row, with how many trials ended so."""
    run = make_run(**ONE)
    run.end("unavailable", "needs CONFIG_USERFAULTFD", method="mremap_fixed", warmup=0)
    case = of(summarise(run), "mremap_fixed")

    assert case.verdict == NOT_MEASURED
    assert (case.median_ns, case.ratio, case.ops_per_s) == (None, None, None)
    assert [("unavailable", "needs CONFIG_USERFAULTFD", 7)] == [(e.status, e.reason, e.trials) for e in case.endings]


def test_a_corrupt_trial_is_never_a_result() -> None:
    """All of a method's trials corrupt: no figure, though their times are stored."""
    run = make_run(**ONE)
    run.end("corrupt", "page 7", method="mremap_fixed")
    case = of(summarise(run), "mremap_fixed")

    assert (case.median_ns, case.ratio, case.statuses) == (None, None, {"corrupt": 7})


def test_the_baseline_is_matched_on_all_other_levels() -> None:
    """Touch moved is compared with touch none of the same method and size."""
    run = make_run(baseline={"touch": "none"}, blocks=20)
    for outcome in run.of(touch="moved"):
        outcome["elapsed_ns"] *= 2
    compared = [case for case in summarise(run).cases if case.verdict != BASELINE]

    assert len(compared) == 6
    assert all(case.levels["touch"] == "moved" for case in compared)
    assert all(case.ratio == pytest.approx(0.5, rel=0.05) for case in compared)


def test_a_case_whose_baseline_was_excluded_is_measured_and_not_compared() -> None:
    """It keeps its time and says why it has no ratio."""
    run = make_run(region_size=[128 << 20])
    gone = next(c for c in run.case_list if c["method"] == "memcpy" and c["touch"] == "moved")
    run.case_list.remove(gone)
    run.outcomes = [outcome for outcome in run.outcomes if outcome["case_id"] != gone["case_id"]]
    case = next(c for c in summarise(run).cases if c.levels["method"] == "copy_words" and c.levels["touch"] == "moved")

    assert case.median_ns is not None
    assert (case.ratio, case.verdict, case.note) == (None, NOT_COMPARED, "no baseline case has its other levels")


def test_hosts_are_compared_with_themselves() -> None:
    """A host ten times slower has the same ratios."""
    run = make_run(hosts=("a", "b"), blocks=20, **ONE)
    for outcome in run.of(host="b"):
        outcome["elapsed_ns"] *= 10
    summary = summarise(run)

    assert of(summary, "copy_words", "a").ratio == pytest.approx(of(summary, "copy_words", "b").ratio, rel=0.02)


def test_an_unfinished_run_says_how_many_trials_it_lacks() -> None:
    """Cases without an outcome are still cases."""
    run = make_run(**ONE)
    run.outcomes = [outcome for outcome in run.outcomes if outcome["block"] < 3 and outcome["method"] != "memcpy"]
    summary = summarise(run)

    assert summary.missing == 21 - 6
    assert of(summary, "memcpy").note == "no outcome yet"


def test_the_same_rows_give_the_same_summary() -> None:
    """The bootstrap's seed is fixed."""
    run = make_run()

    assert summarise(run) == summarise(run, frame(run))
