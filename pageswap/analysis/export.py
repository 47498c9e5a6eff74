"""A run's trials as a CSV, Parquet or JSON file, or its results as pyperf reads them."""

from __future__ import annotations

import functools
import itertools
import json
from typing import IO, TYPE_CHECKING, Any, Final

import duckdb
import pandas as pd

from pageswap.analysis.trials.run_data import RunData, factors_of, levels_of
from pageswap.analysis.trials.table import frame
from pageswap.errors import UsageError
from pageswap.files import replacing
from pageswap.text.words import level_text, levels_phrase

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


# pyperf's own file format, written since its version 1.0.
_VERSION: Final = "1.0"
_NS_PER_S: Final = 1e9
_LONGEST: Final = 200
_MOST_COUNTERS: Final = 500
# How a cell begins that a spreadsheet computes.
_FORMULA: Final = r"^(?=[=+\-@\t\r])"


def export(run_data: RunData, to: str, out: Path) -> Path:
    """Write every trial of a run to one file and return its path.

    ``to`` is csv, parquet, json, or pyperf for the results alone (see `pyperf_document`). ``out`` is the file to write,
    or a folder for ``trials.<to>`` or ``pyperf.json``. The others hold the columns of `frame`, in that order, then one
    for each counter of the core: sizes in bytes, times in ns, started_at as UTC ISO 8601, and nothing (CSV) or null for
    what was not measured. rounds_ns is JSON text in CSV and a list elsewhere. JSON is one array with an object per
    trial. Raises UsageError on another format, StoreError when the file cannot be written.
    """
    if to not in FORMATS:
        raise UsageError(f"cannot export to '{to}'; --to takes {', '.join(FORMATS)}")
    name = f"trials.{to}" if to in WRITERS else f"{to}.json"
    path = out / name if out.is_dir() else out
    with replacing(path) as file:
        if to == PYPERF:
            file.write(pyperf_document(run_data))
        else:
            WRITERS[to](_with_counters(frame(run_data)), file)
    return path


def _with_counters(table: pd.DataFrame) -> pd.DataFrame:
    """Return each of the core's counters a column of its own; what a host does not count is empty, never 0."""
    if "counters" not in table:
        return table
    counted = [{} if pd.isna(text) else json.loads(text) for text in table["counters"]]
    # A host that invents names all the time has no claim to a column for each.
    names = itertools.islice({name: None for counts in counted for name in counts}, _MOST_COUNTERS)
    columns = {name: pd.array([counts.get(name) for counts in counted], dtype="Int64") for name in names}
    return table.drop(columns="counters").assign(**columns)


def _write_csv(table: pd.DataFrame, file: IO[Any]) -> None:
    texts = [str(name) for name in table if table[name].dtype == "str"]
    # Readers take a carriage return for the end of a row, and nothing quotes it.
    shown = {n: table[n].str.replace(_FORMULA, "'", regex=True).str.replace("\r", r"\r", regex=False) for n in texts}
    table.assign(**shown).to_csv(file, index=False, encoding="utf-8", lineterminator="\n")


def _copy(table: pd.DataFrame, file: IO[Any], form: str) -> None:
    # A seed uses all 64 bits, so its column is unsigned.
    trials = table.assign(seed=pd.array(table["seed"].tolist(), dtype="UInt64"))
    # Named by type, for a column without a single value has nothing to tell it from.
    types = {name: "VARCHAR" for name in trials if trials[name].dtype == "object"} | {"rounds_ns": "BIGINT[]"}
    casts = ", ".join(f'CAST("{name}" AS {kind}) AS "{name}"' for name, kind in types.items())
    quoted = file.name.replace("'", "''")
    with duckdb.connect(":memory:") as database:
        relation = database.from_df(trials).project(f"* REPLACE ({casts})")
        # Its own temporary file would take the name, and the place, of the one that is open.
        relation.query("trials", f"COPY trials TO '{quoted}' ({form}, USE_TMP_FILE false)")


def pyperf_document(run_data: RunData) -> bytes:
    """Return the JSON of a pyperf suite: a benchmark a case, a run a trial, a value its time per operation in seconds.

    It holds measured trials that ended ok, blocks in order. Warm-ups, the baseline's second measurements and trials
    that ended otherwise are left out, for pyperf would count them as results. A trial is one value, not one for each of
    its rounds: these share a process, and are not independent. Raises UsageError when nothing was measured, as a suite
    without a value is none.
    """
    meta = run_data.meta()
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
            "loops": int(levels["iterations"]),
            **{f"pageswap_{each}": level_text(each, value) for each, value in levels.items()},
            **_of_host(str(host), environments.get(str(host), {})),
        }
        started = trials["started_at"].tolist()
        values = (trials["ns_per_op"] / _NS_PER_S).tolist()
        runs = [{"metadata": _date(text), "values": [value]} for text, value in zip(started, values, strict=True)]
        benchmarks.append({"metadata": metadata, "runs": runs})
    if not benchmarks:
        raise UsageError("nothing was measured, and pyperf reads no suite without a value; export to json instead")
    suite = {"description": str(meta["experiment"].get("question") or ""), "pageswap_run": str(meta.get("run_id", ""))}
    document = {"benchmarks": benchmarks, "metadata": suite, "version": _VERSION}
    return json.dumps(document, indent=1, allow_nan=False).encode() + b"\n"


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
    "csv": _write_csv,
    "parquet": functools.partial(_copy, form="FORMAT parquet"),
    "json": functools.partial(_copy, form="FORMAT json, ARRAY true"),
}
PYPERF = "pyperf"
FORMATS = (*WRITERS, PYPERF)
