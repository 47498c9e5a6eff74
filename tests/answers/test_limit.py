"""A run of the memory's limit is answered in bytes a second, exchanged and streamed apart."""

from __future__ import annotations

import re
from typing import Any

from pageswap.analysis.summary import summarise
from pageswap.answers.answer import answer
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
            **more,
        }
    )
    run.experiment |= {"workload": "limit", "question": "How fast can this host's memory be copied at best?"}
    run.families["stream_copy"] = "control"
    for case in run.case_list:
        case["workload"] = "limit"
    for outcome in run.outcomes:
        outcome["workload"] = "limit"
    return run


def test_the_best_rates_are_given() -> None:
    """The fastest exchange and the stream, each with its interval, and by which method."""
    first, second = answer(summarise(limit({"stream_copy": 327.68, "fast": 409.6, "slow": 1_000.0}, block_noise=0.01)))

    assert re.search(
        r"at best, pages were exchanged at (20|19)\.\d+ GB/s \[(20|19)\.\d+ to 20\.\d+\], "
        r"and copied as a stream at (25|24)\.\d+ GB/s \[.+\] \(95 % CIs in brackets\)\.$",
        first,
    )
    assert second == "Exchanges were fastest by fast."


def test_each_condition_has_its_own() -> None:
    """Two threads, of which the second makes it no faster; what could not be told from the first is named."""
    first, second = answer(summarise(limit({"fast": 409.6, "same": 409.7}, threads=[1, 2])))

    assert re.search(r"exchanged at .+ GB/s \[.+\] with 1 thread and .+ GB/s \[.+\] with 2 threads \(95", first)
    assert re.search(r"fastest with 1 thread by (fast|same), not told from (fast|same); with 2 threads by", second)


def test_what_was_not_measured_is_not_answered() -> None:
    """Nothing but the reason is left."""
    run = limit({"fast": 409.6})
    run.end("failed", "mmap: ENOMEM")

    assert "nothing could be compared" in answer(summarise(run))[0]
