"""A run ends with the code that asks most of a person."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from pageswap.campaign.outcome import HostOutcome, exit_code
from pageswap.errors import HostError, PageswapError


@pytest.mark.parametrize(
    ("statuses", "code", "strict_code"),
    [
        ({"ok": 3}, 0, 0),
        ({"ok": 1, "unavailable": 2, "skipped": 1}, 0, 2),
        ({"unavailable": 2, "skipped": 1}, 2, 2),
        ({"ok": 3, "failed": 1}, 2, 2),
        ({"ok": 3, "failed": 1, "corrupt": 1}, 4, 4),
        ({"corrupt": 1}, 4, 4),
        ({}, 0, 0),
    ],
)
def test_statuses_make_the_code(statuses: dict[str, int], code: int, strict_code: int) -> None:
    """Not one measured case is no success; a corrupt trial outweighs all others."""
    assert exit_code(Counter(statuses), {}, interrupted=False, strict=False) == code
    assert exit_code(Counter(statuses), {}, interrupted=False, strict=True) == strict_code


def test_a_host_that_failed_has_its_own_code() -> None:
    """Corruption and an interrupt outweigh it."""
    errors: dict[str, PageswapError] = {"a": HostError("gone")}

    assert exit_code(Counter(ok=1), errors, interrupted=False, strict=False) == HostError("gone").exit_code
    assert exit_code(Counter(corrupt=1), errors, interrupted=False, strict=False) == 4
    assert exit_code(Counter(corrupt=1), errors, interrupted=True, strict=False) == 130


def test_a_hosts_part_as_json_has_the_lost_time() -> None:
    """And every phase by itself."""
    phases = {"connecting": 0.5, "running": 61.0, "waiting": 3.5}
    part = json.loads(json.dumps(HostOutcome("lab1", 9, {"ok": 9}, 0, phases, "no route to host").to_json()))

    assert (part["lost_s"], part["ledger"]["running"], part["problem"]) == (4.0, 61.0, "no route to host")
