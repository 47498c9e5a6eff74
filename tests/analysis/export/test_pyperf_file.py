"""What is exported for pyperf is read by the real pyperf, with our medians and nothing that is no result."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pyperf
import pytest

from pageswap.analysis.export.trials_file import export
from pageswap.analysis.summary import summarise
from pageswap.errors import UsageError
from tests.fake_run import make_run

if TYPE_CHECKING:
    from pathlib import Path

SMALL: dict[str, Any] = {"region_size": [128 << 20], "touch": ["none"], "blocks": 8, "noise": 0.01}


def test_pyperf_reads_our_medians(tmp_path: Path) -> None:
    """A benchmark a case, a value a block, the median ours; warm-ups and failed trials are not in it."""
    run = make_run(**SMALL)
    run.end("failed", "ENOMEM", method="mremap_fixed")
    run.end("corrupt", "page 3", method="copy_words", block=2, warmup=0)
    path = export(run, "pyperf", tmp_path)
    suite = pyperf.BenchmarkSuite.load(str(path))
    medians = {case.levels["method"]: case.median_ns for case in summarise(run).cases}

    assert "pyperf.json" == path.name
    assert {"memcpy", "copy_words"} == set(suite.get_benchmark_names())
    assert [8, 7] == [suite.get_benchmark(name).get_nvalue() for name in ("memcpy", "copy_words")]
    for benchmark in suite:
        assert benchmark.median() * 1e9 == pytest.approx(medians[benchmark.get_name()])
        assert benchmark.get_unit() == "second"
        assert benchmark.get_metadata()["cpu_model_name"] == "AMD EPYC 9R45"


def test_pyperf_s_own_commands_take_it(tmp_path: Path) -> None:
    """`stats` and `compare_to` end well and find the slowed method."""
    slow = make_run(seed=2, speeds={"mremap_fixed": 20_000.0}, **SMALL)
    paths = [
        export(made, "pyperf", tmp_path / name) for made, name in ((make_run(**SMALL), "base.json"), (slow, "new.json"))
    ]
    done = [
        subprocess.run([sys.executable, "-m", "pyperf", *words], capture_output=True, text=True, check=True)
        for words in (("stats", str(paths[0])), ("compare_to", str(paths[0]), str(paths[1])))
    ]

    assert "Number of benchmarks: 3" in done[0].stdout
    assert "mremap_fixed: Mean +- std dev: " in done[1].stdout
    assert "1.2" in done[1].stdout


def test_hosts_and_levels_name_the_benchmarks(tmp_path: Path) -> None:
    """No two cases share a name."""
    run = make_run(hosts=("a", "b"), **{**SMALL, "touch": ["none", "moved"]})
    names = pyperf.BenchmarkSuite.load(str(export(run, "pyperf", tmp_path))).get_benchmark_names()

    assert 12 == len(set(names))
    assert "memcpy, touch moved on b" in names


def test_a_run_without_a_result_is_refused(tmp_path: Path) -> None:
    """Pyperf has no such file; nothing is written."""
    run = make_run(**SMALL)
    run.end("failed", "ENOMEM")

    with pytest.raises(UsageError, match="nothing was measured"):
        export(run, "pyperf", tmp_path)
    assert [] == list(tmp_path.iterdir())
