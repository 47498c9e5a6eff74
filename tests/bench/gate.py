"""Prints how the gate of `inv compare` decides on real runs, two a side: one core, or one with a method a tenth slower.

Before them the one core is measured some more, as a store has earlier runs; each pair is judged with and without these.

Usage: gate.py [PAIRS]. Takes about two minutes a pair; let nothing else run meanwhile.
"""

from __future__ import annotations

import contextlib
import itertools
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pageswap.comparison.comparison import compare
from pageswap.comparison.measured_run import Part
from pageswap.comparison.tables import slowdown_interval_text, slowdown_text
from pageswap.store.store import Store
from tests.copied_checkout import ROOT
from tests.slowed_core import METHOD, measure, slowed_checkout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pageswap.comparison.comparison import Comparison

LIMIT = 0.05
EARLIER = 6
SPEC = """
name: gate
question: Did a method become slower?
method: [memcpy, copy_words, exchange_sse2]
region_size: 1MiB
iterations: 20_000
baseline: {method: memcpy}
repeats: 240
"""


def compared(base: Sequence[Path], new: Sequence[Path], earlier: Sequence[Path]) -> Comparison:
    """Compare two sides of stored runs."""
    with contextlib.ExitStack() as opened:
        base_parts, new_parts, before = [
            [Part(opened.enter_context(Store.open(run / "run.sqlite")), None, "side") for run in side]
            for side in (base, new, earlier)
        ]
        return compare(base_parts, new_parts, limit=LIMIT, earlier=[before] if before else [])


def main(pairs: int) -> None:
    """Measure base, same and slowed in turn, so that each pair is as far apart in time."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        spec = folder / "gate.yaml"
        spec.write_text(SPEC, encoding="utf-8")
        slowed = slowed_checkout(folder / "slowed", every=20)
        print(f"{'new':8} {'earlier':8} {'gate':8} {METHOD + ', ratio':>14} {'95 % interval':>18} {'time alone':>12}")
        before = [measure(ROOT, spec, folder / "results") for _ in range(EARLIER)]
        for _ in range(pairs):
            runs = [measure(checkout, spec, folder / "results") for checkout in (ROOT, ROOT, slowed) * 2]
            for (word, new), earlier in itertools.product((("same", runs[1::3]), ("slowed", runs[2::3])), (before, [])):
                found = compared(runs[::3], new, earlier)
                (case,) = (change for change in found.cases if change.levels["method"] == METHOD)
                gate = "passed" if found.gate and found.gate.passed else "tripped"
                figures = (
                    slowdown_text(case.change, case.change_ci),
                    slowdown_interval_text(case.change, case.change_ci),
                )
                time = slowdown_text(case.time_change, case.time_ci)
                print(f"{word:8} {len(earlier):7}  {gate:8} {figures[0]:>14} {figures[1]:>18} {time:>12}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
