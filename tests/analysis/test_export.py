"""An export read back holds what was stored, in every format; the real pyperf reads what is made for it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyperf
import pytest

from pageswap.analysis.export import WRITERS, export, trials_table
from pageswap.analysis.summary import summarise
from pageswap.analysis.trials.table import EXPORT_COLUMNS, IDENTITY_COLUMNS
from pageswap.errors import StoreError, UsageError
from pageswap.store.facts import FACTS
from pageswap.store.store import Store
from tests.fake_run import FakeRun, make_run
from tests.store.fakes import FakeJournal
from tests.stored_run import store_run

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

HOSTILE = 'a "quoted", comma; line\nbreak \u202e </script> é'
COUNTERS = {"tlb_shootdowns": 7, "cycles": None}
SMALL: dict[str, Any] = {"region_size": [128 << 20], "touch": ["none"], "blocks": 8, "noise": 0.01}


@pytest.fixture
def run() -> FakeRun:
    """Give a run with an unmeasured, a corrupt and a hostile row."""
    run = make_run(blocks=2)
    run.end("timeout", "after 60s", method="mremap_fixed")
    run.end("corrupt", HOSTILE, method="memcpy", block=1)
    return run


def read(path: Path) -> pd.DataFrame:
    """Read an export of any format as a reader of each would."""
    if path.suffix == ".csv":
        return pd.read_csv(path)
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    return pd.DataFrame(json.loads(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("to", WRITERS)
def test_every_format_holds_the_same_rows(run: FakeRun, tmp_path: Path, to: str) -> None:
    """Columns in order, one row per trial, numbers exact, what was not measured absent."""
    back = read(export([run], to, tmp_path / f"out.{to}"))

    assert [*EXPORT_COLUMNS, *IDENTITY_COLUMNS, *FACTS] == list(back.columns)
    assert len(run.outcomes) == len(back)
    for name in ("elapsed_ns", "minor_faults", "seed", "page_size", "block"):
        stored = [outcome[name] for outcome in run.outcomes]
        assert stored == [None if pd.isna(value) else int(value) for value in back[name]], name
    assert [o["reason"] for o in run.outcomes] == ["" if pd.isna(text) else text for text in back["reason"]]
    assert back["started_at"].str.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ").all()
    assert [bool(outcome["warmup"]) for outcome in run.outcomes] == back["warmup"].tolist()


@pytest.mark.parametrize("to", WRITERS)
def test_only_what_ended_ok_has_a_rate(run: FakeRun, tmp_path: Path, to: str) -> None:
    """A corrupt trial's time is there, its rate is not."""
    back = read(export([run], to, tmp_path / f"out.{to}"))

    assert set(back[back["ns_per_op"].notna()]["status"]) == {"ok"}
    assert back[back["status"] == "corrupt"]["elapsed_ns"].notna().all()


@pytest.mark.parametrize(("to", "kind"), [("csv", str), ("json", list)])
def test_rounds_are_text_in_csv_and_a_list_elsewhere(run: FakeRun, tmp_path: Path, to: str, kind: type) -> None:
    """A spreadsheet has no lists."""
    rounds = read(export([run], to, tmp_path / f"out.{to}"))["rounds_ns"].iloc[0]

    assert isinstance(rounds, kind)


def test_rounds_are_a_list_of_integers_in_parquet(run: FakeRun, tmp_path: Path) -> None:
    """Ten rounds, ten integers, or null."""
    rounds = pd.read_parquet(export([run], "parquet", tmp_path / "out.parquet"))["rounds_ns"]

    assert {10, None} == {None if value is None else len(value) for value in rounds}


def test_a_folder_gets_a_file_of_the_usual_name(run: FakeRun, tmp_path: Path) -> None:
    """The run's folder is the default destination."""
    assert tmp_path / "trials.csv" == export([run], "csv", tmp_path)


def test_a_failed_export_leaves_the_old_file(run: FakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No half-written file, and no temporary one."""
    path = tmp_path / "trials.csv"
    path.write_text("old")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(WRITERS, "csv", fail)
    with pytest.raises(StoreError, match="No space left"):
        export([run], "csv", path)

    assert [path] == list(tmp_path.iterdir())
    assert path.read_text() == "old"


def test_another_format_is_refused_with_those_there_are(run: FakeRun, tmp_path: Path) -> None:
    """The error teaches the option."""
    with pytest.raises(UsageError, match="csv, parquet, json"):
        export([run], "xlsx", tmp_path)


@pytest.mark.parametrize("to", WRITERS)
def test_a_run_without_outcomes_exports_its_columns(tmp_path: Path, to: str) -> None:
    """An empty export can be read back."""
    run = make_run(blocks=1)
    run.outcomes.clear()

    assert len(read(export([run], to, tmp_path / f"out.{to}"))) == 0


def test_a_parquet_file_may_lie_below_a_name_with_quotes(tmp_path: Path) -> None:
    """The library that writes it takes the name inside a statement."""
    folder = tmp_path / 'it\'s "here"; drop'

    folder.mkdir()
    path = export([make_run()], "parquet", folder / "t.parquet")

    assert [path.name] == [entry.name for entry in folder.iterdir()]
    assert pd.read_parquet(path).shape[0] > 0


class _Counted:
    """A run whose every row has counters, but for the first, which has not; or what each row's counters are."""

    def __init__(self, *counters: dict[str, Any], run: FakeRun | None = None) -> None:
        self._run = run or make_run()
        self._counters = counters

    def __getattr__(self, name: str) -> Any:
        return getattr(self._run, name)

    def columns(self) -> Sequence[str]:
        return [*self._run.columns(), "counters"]

    def rows(self) -> Iterable[Sequence[Any]]:
        for index, row in enumerate(self._run.rows()):
            each = self._counters[index % len(self._counters)] if self._counters else COUNTERS if index else None
            yield [*row, each and json.dumps(each)]


def test_counters_are_columns_in_every_format(tmp_path: Path) -> None:
    """7 stays 7, what was not counted is empty, and no JSON text is left over."""
    for to, read in (("csv", pd.read_csv), ("json", pd.read_json)):
        table = read(export([_Counted()], to, tmp_path / f"t.{to}"))
        assert "counters" not in table
        assert table["tlb_shootdowns"].tolist()[1:] == [7] * (len(table) - 1)
        assert pd.isna(table["tlb_shootdowns"][0])
        assert table["cycles"].isna().all()
    table = pq.read_table(export([_Counted()], "parquet", tmp_path / "t.parquet"))
    assert table.column("tlb_shootdowns").to_pylist()[:2] == [None, 7]
    assert str(table.schema.field("cycles").type) == "int64"


@pytest.mark.parametrize("to", WRITERS)
def test_whole_numbers_stay_whole_beside_blanks(tmp_path: Path, to: str) -> None:
    """Up to the largest that a host may say, where a floating point number would round them."""
    run = make_run(**{**SMALL, "blocks": 2})
    run.outcomes[0].update(minor_faults=(1 << 63) - 1)
    run.outcomes[1].update(minor_faults=None)
    path = export([_Counted({"cycles": (1 << 53) + 1}, {"cycles": None}, run=run)], to, tmp_path / f"t.{to}")
    table = pq.read_table(path).to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get) if to == "parquet" else None
    text = "" if to == "parquet" else path.read_text(encoding="utf-8")

    if table is None:
        assert all(str(count) in text for count in ((1 << 63) - 1, (1 << 53) + 1))
    else:
        assert table["minor_faults"][0] == (1 << 63) - 1
        assert table["cycles"][0] == (1 << 53) + 1


def test_no_cell_of_a_csv_is_computed(tmp_path: Path) -> None:
    """A spreadsheet shows a host's word as it is; numbers stay numbers."""
    run = make_run(**SMALL)
    words = ["=1+1", "+1", "-1", "@A1", "\t=1", "\r=1", "a=1", "'=1"]
    shown = [*(f"'{word}" for word in words[:5]), r"'\r=1", "a=1", "'=1"]
    for word, outcome in zip(words, run.outcomes, strict=False):
        outcome.update(status="failed", reason=word, elapsed_ns=None)
    table = pd.read_csv(export([run], "csv", tmp_path), keep_default_na=False)

    assert table["reason"][: len(words)].tolist() == shown


def test_a_host_that_invents_names_gets_no_column_for_each(tmp_path: Path) -> None:
    """Or a few of its rows would fill the memory."""
    inventive = _Counted(*({f"c{row}_{name}": 1 for name in range(150)} for row in range(9)))
    table = pd.read_csv(export([inventive], "csv", tmp_path / "t.csv"))

    assert sum(name.startswith("c0_") for name in table) == 150
    assert len(table.columns) < 600


def test_pyperf_reads_our_medians(tmp_path: Path) -> None:
    """A benchmark a case, a value a block, the median ours; warm-ups and failed trials are not in it."""
    run = make_run(**SMALL)
    run.end("failed", "ENOMEM", method="mremap_fixed")
    run.end("corrupt", "page 3", method="copy_words", block=2, warmup=0)
    path = export([run], "pyperf", tmp_path)
    suite = pyperf.BenchmarkSuite.load(str(path))
    medians = {case.levels["method"]: case.median_ns for case in summarise(run).cases}

    assert "pyperf.json" == path.name
    assert {"memcpy", "copy_words"} == set(suite.get_benchmark_names())
    assert [8, 7] == [suite.get_benchmark(name).get_nvalue() for name in ("memcpy", "copy_words")]
    for benchmark in suite:
        assert benchmark.median() * 1e9 == pytest.approx(medians[benchmark.get_name()])
        assert benchmark.get_unit() == "second"
        assert benchmark.get_metadata()["cpu_model_name"] == "AMD EPYC 9R45"


def test_pyperf_s_own_commands_take_it(tmp_path: Path) -> None:
    """`stats` and `compare_to` end well and find the slowed method."""
    slow = make_run(seed=2, speeds={"mremap_fixed": 20_000.0}, **SMALL)
    paths = [
        export([made], "pyperf", tmp_path / name)
        for made, name in ((make_run(**SMALL), "base.json"), (slow, "new.json"))
    ]
    done = [
        subprocess.run([sys.executable, "-m", "pyperf", *words], capture_output=True, text=True, check=True)
        for words in (("stats", str(paths[0])), ("compare_to", str(paths[0]), str(paths[1])))
    ]

    assert "Number of benchmarks: 3" in done[0].stdout
    assert "mremap_fixed: Mean +- std dev: " in done[1].stdout
    assert "1.2" in done[1].stdout


def test_hosts_and_levels_name_the_benchmarks(tmp_path: Path) -> None:
    """No two cases share a name."""
    run = make_run(hosts=("a", "b"), **{**SMALL, "touch": ["none", "moved"]})
    names = pyperf.BenchmarkSuite.load(str(export([run], "pyperf", tmp_path))).get_benchmark_names()

    assert 12 == len(set(names))
    assert "memcpy, touch moved on b" in names


def test_a_run_without_a_result_is_refused(tmp_path: Path) -> None:
    """Pyperf has no such file; nothing is written."""
    run = make_run(**SMALL)
    run.end("failed", "ENOMEM")

    with pytest.raises(UsageError, match="nothing was measured"):
        export([run], "pyperf", tmp_path)
    assert [] == list(tmp_path.iterdir())


def test_a_trial_that_took_no_time_is_no_value(tmp_path: Path) -> None:
    """Whatever its host says; the others are."""
    run = make_run(**SMALL)
    lied = run.of(method="memcpy", warmup=0)[0]
    lied["elapsed_ns"] = 0
    document = json.loads(export([run], "pyperf", tmp_path).read_text(encoding="utf-8"))
    counts = {each["metadata"]["name"]: len(each["runs"]) for each in document["benchmarks"]}

    assert sorted(counts.values()) == [7, 8, 8]


def test_what_is_known_of_a_run_stands_beside_each_of_its_trials(tmp_path: Path) -> None:
    """On its host, as the start of an agent found it that measured the trial; tags are JSON."""
    folder = store_run(tmp_path, hosts=("a", "b"), blocks=1, provenance={"tags": {"purpose": "ci"}, "note": "=1"})
    with Store.open(folder / "run.sqlite") as store:
        segment = store.new_segment("b")
        journal = FakeJournal(run_id=folder.name, host="b", segment=segment)
        store.add_blocks(2)
        trial_id = store.missing("b")[0].trial_id
        begin = journal.begin(kernel="7.0", core={"core_hash": "cd" * 32}, numa_nodes={"0": "0-1", "1": "2"})
        store.ingest("b", segment, 0, [begin, journal.trial(trial_id, elapsed_ns=10, rounds_ns=[1] * 10)])
        table = trials_table(store)

    late = (table["host"] == "b") & (table["segment"] == segment)
    assert [trial_id] == table[late]["trial_id"].tolist()
    assert table[late][["kernel", "numa_nodes", "core_hash"]].to_numpy().tolist() == [["7.0", 2, "cd" * 32]]
    assert set(table[~late]["kernel"]) == {"6.18.5"}
    assert table[~late]["numa_nodes"].isna().all()
    assert set(table["tags"]) == {'{"purpose": "ci"}'}
    assert set(table["dirty"]) == {False}


@pytest.mark.parametrize("to", WRITERS)
def test_several_runs_are_one_file(run: FakeRun, tmp_path: Path, to: str) -> None:
    """The trials of one after those of the other, with the columns of both."""
    more = _Counted(run=make_run(blocks=1))
    back = read(export(iter([run, more]), to, tmp_path / f"out.{to}"))

    assert len(back) == len(run.outcomes) + len(list(more.rows()))
    assert back["tlb_shootdowns"].notna().sum() == len(list(more.rows())) - 1
    assert [outcome["seed"] for outcome in run.outcomes] == [int(seed) for seed in back["seed"][: len(run.outcomes)]]


def test_a_suite_of_several_runs_has_each_name_once(tmp_path: Path) -> None:
    """As pyperf asks for: with the run's id."""
    folders = [store_run(tmp_path, number, blocks=1) for number in (1, 2)]
    with Store.open(folders[0] / "run.sqlite") as one, Store.open(folders[1] / "run.sqlite") as other:
        path = export([one, other], "pyperf", tmp_path)
    names = pyperf.BenchmarkSuite.load(str(path)).get_benchmark_names()

    assert len(names) == len(set(names)) == 6
    assert {name.split()[-1] for name in names} == {folder.name for folder in folders}
