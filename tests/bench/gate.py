"""Prints how the gate of `inv compare` decides on real runs: the same core twice, and one method slower by a tenth.

Usage: gate.py [PAIRS]. Takes about a quarter of a minute a pair; let nothing else run meanwhile.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from pageswap.comparison.comparison import Part, compare
from pageswap.comparison.tables import slowdown_interval_text, slowdown_text
from pageswap.store.store import Store
from tests.slowed_core import METHOD, ROOT, measure, slowed_checkout

LIMIT = 0.05
SPEC = """
name: gate
question: Did a method become slower?
method: [memcpy, copy_words, exchange_sse2]
region_size: 1MiB
iterations: 50_000
baseline: {method: memcpy}
repeats: 60
"""


def main(pairs: int) -> None:
    """Measure base, same and slowed in turn, so that each pair is as far apart in time."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        spec = folder / "gate.yaml"
        spec.write_text(SPEC, encoding="utf-8")
        slowed = slowed_checkout(folder / "slowed", every=20)
        print(f"{'new':8} {'gate':8} {METHOD + ', ratio':>14} {'95 % interval':>18} {'time alone':>12}")
        for _ in range(pairs):
            runs = [measure(checkout, spec, folder / "results") for checkout in (ROOT, ROOT, slowed)]
            for word, new in (("same", runs[1]), ("slowed", runs[2])):
                with Store.open(runs[0] / "run.sqlite") as ours, Store.open(new / "run.sqlite") as theirs:
                    found = compare(Part(ours, None, "base"), Part(theirs, None, word), limit=LIMIT)
                (case,) = (change for change in found.cases if change.levels["method"] == METHOD)
                gate = "passed" if found.gate and found.gate.passed else "tripped"
                figures = (
                    slowdown_text(case.change, case.change_ci),
                    slowdown_interval_text(case.change, case.change_ci),
                )
                time = slowdown_text(case.time_change, case.time_ci)
                print(f"{word:8} {gate:8} {figures[0]:>14} {figures[1]:>18} {time:>12}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
