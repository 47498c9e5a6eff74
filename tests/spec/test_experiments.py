"""The experiments that come with the project are valid, and are what their comments say."""

from __future__ import annotations

from pathlib import Path

import pytest

from pageswap import native
from pageswap.plan.plan import make
from pageswap.spec.loader import load

FOLDER = Path(__file__).parents[2] / "experiments"
FILES = sorted(FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_loads_and_plans_with_the_core_s_own_names(file: Path) -> None:
    """A name that the core no longer has is found here, not by a user."""
    plan = make(load(file))

    assert plan.experiment.name == file.stem
    assert plan.experiment.question.endswith("?")
    assert plan.experiment.workload in native.WORKLOADS


def test_smoke_is_small() -> None:
    """The whole command ends within 5 seconds; most of that must be left for everything but the trials."""
    plan = make(load(FOLDER / "smoke.yaml"))

    assert plan.seconds < 1.0
    assert {case.levels["method"] for case in plan.cases} >= {"null", "index", "memcpy", "copy_words", "mremap_fixed"}


def test_the_replica_has_the_original_program_s_conditions() -> None:
    """65,536 pages of 4 KiB in a shared anonymous region, 200,001 swaps."""
    plan = make(load(FOLDER / "seed_replica.yaml"))

    for case in plan.cases:
        levels = case.levels
        assert levels == {
            "method": levels["method"],
            "page_size": 4096,
            "region_size": 65_536 * 4096,
            "iterations": 200_001,
            "backing": "shared_anon",
            "threads": 1,
            "touch": "none",
            "pattern": "random",
            "distance": 1,
            "run_pages": 1,
            "pages": "present",
            "alignment": "2MiB",
            "numa": "any",
            "neighbours": "idle",
            "reads": "moving",
        }
    assert [case.levels["method"] for case in plan.cases] == ["copy_words", "memcpy", "mremap_fixed"]
