"""A run of the memory's limit is answered in bytes a second, exchanged and streamed apart."""

from __future__ import annotations

import re
from typing import Any

from pageswap.answers.record import NOTHING_MEASURED, UNDECIDED, YES
from tests.answers.answered import answered, asking
from tests.fake_run import FakeRun, make_run


def limit(speeds: dict[str, float], **more: Any) -> FakeRun:
    """Make a run of workload limit with these ns per pair of pages; 819.2 ns are 10 GB/s."""
    run = make_run(
        **{
            "method": ["memcpy", *speeds],
            "speeds": {"memcpy": 819.2, **speeds},
            "region_size": [1 << 28],
            "touch": ["none"],
            "replicas": True,
            "block_noise": 0.01,
            **more,
        }
    )
    run.families["stream_copy"] = "control"
    return asking("rate", run, "limit")


def test_the_best_rates_are_given() -> None:
    """The fastest exchange and the stream, by which method; each case's rate with its interval is a finding."""
    answer = answered(limit({"stream_copy": 327.68, "fast": 409.6, "slow": 1_000.0}))

    assert answer.verdict == YES
    assert answer.headline == (
        "Pages were exchanged at up to 20 GB/s by fast; copied as a stream at up to 25 GB/s by stream_copy"
    )
    for finding in answer.findings:
        rate, low, high = map(float, re.fullmatch(r"([\d.]+) GB/s, ([\d.]+) to ([\d.]+)", finding.times).groups())  # type: ignore[union-attr]  # an error, too
        assert low < rate < high


def test_each_condition_has_its_own() -> None:
    """The best of all is named with its own."""
    answer = answered(limit({"fast": 409.6}, threads=[1, 2]))

    assert re.fullmatch(r"Pages were exchanged at up to 20 GB/s by fast with [12] threads?", answer.headline)
    several = answered(limit({"fast": 409.6}, threads=[1, 2], hosts=("a", "b")))
    assert re.fullmatch(r"Pages were exchanged at up to 20 GB/s by fast with [12] threads? on [ab]", several.headline)


def test_few_blocks_are_undecided() -> None:
    """What there is so far is said to be that."""
    answer = answered(limit({"fast": 409.6}, blocks=2))

    assert answer.verdict == UNDECIDED
    assert answer.headline.startswith("Undecided: too few blocks, 2 of the 6 needed; so far pages were")


def test_what_was_not_measured_is_not_answered() -> None:
    """Nothing but the reason is left."""
    run = limit({"fast": 409.6})
    run.end("failed", "mmap: ENOMEM")
    answer = answered(run)

    assert (answer.verdict, answer.headline) == (NOTHING_MEASURED, "Nothing was measured: 21 failed")


def test_a_corrupt_one_has_no_rate() -> None:
    """However fast it would have been."""
    run = limit({"fast": 409.6, "slow": 600.0})
    run.end("corrupt", "page 3", method="fast", block=2, warmup=0)
    answer = answered(run)

    assert answer.headline.startswith("Corrupt: fast in 1 trial. Pages were exchanged at up to 14 GB/s by slow")
    assert {finding.times for finding in answer.findings if finding.subject == "fast"} == {""}
