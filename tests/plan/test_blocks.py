"""A block's order and seed come from the experiment's seed alone, in every version of Python."""

from __future__ import annotations

import collections

from hypothesis import given
from hypothesis import strategies as st

from pageswap.plan.blocks import block_order, schedule_seed


@given(st.integers(0, 2**63 - 1), st.sampled_from(["w0", "b0", "b7"]), st.integers(1, 200))
def test_order_holds_each_case_once(seed: int, block_id: str, cases: int) -> None:
    """A block is complete."""
    assert sorted(block_order(seed, block_id, cases)) == list(range(cases))


def test_order_and_seed_never_change() -> None:
    """These values are part of what a seed means: another version must plan the same run."""
    assert block_order(42, "b0", 8) == [2, 7, 0, 6, 5, 1, 4, 3]
    assert schedule_seed(42, "b0") == 6_870_438_668_386_208_148


def test_orders_of_blocks_and_seeds_differ() -> None:
    """12 cases have half a billion orders; two equal ones are no chance."""
    orders = {tuple(block_order(seed, block, 12)) for seed in range(10) for block in ("w0", "b0", "b1", "b2")}

    assert len(orders) == 40


def test_every_case_comes_first_equally_often() -> None:
    """2,000 fixed seeds: chi-square of 5 positions, 20.5 is its 99.96 % quantile with 4 degrees of freedom."""
    first = collections.Counter(block_order(seed, "b0", 5)[0] for seed in range(2000))

    assert sum((first[case] - 400) ** 2 / 400 for case in range(5)) < 20.5


@given(st.integers(0, 2**63 - 1), st.integers(0, 10_000))
def test_schedule_seed_fits_a_signed_integer(seed: int, block: int) -> None:
    """As SQLite keeps it."""
    assert 0 <= schedule_seed(seed, f"b{block}") < 2**63
