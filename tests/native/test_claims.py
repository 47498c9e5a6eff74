"""What a backing claims holds when the rounds begin, for every workload and method, or the trial is not measured."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import child
import pytest
from requirement import require

from pageswap.errors import MethodUnavailableError

if TYPE_CHECKING:
    import pathlib

WITH_PAGES = ("swap", "permute", "move", "limit", "decommit")
DOING = [
    (method.name, workload, page_bytes)
    for method in child.METHODS.values()
    for workload in WITH_PAGES
    for page_bytes in (4 * child.KIB, 64 * child.KIB, 2 * child.MIB)
    if workload in method.workloads and "thp" in method.backings and method.available
    if method.name != "ldt_window" or page_bytes == 4 * child.KIB  # a window has 4 KiB
]
RUN = "import json, sys\nfrom pageswap import native\nnative.run_trial(native.TrialParams(**json.load(sys.stdin)))"


def huge_bytes(method: str, backing: str, **changes: object) -> int:
    """Run a trial of few iterations and give how much of its region lay on huge pages when the rounds began."""
    trial = child.params(method, backing=backing, region_bytes=8 * child.MIB, iterations=2, rounds=2, **changes)
    try:
        result = child.run(trial)
    except MethodUnavailableError as error:
        require("thp", present=False, reason=str(error))
        raise
    assert result.verified, result.reason
    return result.counters["anon_huge_before"] or 0


@pytest.mark.parametrize(("method", "workload", "page_bytes"), DOING)
def test_a_region_of_huge_pages_has_them_when_the_rounds_begin(method: str, workload: str, page_bytes: int) -> None:
    """Also where the pages are scattered before, and where a method takes runs page by page."""
    assert huge_bytes(method, "thp", workload=workload, page_bytes=page_bytes) >= 8 * child.MIB


@pytest.mark.parametrize(("method", "workload", "page_bytes"), DOING)
def test_a_region_without_huge_pages_has_none(method: str, workload: str, page_bytes: int) -> None:
    """Whatever the host's settings say."""
    assert huge_bytes(method, "thp_off", workload=workload, page_bytes=page_bytes) == 0


def test_pages_of_a_thread_that_are_no_whole_huge_pages_are_no_trial() -> None:
    """Moved one way they cannot stay whole, and a figure for huge pages would be one for small ones."""
    trial = child.params(
        "mremap_fixed", workload="move", backing="thp", region_bytes=6 * child.MIB, threads=2, iterations=8
    )
    with pytest.raises(MethodUnavailableError, match=r"only \d+ of 6144 KiB are huge when the rounds begin"):
        child.run(trial)


def test_what_a_set_up_breaks_is_noticed(odd_core: pathlib.Path) -> None:
    """The check comes after the method's own set-up, too."""
    trial = child.params("split_in_setup", backing="thp", region_bytes=8 * child.MIB, rounds=1).fields
    command, environment = [sys.executable, "-c", RUN], {"PYTHONPATH": str(odd_core)}
    done = subprocess.run(
        command, input=json.dumps(trial), cwd=odd_core, env=environment, capture_output=True, text=True, check=False
    )

    assert "only 6144 of 8192 KiB are huge when the rounds begin" in done.stderr
