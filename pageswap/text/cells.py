"""Texts as cells of a CSV file, which programs that compute read: no text of a host may become a formula there."""

from __future__ import annotations

import re
from typing import Final

# How a cell begins that a spreadsheet computes.
FORMULA: Final = r"^(?=[=+\-@\t\r])"


def csv_cell(text: str) -> str:
    """Return a text as a cell that is read as text: what would be computed begins with a quote.

    A carriage return is shown as two letters, for readers take it for the end of a row, and nothing quotes it.
    """
    return re.sub(FORMULA, "'", text).replace("\r", r"\r")
