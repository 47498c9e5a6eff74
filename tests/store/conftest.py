"""Fixtures of the store's tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pageswap.store.store import Store
from tests.store.fakes import HOST, RUN_ID, make_plan

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Return a new store of nine trials on one host, its first segment written down."""
    created = Store.create(
        tmp_path / "run.sqlite",
        run_id=RUN_ID,
        plan=make_plan(),
        hosts=[HOST],
        provenance={"commit": None},
        options={"tune": False},
    )
    created.new_segment(HOST)
    yield created
    created.close()
