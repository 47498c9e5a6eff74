"""What the mover's choice hangs on: what lies where moves go, what a region consists of, how large its slots are."""

from __future__ import annotations

import array
import errno
import os
from typing import TYPE_CHECKING, Any

import child
import mover_model
import pytest
from refusing import in_child, refuse

from pageswap import native
from pageswap.errors import CoreError
from pageswap.mover import Flag, Region

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PAGE = 4096
# x86-64's number of a system call.
MADVISE = 28


def test_places_are_not_emptied_that_are_said_to_be_empty(mover_profiles: dict[str, Path]) -> None:
    """Where the kernel empties none it copies what is to go there, but not if it need not be asked."""
    child.available("uffd_move")
    back, forth = array.array("I", [4, 0, 4]), array.array("I", [0, 4, 4])

    def in_the_child(*, promises: bool) -> Callable[[], list[object]]:
        def move() -> list[object]:
            with mover_model.memory("private_anon", 8 * PAGE) as view:
                model = mover_model.Model(view, PAGE)
                with Region(view, PAGE, profile=mover_profiles["uffd_move"]) as region:
                    region.move(forth, release=True)
                    refuse(MADVISE, errno.ENOMEM, None)
                    region.move(back, release=False, empty_places=promises)
                    undefined = [mover_model.UNDEFINED] * 4
                    return [region.explain("swap").remap, model.wrong([[*undefined, 5, 6, 7, 8]])]

        return move

    assert in_child(in_the_child(promises=True)) == ["uffd_move", []]
    assert in_child(in_the_child(promises=False)) == ["refused:uffd_move", []]


def test_what_lies_where_moves_go_counts() -> None:
    """To copy to a place without memory faults it in, and to remap to one with memory takes that first."""
    child.available("uffd_move")
    with mover_model.memory("private_anon", 128 * PAGE) as view:
        mover_model.Model(view, PAGE)
        with Region(view, PAGE, flags=Flag.SINGLE_THREADED) as region:
            there = region.explain("move_release", slots=2)
            region.move(array.array("I", [0, 64, 2]), release=True)
            assert region.explain("move_release", slots=2) == there
            for _ in range(32):  # one place in 64 is looked at
                region.move(array.array("I", [64, 0, 2]), release=True)
                region.move(array.array("I", [0, 64, 2]), release=True)
            empty = region.explain("move_release", slots=2)
    assert empty.memcpy_ns > there.memcpy_ns
    assert there.way == "memcpy"
    assert empty.way == "uffd_move"


def test_huge_pages_count_beside_what_has_memory() -> None:
    """A region of which all that is there lies on huge pages is one of huge pages."""
    child.available("uffd_move")
    with mover_model.memory("thp", 4 * mover_model.HUGE) as view:
        view[0] = 1
        for slot_bytes, remap in ((PAGE, "huge_pages_would_be_split"), (mover_model.HUGE, "uffd_move")):
            with Region(view, slot_bytes) as region:
                assert region.explain("swap").remap == remap


@pytest.mark.parametrize(("slot_bytes", "remap"), [(256 << 10, "uffd_move"), (1 << 20, "mremap_dontunmap")])
def test_mappings_are_made_where_they_are_worth_it(slot_bytes: int, remap: str) -> None:
    """A run of slots is one call of uffd_move's, and with mremap one for each."""
    child.available("uffd_move", "mremap_dontunmap")
    with mover_model.memory("private_anon", 4 << 20) as view, Region(view, slot_bytes) as region:
        assert region.explain("move").remap == remap


def test_the_laboratorys_method_takes_the_profile_that_is_named(
    mover_profiles: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By one in which it takes no time single pages are remapped to empty places, and none is faulted in."""
    child.available("uffd_move")
    shape = {"region_bytes": 16 * PAGE, "page_bytes": PAGE, "iterations": 20, "rounds": 2, "release": "both"}
    trial = child.params("auto", workload="move", backing="thp_off", **shape)

    def faults() -> list[Any]:
        result = native.run_trial(trial)
        return [result.verified, result.minor_faults]

    is_copied, before = in_child(faults)
    monkeypatch.setenv("PAGESWAP_MOVER_PROFILE", str(mover_profiles["uffd_move"]))
    is_remapped, after = in_child(faults)
    assert is_copied
    assert is_remapped
    if "PAGESWAP_SANITIZED" not in os.environ:  # a sanitizer's shadow faults, too
        assert after < before // 2

    monkeypatch.setenv("PAGESWAP_MOVER_PROFILE", str(mover_profiles["uffd_move"].with_name("nowhere")))
    with pytest.raises(CoreError, match="make one with 'inv mover --calibrate'"):
        native.run_trial(trial)
