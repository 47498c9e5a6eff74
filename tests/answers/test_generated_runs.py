"""Every headline and finding of made-up runs over the whole space of experiments is borne by the raw rows.

`./inv bench --only answers` does the same with 5,000 runs.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING, Any

import pytest

from pageswap.answers.record import CORRUPT
from tests.answers.answered import answered
from tests.answers.generated_runs import generate, raw
from tests.answers.independent_reader import faults

if TYPE_CHECKING:
    from collections.abc import Callable

    from pageswap.answers.record import Answer
    from tests.answers.generated_runs import Raw

_RUNS = 16
# The quick tests are content with two parts of six.
_PARTS = [*range(2), *(pytest.param(part, marks=pytest.mark.slow) for part in range(2, 6))]


@functools.cache
def told(seed: int) -> tuple[Raw, Answer]:
    """Make a run; return its rows and its answer, which nothing here changes."""
    run = generate(seed)
    return raw(run), answered(run)


@pytest.mark.parametrize("part", _PARTS)
def test_the_rows_bear_what_the_record_claims(part: int) -> None:
    """All runs of a part: nothing false, no headline too long."""
    found = {}
    for seed in range(part * _RUNS, (part + 1) * _RUNS):
        rows, answer = told(seed)
        found[seed] = faults(rows, answer.as_json())

    assert {} == {seed: wrong for seed, wrong in found.items() if wrong}


@pytest.mark.parametrize("seed", [748, 1546, 2364, 3157, 3755, 3868, 3918, 4079])
def test_what_was_false_once_is_true(seed: int) -> None:
    """A contender told under one condition and not under another, no room for the last change, too few of a contest."""
    rows, answer = told(seed)

    assert faults(rows, answer.as_json()) == []


def _turned(finding: dict[str, Any]) -> None:
    finding["verdict"] = {"faster": "slower", "slower": "faster"}.get(finding["verdict"], finding["verdict"])


def _decided(finding: dict[str, Any]) -> None:
    if finding["verdict"] in {"no difference found", "too few"}:
        finding["verdict"] = "faster"


def _forgiven(finding: dict[str, Any]) -> None:
    if finding["verdict"] == CORRUPT:
        finding["verdict"] = "faster"


def _scaled(finding: dict[str, Any]) -> None:
    if finding["ratio"]:
        finding["ratio"] *= 1.01


# As many runs as have each kind of what is sought in some.
_SOUGHT = 96


@pytest.mark.slow
@pytest.mark.parametrize("change", [_turned, _decided, _forgiven, _scaled])
def test_the_reader_sees_a_finding_that_is_false(change: Callable[[dict[str, Any]], None]) -> None:
    """Wherever a change makes one so."""
    seen = changed = 0
    for seed in range(_SOUGHT):
        rows, answer = told(seed)
        record = answer.as_json()
        before = [dict(finding) for finding in record["findings"]]
        for finding in record["findings"]:
            change(finding)
        if before != list(record["findings"]):
            changed += 1
            seen += bool(faults(rows, record))

    assert changed > 5
    assert seen == changed


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new"),
    [
        (" faster", " slower"),
        (" in 1 trial", " in 2 trials"),
        ("Corrupt: ", "Beside: "),
        (" was fastest", " was slowest"),
    ],
)
def test_the_reader_sees_a_headline_that_is_false(old: str, new: str) -> None:
    """Another word, another count, a corrupt method that is not named as such."""
    seen = changed = 0
    for seed in range(80):
        rows, answer = told(seed)
        if old in answer.headline:
            changed += 1
            false = dataclasses.replace(answer, headline=answer.headline.replace(old, new, 1))
            seen += bool(faults(rows, false.as_json()))

    assert changed > 3
    assert seen == changed
