"""The gate on real runs: the same core passes, one with a method that was slowed on purpose does not."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from pageswap.comparison.comparison import Comparison, Part, compare
from pageswap.comparison.environments import DOES_NOT_STAND
from pageswap.store.store import Store
from tests.copied_checkout import ROOT
from tests.slowed_core import METHOD, measure, slowed_checkout

if TYPE_CHECKING:
    from pathlib import Path

SPEC = """
name: gate
question: Did a method become slower?
method: [memcpy, copy_words]
region_size: 1MiB
iterations: 20_000
baseline: {method: memcpy}
repeats: 9
"""


def compared(base: list[Path], new: list[Path], limit: float) -> Comparison:
    """Compare two sides of stored runs."""
    with contextlib.ExitStack() as opened:
        ours, theirs = (
            [Part(opened.enter_context(Store.open(run / "run.sqlite")), None, "side") for run in side]
            for side in (base, new)
        )
        return compare(ours, theirs, limit=limit)


@pytest.mark.slow
def test_the_same_core_passes_and_a_slowed_one_trips(tmp_path: Path) -> None:
    """Fifteen times as slow is beyond what any busy machine does; a tenth is measured by tests/bench/gate.py."""
    spec = tmp_path / "gate.yaml"
    spec.write_text(SPEC)
    slowed = slowed_checkout(tmp_path / "slowed", every=1, times=15)
    runs = [measure(checkout, spec, tmp_path / "results") for checkout in (ROOT, slowed, ROOT, slowed, ROOT, ROOT)]
    same, slow = compared(runs[0:3:2], runs[4:], 0.5), compared(runs[0:3:2], runs[1:4:2], 0.5)

    assert same.gate is not None
    assert same.gate.passed is True
    assert slow.gate is not None
    assert slow.gate.passed is False
    assert [METHOD] == [change.levels["method"] for change in slow.cases if change.over_limit]
    assert slow.verdict.word != DOES_NOT_STAND
    assert "core.core_hash" in {each.key for each in slow.pairs[0].differences}
