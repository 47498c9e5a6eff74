"""Recomputes a stored run's figures from its raw rows by the published formulas, without any code of the laboratory.

Only sqlite3, json, numpy, pandas and scipy. Each formula is written out for one sample, as its source has it; the
laboratory computes all samples at once. docs/statistics.md names the sources.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import stats

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

MINIMUM = 6


@dataclasses.dataclass
class Case:
    """One case on one host: what a report should say of it; None where it should say nothing.

    ``logs`` are the logarithms of its speed-ups, a block each, ``floor`` its baseline's noise floor, a logarithm too.
    """

    host: str
    case_id: str
    levels: dict[str, Any]
    statuses: dict[str, int]
    n: int = 0
    median_ns: float | None = None
    median_ci: tuple[float, float] | None = None
    bytes_per_s: float | None = None
    costs: dict[str, float | None] = dataclasses.field(default_factory=dict)
    is_baseline: bool = False
    ratio: float | None = None
    ratio_n: int = 0
    ratio_ci: tuple[float, float] | None = None
    smallest: float | None = None
    p_holm: float | None = None
    verdict: str = ""
    logs: Floats = dataclasses.field(default_factory=lambda: np.empty(0))
    floor: float = math.nan


def rows(store: Path) -> pd.DataFrame:
    """Return the last attempt at each measured trial, a row each, with the levels of its case beside it."""
    query = """SELECT outcome.*, trial.block, trial.replica, trial.case_id, cases.levels, host.position AS place
        FROM outcome JOIN trial USING (trial_id) JOIN cases USING (case_id) JOIN host USING (host)
        WHERE trial.warmup = 0 AND attempt = (SELECT max(attempt) FROM outcome AS other
            WHERE other.host = outcome.host AND other.trial_id = outcome.trial_id)
        ORDER BY host.position, cases.position, trial.block, trial.replica"""
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as connection:
        table = pd.read_sql_query(query, connection)
    table["levels"] = table["levels"].map(json.loads)
    table["iterations"] = table["levels"].map(lambda levels: levels["iterations"])
    table["page_size"] = table["levels"].map(lambda levels: levels["page_size"])
    counters = table["extra"].map(lambda text: json.loads(text or "{}").get("counters", {}))
    table["ns"] = table["elapsed_ns"] / table["iterations"]
    moved = pd.to_numeric(counters.map(lambda counted: counted.get("page_moves")))
    table["bytes"] = moved * table["page_size"] / table["iterations"]
    table["fast_ns"] = table["ns"] * table["rounds_ns"].map(_faster_half)
    return table


def _faster_half(text: object) -> float:
    rounds = sorted(json.loads(text)) if isinstance(text, str) else []
    if len(rounds) < 2:
        return 1.0
    return float(np.mean(rounds[: math.ceil(len(rounds) / 2)]) / np.mean(rounds))


def cases(store: Path) -> list[Case]:
    """Return every case of every host, in the plan's order."""
    table = rows(store)
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as connection:
        baseline = json.loads(connection.execute("SELECT experiment FROM run").fetchone()[0])["baseline"] or {}
        levels_of = {name: json.loads(text) for name, text in connection.execute("SELECT case_id, levels FROM cases")}
    ok = table[table["status"] == "ok"]
    found = []
    for (_, host, case_id), part in table.groupby(["place", "host", "case_id"], sort=True):
        case = Case(host, case_id, levels_of[case_id], part["status"].value_counts().to_dict())
        mine = ok[(ok["host"] == host) & (ok["case_id"] == case_id)]
        first = mine[mine["replica"] == 0]
        case.n = len(first)
        if case.n:
            case.median_ns, case.median_ci = float(first["ns"].median()), interval(first["ns"])
            bytes_each = float(first["bytes"].median())
            # What moves no page has no rate of bytes, rather than one of 0.
            case.bytes_per_s = bytes_each / case.median_ns * 1e9 if bytes_each > 0 else None
        for name in ("minor_faults", "major_faults", "voluntary_switches", "involuntary_switches", "vmas_peak"):
            value = first[name].median()
            case.costs[name] = None if math.isnan(value) else float(value)
        wanted = {**case.levels, **baseline}
        partner = next((name for name, levels in levels_of.items() if levels == wanted), None) if baseline else None
        case.is_baseline = partner == case_id
        found.append(case)
        if partner and not case.is_baseline:
            _compare(case, ok[(ok["host"] == host) & (ok["case_id"] == partner)], first)
    _judge(found)
    return found


def _compare(case: Case, base: pd.DataFrame, own: pd.DataFrame) -> None:
    by_block = base[base["replica"] == 0].set_index("block")["fast_ns"]
    logs = np.log((by_block / own.set_index("block")["fast_ns"]).dropna().to_numpy())
    case.ratio_n = len(logs)
    if not len(logs):
        return
    case.ratio = math.exp(np.median(logs))
    case.verdict = "too few"
    if len(logs) < MINIMUM:
        return
    low, high = interval(brought_in(logs))
    case.ratio_ci = math.exp(low), math.exp(high)
    twice = np.log((base[base["replica"] == 1].set_index("block")["fast_ns"] / by_block).dropna().to_numpy())
    case.logs, case.floor = logs, noise_floor(twice)


def _judge(found: Sequence[Case]) -> None:
    """Correct all tests of the run together (Holm 1979), and say what the three conditions say."""
    tested = [case for case in found if case.ratio_ci]
    p = {id(case): trimmed_p(case.logs) for case in tested}
    ordered = sorted(tested, key=lambda case: p[id(case)])
    largest = 0.0
    for place, case in enumerate(ordered):
        largest = max(largest, min(1.0, p[id(case)] * (len(ordered) - place)))
        case.p_holm = largest
        low, high = map(math.log, case.ratio_ci)
        floor = case.floor
        holds = low > 0 or high < 0
        beyond = math.isnan(floor) or abs(math.log(case.ratio)) > floor
        if holds and beyond and case.p_holm <= 0.05:
            case.verdict = "faster" if case.ratio > 1 else "slower"
        else:
            case.verdict = "no difference found"
        case.smallest = _smallest(case.logs, (low, high), floor, len(ordered))


def interval(sample: Sequence[float]) -> tuple[float, float] | None:
    """Return the 95 % interval of a median: BCa (Efron 1987), never inside Hettmansperger and Sheather's (1986)."""
    values = np.sort(np.asarray(sample, dtype=float))
    n = len(values)
    if n < MINIMUM:
        return None
    boot, chance = _bootstrap(values)
    point = float(np.median(values))
    below, equal = chance[boot < point].sum(), chance[boot == point].sum()
    bias = stats.norm.ppf(below + equal / 2)
    without = np.array([np.median(np.delete(values, place)) for place in range(n)])
    shift = without.mean() - without
    power = (shift**2).sum()
    acceleration = (shift**3).sum() / (6 * power**1.5) if power > 0 else 0.0
    ends = []
    reached = np.cumsum(chance)
    for tail in (0.025, 0.975):
        z = bias + stats.norm.ppf(tail)
        wanted = stats.norm.cdf(bias + z / (1 - acceleration * z))
        ends.append(boot[min(int((reached < wanted - 1e-9).sum()), len(boot) - 1)])
    held = [1 - 2 * stats.binom.cdf(k, n, 0.5) for k in range(n // 2)]
    k = sum(share >= 0.95 for share in held)
    excess = (held[k - 1] - 0.95) / (held[k - 1] - held[k])
    part = (n - k) * excess / (k + (n - 2 * k) * excess)
    low = (1 - part) * values[k - 1] + part * values[k]
    high = (1 - part) * values[n - k] + part * values[n - k - 1]
    return float(min(ends[0], low)), float(max(ends[1], high))


def _bootstrap(values: Floats) -> tuple[Floats, Floats]:
    """Return all medians that a resample can have, in order, and how likely each is."""
    n = len(values)
    half = n // 2
    if n % 2:
        reached = stats.binom.sf(half, n, np.arange(n + 1) / n)
        return values, np.diff(reached)

    def at_most(i: int, j: int) -> float:
        """Return the chance that the lower middle value is among the first i and the upper one among the first j."""
        if not 0 < i <= j:
            return float(stats.binom.sf(half, n, j / n)) if 0 < j < i else 0.0
        total = 0.0
        for a in range(half, n + 1):
            rest = n - a
            share = (j - i) / (n - i) if n > i else 0.0
            total += stats.binom.pmf(a, n, i / n) * stats.binom.sf(max(half + 1 - a, 0) - 1, rest, share)
        return total

    table = [[at_most(i, j) for j in range(n + 1)] for i in range(n + 1)]
    medians, chance = [], []
    for i, j in itertools.combinations_with_replacement(range(1, n + 1), 2):
        medians.append((values[i - 1] + values[j - 1]) / 2)
        inside = table[i][j] - table[i - 1][j]
        chance.append(inside - (table[i][j - 1] - table[i - 1][j - 1] if j > i else 0.0))
    order = np.argsort(medians, kind="stable")
    return np.array(medians)[order], np.array(chance)[order]


def _winsorised(values: Floats) -> tuple[float, float, int]:
    ordered = np.sort(values)
    cut = len(ordered) // 5
    winsorised = stats.mstats.winsorize(ordered, limits=(cut / len(ordered) + 1e-12,) * 2)
    squares = float(((winsorised - winsorised.mean()) ** 2).sum())
    return float(stats.trim_mean(ordered, cut / len(ordered) + 1e-12)), squares, cut


def brought_in(values: Floats) -> Floats:
    """Return the values, none further from their median than five winsorised standard deviations."""
    reach = 5 * math.sqrt(_winsorised(values)[1] / (len(values) - 1))
    return np.clip(values, np.median(values) - reach, np.median(values) + reach)


def trimmed_p(values: Floats) -> float:
    """Return the two-sided p of the trimmed mean (Tukey and McLaughlin 1963), n - 1 - 2.5 g degrees of freedom."""
    mean, squares, cut = _winsorised(values)
    kept = len(values) - 2 * cut
    error = math.sqrt(squares / (kept * (kept - 1)))
    return float(2 * stats.t.sf(abs(mean) / error, len(values) - 1 - 2.5 * cut)) if error else float(mean == 0)


def noise_floor(twice: Floats) -> float:
    """Return what the median of so many A/A logarithms stays below in 95 of 100 runs; NaN for too few."""
    if len(twice) < MINIMUM:
        return math.nan
    half = (len(twice) + 1) / 2
    level = 2 * stats.beta.ppf(0.975, half, half) - 1
    return float(max(np.quantile(np.abs(twice), level), abs(np.median(twice))))


def _smallest(logs: Floats, ends: tuple[float, float], floor: float, family: int) -> float:
    _, squares, cut = _winsorised(logs)
    kept = len(logs) - 2 * cut
    error = math.sqrt(squares / (kept * (kept - 1)))
    half = (ends[1] - ends[0]) / 2
    asked = stats.t.isf(0.025 / family, len(logs) - 1 - 2.5 * cut) * error
    hurdle = max(half, asked, 0.0 if math.isnan(floor) else floor)
    varies = half / stats.t.isf(0.025, len(logs) - 1)
    return math.exp(hurdle + stats.t.isf(0.1, len(logs) - 1) * varies)
