"""Runs' trials as a CSV, Parquet or JSON file, or their results as pyperf reads them."""

from __future__ import annotations

import functools
import itertools
import json
from typing import IO, TYPE_CHECKING, Any, Final

import pandas as pd

from pageswap.agent.trace import name_of, sha256_of
from pageswap.analysis.copy_words import quoted, told_of_file
from pageswap.analysis.trials.run_data import RunData, factors_of, levels_of
from pageswap.analysis.trials.table import frame
from pageswap.errors import UsageError
from pageswap.files import replacing
from pageswap.store.facts import COUNT, FACTS, OBJECT, TEXT, YES_OR_NO
from pageswap.text.cells import FORMULA
from pageswap.text.words import level_text, levels_phrase

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path


# pyperf's own file format, written since its version 1.0.
_VERSION: Final = "1.0"
_NS_PER_S: Final = 1e9
_LONGEST: Final = 200
_MOST_COUNTERS: Final = 500
_FACT_TYPES: Final[dict[str, Any]] = {TEXT: "str", COUNT: "Int64", YES_OR_NO: "boolean", OBJECT: "str"}


def export(runs: Iterable[RunData], to: str, out: Path) -> Path:
    """Write every trial of some runs, in their order, to one file and return its path.

    ``to`` is csv, parquet, json, or pyperf for the results alone (see `pyperf_document`). ``out`` is the file to write,
    or a folder for ``trials.<to>`` or ``pyperf.json``. The others hold the columns of `trials_table`: sizes in bytes,
    times in ns, started_at as UTC ISO 8601, and nothing (CSV) or null for what was not measured. rounds_ns is JSON text
    in CSV and a list elsewhere. JSON is one array with an object per trial. Raises UsageError on another format,
    StoreError when the file cannot be written.
    """
    if to not in FORMATS:
        raise UsageError(f"cannot export to '{to}'; --to takes {', '.join(FORMATS)}")
    name = f"trials.{to}" if to in WRITERS else f"{to}.json"
    path = out / name if out.is_dir() else out
    with replacing(path) as file:
        if to == PYPERF:
            file.write(pyperf_document(runs))
        else:
            WRITERS[to](pd.concat([trials_table(run) for run in runs], ignore_index=True), file)
    return path


def trials_table(run_data: RunData) -> pd.DataFrame:
    """Return the columns of `frame`, then trace_sha256, then one for each of FACTS and of the core's counters."""
    return _with_counters(_with_facts(_with_hash_of_trace(frame(run_data)), run_data.segment_facts()))


def _with_hash_of_trace(table: pd.DataFrame) -> pd.DataFrame:
    """Return the name of the trace that a trial played and its hash as two columns, empty where it played none."""
    if "trace" not in table:
        return table
    levels = table["trace"].fillna("").astype("str")
    named = {"trace": levels.map(name_of), "trace_sha256": levels.map(sha256_of)}
    return table.assign(**{name: column.where(levels != "").astype("str") for name, column in named.items()})


def _with_facts(table: pd.DataFrame, facts: Mapping[tuple[str, int], Mapping[str, Any]]) -> pd.DataFrame:
    """Return what was known where each trial ran as columns; what a trial itself says goes before that."""
    places = list(zip(table["host"], table["segment"], strict=True))
    columns = {}
    for name, fact in FACTS.items():
        known = {place: _fact_text(each[name]) if fact.kind == OBJECT else each[name] for place, each in facts.items()}
        found = pd.Series([known.get(place) for place in places], index=table.index, dtype="object")
        column = found.astype(_FACT_TYPES[fact.kind])
        columns[name] = table[name].where(table[name].notna(), column) if name in table else column
    return table.assign(**columns)


def _fact_text(value: object) -> str | None:
    return json.dumps(value, ensure_ascii=False) if value else None


def _with_counters(table: pd.DataFrame) -> pd.DataFrame:
    """Return each of the core's counters a column of its own; what a host does not count is empty, never 0."""
    if "counters" not in table:
        return table
    counted = [{} if pd.isna(text) else json.loads(text) for text in table["counters"]]
    # A host that invents names all the time has no claim to a column for each.
    names = itertools.islice({name: None for counts in counted for name in counts}, _MOST_COUNTERS)
    columns = {name: pd.array([counts.get(name) for counts in counted], dtype="Int64") for name in names}
    return table.drop(columns="counters").assign(**columns)


def write_csv(table: pd.DataFrame, file: IO[Any]) -> None:
    """Write a table into an open file as CSV, no cell of which a spreadsheet would compute."""
    texts = [str(name) for name in table if table[name].dtype == "str"]
    # As `csv_cell`, but a column at once.
    shown = {n: table[n].str.replace(FORMULA, "'", regex=True).str.replace("\r", r"\r", regex=False) for n in texts}
    table.assign(**shown).to_csv(file, index=False, encoding="utf-8", lineterminator="\n")


def write_parquet(table: pd.DataFrame, file: IO[Any], told: str = "") -> None:
    """Write a table into an open file as Parquet; what is `told` stands in its footer, under the name of pageswap."""
    _copy(table, file, f"FORMAT parquet{told_of_file(told)}")


def _copy(table: pd.DataFrame, file: IO[Any], form: str) -> None:
    import duckdb

    # A seed uses all 64 bits, so its column is unsigned.
    trials = table.assign(seed=pd.array(table["seed"].tolist(), dtype="UInt64"))
    # Named by type, for a column without a single value has nothing to tell it from.
    types = {name: "VARCHAR" for name in trials if trials[name].dtype == "object"} | {"rounds_ns": "BIGINT[]"}
    casts = ", ".join(f'CAST("{name}" AS {kind}) AS "{name}"' for name, kind in types.items())
    with duckdb.connect(":memory:") as database:
        relation = database.from_df(trials).project(f"* REPLACE ({casts})")
        # Its own temporary file would take the name, and the place, of the one that is open.
        relation.query("trials", f"COPY trials TO {quoted(file.name)} ({form}, USE_TMP_FILE false)")


def pyperf_document(runs: Iterable[RunData]) -> bytes:
    """Return the JSON of a pyperf suite: a benchmark a case, a run a trial, a value its time per operation in seconds.

    Of several runs each benchmark's name ends with its run's id, for a suite has a name once.

    It holds measured trials that ended ok, blocks in order. Warm-ups, the baseline's second measurements and trials
    that ended otherwise are left out, for pyperf would count them as results. A trial is one value, not one for each of
    its rounds: these share a process, and are not independent. Raises UsageError when nothing was measured, as a suite
    without a value is none.
    """
    made = {str(run.meta().get("run_id", "")): (run.meta()["experiment"], _benchmarks(run)) for run in runs}
    if len(made) > 1:
        for run_id, (_, benchmarks) in made.items():
            for each in benchmarks:
                each["metadata"]["name"] = f"{each['metadata']['name'][: _LONGEST - len(run_id) - 1]} {run_id}"
    benchmarks = [each for _, of_run in made.values() for each in of_run]
    if not benchmarks:
        raise UsageError("nothing was measured, and pyperf reads no suite without a value; export to json instead")
    questions = dict.fromkeys(str(experiment.get("question") or "") for experiment, _ in made.values())
    suite = {"description": " ".join(questions), "pageswap_run": " ".join(made)}
    document = {"benchmarks": benchmarks, "metadata": suite, "version": _VERSION}
    return json.dumps(document, indent=1, allow_nan=False).encode() + b"\n"


def _benchmarks(run_data: RunData) -> list[dict[str, Any]]:
    cases = {str(case["case_id"]): levels_of(case) for case in run_data.cases()}
    names, fixed = factors_of(cases)
    names = names or tuple(fixed)[:1]
    table = frame(run_data)
    measured = table[~table["warmup"] & table["ns_per_op"].notna() & (table["replica"] == 0)]
    hosts = list(dict.fromkeys(measured["host"]))
    environments = run_data.environments()
    benchmarks = []
    for (host, case_id), trials in measured.sort_values("block").groupby(["host", "case_id"], sort=False):
        levels = cases[str(case_id)]
        name = levels_phrase({each: levels[each] for each in names if each in levels})
        metadata = {
            "name": f"{name} on {host}"[:_LONGEST] if len(hosts) > 1 else name[:_LONGEST],
            "unit": "second",
            "loops": int(trials["iterations"].iloc[0]),
            **{f"pageswap_{each}": level_text(each, value) for each, value in levels.items()},
            **_of_host(str(host), environments.get(str(host), {})),
        }
        started = trials["started_at"].tolist()
        values = (trials["ns_per_op"] / _NS_PER_S).tolist()
        runs = [{"metadata": _date(text), "values": [value]} for text, value in zip(started, values, strict=True)]
        benchmarks.append({"metadata": metadata, "runs": runs})
    return benchmarks


def _of_host(host: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what pyperf has names for; it refuses an empty text."""
    known = {
        "hostname": facts.get("hostname") or host,
        "cpu_model_name": facts.get("cpu_model"),
        "cpu_count": facts.get("cpus"),
        "platform": f"Linux {facts['kernel']}" if facts.get("kernel") else None,
    }
    return {name: value for name, value in known.items() if value}


def _date(started_at: object) -> dict[str, str]:
    """Return a trial's start as pyperf writes it: without a zone."""
    text = str(started_at).rstrip("Z").replace("T", " ")
    return {"date": text} if text[:1].isdigit() else {}


WRITERS: dict[str, Callable[[pd.DataFrame, IO[Any]], object]] = {
    "csv": write_csv,
    "parquet": write_parquet,
    "json": functools.partial(_copy, form="FORMAT json, ARRAY true"),
}
PYPERF = "pyperf"
FORMATS = (*WRITERS, PYPERF)
