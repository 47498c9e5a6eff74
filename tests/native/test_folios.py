"""Large folios (mTHP): a region is in folios of the size that its backing names, or it is not measured."""

from __future__ import annotations

import contextlib
import os
import pathlib
from typing import TYPE_CHECKING, Any

import child
import pytest
from refusing import in_child
from requirement import require

from pageswap import native
from pageswap.errors import MethodUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

THP = pathlib.Path("/sys/kernel/mm/transparent_hugepage")
SIZES = {name: backing.folio_bytes for name, backing in child.BACKINGS.items() if backing.folio_bytes}
REGION = 4 * child.MIB


@pytest.fixture(autouse=True)
def _may_see_folios() -> None:
    require("folios", (THP / "hugepages-64kB").exists(), "this kernel has no large folios (Linux 6.8)")
    require("root", os.access("/proc/kpageflags", os.R_OK), "only root may know which frames pages are in")


@contextlib.contextmanager
def setting(kib: int, word: str) -> Iterator[None]:
    """Set one size for a moment."""
    knob = THP / f"hugepages-{kib}kB" / "enabled"
    before = knob.read_text().partition("[")[2].partition("]")[0]
    knob.write_text(word)
    try:
        yield
    finally:
        knob.write_text(before)


def folios(method: str = "memcpy", **changes: Any) -> dict[str, int]:
    """Run a trial and give the bytes of its region in folios of each size, as a look at samples finds them."""
    shape: dict[str, Any] = {"region_bytes": REGION, "iterations": 8, "rounds": 2}
    result = child.run(child.params(method, **shape | changes))
    assert result.verified, result.reason
    found = {name: count or 0 for name, count in result.counters.items() if name.endswith("_before")}
    return {name.split("_")[1]: count for name, count in found.items() if name.startswith("folio_") and count}


@pytest.mark.usefixtures("folios")
@pytest.mark.parametrize("backing", SIZES)
def test_a_region_is_in_folios_of_its_size_alone(backing: str) -> None:
    """Although larger ones are allowed beside it, huge pages included."""
    assert folios(backing=backing) == {backing.removeprefix("mthp_"): REGION}
    assert folios("mremap_fixed", backing=backing, page_bytes=2 * child.MIB, region_bytes=2 * REGION) == {
        backing.removeprefix("mthp_"): 2 * REGION
    }


@pytest.mark.usefixtures("folios")
@pytest.mark.parametrize("workload", ["swap", "permute", "move", "limit"])
@pytest.mark.parametrize("threads", [1, 2])
def test_every_workload_begins_with_folios(workload: str, threads: int) -> None:
    """Also where the pages are scattered before, and where threads have shares."""
    method = "stream_copy" if workload == "limit" else "memcpy"
    found = folios(method, backing="mthp_64k", workload=workload, threads=threads)

    assert found.keys() == {"64k"}
    if workload != "limit":
        assert folios("mremap_fixed", backing="mthp_64k", workload=workload, threads=threads).keys() == {"64k"}


@pytest.mark.usefixtures("folios")
@pytest.mark.parametrize("page_kib", [4, 64])
@pytest.mark.parametrize("method", ["memcpy", "mremap_fixed"])
def test_pages_that_are_laid_out_begin_in_folios(method: str, page_kib: int) -> None:
    """Those of a trace and of a compaction, also where others share their folio and some of it is empty."""
    page_bytes = page_kib * child.KIB
    shape: dict[str, Any] = {"backing": "mthp_64k", "page_bytes": page_bytes, "region_bytes": 64 * page_bytes}
    moves = [(1, 40, 2), (0, 63, 1), (40, 7, 3)]
    trace = [number for move in moves for number in move]

    assert folios(method, workload="replay", trace=trace, iterations=3, rounds=1, **shape).keys() == {"64k"}
    assert folios(method, workload="compact", occupancy=25, iterations=16, rounds=1, **shape).keys() == {"64k"}


def test_a_size_that_is_not_given_is_not_measured() -> None:
    """Whatever else the kernel gives in its place, with the setting that would allow it."""
    with setting(64, "never"), pytest.raises(MethodUnavailableError) as refused:
        folios(backing="mthp_64k")

    assert "only 0 of 4096 KiB are in folios of 64 KiB when the rounds begin; run with --tune as root" in str(
        refused.value
    )


@pytest.mark.usefixtures("folios")
def test_what_splits_folios_before_the_rounds_is_noticed() -> None:
    """UFFDIO_MOVE takes large folios apart, and so does scattering pages with it before `move`."""
    with pytest.raises(MethodUnavailableError, match="are in folios of 64 KiB when the rounds begin"):
        folios("uffd_move", workload="move", backing="mthp_64k")


@pytest.mark.usefixtures("folios")
def test_shares_that_are_no_whole_folios_cannot_be_scattered() -> None:
    """As with huge pages: a figure for folios would be one for small pages."""
    with pytest.raises(MethodUnavailableError, match="and give a thread whole folios"):
        folios("mremap_fixed", workload="move", backing="mthp_1m", region_bytes=3 * child.MIB, threads=2)


@pytest.mark.usefixtures("folios")
def test_memory_that_is_brought_anew_is_of_any_size_and_no_trial() -> None:
    """The kernel chooses by what is empty around it then."""
    with pytest.raises(MethodUnavailableError, match="folios of whichever size the kernel chooses then; use release"):
        folios("memcpy", workload="move", release="both", backing="mthp_64k")

    assert folios("mremap_fixed", workload="move", release="both", backing="mthp_64k")
    giving = [method for method in child.METHODS.values() if "decommit" in method.workloads]
    assert giving
    assert not any(set(method.backings) & set(SIZES) for method in giving)


@pytest.mark.usefixtures("folios")
def test_who_may_not_see_frames_is_told_who_may() -> None:
    """No other file of the kernel's tells of large folios."""
    require("root", os.geteuid() == 0, "only root can become somebody else")

    def run() -> str:
        os.setgroups([])
        os.setresuid(65534, 65534, 65534)
        try:
            native.run_trial(child.params(backing="mthp_64k", region_bytes=REGION))
        except MethodUnavailableError as error:
            return str(error)
        return ""

    assert "run as root, in a container with CAP_SYS_ADMIN" in in_child(run)


def test_a_check_before_a_run_finds_it_too() -> None:
    """One folio is asked for, and given back."""

    def check() -> str:
        try:
            native.check_trial(child.params(backing="mthp_128k", region_bytes=REGION))
        except MethodUnavailableError as error:
            return str(error)
        return ""

    with setting(128, "never"):
        assert "only 0 of 128 KiB are in folios of 128 KiB" in in_child(check)
    with setting(128, "madvise"):
        assert in_child(check) == ""
