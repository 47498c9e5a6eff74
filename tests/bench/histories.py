"""Checks the change points of histories whose truth is known: false ones, those that are found, and where.

Usage: table.py histories. Nothing is measured. `pageswap.statistics.change_points` is what `inv history` calls.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

import numpy as np
from estimators import SHAPES, Check
from scipy import special

from pageswap.statistics.change_points import change_points, pending, smallest_shift

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

HISTORIES: Final = 1_000
RUNS: Final = 50
COUNTS: Final = (12, 15, 20, 50, 100, 200)
SHAPE_DEVIATIONS: Final = {"normal": 0.02, "skewed": 0.02, "very skewed": 0.02 * 2.16}
# Runs after a change: it cannot be told before there are three, and among many cases hardly then.
AFTER: Final = (3, 4, 5, 8, 12, 25, 42)
FAMILY: Final = 12


def false_checks(rng: np.random.Generator) -> Iterator[Check]:
    """Give the share of histories without a change in which one is found, or hinted at."""
    for count in COUNTS:
        yield Check(f"false, {count} runs, normal", _false(rng, "normal", count), 0, 0.05)
    for shape in SHAPES:
        yield Check(f"false, {RUNS} runs, {shape}", _false(rng, shape, RUNS), 0, 0.05)
    for shape in SHAPES:
        found = _false(rng, shape, RUNS, FAMILY)
        yield Check(f"false, {FAMILY} cases of {RUNS} runs, {shape}", found, 0, 0.05)
    spiked = [bool(change_points(_spiked(rng))) for _ in range(HISTORIES)]
    yield Check(f"false, {RUNS} runs, one of them far off", _share(spiked), 0, 0.05)
    alone = [bool(change_points(_stepped(rng, RUNS - 1, 10.0))) for _ in range(HISTORIES)]
    yield Check("false, the last run alone is far off", _share(alone), 0, 0.05)
    hinted = [pending(_stepped(rng, RUNS - 1, 10.0)) is not None for _ in range(HISTORIES)]
    yield Check("the last run alone, 10 deviations off: not yet", _share(hinted), 0.9, 1)
    # Not where runs are disturbed: that the last one was is what is hinted at.
    for shape in (*SHAPE_DEVIATIONS, "heavy tails"):
        hinted = [
            any(pending(SHAPES[shape](rng, RUNS), FAMILY) is not None for _ in range(FAMILY)) for _ in range(HISTORIES)
        ]
        yield Check(f"not yet, where {FAMILY} cases have nothing, {shape}", _share(hinted), 0, 0.05)


def power_checks(rng: np.random.Generator) -> Iterator[Check]:
    """Give the share of histories with a change in which it, and nothing else, is found within one run of its place."""
    for family in (1, FAMILY):
        places = rng.integers(5, RUNS - 4, HISTORIES)
        found = [_is_found(_stepped(rng, place, 3.0), [place], family) for place in places]
        yield Check(f"found, 5 runs or more from an end, {_cases(family)}", _share(found), 0.9, 1)
        for after in AFTER:
            found = [_is_found(_stepped(rng, RUNS - after, 3.0), [RUNS - after], family) for _ in range(HISTORIES)]
            least = 0.9 if after >= (5 if family == 1 else 8) else 0
            yield Check(f"found, {after} runs after it, {_cases(family)}", _share(found), least, 1)
        spiked = [_is_found(_spiked(rng) + 3 * (np.arange(RUNS) >= 25), [25], family) for _ in range(HISTORIES)]
        yield Check(f"found, one other run far off, {_cases(family)}", _share(spiked), 0.9, 1)
        found = [
            _is_found(_stepped(rng, 20, 3.0) - 3 * (np.arange(RUNS) >= 30), [20, 30], family) for _ in range(HISTORIES)
        ]
        yield Check(f"both found, for 10 runs only, {_cases(family)}", _share(found), 0.8, 1)
        for shape, deviation in SHAPE_DEVIATIONS.items():
            step = 3 * deviation * (np.arange(RUNS) >= 25)
            found = [_is_found(SHAPES[shape](rng, RUNS) + step, [25], family) for _ in range(HISTORIES)]
            yield Check(f"found in the middle, {shape}, {_cases(family)}", _share(found), 0.9, 1)
        smallest = smallest_shift(_even(rng), family)
        found = [bool(change_points(_stepped(rng, 25, smallest), family)) for _ in range(HISTORIES)]
        name = f"the smallest told, {smallest:.2f} deviations, {_cases(family)}"
        yield Check(name, _share(found), 0.88, 0.97)


def _cases(family: int) -> str:
    return "1 case" if family == 1 else f"{family} cases"


def _share(found: list[bool]) -> float:
    return float(np.mean(found))


def _even(rng: np.random.Generator) -> Floats:
    """Return values as evenly normal as so many can be, with a deviation of 1, in any order."""
    values = special.ndtri((np.arange(RUNS) + 0.5) / RUNS)
    return rng.permutation(values / values.std(ddof=1))


def _false(rng: np.random.Generator, shape: str, count: int, family: int = 1) -> float:
    histories = HISTORIES if family == 1 else HISTORIES // 2
    return _share(
        [any(change_points(SHAPES[shape](rng, count), family) for _ in range(family)) for _ in range(histories)]
    )


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
    print(f"\n{HISTORIES} histories a line, half as many of {FAMILY} cases that have no change.")
    print(f"Of {RUNS} runs, and with changes of 3 deviations, where nothing else is said.\n")
    print(f"{'histories':56} {'share':>8}   between")
    for check in itertools.chain(false_checks(rng), power_checks(rng)):
        failed += not check.holds
        mark = "" if check.holds else "   FAILED"
        bounds = f"{100 * check.at_least:g} and {100 * check.at_most:g} %"
        print(f"{check.name:56} {100 * check.share:6.1f} %   {bounds}{mark}", flush=True)
    return int(bool(failed))


if __name__ == "__main__":
    raise SystemExit(main())
