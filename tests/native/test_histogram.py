"""The histogram of times: its percentiles against those of the sorted values, over all that 64 bits hold."""

from __future__ import annotations

import ctypes
import math
import pathlib
from typing import TYPE_CHECKING

import pytest
from compiled import library
from hypothesis import example, given
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Iterable

NATIVE = pathlib.Path(__file__).resolve().parents[2] / "native"
LARGEST = 2**64 - 1
BEYOND = (2, 100, 1000, 10_000)


class Histogram(ctypes.Structure):
    """As histogram.h lays it out."""

    _fields_ = (("counts", ctypes.c_uint64 * (60 * 32)), ("total", ctypes.c_uint64), ("most", ctypes.c_uint64))


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """Compile histogram.c alone, with functions that can be called from here."""
    return ctypes.CDLL(str(library(NATIVE / "histogram.c", tmp_path_factory)))


def filled(core: ctypes.CDLL, values: Iterable[int]) -> Histogram:
    """Return a histogram of values."""
    histogram = Histogram()
    for value in values:
        core.ps_histogram_add(ctypes.byref(histogram), ctypes.c_uint64(value))
    return histogram


def quantile(core: ctypes.CDLL, histogram: Histogram, beyond: int) -> int | None:
    """Return the percentile beyond which one value in so many lies; None where there are too few values."""
    found = ctypes.c_uint64()
    there = core.ps_histogram_quantile(ctypes.byref(histogram), ctypes.c_uint64(beyond), ctypes.byref(found))
    return found.value if there else None


def exact(values: list[int], beyond: int) -> int | None:
    """Return the same of the values themselves: nearest rank."""
    rank = len(values) - len(values) // beyond
    return sorted(values)[rank - 1] if len(values) >= beyond else None


def octaves_apart(one: int, other: int) -> float:
    """Return how far two values lie from each other; 0 is nowhere near anything but itself."""
    if one == other:
        return 0.0
    return abs(math.log2(one) - math.log2(other)) if one and other else math.inf


# A few values that come again and again, as latencies do, and any value at all.
times = st.integers(0, 64).flatmap(lambda bits: st.integers(0, 2**bits - 1))


@given(values=st.lists(times, max_size=60), again=st.integers(1, 300))
@example(values=[0], again=1)
@example(values=[LARGEST, LARGEST - 1, 1 << 63], again=1)
@example(values=[31, 32, 33, 63, 64, 65], again=20)
def test_percentiles_are_those_of_the_values(core: ctypes.CDLL, values: list[int], again: int) -> None:
    """To 1/16 of an octave, and absent where there are fewer values than one in so many asks for."""
    histogram, once = Histogram(), filled(core, values)
    every = values * again
    for _ in range(again):
        core.ps_histogram_merge(ctypes.byref(histogram), ctypes.byref(once))

    assert (histogram.total, histogram.most) == (len(every), max(every, default=0))
    for beyond in BEYOND:
        found, expected = quantile(core, histogram, beyond), exact(every, beyond)
        assert (found is None) == (expected is None)
        if found is not None and expected is not None:
            assert octaves_apart(found, expected) <= 1 / 16
            assert found <= histogram.most


def test_each_bucket_s_values_lie_within_its_bounds(core: ctypes.CDLL) -> None:
    """At the borders of every bucket: the value below it, its first and its last."""
    borders = [step << shift for shift in range(59) for step in range(32, 64)]
    for value in (near for border in borders for near in (border - 1, border, border + 1)):
        # A larger one beside it, as the most that was seen bounds what is told.
        found = quantile(core, filled(core, [value, LARGEST]), 2)
        assert found is not None
        assert octaves_apart(found, value) <= 1 / 16


def test_a_part_of_two_histograms_is_counted_once(core: ctypes.CDLL) -> None:
    """Merging adds what each thread counted, and leaves the one that is added as it was."""
    one, other = filled(core, [5] * 99), filled(core, [700])
    core.ps_histogram_merge(ctypes.byref(one), ctypes.byref(other))

    assert (one.total, one.most, other.total) == (100, 700, 1)
    assert (quantile(core, one, 100), quantile(core, one, 1000)) == (5, None)
