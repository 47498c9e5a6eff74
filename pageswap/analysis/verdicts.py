"""The words that a comparison of a case ends with."""

from __future__ import annotations

from typing import Final

FASTER: Final = "faster"
SLOWER: Final = "slower"
NO_DIFFERENCE: Final = "no difference found"
TOO_FEW: Final = "too few"
BASELINE: Final = "baseline"
NOT_COMPARED: Final = "not compared"
NOT_MEASURED: Final = "not measured"
