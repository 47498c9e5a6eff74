"""The core's counters are columns of the export, and what a host does not count stays empty."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow.parquet as pq
from fake_run import make_run

from pageswap.analysis.export.trials_file import export

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path
    from typing import Any

COUNTERS = {"tlb_shootdowns": 7, "cycles": None}


class _Counted:
    """A run whose every row has counters, but for the first, which has not."""

    def __init__(self) -> None:
        self._run = make_run()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._run, name)

    def columns(self) -> Sequence[str]:
        return [*self._run.columns(), "counters"]

    def rows(self) -> Iterable[Sequence[Any]]:
        for index, row in enumerate(self._run.rows()):
            yield [*row, json.dumps(COUNTERS) if index else None]


def test_counters_are_columns_in_every_format(tmp_path: Path) -> None:
    """7 stays 7, what was not counted is empty, and no JSON text is left over."""
    for to, read in (("csv", pd.read_csv), ("json", pd.read_json)):
        table = read(export(_Counted(), to, tmp_path / f"t.{to}"))
        assert "counters" not in table
        assert table["tlb_shootdowns"].tolist()[1:] == [7] * (len(table) - 1)
        assert pd.isna(table["tlb_shootdowns"][0])
        assert table["cycles"].isna().all()
    table = pq.read_table(export(_Counted(), "parquet", tmp_path / "t.parquet"))
    assert table.column("tlb_shootdowns").to_pylist()[:2] == [None, 7]
    assert str(table.schema.field("cycles").type) == "int64"
