"""What a test needs of its machine: absent, the test is skipped, or fails where PAGESWAP_REQUIRE names it."""

from __future__ import annotations

import os

import pytest


def require(name: str, present: object, reason: str) -> None:
    """Skip the running test with `reason` unless `present`; fail it when PAGESWAP_REQUIRE lists `name`."""
    if present:
        return
    if name in os.environ.get("PAGESWAP_REQUIRE", "").split(","):
        pytest.fail(f"{name} is required here: {reason}")
    pytest.skip(reason)
