"""Many hosts as one or few: a ratio over all of them, and a run's summary with hosts of a kind taken together."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy import special

from pageswap.analysis.checks.noise_floor import control_medians
from pageswap.analysis.summary import CaseSummary, Ending, HostsSummary, Summary, case_figures
from pageswap.analysis.trials.run_data import grouped_by
from pageswap.analysis.verdicts import BASELINE, NOT_COMPARED, NOT_MEASURED, Comparison, compare
from pageswap.statistics.intervals import CONFIDENCE, MINIMUM_N, known, median_intervals, noise_floors
from pageswap.statistics.medians import Floats, draw_medians, medians
from pageswap.text.words import plural

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pageswap.analysis.trials.matrix import Matrix

# One host is no pool.
_FEWEST_HOSTS: Final = 2
# Few hosts need ends far out in the distribution, and so more draws; of many each draw takes longer.
RESAMPLES: Final = 4_000
_FEWEST_RESAMPLES: Final = 1_000
_DRAWS: Final = 400_000
SEED: Final = 20_100
_UNKNOWN = "unknown"


@dataclasses.dataclass(frozen=True)
class Pooled:
    """A comparison over all hosts: the geometric mean of their ratios, with what hosts like these would show.

    ``comparison`` counts hosts, not blocks; its interval is from the hierarchical bootstrap (hosts, then trials), None
    with the reason in ``why`` when the hosts are too few. ``lowest`` and ``highest`` are the (host, ratio) at the ends.
    """

    levels: dict[str, Any]
    comparison: Comparison
    lowest: tuple[str, float]
    highest: tuple[str, float]


def pooled(matrix: Matrix) -> tuple[Pooled, ...]:
    """Pool each comparison that at least two hosts have; a host counts with six blocks or more.

    The estimate is the mean over hosts of their medians of log ratios. Its interval is a hierarchical bootstrap: hosts
    are drawn with replacement, and of each host drawn its blocks (Davison and Hinkley 1997, Bootstrap Methods and their
    Application, section 3.8). Percentiles are widened for few hosts as Hesterberg (2015, The American Statistician 69,
    371, section 3.3) has it. Of less than six hosts there is none: they may all be of one kind. Verdicts follow the
    rules of all comparisons, a host being what a block is on one.
    """
    rows = np.arange(len(matrix.keys)).reshape(len(matrix.hosts), len(matrix.cases)).T
    is_enough = matrix.pairs[rows] >= MINIMUM_N
    rows, is_enough = (part[is_enough.sum(axis=1) >= _FEWEST_HOSTS] for part in (rows, is_enough))
    logs = np.where(is_enough, medians(matrix.log_ratios)[rows], math.nan)
    floors = noise_floors(np.where(is_enough, control_medians(matrix)[rows], math.nan))
    rng = np.random.default_rng(SEED)
    ends = np.full((2, len(rows)), math.nan)
    for place in np.flatnonzero(is_enough.sum(axis=1) >= MINIMUM_N):
        ends[:, place] = hierarchical_interval(matrix.log_ratios[rows[place][is_enough[place]]], rng)
    keys = [("", matrix.keys[own[0]][1]) for own in rows]
    found = compare(keys, logs, floors, ratios=(np.nanmean(logs, axis=1), ends[0], ends[1]), of="host")
    at = [(key, own, (int(np.nanargmin(own)), int(np.nanargmax(own)))) for key, own in zip(keys, logs, strict=True)]
    return tuple(
        Pooled(matrix.cases[key[1]], found[key], *((matrix.hosts[end], math.exp(own[end])) for end in both))
        for key, own, both in at
    )


def hierarchical_interval(logs: Floats, rng: np.random.Generator) -> tuple[float, float]:
    """Return the 95 % interval of the mean over rows (hosts) of their medians, NaN being no value."""
    hosts = len(logs)
    resamples = min(RESAMPLES, max(_FEWEST_RESAMPLES, _DRAWS // hosts))
    # How often each resample has each host: one that is drawn twice is resampled twice.
    times = rng.multinomial(hosts, np.full(hosts, 1 / hosts), resamples)
    sums = np.zeros(resamples)
    for own, drawn in zip(logs, times.T, strict=True):
        values = draw_medians(np.sort(own[~np.isnan(own)]), drawn.sum(), rng)
        sums += np.bincount(np.repeat(np.arange(resamples), drawn), values, resamples)
    tail = -special.stdtrit(hosts - 1, (1 - CONFIDENCE) / 2) * math.sqrt(hosts / (hosts - 1))
    low, high = np.quantile(sums / hosts, [special.ndtr(-tail), special.ndtr(tail)])
    return float(low), float(high)


def host_groups(hosts: Iterable[str], environments: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
    """Put hosts with the same processor and kernel together, the largest group first; the keys name both."""
    found: dict[str, list[str]] = {}
    for host in hosts:
        facts = environments.get(host) or {}
        title = f"{facts.get('cpu_model') or _UNKNOWN}, Linux {facts.get('kernel') or _UNKNOWN}"
        found.setdefault(title if facts else "hosts that told nothing", []).append(host)
    return dict(sorted(found.items(), key=lambda item: -len(item[1])))


def grouped(summary: HostsSummary, groups: Mapping[str, Sequence[str]]) -> Summary:
    """Return the summary of a run whose "hosts" are groups of hosts, named as the keys with their size.

    A case's time and ratio are then medians over the group's hosts of what each found, and their 95 % intervals speak
    of hosts: they hold for hosts like these. ``n`` and ``ratio_n`` count hosts, ``block_values`` has one value a host.
    """
    titles = {title: f"{title} ({plural(len(hosts), 'host')})" for title, hosts in groups.items()}
    group_of = {host: titles[title] for title, hosts in groups.items() for host in hosts}
    members: dict[tuple[str, str], list[CaseSummary]] = {
        (title, case_id): [] for title in titles.values() for case_id in summary.matrix.cases
    }
    for case in summary.cases:
        members[group_of[case.host], case.case_id].append(case)
    by_host = _by_host([[case.median_ns for case in found] for found in members.values()])
    times = np.stack(median_intervals(by_host), axis=1).tolist()
    logs = np.log(_by_host([[case.ratio for case in found] for found in members.values()]))
    # One level up, by the same rules: a host is what a block is on one.
    own = dict(zip(summary.matrix.keys, control_medians(summary.matrix).tolist(), strict=True))
    floors = noise_floors(_by_host([[own[case.host, case.case_id] for case in found] for found in members.values()]))
    comparisons = compare(list(members), logs, floors, of="host")
    values = {}
    for key, found in members.items():
        has_ratio = any(case.ratio is not None for case in found)
        drawn = [case.ratio if has_ratio else case.median_ns for case in found]
        values[key] = [(index, value) for index, value in enumerate(drawn) if value is not None]
    told = zip(members.items(), times, strict=True)
    cases = tuple(_case(key[0], found, time, comparisons.get(key)) for (key, found), time in told)
    # The hosts' own matrix, comparisons and noise floors say nothing of groups.
    shown = {field.name: getattr(summary, field.name) for field in dataclasses.fields(Summary)}
    return Summary(**{**shown, "hosts": tuple(titles.values()), "cases": cases, "block_values": values})


def _by_host(values: Sequence[Sequence[float | None]]) -> Floats:
    matrix: Floats = np.full((len(values), max(map(len, values), default=0)), math.nan)
    for row, found in enumerate(values):
        matrix[row, : len(found)] = [math.nan if value is None else value for value in found]
    return matrix


def _case(title: str, found: Sequence[CaseSummary], time: list[float], comparison: Comparison | None) -> CaseSummary:
    statuses = sum((Counter(case.statuses) for case in found), Counter[str]())
    endings = grouped_by((each for case in found for each in case.endings), lambda each: (each.status, each.reason))
    measured = [case for case in found if case.n]
    if not measured or all(case.verdict == BASELINE for case in measured):
        verdict, note = BASELINE if measured else NOT_MEASURED, ""
    else:
        verdict, note = (comparison.verdict, comparison.why) if comparison else (NOT_COMPARED, measured[0].note)
    first = found[0]
    costs = medians(_by_host([[case.costs[name] for case in measured] for name in first.costs])).tolist()
    bytes_per_op = next((c.bytes_per_s * c.median_ns / 1e9 for c in measured if c.bytes_per_s and c.median_ns), None)
    return dataclasses.replace(
        first,
        host=title,
        verdict=verdict,
        note=note,
        statuses=dict(statuses),
        endings=tuple(Ending(*key, sum(each.trials for each in own)) for key, own in endings.items()),
        n=len(measured),
        **case_figures(time, bytes_per_op, comparison),
        costs={name: known(median) for name, median in zip(first.costs, costs, strict=True)},
    )
