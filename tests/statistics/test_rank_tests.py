"""Rank tests are scipy.stats' to the digit: exact and not, with ties and zeros."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from pageswap.statistics.rank_tests import kendall_p, midranks

CHANCE = np.random.default_rng(7)


@pytest.mark.parametrize("count", [6, 7, 20, 33])
def test_kendalls_test_is_scipys_where_that_is_exact(count: int) -> None:
    """A series that rises, and one that does nothing."""
    for slope in (0.0, 0.1):
        values = CHANCE.normal(0, 1, count) + slope * np.arange(count)

        assert kendall_p(values) == pytest.approx(stats.kendalltau(np.arange(count), values, method="exact").pvalue)


@pytest.mark.parametrize("count", [12, 80])
def test_kendalls_test_is_scipys_with_ties(count: int) -> None:
    """Then both are the normal distribution's."""
    values = np.round(CHANCE.normal(0, 1, count), 0)

    assert kendall_p(values) == pytest.approx(
        stats.kendalltau(np.arange(count), values, method="asymptotic").pvalue, rel=1e-9
    )
    assert kendall_p(np.ones(count)) == 1.0


def test_equal_values_share_their_ranks() -> None:
    """As scipy's rankdata gives them."""
    rows = np.round(CHANCE.normal(0, 1, (50, 9)), 0)

    assert midranks(rows) == pytest.approx(stats.rankdata(rows, axis=1))
