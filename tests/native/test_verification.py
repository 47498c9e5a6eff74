"""The verifier is itself tested: methods that are broken on purpose, built into a core of their own, must not pass."""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING, Any

import child
import pytest

if TYPE_CHECKING:
    from pageswap import native

BROKEN = {
    "wrong_byte": ("swap",),
    "left_out": ("swap",),
    "exchanged_twice": ("swap",),
    "first_slot": ("swap", "permute", "move"),
    "last_slot": ("swap", "permute", "move"),
    "move_left_out": ("permute", "move"),
    "moves_reversed": ("permute", "move"),
    "cycle_left_open": ("permute",),
}
# What they break shows with `release` alone, with `decommit`, and under readers: test_release.py, test_decommit.py,
# test_readers.py.
OF_RELEASE = {"source_kept", "part_kept", "target_given_back", "too_late"}
OF_DECOMMIT = {"given_not_at_all", "given_too_much"}
OF_READERS = {"hole_unsaid", "served_wrong"}
OF_GROWTH = {"grown_short"}  # test_grow.py
OF_NODES = {"left_behind"}  # test_migrate.py
OF_GUESTS = {"guest_shifted"}  # test_guest_pte.py
FOLDER = pathlib.Path(__file__).with_name("broken")


def result(core: pathlib.Path, method: str, **changes: Any) -> native.TrialResult:
    """Run a trial of 16 pages; of so many iterations `move` ends with slots of both halves taken."""
    pages = {"page_bytes": 4096, "region_bytes": 16 * changes.get("page_bytes", 4096), "iterations": 33, "rounds": 1}
    return child.run(child.params(method, **pages | changes), core)


def test_every_broken_method_is_tried() -> None:
    """One that nobody runs would prove nothing."""
    elsewhere = OF_RELEASE | OF_DECOMMIT | OF_READERS | OF_GROWTH | OF_NODES | OF_GUESTS
    assert set(BROKEN) | elsewhere == {path.stem for path in FOLDER.glob("*.c")}


@pytest.mark.parametrize(
    ("method", "workload"), [(method, workload) for method, workloads in BROKEN.items() for workload in workloads]
)
@pytest.mark.parametrize("page_bytes", [4096, 2 << 20])
def test_what_a_broken_method_leaves_is_found(
    odd_core: pathlib.Path, method: str, workload: str, page_bytes: int
) -> None:
    """One wrong byte, a page left behind, exchanged twice or laid beside its place: each is seen, and said where."""
    found = result(odd_core, method, workload=workload, page_bytes=page_bytes)

    assert not found.verified
    assert "slot" in found.reason
    assert found.elapsed_ns > 0


def test_the_wrong_byte_is_named_by_its_place(odd_core: pathlib.Path) -> None:
    """The reason leads to the byte: the last word of the page."""
    found = result(odd_core, "wrong_byte", backing="shared_anon", pairs=((3, 5),))

    assert "slot 3 is wrong from byte 4088 on" in found.reason


# After an odd number of passes over 16 pages they lie in the lower half again, after an even one in the upper.
@pytest.mark.parametrize(
    ("method", "workload", "iterations", "slot"),
    [
        ("first_slot", "swap", 1, 0),
        ("first_slot", "permute", 1, 0),
        ("first_slot", "move", 48, 0),
        ("last_slot", "swap", 1, 15),
        ("last_slot", "permute", 1, 15),
        ("last_slot", "move", 32, 31),
    ],
)
def test_one_wrong_word_in_the_first_or_last_slot_alone_is_found(
    odd_core: pathlib.Path, method: str, workload: str, iterations: int, slot: int
) -> None:
    """No slot is left out: of `move` those of the destination hold every page."""
    pairs = ((3, 5),) if workload != "move" else ()
    found = result(odd_core, method, workload=workload, iterations=iterations, pairs=pairs)

    assert f"slot {slot} is wrong from byte 0 on" in found.reason
