"""The documentation names what there is: every method, workload, backing and experiment."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pageswap import native
from pageswap.analysis.trials.table import EXPORT_COLUMNS, IDENTITY_COLUMNS
from pageswap.store.schema import OUTCOME_COLUMNS

ROOT = Path(__file__).resolve().parents[1]
METHODS = (ROOT / "docs" / "methods.md").read_text(encoding="utf-8")
CONCEPTS = (ROOT / "docs" / "concepts.md").read_text(encoding="utf-8")


def _named(name: str) -> bool:
    # A kin of methods is written as `exchange_nt_avx2`, `_nt_avx512`.
    parts = name.split("_", 1)
    return f"`{name}`" in METHODS or (len(parts) > 1 and f"`_{parts[1]}`" in METHODS)


@pytest.mark.parametrize("method", [method.name for method in native.methods()])
def test_every_method_is_documented(method: str) -> None:
    """A method nobody can read about is not done."""
    assert _named(method)


@pytest.mark.parametrize("word", [*native.WORKLOADS, *native.BACKINGS])
def test_every_workload_and_backing_is_explained(word: str) -> None:
    """The words have one meaning each, and it is written down."""
    assert f"`{word}`" in CONCEPTS


def test_every_link_between_pages_leads_somewhere() -> None:
    """A moved page must take its links along."""
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_counter_and_column_is_explained() -> None:
    """A number nobody can read about is no evidence."""
    page = (ROOT / "docs" / "columns.md").read_text(encoding="utf-8")

    for name in (*EXPORT_COLUMNS, *IDENTITY_COLUMNS, *native.COUNTERS, *OUTCOME_COLUMNS):
        assert f"`{name}`" in page, name
