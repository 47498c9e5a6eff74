"""Tests find the host's lease held, but for those that are listed as taking it, so that none takes it unnoticed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from requirement import require

from pageswap.agent.workspace import host_lease

if TYPE_CHECKING:
    from held_lease import HeldLease


def test_a_file_that_is_not_listed_cannot_take_it(held_lease: HeldLease | None) -> None:
    """Else two processes of tests would wait for each other, and nobody would know why."""
    require("root", held_lease, "a network of the tests' own needs root")

    assert host_lease.try_take({}) is None
