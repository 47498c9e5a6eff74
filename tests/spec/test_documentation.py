"""docs/spec.md says what the code does: every key, its default, and examples that load."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pageswap.spec.factors import FACTORS
from pageswap.spec.loader import DEFAULT_WORKLOAD, DEFAULTS, loads

if TYPE_CHECKING:
    from collections.abc import Callable

    from pageswap.spec.experiment import Experiment
    from pageswap.spec.factors import Vocabulary

PAGE = (Path(__file__).parents[2] / "docs" / "spec.md").read_text(encoding="utf-8")
# | `key` | type | default | limits | `example` |
ROWS = {
    row[1]: (row[2].strip("`"), row[3])
    for row in re.finditer(r"^\| `(\w+)` \|[^|]*\| ([^|]*) \|[^|]*\| `(\w+: [^`]*)` \|$", PAGE, re.MULTILINE)
}
REQUIRED = ("name", "question", "method", "baseline")


def test_lists_every_key_and_no_other() -> None:
    """A new factor is not done before its row is there."""
    assert set(ROWS) == {*REQUIRED, *FACTORS, *DEFAULTS, "asks", "workload", "exclude", "include", "hosts"}


@pytest.mark.parametrize("key", ROWS)
def test_gives_the_default_that_the_code_has(key: str) -> None:
    """Word for word, but for the digits of large numbers, which stand in groups there."""
    factor = FACTORS.get(key)
    from_structure = "[from the structure](#what-is-asked)"
    code = {
        "asks": from_structure,
        "workload": DEFAULT_WORKLOAD,
        "exclude": "none",
        "include": "none",
        "hosts": "this machine",
        **DEFAULTS,
    }
    if factor and factor.default is not None:
        grouped = factor.kind == "count" and factor.default not in factor.named
        code[key] = f"{factor.default:_}" if grouped else factor.show(factor.default)

    assert ROWS[key][0] == ("required" if key in (*REQUIRED, "trace") else code[key])


@pytest.mark.parametrize("key", ROWS)
def test_gives_an_example_that_loads(
    read: Callable[..., Experiment], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    """In an experiment that has the levels that the examples of exclude and baseline speak of."""
    factor = FACTORS.get(key)
    workload = factor.workloads[0] if factor and factor.workloads else "swap"
    (tmp_path / "moves.csv").write_text("0,1,1\n", encoding="ascii")
    monkeypatch.chdir(tmp_path)
    around: dict[str, str | None] = {
        "workload": workload,
        "method": "enlarge" if workload == "grow" else "[memcpy, copy_words]",
        "region_size": "1GiB",
        "iterations": "1000000",
        "baseline": "{method: enlarge}" if workload == "grow" else "{method: memcpy}",
    }
    around |= {name: None for name in ("region_size", "iterations") if workload not in FACTORS[name].workloads}

    read(**{**around, key: ROWS[key][1].partition(": ")[2]})


def test_opens_with_an_experiment_that_loads(vocabulary: Vocabulary) -> None:
    """It is what people copy."""
    block = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)

    assert block
    assert loads(block[1], "docs/spec.md", vocabulary=vocabulary).name == "mremap_vs_copy"
