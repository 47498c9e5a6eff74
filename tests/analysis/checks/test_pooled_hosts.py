"""The interval over hosts: of six that do not vary within, it is that of the mean of six drawn with replacement."""

from __future__ import annotations

import numpy as np
import pytest

from pageswap.analysis.checks.pooled_hosts import hierarchical_interval


def test_the_interval_over_hosts_is_as_wide_as_students() -> None:
    """Hosts of 1 to 6 are a die: at 2.82 standard deviations, Student's for five degrees over root 5/6, six show 10."""
    logs = np.repeat(np.arange(1.0, 7.0)[:, np.newaxis], 7, axis=1)
    low, high = hierarchical_interval(logs, np.random.default_rng(1))

    assert (low, high) == pytest.approx((10 / 6, 32 / 6))


def test_what_varies_within_hosts_widens_it() -> None:
    """Equal hosts have no scatter of their own."""
    still = np.full((3, 7), 2.0)
    moving = still + np.linspace(-1, 1, 7)

    assert hierarchical_interval(still, np.random.default_rng(1)) == (2.0, 2.0)
    low, high = hierarchical_interval(moving, np.random.default_rng(1))
    assert low < 1.7
    assert high > 2.3
