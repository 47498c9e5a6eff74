"""From which size on one is faster is said where the run decides it, and with the size that the run varies."""

from __future__ import annotations

import re
from typing import Any

import pytest

from pageswap.analysis.checks.crossovers import size_axis
from pageswap.analysis.findings import findings
from pageswap.analysis.summary import summarise
from pageswap.answers.answer import answer
from tests.fake_run import FakeRun, make_run

BLOCKS_OF = [128 << 10, 512 << 10, 2 << 20, 8 << 20, 32 << 20]
FLAT = (20_000.0,) * 5
# 20,000 ns is where 1 MiB lies.
PROPORTIONAL = tuple(20_000.0 * size / (1 << 20) for size in BLOCKS_OF)


def growing(times: dict[str, tuple[float, ...]], **more: Any) -> FakeRun:
    """Make a run of workload grow in which each method takes these ns at each size of the block."""
    run = make_run(
        **{
            "method": list(times),
            "region_size": BLOCKS_OF,
            "touch": ["none"],
            "baseline": {"method": "malloc_copy"},
            "speeds": dict.fromkeys(times, 1_000.0),
            "noise": 0.01,
            "replicas": True,
            **more,
        }
    )
    run.experiment |= {"workload": "grow", "question": "From which size on does mremap pay for growing a block?"}
    run.families = {"malloc_copy": "copy", "mremap_may_move": "remap", "mremap_in_place": "remap", "realloc": "control"}
    for outcome in run.outcomes:
        time_ns = times[outcome["method"]][BLOCKS_OF.index(outcome["region_size"])]
        outcome["elapsed_ns"] = round(outcome["elapsed_ns"] * time_ns / 1_000.0)
    return run


def test_blocks_have_a_crossover() -> None:
    """Proportional against flat: they meet at 1 MiB, whose interval holds it, and the region is what is named."""
    run = growing({"malloc_copy": PROPORTIONAL, "mremap_may_move": FLAT, "realloc": FLAT})
    (cross,) = findings(run, summarise(run)).crossovers

    assert cross.factor == "region_size"
    assert cross.at_bytes == pytest.approx(1 << 20, rel=0.05)
    assert cross.low
    assert cross.high
    assert cross.low < 1 << 20 < cross.high
    assert (cross.smallest, cross.largest) == (BLOCKS_OF[0], BLOCKS_OF[-1])
    assert "region_size" not in cross.levels


def test_ahead_at_every_size_is_an_answer_too() -> None:
    """Asked from which size on, "at every size measured" says more than a count of comparisons."""
    cheap = tuple(each / 4 for each in PROPORTIONAL)
    first = answer(summarise(growing({"malloc_copy": PROPORTIONAL, "mremap_in_place": cheap})))[0]

    assert first.endswith(": mremap_in_place was faster than malloc_copy at every size from 128KiB to 32MiB.")


def test_the_answer_begins_with_the_size() -> None:
    """Who changes places first, then who is ahead throughout; the figures at both ends after that."""
    cheap = tuple(each / 4 for each in PROPORTIONAL)
    run = growing({"malloc_copy": PROPORTIONAL, "mremap_in_place": cheap, "mremap_may_move": FLAT})
    first, second = answer(summarise(run))

    assert re.search(
        r"^On AMD EPYC 9R45: malloc_copy is faster below, mremap_may_move above (1\.0\d MiB|10\d\d KiB|99\d KiB) "
        r"\(95 % CI .+ to .+\); mremap_in_place was faster than malloc_copy at every size from 128KiB to 32MiB\.$",
        first,
    )
    assert re.search(r"mremap_may_move ran at 0\.12\d*x \[.+\] at 128KiB and (32|31)\.?\d*x \[.+\] at 32MiB", second)


def test_one_that_is_never_slower_has_no_crossover() -> None:
    """Level below, faster above: from which size on is said, and nothing of changing places."""
    run = growing({"malloc_copy": (20_000.0, 20_000.0, 40_000.0, 160_000.0, 640_000.0), "mremap_may_move": FLAT})

    assert (
        ": mremap_may_move was faster than malloc_copy from 2MiB on, with no difference found below."
        in answer(summarise(run))[0]
    )


def test_a_single_gap_is_named() -> None:
    """Faster everywhere but at one size."""
    run = growing({"malloc_copy": (40_000.0, 40_000.0, 20_000.0, 40_000.0, 40_000.0), "mremap_may_move": FLAT}, seed=2)

    assert "at every size from 128KiB to 32MiB but 2MiB, where no difference was found." in answer(summarise(run))[0]


def test_medians_that_cross_within_the_noise_are_no_turning_point() -> None:
    """Equal methods cross somewhere; nobody is said to be faster anywhere."""
    run = growing({"malloc_copy": FLAT, "mremap_may_move": FLAT}, noise=0.05, seed=2)
    text = " ".join(answer(summarise(run)))

    assert "no difference found between mremap_may_move and malloc_copy" in text
    assert "faster" not in text


def test_one_that_changes_places_twice_is_told_by_its_sizes() -> None:
    """No single size divides it."""
    run = growing({"malloc_copy": (10_000.0, 40_000.0, 40_000.0, 40_000.0, 10_000.0), "mremap_may_move": FLAT})
    first = answer(summarise(run))[0]

    assert "mremap_may_move was faster than malloc_copy in 3 of 5 comparisons" in first
    assert re.search(r"slower with a 128KiB region \(0\.\d+x \[.+\]\) and with a 32MiB region", first)
    assert "below" not in first


def test_few_blocks_say_so() -> None:
    """Two."""
    first = answer(summarise(growing({"malloc_copy": PROPORTIONAL, "mremap_may_move": FLAT}, blocks=2)))[0]

    assert "too few blocks to say whether mremap_may_move is faster than malloc_copy" in first
    assert "below" not in first


@pytest.mark.parametrize(
    ("pages", "regions", "axis"),
    [
        ([4096], [1, 2, 3], "region_size"),
        ([4096], [1, 2], "page_size"),
        ([4096, 8192], [1, 2, 3], "page_size"),
        ([4096, 8192], [1], "page_size"),
        ([None], [None], "page_size"),
    ],
)
def test_the_axis_is_the_size_that_varies(pages: list[Any], regions: list[Any], axis: str) -> None:
    """Pages before regions; two regions are two conditions."""
    cases = {f"{page} {region}": {"page_size": page, "region_size": region} for page in pages for region in regions}

    assert axis == size_axis(cases)
