"""The stopping rule: by the width of intervals alone, within its bounds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pageswap.analysis.checks.stopping import Decision, decide
from pageswap.statistics.intervals import ratio_intervals
from tests.fake_run import FakeRun, make_run

ONE: dict[str, Any] = {"region_size": [128 << 20], "touch": ["none"]}


def decided(*, blocks: int, most: int = 40, until: float = 0.02, **options: Any) -> Decision:
    """Decide for a run of so many blocks."""
    return decide(make_run(blocks=blocks, **{**ONE, **options}), "local", blocks=blocks, most=most, until=until)


def test_sharp_intervals_are_enough() -> None:
    """Trials that vary by 0.2 % give intervals within 2 % at once."""
    decision = decided(blocks=7, noise=0.002)

    assert decision.enough
    assert decision.reason.startswith("after 7 blocks every interval is within 2 %, the widest within 0.")


def test_wide_intervals_ask_for_more_blocks_but_not_for_all_at_once() -> None:
    """Trials that vary by 10 % need many; the next look is after half as many more."""
    decision = decided(blocks=8, noise=0.1)

    assert (decision.enough, decision.blocks) == (False, 12)


def test_it_never_goes_beyond_the_most() -> None:
    """And then says how far it came."""
    assert decided(blocks=8, noise=0.1, most=9).blocks == 9
    decision = decided(blocks=9, noise=0.1, most=9)

    assert decision.enough
    assert decision.reason.startswith(
        "after 9 blocks, the most allowed, 2 of 2 intervals are not within 2 %; the widest"
    )


def test_five_blocks_are_never_enough_for_an_interval() -> None:
    """Identical times or not: the sixth is asked for."""
    assert decided(blocks=5, noise=0) == Decision(enough=False, reason="too few for an interval", blocks=6)


def test_what_cannot_be_measured_does_not_count() -> None:
    """An unavailable method keeps no host busy."""
    run = make_run(blocks=7, noise=0.002, **ONE)
    run.end("unavailable", "needs a newer kernel", method="mremap_fixed")

    assert decide(run, "local", blocks=7, most=40, until=0.02).enough


def test_a_host_where_nothing_works_has_enough() -> None:
    """It says so."""
    run = make_run(blocks=7, **ONE)
    run.end("failed", "EPERM")

    assert decide(run, "local", blocks=7, most=40, until=0.02).reason == "after 7 blocks: no case could be measured"


def test_only_the_host_in_question_counts() -> None:
    """Another one may be noisy."""
    run = make_run(hosts=("local", "noisy"), blocks=7, noise=0.002, **ONE)
    for number, outcome in enumerate(run.of(host="noisy")):
        outcome["elapsed_ns"] *= 1 + number % 3

    assert decide(run, "local", blocks=7, most=40, until=0.02).enough
    assert not decide(run, "noisy", blocks=7, most=40, until=0.02).enough


@pytest.mark.parametrize("speed", [800.0, 400.0])
def test_the_verdict_has_no_say(speed: float) -> None:
    """Equal or twice as fast: the same scatter gives the same decision."""
    first = decided(blocks=8, noise=0.05, speeds={"copy_words": speed, "mremap_fixed": 800.0})
    second = decided(blocks=8, noise=0.05, speeds={"copy_words": 100.0, "mremap_fixed": 800.0})

    assert (first.enough, first.blocks) == (second.enough, second.blocks)


def test_without_a_comparison_the_times_themselves_count() -> None:
    """A run of the baseline alone."""
    assert not decided(blocks=8, method=["memcpy"], block_noise=0.2).enough
    assert decided(blocks=8, method=["memcpy"], block_noise=0.001, noise=0.001).enough


def scattered(factors: dict[str, list[float]], until: float, most: int = 40) -> Decision:
    """Decide for a run in which each block of a method takes so many times as long as its baseline's."""
    blocks = len(next(iter(factors.values())))
    run = make_run(
        method=["memcpy", *factors], blocks=blocks, noise=0, block_noise=0, speeds=dict.fromkeys(factors, 800.0), **ONE
    )
    for outcome in run.of(warmup=0):
        outcome["elapsed_ns"] = round(
            outcome["elapsed_ns"] * factors.get(outcome["method"], [1.0] * blocks)[outcome["block"]]
        )
    return decide(run, "local", blocks=blocks, most=most, until=until)


STEADY, UNSTEADY = [1.0, 1.001] * 6, [1.0, 1.1] * 6


@pytest.mark.parametrize("factors", [{"a": STEADY, "b": UNSTEADY}, {"a": UNSTEADY, "b": STEADY}])
def test_the_widest_interval_decides(factors: dict[str, list[float]]) -> None:
    """However narrow the other one is, and whichever comes first."""
    assert scattered({"a": STEADY, "b": STEADY}, 0.01).enough
    assert not scattered(factors, 0.01).enough


@pytest.mark.parametrize(("until", "blocks"), [(0.045, 14), (0.042, 16), (0.01, 18)])
def test_the_next_look_is_where_the_interval_may_be_narrow_enough(until: float, blocks: int) -> None:
    """Half as wide takes four times the blocks: 12 x (4.76 % / 4.5 %)^2 = 13.4, and at most half as many again."""
    assert scattered({"a": UNSTEADY}, until).blocks == blocks


def test_an_interval_is_narrow_enough_when_it_was_so_three_blocks_before() -> None:
    """Values that lie close together by chance are not: those of the last looks count, too, unless it is by far."""
    until, logs = 0.015, np.random.default_rng(3).normal(0, 0.02, 30)
    widths = {}
    for blocks in range(6, 31):
        point, low, high = (float(np.exp(part[0])) for part in ratio_intervals(logs[np.newaxis, :blocks]))
        widths[blocks] = (high - low) / 2 / point
    unsure = 0
    for blocks in range(9, 31):
        decision = scattered({"a": np.exp(-logs[:blocks]).tolist()}, until)
        last = [widths[blocks - fewer] for fewer in range(4)]
        unsure += last[0] <= until and not decision.enough

        assert decision.enough == (last[0] <= until / 2 or max(last) <= until)
        if last[0] <= until and not decision.enough:
            late = next(fewer for fewer, width in enumerate(last) if width > until)
            assert decision.reason == f"every interval is within 1.5 %, but was not with {late} fewer"
            assert decision.blocks == blocks + 4 - late

    assert unsure


def _one_noisy(blocks: int, seed: int) -> FakeRun:
    """Make a run in which one method varies by 2 % and all else by nothing."""
    run = make_run(blocks=blocks, noise=0.0, block_noise=0.0, **ONE)
    for outcome, factor in zip(
        run.of(method="copy_words"), np.random.default_rng(seed).normal(1, 0.02, 99), strict=False
    ):
        outcome["elapsed_ns"] = round(outcome["elapsed_ns"] * factor)
    return run


def test_each_interval_must_have_stayed_narrow() -> None:
    """One that has just become narrow is looked at again, however long the others have been."""
    narrow = [decide(_one_noisy(14, seed), "local", blocks=14, most=40, until=0.015) for seed in range(12)]
    waits = [each for each in narrow if each.reason.startswith("every interval is within")]

    assert waits
    assert all(not each.enough and 14 < each.blocks <= 17 for each in waits)


def test_six_blocks_can_be_enough() -> None:
    """They have an interval, which is enough alone where it is within half of what was asked for."""
    assert decided(blocks=6, noise=0.0005).enough
    assert not decided(blocks=6, noise=0.01).enough
