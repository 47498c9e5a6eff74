"""What docs/threat-model.md claims to be tested is."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parent


def test_every_test_that_holds_a_claim_is_there() -> None:
    """A moved test takes its mention along."""
    page = (TESTS.parent / "docs" / "threat-model.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([\w/]+\.py)`", page))

    assert named
    assert [name for name in sorted(named) if not (TESTS / name).is_file()] == []
