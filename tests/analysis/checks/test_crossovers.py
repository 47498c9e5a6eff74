"""Where the faster of two methods changes: decided on both sides, or not said; the point within its interval."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pageswap.analysis.checks import crossovers as module
from pageswap.analysis.findings import findings
from pageswap.analysis.summary import summarise
from pageswap.answers.words import say
from pageswap.report.page.model import model
from tests.fake_run import FakeRun, make_run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pageswap.analysis.checks.crossovers import Crossover

ONE: dict[str, Any] = {"region_size": [128 << 20], "touch": ["none"]}
SIZES = [4096 << power for power in range(0, 12, 2)]
PROPORTIONAL = tuple(0.1 * size for size in SIZES)
FLAT = (3_000.0,) * len(SIZES)
TRUTH = 30_000.0


def sized(times: dict[str, Sequence[float]], **options: Any) -> FakeRun:
    """Make a run whose methods take so many ns at each of as many of SIZES."""
    sizes = SIZES[: len(next(iter(times.values())))]
    run = make_run(method=list(times), page_size=sizes, speeds=dict.fromkeys(times, 1_000.0), **{**ONE, **options})
    for outcome in run.outcomes:
        factor = times[outcome["method"]][SIZES.index(outcome["page_size"])] / 1_000
        outcome["elapsed_ns"] = round(outcome["elapsed_ns"] * factor)
    return run


def crossovers_in(run: FakeRun) -> tuple[Crossover, ...]:
    """Find a run's crossovers."""
    return findings(summarise(run)).crossovers


def test_a_known_crossover_lies_within_its_interval() -> None:
    """A tenth of a nanosecond a byte crosses 3,000 ns at 30,000 bytes."""
    (cross,) = crossovers_in(sized({"memcpy": PROPORTIONAL, "mremap_fixed": FLAT}, blocks=9))

    assert cross.at_bytes == pytest.approx(TRUTH, rel=0.02)
    assert (cross.from_bytes, cross.to_bytes) == (16384, 65536)
    assert cross.low is not None
    assert cross.high is not None
    assert cross.low <= TRUTH <= cross.high
    assert (cross.a, cross.b, cross.slower, cross.faster) == ("memcpy", "mremap_fixed", "memcpy", "mremap_fixed")
    assert say("crossing", "crossing", cross).startswith("memcpy is faster below, mremap_fixed above 29.")


def test_the_interval_holds_the_truth_often_enough() -> None:
    """Of 60 hosts at least 85 %: a bootstrap of twelve blocks is somewhat narrow, which docs/statistics.md says."""
    hosts = tuple(f"h{number}" for number in range(60))
    found = crossovers_in(sized({"memcpy": PROPORTIONAL, "mremap_fixed": FLAT}, blocks=12, hosts=hosts, noise=0.05))

    assert len(found) == 60
    assert np.mean([(c.low or 0) <= TRUTH <= (c.high or 0) for c in found]) >= 0.85


@pytest.mark.parametrize(("times", "factor"), [((2_000.0, 500.0), 1 / 2.2), ((500.0, 2_000.0), 2.2)])
def test_a_resample_that_does_not_cross_counts_at_the_nearer_end(times: tuple[float, float], factor: float) -> None:
    """Twenty blocks decide the smaller of two sizes. Seven have both, and four of these go the other way there."""
    run = sized({"memcpy": (1_000.0, 1_000.0), "mremap_fixed": times}, blocks=20, noise=0, block_noise=0)
    for block in range(4):
        (outcome,) = run.of(method="mremap_fixed", page_size=SIZES[0], block=block, warmup=0)
        outcome["elapsed_ns"] = round(outcome["elapsed_ns"] * factor)
    for block in range(7, 20):
        run.end("failed", "ENOMEM", method="mremap_fixed", page_size=SIZES[1], block=block)
    (cross,) = crossovers_in(run)

    assert (cross.from_bytes, cross.to_bytes) == (SIZES[0], SIZES[1])
    assert cross.low == pytest.approx(SIZES[0])
    assert SIZES[0] < (cross.high or 0) < SIZES[1]


def test_a_size_that_is_not_decided_never_turns_the_answer_round() -> None:
    """Equal, then a fifth slower, then faster by a third and twice: from 16 KiB to 64 KiB, and never the other way.

    By medians the smallest size is as often on one side as on the other, so that the first change of sign says that the
    second method is faster below.
    """
    flat, other = (1_000.0,) * 4, tuple(1_000.0 / ratio for ratio in (1.0, 0.8, 1.3, 2.0))
    hosts = tuple(f"h{number}" for number in range(100))
    found = crossovers_in(sized({"memcpy": flat, "mremap_fixed": other}, noise=0.01, hosts=hosts))
    ahead = [cross.found[0] for cross in found]

    assert [(c.faster, c.from_bytes, c.to_bytes) for c in found].count(("mremap_fixed", 16384, 65536)) >= 90
    assert ahead.count("") >= 95
    assert not [cross for cross in found if cross.faster == "memcpy"]


def test_one_that_turns_twice_has_no_single_size() -> None:
    """Slower, faster, slower: it says so, and names no size."""
    times = (3_000.0, 3_000.0, 300.0, 300.0, 3_000.0, 3_000.0)
    (cross,) = crossovers_in(sized({"memcpy": (1_000.0,) * 6, "mremap_fixed": times}))

    assert (cross.turns, cross.is_shown, cross.at_bytes, cross.from_bytes) == (2, False, None, None)
    assert say("crossing", "crossing", cross) == "no single size: they change places 2 times between 4KiB and 4MiB"


def test_none_says_between_which_sizes_and_who_is_ahead() -> None:
    """Copying that is always faster."""
    (cross,) = crossovers_in(sized({"memcpy": (100.0,) * 6, "mremap_fixed": FLAT}))

    assert (cross.at_bytes, cross.low, cross.high, cross.turns, cross.faster) == (None, None, None, 0, "memcpy")
    assert say("crossing", "crossing", cross) == "none: memcpy is faster at every size from 4KiB to 4MiB"
    assert not cross.is_shown


def test_medians_alone_make_no_crossover() -> None:
    """Equal methods cross somewhere by their medians; no word is said of it, whichever of them is the baseline."""
    names = {"copy_words": (100.0,) * 6, "memcpy": (100.0,) * 6, "mremap_fixed": (100.0,) * 6}
    found = crossovers_in(sized(names, noise=0.05, seed=2))

    assert {say("crossing", "crossing", cross) for cross in found} == {
        "no difference found at any size from 4KiB to 4MiB"
    }
    assert not any(cross.is_shown or cross.at_bytes for cross in found)


def test_a_lead_on_one_side_alone_is_said_to_be_one() -> None:
    """Faster up to a size, level above: nobody changes places for sure."""
    nearly = (*(100.0,) * 5, 3_030.0)
    (cross,) = crossovers_in(sized({"memcpy": nearly, "mremap_fixed": FLAT}, noise=0.1, blocks=12))

    assert say("crossing", "crossing", cross) == "none: memcpy is faster up to 1MiB, no difference found above"
    assert (cross.found, cross.is_shown) == ((*("memcpy",) * 5, ""), False)


def test_a_lead_from_a_size_on_is_said_to_be_one() -> None:
    """Level up to a size, faster from the next on: that size is named, not the one before it nor the largest."""
    nearly = (3_000.0, 3_000.0, 3_000.0, *(100.0,) * 3)
    (cross,) = crossovers_in(sized({"memcpy": nearly, "mremap_fixed": FLAT}, noise=0.1, blocks=12))

    assert say("crossing", "crossing", cross) == "none: memcpy is faster from 256KiB on, no difference found below"


def test_two_that_are_no_baseline_are_compared_with_each_other() -> None:
    """By the same rules: their crossover is one, too."""
    times = {"memcpy": (50.0,) * 6, "copy_words": PROPORTIONAL, "mremap_fixed": FLAT}
    found = {(cross.a, cross.b): cross for cross in crossovers_in(sized(times, blocks=9))}
    cross = found["copy_words", "mremap_fixed"]

    assert cross.is_shown
    assert (cross.found[0], cross.found[-1]) == ("copy_words", "mremap_fixed")
    assert found["memcpy", "mremap_fixed"].faster == "memcpy"


def test_few_blocks_decide_nothing() -> None:
    """Three of them: not a word of a crossover, however far apart the medians are."""
    (cross,) = crossovers_in(sized({"memcpy": PROPORTIONAL, "mremap_fixed": FLAT}, blocks=3))

    assert (cross.found, cross.is_shown, cross.at_bytes) == ((), False, None)
    assert say("crossing", "crossing", cross) == "too few blocks to say (6 needed)"


def test_a_page_resamples_them_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever part of it shows them."""
    made: list[tuple[Crossover, ...]] = []

    def crossovers(*given: Any) -> tuple[Crossover, ...]:
        made.append(module.crossovers(*given))
        return made[-1]

    monkeypatch.setattr("pageswap.analysis.findings.crossovers", crossovers)
    model(sized({"memcpy": PROPORTIONAL, "mremap_fixed": FLAT}))

    assert [[each.is_shown for each in found] for found in made] == [[True]]


def test_methods_that_move_nothing_take_no_part() -> None:
    """The null method is no alternative."""
    assert crossovers_in(sized({"memcpy": PROPORTIONAL, "null": FLAT})) == ()


@pytest.mark.parametrize(
    ("page_sizes", "region_sizes", "axis"),
    [(1, 3, "region_size"), (0, 3, "region_size"), (1, 2, "page_size"), (2, 9, "page_size")],
)
def test_regions_are_the_axis_where_pages_are_all_alike(page_sizes: int, region_sizes: int, axis: str) -> None:
    """And where there are regions enough to tell a course."""
    cases = {
        f"{page}.{region}": {**({"page_size": page} if page_sizes else {}), "region_size": region}
        for page in range(max(1, page_sizes))
        for region in range(region_sizes)
    }

    assert module.size_axis(cases) == axis
