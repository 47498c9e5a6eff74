"""The notebook page's code runs as it stands there, and finds what the report says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from pageswap.analysis.export import export
from pageswap.analysis.summary import summarise
from pageswap.store.store import Store
from tests.stored_run import store_run

PAGE = (Path(__file__).parents[1] / "docs/notebook.md").read_text(encoding="utf-8")
CODE = re.findall(r"^```py\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Store a run, and export it as the page says into the folder that its code runs in."""
    folder = store_run(tmp_path, blocks=7)
    with Store.open(folder / "run.sqlite") as store:
        for to in ("parquet", "csv"):
            export([store], to, tmp_path / f"trials.{to}")
    monkeypatch.chdir(tmp_path)
    return folder


def executed(blocks: list[str]) -> dict[str, Any]:
    """Execute code blocks one after the other, as a notebook does; return the names that they leave."""
    names: dict[str, Any] = {}
    for block in blocks:
        exec(block, names)  # noqa: S102 - our own page
    return names


def test_the_ratios_are_those_of_the_report(run: Path) -> None:
    """And the medians, from either file; seven values a case, two methods beside the baseline."""
    names = executed(CODE)
    again = executed([block.replace('read_parquet("trials.parquet")', 'read_csv("trials.csv")') for block in CODE[:3]])
    with Store.open(run / "run.sqlite") as store:
        cases = {case.levels["method"]: case for case in summarise(store).cases}

    assert cases.keys() == {"memcpy", "copy_words", "mremap_fixed"}
    for method, case in cases.items():
        (median,) = names["medians"].xs(method, level="method")
        (ratio,) = names["ratios"].xs(method, level="method")
        assert median == pytest.approx(case.median_ns)
        assert ratio == pytest.approx(1.0 if case.ratio is None else case.ratio)
    assert len(names["measured"]) == 7 * len(cases)
    assert again["ratios"].to_list() == pytest.approx(names["ratios"].to_list())


def test_rounds_are_a_line_each(run: Path) -> None:
    """Ten of them, a column for each method; those of the CSV file are the same lists."""
    names = executed(CODE)

    assert run.exists()
    assert names["drift"].shape == (10, 3)
    assert names["drift"].notna().all(axis=None)
    assert all(len(rounds) == 10 for rounds in names["trials"]["rounds_ns"].dropna())
