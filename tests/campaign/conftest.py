"""What holds for all tests of campaigns."""

from __future__ import annotations

import pytest

from pageswap.campaign import reconnect
from tests.campaign.fakes import BUNDLE


@pytest.fixture(autouse=True)
def _no_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Collect nothing: the hosts are made by hand and need none."""
    monkeypatch.setattr("pageswap.campaign.run_and_resume.make_bundle", lambda: BUNDLE)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have hosts connect at once, and again as soon."""
    monkeypatch.setattr(reconnect, "FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(reconnect, "JITTER_S", 0.0)
