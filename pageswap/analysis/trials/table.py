"""Stored trials as one table, with the export's columns, types and derived rates."""

from __future__ import annotations

import itertools
import json
import math
from typing import TYPE_CHECKING, Any

import pandas as pd

from pageswap.agent.journal.job import OK
from pageswap.agent.journal.line_fields import COUNTERS
from pageswap.agent.workloads import find_workload
from pageswap.analysis.trials.disturbance import disturbed, region_nodes
from pageswap.native import moves_pages
from pageswap.spec.factors import FACTORS
from pageswap.store.schema import OUTCOME_COLUMNS

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Mapping

    from pageswap.analysis.trials.run_data import HostRows

EXPORT_COLUMNS = (
    "run_id",
    "experiment",
    "host",
    "workload",
    "method",
    "backing",
    "page_size",
    "region_size",
    "iterations",
    "threads",
    "touch",
    "block",
    "position",
    "warmup",
    "attempt",
    "status",
    "reason",
    "elapsed_ns",
    "ns_per_op",
    "ops_per_s",
    "bytes_per_s",
    *COUNTERS[1:],
    "rounds_ns",
    "started_at",
    "page_moves",
)
IDENTITY_COLUMNS = ("trial_id", "case_id", "seed", "cpu", "replica", "segment", "disturbed", "region_nodes")
DERIVED_COLUMNS = ("ns_per_op", "ops_per_s", "bytes_per_s", "disturbed", "region_nodes")
TIMED_COLUMNS = (
    "host",
    "case_id",
    "method",
    "block",
    "replica",
    "warmup",
    "status",
    "reason",
    "elapsed_ns",
    "iterations",
    "rounds_ns",
)
_DTYPES = {"INTEGER": "Int64", "REAL": "Float64"}
_TYPES: dict[str, Any] = {
    **dict.fromkeys(("block", "position", "attempt", "segment", "page_moves"), "Int64"),
    **{name: _DTYPES[kind] for name, kind in OUTCOME_COLUMNS.items() if kind in _DTYPES},
    **{name: "Int64" for name, factor in FACTORS.items() if factor.kind not in ("word", "trace")},
    # A seed may use all 64 bits, one more than a signed integer column holds.
    "seed": "object",
}
_NS_PER_S = 1e9
_CHUNK_ROWS = 50_000

# As where measuring alone is installed: a developer's pyarrow would hold texts, and take longer for a run's few.
pd.set_option("mode.string_storage", "python")


def frame(run_data: HostRows) -> pd.DataFrame:
    """Return one row per trial (its last attempt), warm-ups and every status included.

    The columns are `EXPORT_COLUMNS`, then `IDENTITY_COLUMNS`, then whatever else is stored. Sizes are bytes, times ns.
    ns_per_op, ops_per_s and bytes_per_s are computed here and only for trials that ended ``ok``: what a ``corrupt``
    trial took is kept in elapsed_ns, but it is no result. bytes_per_s counts the pages that were moved, page_moves, and
    is empty where none is. rounds_ns is JSON text. disturbed holds the words of
    `pageswap.analysis.trials.disturbance.disturbed`, "" for a quiet trial; region_nodes how many NUMA nodes the
    region lay on.
    """
    names = list(run_data.columns())
    wanted = list(EXPORT_COLUMNS + IDENTITY_COLUMNS)
    order = wanted + [name for name in names if name not in wanted]
    table = _with_rates(_table(run_data, names, order), families_of(run_data))
    table["disturbed"] = pd.Series(disturbed(table), index=table.index, dtype="str")
    table["region_nodes"] = pd.Series(region_nodes(table), index=table.index, dtype="Int64")
    return table


def timed(run_data: HostRows) -> pd.DataFrame:
    """Return of `frame` what comparing times takes, at a third of its cost: `TIMED_COLUMNS` and ns_per_op."""
    table = _table(run_data, list(run_data.columns()), list(TIMED_COLUMNS))
    elapsed_ns, iterations, is_result = _results(table)
    table["ns_per_op"] = (elapsed_ns / iterations).where(is_result)
    return table


def families_of(run_data: HostRows) -> dict[str, str]:
    """Return the family of each method, as the hosts that have it say."""
    return {str(m["name"]): str(m.get("family") or "") for methods in run_data.methods().values() for m in methods}


def spans(trials: pd.DataFrame) -> dict[str, tuple[dt.datetime, dt.datetime]]:
    """Return when each host's first and last trial began, in UTC; ``trials`` is the run's `frame`."""
    times = pd.to_datetime(trials["started_at"], utc=True, errors="coerce", format="ISO8601").dropna()
    ends = times.groupby(trials["host"], sort=False).agg(["min", "max"])
    return {str(host): (first.to_pydatetime(), last.to_pydatetime()) for host, first, last in ends.itertuples()}


def _table(run_data: HostRows, names: list[str], order: list[str]) -> pd.DataFrame:
    """Return all rows, of which ``names`` are the columns, as a table of the columns of ``order``, typed."""
    cases = {case["case_id"]: case for case in run_data.cases()}
    levels = {name for case in cases.values() for name in case if name in names and name != "case_id"}
    told = [name for name in order if name not in levels]
    rows = iter(run_data.rows())
    parts: dict[str, list[pd.Series[Any]]] = {name: [] for name in told}
    # Typed part by part: a million rows of Python objects take gigabytes.
    while (part := list(itertools.islice(rows, _CHUNK_ROWS))) or not parts["case_id"]:
        for name, column in _columns(part, names, told):
            parts[name].append(column)
    whole = {name: _joined(parts.pop(name)) for name in told}
    # All trials of a case have its levels, so that they are typed once a case.
    places = pd.Index(list(cases), dtype="str").get_indexer(whole["case_id"])
    for name in levels.intersection(order):
        column = pd.Series([case.get(name) for case in cases.values()], dtype="object")
        whole[name] = _typed(name, column).take(places).reset_index(drop=True)
    return pd.DataFrame({name: whole.pop(name) for name in order}, copy=False)


def _joined(parts: list[pd.Series[Any]]) -> pd.Series[Any]:
    return pd.concat(parts, ignore_index=True) if len(parts) > 1 else parts[0]


def _columns(rows: list[Any], names: list[str], order: list[str]) -> Iterator[tuple[str, pd.Series[Any]]]:
    # Beside blanks pandas would make floats of whole numbers, which those near 2**63 do not survive.
    columns = dict(zip(names, zip(*rows, strict=True), strict=True)) if rows else {}
    blank = (None,) * len(rows)
    for name in order:
        yield name, _typed(name, pd.Series(columns.pop(name, blank), dtype="object"))


def _typed(name: str, column: pd.Series[Any]) -> pd.Series[Any]:
    if name in _TYPES:
        return column.astype(_TYPES[name])
    if name in DERIVED_COLUMNS:
        return pd.Series(float("nan"), index=column.index, dtype="float64")
    if name == "warmup":
        return column.fillna(value=False).astype(bool)
    if name == "replica":
        return column.fillna(0).astype("int64")
    if name == "rounds_ns":
        column = column.map(lambda value: json.dumps(value) if isinstance(value, list | tuple) else value)
    return _as_text(column)


def _as_text(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return values as texts, those that are alike as one object: a million rows of each its own take fifty MB."""
    codes, values = pd.factorize(column)
    if len(values) > len(codes) // 2:
        return column.astype("str")
    return pd.Series(pd.Series(values, dtype="str").array.take(codes, allow_fill=True), index=column.index)


def _with_rates(table: pd.DataFrame, families: Mapping[str, str]) -> pd.DataFrame:
    elapsed_ns, iterations, is_result = _results(table)
    table["ns_per_op"] = (elapsed_ns / iterations).where(is_result)
    table["ops_per_s"] = _NS_PER_S / table["ns_per_op"]
    moved = table["page_moves"].astype("float64").fillna(_once_moved(table, families) * iterations)
    moved_bytes = moved.where(moved > 0) * table["page_size"].astype("float64")
    table["bytes_per_s"] = (moved_bytes / elapsed_ns * _NS_PER_S).where(is_result)
    return table


def _results(table: pd.DataFrame) -> tuple[pd.Series[float], pd.Series[float], pd.Series[bool]]:
    """Return each trial's time in ns, its iterations, and whether the two are a result."""
    elapsed_ns = table["elapsed_ns"].astype("float64")
    iterations = table["iterations"].astype("float64")
    return elapsed_ns, iterations, (table["status"] == OK) & (elapsed_ns > 0) & (iterations > 0)


def _once_moved(table: pd.DataFrame, families: Mapping[str, str]) -> pd.Series[Any]:
    """Return the pages that an iteration moved in runs whose core did not count them; NaN where it cannot be told."""
    moved = {name: find_workload(name) for name in table["workload"].unique()}
    pages_of = {name: math.nan if row.is_batched else row.pages_moved or math.nan for name, row in moved.items()}
    pages = table["workload"].map(pages_of).astype("float64")
    if "run_pages" in table:
        pages *= table["run_pages"].astype("float64")
    staying = [name for name, family in families.items() if not moves_pages(family)]
    return pages.where(~table["method"].isin(staying) | (table["workload"] == "limit"), 0.0)
