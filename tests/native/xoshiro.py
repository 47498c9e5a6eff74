"""The core's generator as its authors publish it, and the schedules that are made from it, in Python's integers."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MASK = 2**64 - 1


def splitmix64(seed: int) -> Iterator[int]:
    """Yield the numbers of splitmix64 (Steele, Lea and Flood 2014; prng.di.unimi.it/splitmix64.c)."""
    for step in itertools.count(1):
        z = (seed + step * 0x9E3779B97F4A7C15) & MASK
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        yield z ^ (z >> 31)


def seeded(seed: int) -> list[int]:
    """Return the state that a seed begins with."""
    return list(itertools.islice(splitmix64(seed), 4))


def numbers(state: list[int]) -> Iterator[int]:
    """Yield the numbers of xoshiro256** (Blackman and Vigna 2021; prng.di.unimi.it/xoshiro256starstar.c)."""

    def rotated(x: int, k: int) -> int:
        return ((x << k) | (x >> (64 - k))) & MASK

    s0, s1, s2, s3 = state
    while True:
        yield (rotated((s1 * 5) & MASK, 7) * 9) & MASK
        t = (s1 << 17) & MASK
        s2, s3 = s2 ^ s0, s3 ^ s1
        s1, s0 = s1 ^ s2, s0 ^ s3
        s2, s3 = s2 ^ t, rotated(s3, 45)


def below(source: Iterator[int], bound: int) -> int:
    """Return the next number of 32 bits below a bound, each as likely: Lemire 2019, figure 3."""
    while True:
        whole, part = divmod((next(source) >> 32) * bound, 2**32)
        if part >= 2**32 % bound:
            return whole


def random_pairs(seed: int, pages: int) -> Iterator[tuple[int, int]]:
    """Yield pairs of two slots that are never the same, each of all pairs as likely."""
    source = numbers(seeded(seed))
    while True:
        first = below(source, pages)
        others = [slot for slot in range(pages) if slot != first]
        yield first, others[below(source, pages - 1)]


def sequential_pairs(distance: int, pages: int) -> Iterator[tuple[int, int]]:
    """Yield every slot once in each pass, with partners so far apart; what a last incomplete group has is left out."""
    firsts = range(0, pages - 2 * distance + 1, 2 * distance)
    return itertools.cycle([(g + i, g + i + distance) for g in firsts for i in range(distance)])


def strided_pairs(distance: int, pages: int) -> Iterator[tuple[int, int]]:
    """Yield neighbours, each pair so far from the last; every turn through the region begins two slots later."""
    for turn in itertools.count():
        start = 2 * turn % min(distance, pages - 1)
        yield from ((slot, slot + 1) for slot in range(start, pages - 1, distance))


def shuffled(source: Iterator[int], n: int) -> list[int]:
    """Return 0 .. n-1 in a random order: Fisher and Yates, as Durstenfeld (1964) does it from the end on."""
    order = list(range(n))
    for last in range(n - 1, 0, -1):
        other = below(source, last + 1)
        order[last], order[other] = order[other], order[last]
    return order
