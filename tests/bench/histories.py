"""Checks the change points of histories whose truth is known: false ones, those that are found, and where.

Usage: table.py histories. Nothing is measured. `pageswap.statistics.change_points` is what `inv history` calls.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

import numpy as np
from estimators import SHAPES, Check

from pageswap.statistics.change_points import change_points, pending

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

HISTORIES: Final = 1_000
RUNS: Final = 50
COUNTS: Final = (8, 10, 15, 20, 50, 100, 200)
SHAPE_DEVIATIONS: Final = {"normal": 0.02, "skewed": 0.02, "very skewed": 0.02 * 2.16}
# Runs after a change: it cannot be told before there are three, and hardly then.
AFTER: Final = (3, 5, 8, 12, 25, 42)
FAMILY: Final = 12


def false_checks(rng: np.random.Generator) -> Iterator[Check]:
    """Give the share of histories without a change in which one is found."""
    for count in COUNTS:
        yield Check(f"false, {count} runs, normal", _false(rng, "normal", count), 0, 0.05)
    for shape in SHAPES:
        # What is skewed is told, not mended: three high values in a row are no rarity there.
        yield Check(f"false, {RUNS} runs, {shape}", _false(rng, shape, RUNS), 0, 0.3 if "skewed" in shape else 0.05)
    of_all = [
        any(change_points(SHAPES["normal"](rng, RUNS), FAMILY) for _ in range(FAMILY)) for _ in range(HISTORIES // 4)
    ]
    yield Check(f"false, {FAMILY} cases of {RUNS} runs", float(np.mean(of_all)), 0, 0.05)
    spiked = [_spiked(rng) for _ in range(HISTORIES)]
    yield Check(
        f"false, {RUNS} runs, one of them far off", float(np.mean([bool(change_points(v)) for v in spiked])), 0, 0.05
    )
    alone = [bool(change_points(_stepped(rng, RUNS - 1, 10.0))) for _ in range(HISTORIES)]
    yield Check("false, the last run alone is far off", float(np.mean(alone)), 0, 0.05)
    hinted = [pending(_stepped(rng, RUNS - 1, 10.0)) is not None for _ in range(HISTORIES)]
    yield Check("the last run alone: not yet", float(np.mean(hinted)), 0.9, 1)
    unhinted = [pending(rng.normal(size=RUNS)) is not None for _ in range(HISTORIES)]
    yield Check("not yet, where there is nothing", float(np.mean(unhinted)), 0, 0.06)


def power_checks(rng: np.random.Generator) -> Iterator[Check]:
    """Give the share of histories with a change in which it, and nothing else, is found within one run of its place."""
    places = rng.integers(5, RUNS - 4, HISTORIES)
    found = [_is_found(_stepped(rng, place, 3.0), [place]) for place in places]
    yield Check(f"found, 3 deviations, anywhere but 5 at an end of {RUNS}", float(np.mean(found)), 0.9, 1)
    for after in AFTER:
        found = [_is_found(_stepped(rng, RUNS - after, 3.0), [RUNS - after]) for _ in range(HISTORIES)]
        yield Check(f"found, 3 deviations, {after} runs after it", float(np.mean(found)), 0.9 if after >= 5 else 0, 1)
    for family in (1, FAMILY):
        found = [_is_found(_stepped(rng, 25, 3.0), [25], family) for _ in range(HISTORIES)]
        yield Check(f"found, 3 deviations, among {family} cases", float(np.mean(found)), 0.9, 1)
    found = [_is_found(_stepped(rng, 20, 3.0) - 3 * (np.arange(RUNS) >= 30), [20, 30]) for _ in range(HISTORIES)]
    yield Check("both found, 3 deviations for 10 runs", float(np.mean(found)), 0.8, 1)
    for shape, deviation in SHAPE_DEVIATIONS.items():
        found = [
            _is_found(SHAPES[shape](rng, RUNS) + 3 * deviation * (np.arange(RUNS) >= 25), [25])
            for _ in range(HISTORIES)
        ]
        yield Check(f"found, 3 deviations, {shape}", float(np.mean(found)), 0.85, 1)
    for times in (1.0, 1.5, 2.0):
        found = [_is_found(_stepped(rng, 25, times), [25]) for _ in range(HISTORIES)]
        yield Check(f"found, {times:g} deviations in the middle", float(np.mean(found)), 0, 1)


def _false(rng: np.random.Generator, shape: str, count: int) -> float:
    return float(np.mean([bool(change_points(SHAPES[shape](rng, count))) for _ in range(HISTORIES)]))


def _stepped(rng: np.random.Generator, place: int, height: float) -> Floats:
    return rng.normal(size=RUNS) + height * (np.arange(RUNS) >= place)


def _spiked(rng: np.random.Generator) -> Floats:
    values = rng.normal(size=RUNS)
    values[rng.integers(RUNS)] += rng.choice([-1, 1]) * rng.uniform(4, 40)
    return values


def _is_found(values: Floats, places: list[int], family: int = 1) -> bool:
    found = [each.place for each in change_points(values, family)]
    return len(found) == len(places) and all(abs(a - b) <= 1 for a, b in zip(found, places, strict=True))


def main() -> int:
    """Print a line a check; return 1 when one does not hold."""
    rng = np.random.default_rng(14)
    failed = 0
    print(f"\n{'histories':56} {'share':>8}   between")
    for check in itertools.chain(false_checks(rng), power_checks(rng)):
        failed += not check.holds
        mark = "" if check.holds else "   FAILED"
        bounds = f"{100 * check.at_least:g} and {100 * check.at_most:g} %"
        print(f"{check.name:56} {100 * check.share:6.1f} %   {bounds}{mark}", flush=True)
    return int(bool(failed))


if __name__ == "__main__":
    raise SystemExit(main())
