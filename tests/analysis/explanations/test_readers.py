"""What readers met is told of their own trials, beside what the same readers met alone."""

from __future__ import annotations

import pytest

from pageswap.analysis.explanations.readers import SERVED, readers_met
from pageswap.analysis.trials.table import frame
from tests.fake_run import make_run
from tests.read_run import read_run


def test_figures_are_medians_and_the_ratio_is_each_trial_s_own() -> None:
    """What makes all reads of a block longer is in both, and cancels: blocks differ by 60 %, the ratio by nothing."""
    run = read_run()
    met = readers_met(frame(run))
    of = {case["method"]: met["local", case["case_id"]] for case in run.cases() if case["neighbours"] == "reading"}

    assert len(met) == len(of) == 3
    assert of["memcpy"].beside_ns == {"p50": 208, "p99": 520, "p999": 832}
    assert of["memcpy"].alone_ns == of["memcpy"].beside_ns
    assert (of["mremap_fixed"].reads_per_s, of["mremap_fixed"].alone_reads_per_s) == (250_000, 5_200_000)
    assert (of["memcpy"].slower, of["mremap_fixed"].slower) == (pytest.approx(1), pytest.approx(16))
    ends = of["mremap_fixed"].slower_ci
    assert ends
    assert (ends.low, ends.high) == (pytest.approx(16), pytest.approx(16))


def test_only_measured_trials_that_ended_well_count() -> None:
    """A warm-up, a control and what was corrupt are none; a case of which nothing is left has no figures."""
    run = read_run()
    readers = run.of(neighbours="reading", method="memcpy")
    for outcome in readers[:-1]:
        outcome["warmup" if outcome["block"] == 0 else "replica"] = 1
    (other,) = {each["case_id"] for each in run.of(neighbours="reading", method="copy_words")}
    run.end("corrupt", "slot 3 is wrong", case_id=other)
    met = readers_met(frame(run))

    assert ("local", other) not in met
    assert met["local", readers[-1]["case_id"]].beside_ns["p99"] == round(400 * (1 + readers[-1]["block"] / 10))


def test_one_trial_has_a_ratio_without_an_interval() -> None:
    """Too few say nothing of how sure it is."""
    run = read_run()
    for outcome in run.of(neighbours="reading"):
        outcome["warmup"] = int(outcome["block"] != 3)
    met = readers_met(frame(run))

    assert {each.slower_ci for each in met.values()} == {None}
    assert all(each.slower for each in met.values())


def test_who_came_before_a_page_is_told_of_beside_the_same_readers_alone() -> None:
    """Where readers came to pages that were all there, of nobody."""
    run = read_run(reads=["missing", "moving"])
    met = readers_met(frame(run), SERVED)
    cases = [case for case in run.cases() if (case["neighbours"], case["reads"]) == ("reading", "missing")]
    of = {case["method"]: met["local", case["case_id"]] for case in cases}

    assert len(met) == len(of) == 3
    assert of["memcpy"].beside_ns == {"p50": 10_400, "p99": 52_000}
    assert of["memcpy"].alone_ns == {"p50": 208, "p99": 520, "p999": 832}
    assert (of["memcpy"].reads_per_s, of["memcpy"].alone_reads_per_s) == (1_000, 5_200_000)
    assert of["memcpy"].slower == pytest.approx(100)


def test_a_run_that_knows_no_readers_has_none() -> None:
    """As every run of an older pageswap."""
    assert readers_met(frame(make_run())) == {}
    assert readers_met(frame(read_run()), SERVED) == {}
