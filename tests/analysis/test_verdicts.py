"""Tests of verdicts: the numbers are scipy's, the words follow them, each of three conditions able to refuse them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from pageswap.analysis.summary import summarise
from pageswap.analysis.verdicts import (
    FASTER,
    HOLDS_ONE,
    NO_DIFFERENCE,
    NOT_SIGNIFICANT,
    SLOWER,
    TOO_FEW,
    WITHIN_NOISE,
    Comparison,
    judge,
    paired,
)
from pageswap.statistics.intervals import ratio_intervals
from pageswap.statistics.trimmed_means import paired_p, trimmed_means
from tests.fake_run import make_run

ONE = {"region_size": [128 << 20], "touch": ["none"]}


@pytest.mark.parametrize(
    ("ratio", "floor", "p", "verdict", "obstacle"),
    [
        ((0.2, 0.1, 0.3), 0.1, 0.05, FASTER, ""),
        ((-0.2, -0.3, -0.1), 0.1, 0.05, SLOWER, ""),
        ((0.2, 0.1, 0.3), math.nan, 0.05, FASTER, ""),
        ((0.2, 0.0, 0.3), 0.1, 0.001, NO_DIFFERENCE, HOLDS_ONE),
        ((-0.2, -0.3, 0.0), 0.1, 0.001, NO_DIFFERENCE, HOLDS_ONE),
        ((0.2, 0.1, 0.3), 0.2, 0.001, NO_DIFFERENCE, WITHIN_NOISE),
        ((-0.2, -0.3, -0.1), 0.2, 0.001, NO_DIFFERENCE, WITHIN_NOISE),
        ((0.2, 0.1, 0.3), 0.1, 0.0501, NO_DIFFERENCE, NOT_SIGNIFICANT),
        ((0.2, 0.1, 0.3), 0.1, math.nan, NO_DIFFERENCE, NOT_SIGNIFICANT),
        ((0.2, math.nan, math.nan), 0.1, math.nan, TOO_FEW, ""),
    ],
)
def test_three_conditions_agree_or_there_is_no_difference(
    ratio: tuple[float, float, float], floor: float, p: float, verdict: str, obstacle: str
) -> None:
    """Logarithms of a ratio and its interval; each condition at its border."""
    point, low, high = (np.array([part]) for part in ratio)

    assert judge((point, low, high), np.array([floor]), np.array([p])) == ([verdict], [obstacle])


def test_two_series_are_judged_with_both_ends_of_their_interval() -> None:
    """Six blocks have an interval, five have none; what is missing does not count."""
    logs = np.array([[0.18, 0.2, 0.22, 0.2, 0.19, 0.21, math.nan], [0.1, 0.2, 0.3, 0.2, 0.1, math.nan, math.nan]])
    verdicts, obstacles, ratios = paired(logs, np.array([0.01, 0.01]), 1)
    point, low, high = (part.tolist() for part in ratios)

    assert (verdicts, obstacles) == ([FASTER, TOO_FEW], ["", ""])
    assert [point[0], low[0], high[0]] == [part[0] for part in ratio_intervals(logs)]
    assert low[0] < point[0] < high[0]
    assert (point[1], math.isnan(low[1]), math.isnan(high[1])) == (0.2, True, True)


def test_comparisons_that_were_chosen_are_corrected_for_all_there_might_have_been() -> None:
    """P of the trimmed mean times the family, as worked by hand; one more and it is above 5 %."""
    logs = np.array([[0.1, 0.2, 0.3, 0.2, 0.1, 0.3]])
    most = int(0.05 / paired_p(logs)[0])

    assert [paired(logs, np.array([0.01]), family)[:2] for family in (most, most + 1)] == [
        ([FASTER], [""]),
        ([NO_DIFFERENCE], [NOT_SIGNIFICANT]),
    ]


def compared(methods: dict[str, float], **options: object) -> list[Comparison]:
    """Compare methods of these speeds (ns) with memcpy's 800 ns."""
    run = make_run(method=["memcpy", *methods], speeds=methods, replicas=True, **{**ONE, **options})  # type: ignore[arg-type]
    return list(summarise(run).comparisons.values())


@pytest.mark.slow
@pytest.mark.parametrize("family", [1, 30])
@pytest.mark.parametrize("side", ["memcpy", "m0"])
def test_one_disturbed_trial_hides_no_large_difference(family: int, side: str) -> None:
    """Half as fast again in each of seven blocks, one trial of which takes four times as long: found in 19 of 20.

    By ranks it never could be: with the largest rank against it p is 0.3 at best, and an interval between order
    statistics of seven values reaches towards the outermost.
    """
    found = 0
    for seed in range(20):
        names = {f"m{number}": 800.0 / 1.5 for number in range(family)}
        run = make_run(method=["memcpy", *names], speeds=names, noise=0.02, replicas=True, seed=seed, **ONE)
        disturbed = run.of(method=side, replica=0, warmup=0)[seed % 7]
        disturbed["elapsed_ns"] *= 4
        found += next(iter(summarise(run).comparisons.values())).verdict == FASTER

    assert found >= 19


def test_few_blocks_and_many_comparisons_do_not_hide_a_difference() -> None:
    """Seven blocks and twelve comparisons: p of signed ranks is 2 / 128 at best, times twelve no evidence."""
    found = compared({f"m{number}": 40.0 for number in range(12)})

    assert {(item.verdict, item.family) for item in found} == {(FASTER, 12)}
    assert all((item.p or 1) <= (item.p_holm or 1) < 0.001 for item in found)


def test_each_baseline_has_its_own_noise_floor() -> None:
    """Two in a hundred are a difference in a small region, whatever a large one varies by, and none in that."""
    run = make_run(
        method=["memcpy", "better"],
        speeds={"better": 784.0},
        noise=0.001,
        replicas=True,
        region_size=[1 << 20, 1 << 30],
        touch=["none"],
    )
    chance = np.random.default_rng(2)
    for outcome in run.of(region_size=1 << 30):
        outcome["elapsed_ns"] = round(outcome["elapsed_ns"] * math.exp(chance.normal(0, 0.1)))
    summary = summarise(run)
    small, large = summary.comparisons.values()

    assert (small.verdict, large.verdict) == (FASTER, NO_DIFFERENCE)
    assert (small.noise_floor or 9) < 1.01
    assert (large.noise_floor or 0) > 1.03
    assert list(summary.noise["local"].cases.values()) == [small.noise_floor, large.noise_floor]
    assert summary.noise["local"].ratio == large.noise_floor


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
    assert item.why == item.held
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


def test_the_smallest_difference_as_worked_by_hand() -> None:
    """The largest of three hurdles plus what the median varies by in 8 of 10 runs, each figure from scipy's tables.

    Seven blocks, twelve comparisons; the trimmed mean's error has 3.5 degrees of freedom.
    """
    found = compared({f"m{number}": 900.0 for number in range(12)})
    run = make_run(
        method=["memcpy", *(f"m{n}" for n in range(12))],
        speeds={f"m{n}": 900.0 for n in range(12)},
        replicas=True,
        **ONE,
    )
    logs = summarise(run).matrix.log_ratios[1:]
    _, errors, _ = trimmed_means(logs)
    for item, error in zip(found, errors, strict=True):
        assert item.interval is not None
        half = math.log(item.interval.high / item.interval.low) / 2
        hurdle = max(half, stats.t.isf(0.05 / 2 / 12, 3.5) * error, math.log(item.noise_floor or 1))
        expected = math.exp(hurdle + stats.t.ppf(0.9, 6) * half / stats.t.ppf(0.975, 6))

        assert item.smallest == pytest.approx(expected)
