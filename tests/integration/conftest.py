"""Fixtures of the end-to-end tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.lab import Lab, own_network

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """Give a host of the test's own, of which nothing is left afterwards."""
    with own_network():
        made = Lab(tmp_path)
        yield made
        made.end()
