"""Runs of like conditions become one, with every trial of each; others are refused by the condition that differs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pageswap.analysis.summary import summarise
from pageswap.analysis.trials.table import frame
from pageswap.campaign.merging import merge
from pageswap.catalogue.catalogue import read_catalogue
from pageswap.errors import UsageError
from pageswap.store.store import Store
from tests.fake_run import ENVIRONMENT
from tests.store.fakes import FakeJournal
from tests.stored_run import store_run

if TYPE_CHECKING:
    from pathlib import Path


def test_a_merged_run_has_all_blocks_of_its_runs(tmp_path: Path) -> None:
    """Each with its times, its place and its facts; its runs stay as they are."""
    folders = [
        store_run(
            tmp_path, number, blocks=number + 5, hosts=("a", "b"), provenance={"tags": {"n": str(number), "k": "v"}}
        )
        for number in (1, 2, 3)
    ]
    before = [(folder / "run.sqlite").read_bytes() for folder in folders]
    merged = merge(tmp_path, folders)
    tables = []
    for folder in (*folders, merged.folder):
        with Store.open(folder / "run.sqlite") as store:
            tables.append(frame(store))
            summary, meta, facts = summarise(store), store.meta(), store.run_facts()
            missing = [store.missing_count(host) for host in meta["hosts"]]
    *parts, whole = tables

    assert (merged.blocks, merged.run_ids) == (6 + 7 + 8, [folder.name for folder in folders])
    assert meta["experiment"]["repeats"] == merged.blocks
    assert missing == [0, 0]
    assert len(whole) == sum(map(len, parts))
    for name in ("elapsed_ns", "method", "host", "warmup", "rounds_ns"):
        expected = [value for part in parts for value in part[part["host"] == "a"][name].tolist()]
        assert sorted(map(str, expected)) == sorted(map(str, whole[whole["host"] == "a"][name].tolist())), name
    assert {*range(21)} == set(whole[~whole["warmup"]]["block"])
    assert whole["trial_id"].groupby(whole["host"]).nunique().tolist() == [len(whole) // 2] * 2
    assert {case.n for case in summary.cases} == {21}
    assert [each["kernel"] for each in facts] == ["6.18.5"] * 2
    assert meta["provenance"]["tags"] == {"k": "v"}
    assert before == [(folder / "run.sqlite").read_bytes() for folder in folders]
    (entry,) = [entry for entry in read_catalogue(tmp_path) if entry.folder == merged.folder]
    assert entry.merged == tuple(merged.run_ids)


def test_a_merged_run_goes_on(tmp_path: Path) -> None:
    """More blocks can be added, and it can be merged again."""
    merged = merge(tmp_path, [store_run(tmp_path, number, blocks=2) for number in (1, 2)])
    again = merge(tmp_path, [merged.folder, store_run(tmp_path, 3, blocks=2)])
    with Store.open(again.folder / "run.sqlite") as store:
        store.add_blocks(7)
        assert store.missing("local")[0].trial_id.startswith("b06.")
        assert len(store.missing("local")) == 4
    assert again.blocks == 6


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({"environment": {"kernel": "7.0"}}, "local: Kernel: 6.18.5 and 7.0"),
        ({"environment": {"cpu_model": "Xeon"}}, "local: CPU: AMD EPYC 9R45 and Xeon"),
        ({"environment": {"core": {**ENVIRONMENT["core"], "core_hash": "ef" * 32}}}, "local: Core, SHA-256: abab"),
        ({"environment": {"hostname": "other"}}, "local: is local and other"),
        ({"environment": {"thp": {"enabled": "always"}}}, "local: Transparent huge pages"),
        ({"name": "demo2"}, "experiment: demo and demo2"),
        ({"hosts": ("lab1",)}, "hosts: local and lab1"),
        ({"ended": False}, "1 trials are still to be run; 'inv resume"),
    ],
)
def test_unlike_runs_are_refused_by_what_differs(tmp_path: Path, other: dict[str, Any], told: str) -> None:
    """And nothing is made."""
    folders = [store_run(tmp_path, 1, blocks=2), store_run(tmp_path, 2, blocks=2, **other)]
    with pytest.raises(UsageError, match=told):
        merge(tmp_path, folders)

    assert sorted(folders) == sorted(path.parent for path in tmp_path.glob("*/*/run.sqlite"))


def test_a_load_that_differs_is_no_other_condition(tmp_path: Path) -> None:
    """It is another at each moment, and trials say themselves what disturbed them."""
    folders = [store_run(tmp_path, n, blocks=2, environment={"loadavg": [n * 3.0, 0.1, 0.1]}) for n in (0, 1)]

    assert merge(tmp_path, folders).blocks == 4


def test_a_run_whose_core_changed_within_is_refused(tmp_path: Path) -> None:
    """Its blocks are of two conditions."""
    folders = [store_run(tmp_path, number, blocks=2) for number in (1, 2)]
    with Store.open(folders[1] / "run.sqlite") as store:
        segment = store.new_segment("local")
        journal = FakeJournal(run_id=folders[1].name, host="local", segment=segment)
        store.ingest("local", segment, 0, [journal.begin(kernel="7.0"), journal.end()])
    with pytest.raises(UsageError, match=r"local: kernel changed within the run, from 6\.18\.5 to 7\.0"):
        merge(tmp_path, folders)


def test_one_run_is_not_merged(tmp_path: Path) -> None:
    """The error says how many it takes."""
    with pytest.raises(UsageError, match="two or more"):
        merge(tmp_path, [store_run(tmp_path, blocks=1)])
