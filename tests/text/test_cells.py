"""No text becomes a formula of a spreadsheet, or ends a row."""

from __future__ import annotations

import pytest

from pageswap.text.cells import csv_cell


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("@sum", "'@sum"),
        ("\tx", "'\tx"),
        ("a=1", "a=1"),
        ("", ""),
        ("a\rb", r"a\rb"),
        ("x\n=1", "x\n=1"),
    ],
)
def test_a_text_is_read_as_text(text: str, cell: str) -> None:
    """What begins as a formula does gets a quote."""
    assert csv_cell(text) == cell
