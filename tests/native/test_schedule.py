"""The schedule: the generator gives the published numbers, each pattern its pairs, and a trial swaps just those."""

from __future__ import annotations

import ctypes
import itertools
import pathlib
from typing import TYPE_CHECKING

import child
import pytest
import xoshiro
from apart import run_apart
from compiled import library
from hypothesis import given
from hypothesis import strategies as st

from pageswap import native

if TYPE_CHECKING:
    from collections.abc import Iterator

NATIVE = pathlib.Path(__file__).resolve().parents[2] / "native"
# From the state 1, 2, 3, 4: rand_xoshiro's test against the authors' C code.
PUBLISHED = (
    *(11520, 0, 1509978240, 1215971899390074240, 1216172134540287360, 607988272756665600, 16172922978634559625),
    *(8476171486693032832, 10595114339597558777, 2904607092377533576),
)
# From the seed 1234567: Rosetta Code, "Pseudo-random numbers/Splitmix64".
PUBLISHED_SEEDS = (6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431)
PATTERNS = {
    "random": lambda seed, distance, pages: xoshiro.random_pairs(seed, pages),  # noqa: ARG005 - as the others are called
    "sequential": lambda seed, distance, pages: xoshiro.sequential_pairs(distance, pages),  # noqa: ARG005 - likewise
    "strided": lambda seed, distance, pages: xoshiro.strided_pairs(distance, pages),  # noqa: ARG005 - likewise
}


@pytest.fixture(scope="module")
def schedule(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """Compile schedule.c alone, with functions that can be called from here."""
    core = ctypes.CDLL(str(library(NATIVE / "schedule.c", tmp_path_factory)))
    core.ps_generator_below.restype = ctypes.c_uint32
    return core


def below(schedule: ctypes.CDLL, state: list[int], bound: int, count: int) -> list[int]:
    """Return numbers below a bound from the generator in C."""
    generator = (ctypes.c_uint64 * 4)(*state)
    return [schedule.ps_generator_below(generator, ctypes.c_uint32(bound)) for _ in range(count)]


def pairs_of(schedule: ctypes.CDLL, pattern: str, seed: int, distance: int, pages: int) -> list[tuple[int, int]]:
    """Return a schedule of 200 pairs as C makes it."""
    n = 200
    a, b = (ctypes.c_uint32 * n)(), (ctypes.c_uint32 * n)()
    index = native.CHOICES["pattern"].index(pattern)
    size, wide = ctypes.c_size_t, ctypes.c_uint64
    schedule.ps_schedule_make(index, wide(distance), wide(seed), size(pages), size(n), a, b)
    return list(zip(a, b, strict=True))


def first(n: int, pairs: Iterator[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the first of what never ends."""
    return list(itertools.islice(pairs, n))


def test_the_model_gives_the_published_numbers() -> None:
    """Else it would prove nothing of the core."""
    assert tuple(itertools.islice(xoshiro.numbers([1, 2, 3, 4]), len(PUBLISHED))) == PUBLISHED
    assert tuple(itertools.islice(xoshiro.splitmix64(1234567), len(PUBLISHED_SEEDS))) == PUBLISHED_SEEDS


def test_the_generator_gives_the_published_numbers(schedule: ctypes.CDLL) -> None:
    """Their upper half, of which a bound that is a power of two takes the upper bits."""
    assert below(schedule, [1, 2, 3, 4], 1 << 31, len(PUBLISHED)) == [number >> 33 for number in PUBLISHED]


def test_a_seed_begins_with_the_published_state(schedule: ctypes.CDLL) -> None:
    """As the generator's authors advise: four numbers of splitmix64."""
    state = (ctypes.c_uint64 * 4)()
    schedule.ps_generator_seed(state, ctypes.c_uint64(1234567))

    assert tuple(state) == PUBLISHED_SEEDS


@pytest.mark.parametrize("bound", [1, 2, 3, 63, 3 << 30, (1 << 31) + 1, (1 << 32) - 1])
def test_no_number_below_a_bound_is_favoured(schedule: ctypes.CDLL, bound: int) -> None:
    """What would favour some is drawn again: from 3 * 2^30 numbers every fourth draw, where it shows."""
    source = xoshiro.numbers([1, 2, 3, 4])

    assert below(schedule, [1, 2, 3, 4], bound, 500) == [xoshiro.below(source, bound) for _ in range(500)]


@pytest.mark.parametrize("pattern", native.CHOICES["pattern"])
@given(pages=st.integers(2, 70), data=st.data(), seed=st.integers(0, 2**64 - 1))
def test_each_pattern_has_the_pairs_of_its_model(
    schedule: ctypes.CDLL, pattern: str, pages: int, data: st.DataObject, seed: int
) -> None:
    """No page with itself, none beyond the region, and all of the region in turn."""
    distance = data.draw(st.integers(1, pages // 2))
    found = pairs_of(schedule, pattern, seed, distance, pages)

    assert found == first(200, PATTERNS[pattern](seed, distance, pages))
    assert all(a != b and max(a, b) < pages for a, b in found)


def test_random_pairs_reach_every_pair_alike(schedule: ctypes.CDLL) -> None:
    """Of five pages twenty ordered pairs, each 1,000 times give or take five standard deviations (of about 31)."""
    found = [pair for seed in range(100) for pair in pairs_of(schedule, "random", seed, 1, 5)]
    counts = [found.count(pair) for pair in itertools.permutations(range(5), 2)]

    assert sum(counts) == 20_000
    assert max(abs(count - 1000) for count in counts) < 155


def traced(core: pathlib.Path, tracer: pathlib.Path, kind: str, **changes: object) -> list[list[tuple[int, int]]]:
    """Return the pairs of slots that each call of a trial's method got."""
    _, told = run_apart(child.params("traced_swaps", rounds=1, **changes), core=core, preloaded=tracer)
    calls: list[list[tuple[int, int]]] = []
    for line in told.splitlines():
        word, *numbers = line.removeprefix("traced:").split()
        if word == f"{kind}s":
            calls.append([])
        elif word == kind:
            calls[-1].append((int(numbers[0]), int(numbers[1])))
    return calls


@pytest.mark.parametrize("pattern", native.CHOICES["pattern"])
def test_a_trial_swaps_the_pairs_of_its_pattern_distance_and_seed(
    odd_core: pathlib.Path, tracer: pathlib.Path, pattern: str
) -> None:
    """All that the pairs depend on reaches them, and what went before the rounds has left them as they were."""
    *_, swapped = traced(odd_core, tracer, "pair", pattern=pattern, distance=3, seed=99, iterations=150)

    assert swapped == first(150, PATTERNS[pattern](99, 3, 64))


def test_moves_take_the_pages_in_random_order_and_lay_them_side_by_side(
    odd_core: pathlib.Path, tracer: pathlib.Path
) -> None:
    """First all are scattered; then each pass goes from one half to the other, in an order of its own."""
    scattered, *_, moved = traced(odd_core, tracer, "move", workload="move", seed=99, iterations=150)
    source = xoshiro.numbers(xoshiro.seeded(99))
    passes = [
        [(start + page, end + place) for place, page in enumerate(xoshiro.shuffled(source, 64))]
        for start, end in ((0, 64), (64, 0), (0, 64), (64, 0))
    ]

    assert scattered == passes[0]
    assert moved == [*passes[1], *passes[2], *passes[3][: 150 - 128]]
