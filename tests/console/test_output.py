"""What is printed: a program reads its document as a whole."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pageswap.console.output import print_json

if TYPE_CHECKING:
    import pytest


def test_json_is_written_in_one_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """Word by word, a plan of 100,000 trials would take half a minute."""
    written: list[str] = []
    monkeypatch.setattr(sys.stdout, "write", written.append)
    print_json({"a": [1, 2, {"b": None}]})

    assert written == ['{\n "a": [\n  1,\n  2,\n  {\n   "b": null\n  }\n ]\n}\n']
