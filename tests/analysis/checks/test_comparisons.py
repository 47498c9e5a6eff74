"""Tests of a case against its baseline: the numbers are scipy's, the words follow them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import stats

from pageswap.analysis.summary import summarise
from pageswap.analysis.verdicts import FASTER, NO_DIFFERENCE, SLOWER, TOO_FEW
from pageswap.statistics.paired_tests import holm, paired_t, wilcoxon
from tests.fake_run import make_run

if TYPE_CHECKING:
    from pageswap.analysis.checks.comparisons import Comparison

ONE = {"region_size": [128 << 20], "touch": ["none"]}


def compared(methods: dict[str, float], **options: object) -> list[Comparison]:
    """Compare methods of these speeds (ns) with memcpy's 800 ns."""
    run = make_run(method=["memcpy", *methods], speeds=methods, replicas=True, **{**ONE, **options})  # type: ignore[arg-type]
    return list(summarise(run).comparisons.values())


def test_holm_as_worked_by_hand() -> None:
    """0.005 x 4, 0.01 x 3, 0.03 x 2, and 0.04 no smaller than the one before; a case that was not tested is none."""
    corrected = holm(np.array([0.01, 0.04, math.nan, 0.03, 0.005]))

    assert corrected[[0, 1, 3, 4]] == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert np.isnan(corrected[2])


@pytest.mark.parametrize("count", [6, 7, 20, 60])
def test_p_values_are_scipys(count: int) -> None:
    """Row by row, with a value missing in one."""
    rows = np.random.default_rng(3).normal(0.3, 1, (5, count + 1))
    rows[:, -1] = math.nan
    rows[4, 0], rows[4, -1] = math.nan, 0.5
    method = "exact" if count <= 50 else "asymptotic"
    dense = [row[~np.isnan(row)] for row in rows]

    assert wilcoxon(rows) == pytest.approx([stats.wilcoxon(row, method=method).pvalue for row in dense])
    assert paired_t(rows) == pytest.approx([stats.ttest_1samp(row, 0).pvalue for row in dense])


def test_equal_times_are_no_evidence() -> None:
    """Seven zeros: p is 1 by either test, and nothing warns."""
    zeros = np.zeros((1, 7))

    assert (wilcoxon(zeros)[0], paired_t(zeros)[0]) == (1.0, 1.0)


def test_ranks_decide_where_they_can() -> None:
    """Twenty blocks: p of the signed ranks passes Holm's correction for twelve comparisons."""
    found = compared({f"m{number}": 820.0 for number in range(12)}, blocks=20)

    assert {item.test for item in found} == {"wilcoxon"}
    assert {item.p_t_holm for item in found} == {None}
    assert all(item.verdict == SLOWER and (item.p_holm or 1) <= 0.05 for item in found)


def test_few_blocks_do_not_hide_a_large_difference() -> None:
    """Seven blocks and twelve comparisons: by ranks nothing could ever pass, so the paired t test decides, and says so.

    The smallest p of seven signed ranks is 2 / 128; times twelve that is 0.19.
    """
    found = compared({f"m{number}": 40.0 for number in range(12)})

    assert {(item.test, item.verdict, item.family) for item in found} == {("t", FASTER, 12)}
    assert all(item.p_holm == pytest.approx(12 * 2 / 128) for item in found)
    assert all((item.p_t_holm or 1) < 0.001 for item in found)


def test_a_difference_below_the_noise_floor_is_never_called_one() -> None:
    """Half a percent, sharp in its own pairs, on a host whose control varies by percents."""
    run = make_run(method=["memcpy", "better"], speeds={"better": 796.0}, noise=0.0001, replicas=True, blocks=20, **ONE)
    chance = np.random.default_rng(8)
    for outcome in run.of(replica=1):
        outcome["elapsed_ns"] = round(outcome["elapsed_ns"] * math.exp(chance.normal(0, 0.05)))
    (item,) = summarise(run).comparisons.values()

    assert item.interval is not None
    assert item.interval.low > 1
    assert item.verdict == NO_DIFFERENCE
    assert item.why.startswith("within the host's noise floor of ")
    assert item.held.startswith("within the noise floor of ")
    assert (item.smallest or 0) > (item.noise_floor or 9)


def test_many_comparisons_of_equals_need_stronger_evidence() -> None:
    """Of 80 equal methods some intervals exclude 1 by chance: Holm's correction keeps each from being called one."""
    names = {f"m{number}": 800.0 for number in range(80)}
    run = make_run(method=["memcpy", *names], speeds=names, noise=0.02, blocks=20, **ONE)
    found = list(summarise(run).comparisons.values())
    excluding = [item for item in found if item.interval and not item.interval.low <= 1 <= item.interval.high]

    assert excluding
    assert {item.verdict for item in excluding} == {NO_DIFFERENCE}
    assert all(item.why.endswith("after Holm's correction for 80 comparisons") for item in excluding)
    assert {item.held for item in excluding} == {"after correction for 80 comparisons"}
    assert {item.held for item in found if item not in excluding} == {""}


def test_without_a_control_the_other_two_decide() -> None:
    """A run made before there was one."""
    run = make_run(method=["memcpy", "better"], speeds={"better": 700.0}, blocks=20, **ONE)
    (item,) = summarise(run).comparisons.values()

    assert (item.noise_floor, item.verdict) == (None, FASTER)


def test_too_few_blocks_have_no_test() -> None:
    """Five blocks: a ratio, and nothing else."""
    (item,) = compared({"better": 400.0}, blocks=5)

    assert (item.verdict, item.n, item.interval, item.p, item.smallest) == (TOO_FEW, 5, None, None, None)


@pytest.mark.parametrize("blocks", [7, 20])
def test_the_smallest_difference_is_found_as_often_as_it_says(blocks: int) -> None:
    """Methods that differ by as much as equal ones name as the smallest: about 8 of 10 are found (at least 7)."""
    hosts = tuple(f"h{number}" for number in range(60))
    equal = compared({"same": 800.0}, blocks=blocks, hosts=hosts, noise=0.02)
    smallest = float(np.median([item.smallest for item in equal if item.smallest]))
    found = compared({"better": 800.0 / smallest}, blocks=blocks, hosts=hosts, noise=0.02, seed=2)
    share = np.mean([item.verdict == FASTER for item in found])

    assert share >= 0.7


def test_equal_methods_raise_an_alarm_in_few_runs() -> None:
    """Of 40 runs of six equal methods on a host that grows slower by 3 % a block, at most two call a difference."""
    alarms = 0
    for seed in range(40):
        names = {f"m{number}": 800.0 for number in range(6)}
        run = make_run(method=["memcpy", *names], speeds=names, noise=0.02, replicas=True, seed=seed, **ONE)
        for outcome in run.outcomes:
            outcome["elapsed_ns"] = round(outcome["elapsed_ns"] * 1.03 ** outcome["block"])
        alarms += any(item.verdict in (FASTER, SLOWER) for item in summarise(run).comparisons.values())

    assert alarms <= 2
