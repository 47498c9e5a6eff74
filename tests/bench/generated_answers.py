"""Checks the answers of 5,000 made-up runs against their raw rows, by a reader that shares no code with the program.

Usage: generated_answers.py [RUNS]. Prints how many runs and findings there were, and everything that was false.
"""

from __future__ import annotations

import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.answers.answered import answered
from tests.answers.generated_runs import generate, raw
from tests.answers.independent_reader import faults

RUNS = 5_000


def checked(seed: int) -> tuple[str, str, int, int, list[str]]:
    """Give what a run asks, its verdict, its findings, its headline's length, and what of it is false."""
    run = generate(seed)
    answer = answered(run)
    false = faults(raw(run), answer.as_json())
    shown = [f"run {seed}: {answer.headline!r}: {fault}" for fault in false]
    return answer.asks, answer.verdict, len(answer.findings), len(answer.headline), shown


def main(runs: int = RUNS) -> int:
    """Print the counts; return 1 where anything was false."""
    with ProcessPoolExecutor() as pool:
        found = list(pool.map(checked, range(runs), chunksize=50))
    verdicts = Counter((asks, verdict) for asks, verdict, *_ in found)
    false = [fault for *_, faults_of in found for fault in faults_of]
    print(f"{'asks':10} {'verdict':18} {'runs':>5}")
    for (asks, verdict), count in sorted(verdicts.items()):
        print(f"{asks:10} {verdict:18} {count:5}")
    print(
        f"{len(found):,} runs, {sum(each[2] for each in found):,} findings, headlines of at most "
        f"{max(each[3] for each in found)} characters: {len(false)} false"
    )
    print("\n".join(false[:40]))
    return int(bool(false))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if sys.argv[1:] else RUNS))
