"""Trimmed means against scipy's and figures worked by hand, and the tails of their test against simulated samples."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from pageswap.statistics.trimmed_means import brought_in, holm, paired_p, trimmed_means, two_sample_p

CHANCE = np.random.default_rng(3)


def test_holm_as_worked_by_hand() -> None:
    """0.005 x 4, 0.01 x 3, 0.03 x 2, and 0.04 no smaller than the one before; a case that was not tested is none."""
    corrected = holm(np.array([0.01, 0.04, math.nan, 0.03, 0.005]))

    assert corrected[[0, 1, 3, 4]] == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert np.isnan(corrected[2])


def test_holm_counts_comparisons_that_are_not_there() -> None:
    """Of six comparisons two are left: times six, then times five; never above 1."""
    assert holm(np.array([0.02, 0.01]), 6) == pytest.approx([0.1, 0.06])
    assert holm(np.array([0.3]), 6).tolist() == [1.0]


@pytest.mark.parametrize("count", [6, 7, 9, 10, 20, 60])
def test_means_and_errors_are_scipys(count: int) -> None:
    """Row by row, a fifth left out at either end, with a value missing in one row."""
    rows = CHANCE.normal(0.3, 1, (5, count + 1))
    rows[:, -1] = math.nan
    rows[4, 0], rows[4, -1] = math.nan, 0.5
    dense = [row[~np.isnan(row)] for row in rows]
    means, errors, degrees = trimmed_means(rows)
    cut = count // 5
    winsorised = [np.asarray(stats.mstats.winsorize(row, limits=(0.2, 0.2))) for row in dense]
    kept = count - 2 * cut

    assert means == pytest.approx([stats.trim_mean(row, 0.2) for row in dense])
    assert errors == pytest.approx([row.std(ddof=1) * math.sqrt((count - 1) / kept / (kept - 1)) for row in winsorised])
    assert set(degrees) == {count - 1 - 2.5 * cut}


def test_p_as_worked_by_hand() -> None:
    """Seven values: the mean of five is 3, their winsorised squares are 18, the error sqrt(18 / 20), 3.5 degrees."""
    row = np.array([[-40.0, 1.0, 2.0, 3.0, 4.0, 5.0, 90.0]])

    assert trimmed_means(row)[1] == pytest.approx(math.sqrt(18 / 20))
    assert paired_p(row) == pytest.approx(2 * stats.t.sf(3 / math.sqrt(18 / 20), 3.5))


def test_the_error_of_two_samples_is_yuens() -> None:
    """The statistic is that of scipy's ttest_ind with trim; p comes from fewer degrees of freedom, so it is larger."""
    ours, theirs = CHANCE.normal(0, 1, (4, 7)), CHANCE.normal(0.5, 3, (4, 12))
    found = two_sample_p(ours, theirs)
    yuen = stats.ttest_ind(theirs, ours, axis=1, equal_var=False, trim=0.2)
    errors, degrees = [trimmed_means(side)[1] for side in (ours, theirs)], [3.5, 6.0]
    welch = (errors[0] ** 2 + errors[1] ** 2) ** 2 / (errors[0] ** 4 / degrees[0] + errors[1] ** 4 / degrees[1])

    assert found == pytest.approx(2 * stats.t.sf(np.abs(yuen.statistic), welch))
    assert (found > yuen.pvalue).all()


def test_what_does_not_vary_needs_no_chance() -> None:
    """Equal values differ from 0 or they do not, and nothing warns; one value alone says nothing."""
    rows = np.array([[0.0] * 7, [0.25] * 7, [0.25] + [math.nan] * 6])

    assert paired_p(rows)[:2].tolist() == [1.0, 0.0]
    assert two_sample_p(rows[:1], rows[:2]).tolist() == [1.0, 0.0]
    assert np.isnan(paired_p(rows)[2])
    assert brought_in(rows) == pytest.approx(rows, nan_ok=True)


@pytest.mark.parametrize("count", [6, 7, 10, 15, 20])
@pytest.mark.parametrize("shape", ["normal", "t"])
def test_equal_things_have_small_p_as_seldom_as_they_should(count: int, shape: str) -> None:
    """Of 200,000 samples at most a tenth more than p says, down to p = 0.05 / 30 (chance alone makes it 11 % there)."""
    size = (200_000, count)
    rows = CHANCE.normal(size=size) if shape == "normal" else CHANCE.standard_t(3, size)
    p = paired_p(rows)

    for bound, slack in ((0.05, 1.1), (0.05 / 3, 1.1), (0.05 / 10, 1.15), (0.05 / 30, 1.25)):
        assert np.mean(p <= bound) <= bound * slack


def test_a_value_far_off_is_brought_in() -> None:
    """Five standard deviations of the winsorised values (1, 1, 2, 3, 4, 5, 5) around the median, 3."""
    row = np.array([[-40.0, 1.0, 2.0, 3.0, 4.0, 5.0, math.nan, 6.0]])
    reach = 5 * np.std([1, 1, 2, 3, 4, 5, 5], ddof=1)
    (found,) = brought_in(row)

    assert found[0] == pytest.approx(3 - reach)
    assert found[1:] == pytest.approx(row[0, 1:], nan_ok=True)


def test_two_values_have_a_mean_and_one_has_none() -> None:
    """Of 1 and 5 the error is 2 with one degree of freedom."""
    mean, error, degrees = trimmed_means(np.array([[1.0, 5.0], [1.0, math.nan]]))

    assert (mean[0], error[0], degrees[0]) == pytest.approx((3.0, 2.0, 1.0))
    assert np.isnan([mean[1], error[1], degrees[1]]).all()
