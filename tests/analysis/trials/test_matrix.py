"""The faster half of a trial's rounds, and that all comparisons, in a report and of two runs, are made of it."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest

from pageswap.analysis.summary import summarise
from pageswap.analysis.trials.matrix import Matrix, fast_share, round_times
from pageswap.analysis.trials.table import frame
from pageswap.analysis.verdicts import FASTER
from pageswap.comparison.comparison import Part, compare
from tests.fake_run import FakeRun, make_run

ONE = {"region_size": [128 << 20], "touch": ["none"]}


def test_the_share_is_that_of_the_faster_half() -> None:
    """Of 1, 1, 2, 4, 7 the faster three have a mean of 4 / 3, all have 3; a trial of one round is whole."""
    times = np.array([[7.0, 1.0, 4.0, 1.0, 2.0], [math.nan] * 5])

    assert fast_share(times).tolist() == pytest.approx([4 / 9, 1.0])
    assert fast_share(np.array([[5.0]])).tolist() == [1.0]
    assert fast_share(round_times(pd.Series(["[10,20]", "", "[10,20]"]))).tolist() == pytest.approx([2 / 3, 1, 2 / 3])


def _busy(seed: int, speed: float = 800.0) -> FakeRun:
    """Make a run of which another program takes the CPU in four of ten rounds."""
    run = make_run(method=["memcpy", "other"], speeds={"other": speed}, blocks=8, seed=seed, noise=0.01, **ONE)
    chance = np.random.default_rng(seed)
    for outcome in run.outcomes:
        rounds = json.loads(outcome["rounds_ns"])
        for place in chance.choice(10, 4, replace=False):
            rounds[place] = round(rounds[place] * chance.uniform(1, 8))
        outcome.update(rounds_ns=json.dumps(rounds), elapsed_ns=sum(rounds))
    return run


def test_what_disturbs_some_rounds_hides_no_difference() -> None:
    """A tenth is found in the run, and between two runs; whole trials vary by more than that."""
    summary = summarise(_busy(1, 727.0))
    (item,) = summary.comparisons.values()
    change = compare(Part(_busy(1), None, "a"), Part(_busy(2, 727.0), None, "b")).cases[1]

    assert np.std(np.log(summary.matrix.ns[0])) > 0.2
    assert item.verdict == change.verdict == FASTER
    assert item.ratio == pytest.approx(1.1, rel=0.02)


def test_each_row_has_what_its_baseline_has() -> None:
    """Also where the baseline is the first row of all; a case without one has nothing."""
    run = make_run(method=["memcpy", "other"], blocks=2, hosts=("a", "b"), **ONE)
    matrix = Matrix(run, frame(run))

    assert matrix.of_baselines(np.array([1.0, 2.0, 3.0, 4.0])).tolist() == [1.0, 1.0, 3.0, 3.0]
    run.experiment["baseline"] = {"method": "absent"}
    assert np.isnan(Matrix(run, frame(run)).of_baselines(np.arange(4.0))).all()


def test_what_belongs_to_no_case_or_host_is_left_out() -> None:
    """Its times are nobody's."""
    run = make_run(method=["memcpy", "other"], blocks=2, hosts=("a", "b"), **ONE)
    for outcome in run.of(host="b"):
        outcome["elapsed_ns"] *= 1_000
    alone = make_run(method=["memcpy", "other"], blocks=2, hosts=("a",), **ONE)
    found = Matrix(run, frame(run), ("a",))

    assert found.ns.tolist() == Matrix(alone, frame(alone)).ns.tolist()
    assert set(found.measured["host"]) == {"a"}
