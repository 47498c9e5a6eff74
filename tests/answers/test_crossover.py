"""From which size on one is faster is said where verdicts on both sides are decided, and nowhere else."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from pageswap.answers.record import MIXED, NO, UNDECIDED, YES
from tests.answers.answered import answered, asking
from tests.fake_run import FakeRun, make_run

if TYPE_CHECKING:
    from collections.abc import Sequence

SIZES = [128 << 10, 512 << 10, 2 << 20, 8 << 20, 32 << 20]
FLAT = (20_000.0,) * 5
# 20,000 ns is where 1 MiB lies.
PROPORTIONAL = tuple(20_000.0 * size / (1 << 20) for size in SIZES)


def growing(times: dict[str, Sequence[float]], **more: Any) -> FakeRun:
    """Make a run of workload grow in which each method takes these ns at each size of the block."""
    run = make_run(
        **{
            "method": list(times),
            "region_size": SIZES,
            "touch": ["none"],
            "baseline": {"method": "malloc_copy"},
            "speeds": dict.fromkeys(times, 1_000.0),
            "noise": 0.01,
            "replicas": True,
            **more,
        }
    )
    run.families = {"malloc_copy": "copy", "mremap_may_move": "remap", "mremap_in_place": "remap", "realloc": "control"}
    for outcome in run.outcomes:
        time_ns = times[outcome["method"]][SIZES.index(outcome["region_size"])]
        outcome["elapsed_ns"] = round(outcome["elapsed_ns"] * time_ns / 1_000.0)
    return asking("crossover", run, "grow")


def test_the_size_from_which_on_it_is_faster() -> None:
    """Decided slower at 512 KiB, faster from 2 MiB on; each size is a finding."""
    answer = answered(growing({"malloc_copy": PROPORTIONAL, "mremap_may_move": FLAT}))

    assert answer.verdict == YES
    assert answer.headline == "mremap_may_move was faster than malloc_copy from 2MiB on, slower up to 512KiB"
    assert [finding.verdict for finding in answer.findings] == ["slower"] * 2 + ["faster"] * 3
    assert [finding.where["region_size"] for finding in answer.findings] == SIZES


def test_what_becomes_slower_is_told_likewise() -> None:
    """From a size on."""
    answer = answered(growing({"malloc_copy": FLAT, "mremap_may_move": PROPORTIONAL}))

    assert answer.headline == "mremap_may_move was slower than malloc_copy from 2MiB on, faster up to 512KiB"


def test_none_is_an_answer_too() -> None:
    """Ahead at every size, from the smallest to the largest."""
    cheap = tuple(each / 4 for each in PROPORTIONAL)
    answer = answered(growing({"malloc_copy": PROPORTIONAL, "mremap_in_place": cheap}))

    assert answer.verdict == NO
    assert answer.headline == "mremap_in_place was faster than malloc_copy at every size from 128KiB to 32MiB"


def test_one_that_changes_and_one_that_does_not() -> None:
    """Who changes places comes first."""
    cheap = tuple(each / 4 for each in PROPORTIONAL)
    answer = answered(growing({"malloc_copy": PROPORTIONAL, "mremap_in_place": cheap, "mremap_may_move": FLAT}))

    assert answer.verdict == MIXED
    assert answer.headline == (
        "Mixed: mremap_may_move was faster than malloc_copy from 2MiB on, slower up to 512KiB; "
        "mremap_in_place was faster at every size from 128KiB to 32MiB"
    )


def test_one_that_is_never_slower_changes_no_places() -> None:
    """Level below, faster above: where it was decided, and that it was not elsewhere."""
    answer = answered(
        growing({"malloc_copy": (20_000.0, 20_000.0, 40_000.0, 160_000.0, 640_000.0), "mremap_may_move": FLAT})
    )

    assert answer.verdict == MIXED
    assert answer.headline == (
        "Mixed: mremap_may_move was faster than malloc_copy from 2MiB to 32MiB, undecided at the other 2 sizes"
    )


def test_a_size_that_is_not_decided_is_no_end() -> None:
    """Slower, slower, level, faster, faster: the change lies between the decided ones."""
    answer = answered(
        growing({"malloc_copy": (5_000.0, 10_000.0, 20_000.0, 80_000.0, 160_000.0), "mremap_may_move": FLAT}, seed=3)
    )

    assert answer.headline == "mremap_may_move was faster than malloc_copy from 8MiB on, slower up to 512KiB"


def test_a_size_that_is_not_decided_below_is_not_said_to_be() -> None:
    """Slower, level, slower, faster, faster: "at" the last decided size, not "up to" it."""
    other = (10_000.0, 20_000.0, 10_000.0, 80_000.0, 160_000.0)
    answer = answered(growing({"malloc_copy": other, "mremap_may_move": FLAT}, seed=3))

    assert answer.headline == "mremap_may_move was faster than malloc_copy from 8MiB on, slower at 2MiB"


def test_what_no_host_can_run_leaves_the_others_their_crossover() -> None:
    """It is named as not compared."""
    run = growing({"malloc_copy": PROPORTIONAL, "mremap_may_move": FLAT, "mremap_in_place": FLAT})
    run.end("unavailable", "no such call", method="mremap_in_place")
    answer = answered(run)

    assert answer.verdict == YES
    assert answer.headline.endswith("; mremap_in_place was not compared")


def test_medians_that_cross_within_the_noise_are_no_crossover() -> None:
    """Equal methods cross somewhere; nobody is said to be faster anywhere."""
    answer = answered(growing({"malloc_copy": FLAT, "mremap_may_move": FLAT}, noise=0.05, seed=2))

    assert answer.verdict == UNDECIDED
    assert answer.headline == (
        "Undecided: mremap_may_move showed no difference from malloc_copy at any size from 128KiB to 32MiB"
    )


def test_one_that_changes_places_twice_is_told_by_its_sizes() -> None:
    """No single size divides it."""
    answer = answered(
        growing({"malloc_copy": (10_000.0, 40_000.0, 40_000.0, 40_000.0, 10_000.0), "mremap_may_move": FLAT})
    )

    assert answer.headline == (
        "Mixed: mremap_may_move was faster than malloc_copy from 512KiB to 8MiB, slower at 128KiB and 32MiB"
    )


def test_contenders_without_room_are_named() -> None:
    """Six, each with a course of its own."""
    courses = {number: (number & 1, number & 2, 1, 0, number & 4) for number in range(6)}
    times = {f"method_number_{number}": tuple(4e4 if bit else 1e4 for bit in bits) for number, bits in courses.items()}
    answer = answered(growing({"malloc_copy": FLAT, **times}))

    assert re.search(r"; not told here: method_number_\d(?:, method_number_\d)* and \d more$", answer.headline)


def test_few_blocks_say_so() -> None:
    """Two."""
    answer = answered(growing({"malloc_copy": PROPORTIONAL, "mremap_may_move": FLAT}, blocks=2))

    assert (answer.verdict, answer.headline) == (
        UNDECIDED,
        "Undecided: too few blocks to compare with malloc_copy, 2 of the 6 needed",
    )


def test_a_size_that_was_not_measured_leaves_it_open() -> None:
    """It may be otherwise there."""
    run = growing({"malloc_copy": PROPORTIONAL, "mremap_may_move": FLAT})
    run.end("failed", "ENOMEM", method="mremap_may_move", region_size=SIZES[-1])

    assert answered(run).verdict == MIXED


def test_hosts_that_change_at_other_sizes_disagree() -> None:
    """Each is named with its own."""
    run = growing({"malloc_copy": PROPORTIONAL, "mremap_may_move": FLAT}, hosts=("a", "b"))
    for outcome in run.of(host="b", method="mremap_may_move"):
        outcome["elapsed_ns"] *= 4
    answer = answered(run)

    assert answer.headline == (
        "Hosts disagree: mremap_may_move was faster than malloc_copy from 2MiB upwards on a; "
        "mremap_may_move was faster from 8MiB upwards on b"
    )


@pytest.mark.parametrize("wrong", [0, 3])
def test_a_corrupt_method_has_no_crossover(wrong: int) -> None:
    """It is named with its count instead."""
    run = growing({"malloc_copy": PROPORTIONAL, "mremap_may_move": FLAT})
    run.end("corrupt", "page 3", method="mremap_may_move", block=wrong, region_size=SIZES[0], warmup=0)

    assert answered(run).headline == (
        "Corrupt: mremap_may_move in 1 trial. Undecided: nothing else could be compared with malloc_copy"
    )
