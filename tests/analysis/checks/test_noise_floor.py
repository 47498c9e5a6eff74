"""The A/A control, against pairs whose spread is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pageswap.analysis.summary import summarise
from tests.fake_run import make_run

ONE = {"region_size": [128 << 20], "touch": ["none"], "method": ["memcpy"]}
HOSTS = tuple(f"h{number}" for number in range(400))


@pytest.mark.parametrize("blocks", [7, 20])
def test_the_same_thing_measured_again_stays_below_the_floor(blocks: int) -> None:
    """Of 400 hosts' medians of new A/A pairs 95 % lie within the typical floor, give or take 2.5 %."""
    noise = summarise(make_run(hosts=HOSTS, blocks=blocks, noise=0.02, replicas=True, **ONE)).noise
    floor = np.median([math.log(found.ratio or math.nan) for found in noise.values()])
    again = np.random.default_rng(5).normal(0, 0.02 * math.sqrt(2), (4_000, blocks))

    assert np.mean(np.abs(np.median(again, axis=1)) <= floor) == pytest.approx(0.95, abs=0.025)


def test_what_a_whole_block_shares_is_no_noise() -> None:
    """The two trials of a pair are in one block: its speed cancels."""
    (found,) = summarise(make_run(block_noise=0.5, noise=0.001, replicas=True, **ONE)).noise.values()

    assert found.ratio is not None
    assert 1 < found.ratio < 1.005


def test_the_pairs_are_those_of_the_run() -> None:
    """Second time / first time, with case and block."""
    run = make_run(noise=0, replicas=True, **ONE)
    for outcome in run.of(replica=1, block=2):
        outcome["elapsed_ns"] *= 2
    (found,) = summarise(run).noise.values()

    assert [(pair.block, pytest.approx(pair.ratio)) for pair in found.pairs] == [
        (block, 2.0 if block == 2 else 1.0) for block in range(7)
    ]


def test_a_control_that_differs_raises_the_floor() -> None:
    """When the second trial takes 30 % longer each time, no difference of 30 % can be believed."""
    run = make_run(noise=0.001, replicas=True, **ONE)
    for outcome in run.of(replica=1):
        outcome["elapsed_ns"] = round(1.3 * outcome["elapsed_ns"])
    (found,) = summarise(run).noise.values()

    assert found.ratio is not None
    assert found.ratio >= 1.29
    assert min(pair.ratio for pair in found.pairs) > 1.29


def test_the_floor_is_never_below_the_control_s_own_median() -> None:
    """Second trials that take 0 to 50 % longer, each time: many blocks make the quantile small, not the median."""
    run = make_run(noise=0, replicas=True, blocks=20, **ONE)
    for outcome in run.of(replica=1):
        outcome["elapsed_ns"] = round(outcome["elapsed_ns"] * (1 + outcome["block"] / 40))
    (found,) = summarise(run).noise.values()

    assert found.ratio == pytest.approx(1 + 9.5 / 40, rel=0.01)
    assert np.median([pair.ratio for pair in found.pairs]) == pytest.approx(found.ratio, rel=0.001)


@pytest.mark.parametrize(
    ("replicas", "blocks", "note"),
    [
        (False, 7, "no block has its baseline measured twice"),
        (True, 5, "5 of at least 6 blocks with the baseline measured twice"),
    ],
)
def test_without_enough_pairs_there_is_no_floor(replicas: bool, blocks: int, note: str) -> None:
    """And it says why."""
    (found,) = summarise(make_run(replicas=replicas, blocks=blocks, **ONE)).noise.values()

    assert (found.ratio, found.cases, found.note) == (None, {}, note)
