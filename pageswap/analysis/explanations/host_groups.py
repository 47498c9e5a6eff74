"""Many hosts as few: a run's summary with hosts of the same processor and kernel taken together."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from pageswap.analysis.checks.comparisons import words_against
from pageswap.analysis.checks.noise_floor import control_medians
from pageswap.analysis.summary import CaseSummary, Ending, Summary
from pageswap.analysis.verdicts import BASELINE, NO_DIFFERENCE, NOT_COMPARED, NOT_MEASURED, TOO_FEW, judge
from pageswap.statistics.intervals import MINIMUM_N, Interval, median_intervals, noise_floors, ratio_intervals
from pageswap.statistics.trimmed_means import holm, paired_p
from pageswap.text.lists import plural

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

_UNKNOWN = "unknown"


def host_groups(hosts: Iterable[str], environments: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
    """Put hosts with the same processor and kernel together, the largest group first; the keys name both."""
    found: dict[str, list[str]] = {}
    for host in hosts:
        facts = environments.get(host) or {}
        title = f"{facts.get('cpu_model') or _UNKNOWN}, Linux {facts.get('kernel') or _UNKNOWN}"
        found.setdefault(title if facts else "hosts that told nothing", []).append(host)
    return dict(sorted(found.items(), key=lambda item: -len(item[1])))


def grouped(summary: Summary, groups: Mapping[str, Sequence[str]]) -> Summary:
    """Give the summary of a run whose "hosts" are groups of hosts, named as the keys with their size.

    A case's time and ratio are then medians over the group's hosts of what each found, and their 95 % intervals speak
    of hosts: they hold for hosts like these. ``n`` and ``ratio_n`` count hosts, ``block_values`` has one value a host.
    """
    group_of = {host: title for title, hosts in groups.items() for host in hosts}
    titles = {title: f"{title} ({plural(len(hosts), 'host')})" for title, hosts in groups.items()}
    members: dict[tuple[str, str], list[CaseSummary]] = {}
    order = list(dict.fromkeys(case.case_id for case in summary.cases))
    for case in summary.cases:
        members.setdefault((group_of[case.host], case.case_id), []).append(case)
    keys = [(title, case_id) for title in groups for case_id in order if (title, case_id) in members]
    most = max((len(found) for found in members.values()), default=1)
    times = median_intervals(_matrix([[c.median_ns for c in members[key]] for key in keys], most))
    logs = np.log(_matrix([[c.ratio for c in members[key]] for key in keys], most))
    ratios = ratio_intervals(logs)
    # One level up, by the same rules: a host is what a block is on one.
    of_row = dict(zip(summary.matrix.keys, control_medians(summary.matrix).tolist(), strict=True))
    floors = noise_floors(_matrix([[of_row[c.host, c.case_id] for c in members[key]] for key in keys], most))
    p = np.where((~np.isnan(logs)).sum(axis=1) >= MINIMUM_N, paired_p(logs), math.nan)
    p_holm = holm(p)
    verdicts, obstacles = judge(ratios, floors, p_holm)
    family = int((~np.isnan(p)).sum())
    cases = []
    values: dict[tuple[str, str], list[tuple[int, float]]] = {}
    for row, key in enumerate(keys):
        found = members[key]
        title = titles[key[0]]
        _, held = words_against(obstacles[row], math.exp(floors[row]), float(p_holm[row]), family)
        case = _case(
            title,
            found,
            [float(part[row]) for part in times],
            [float(np.exp(part[row])) for part in ratios],
            verdicts[row],
        )
        cases.append(dataclasses.replace(case, held=held if case.verdict == NO_DIFFERENCE else ""))
        has_ratio = any(case.ratio is not None for case in found)
        drawn = [case.ratio if has_ratio else case.median_ns for case in found]
        values[title, key[1]] = [(index, value) for index, value in enumerate(drawn) if value is not None]
    return dataclasses.replace(
        summary,
        hosts=tuple(titles.values()),
        cases=tuple(cases),
        block_values=values,
        cpus={titles[title]: summary.cpus.get(hosts[0], "") for title, hosts in groups.items()},
    )


def _matrix(values: Sequence[Sequence[float | None]], width: int) -> Floats:
    matrix: Floats = np.full((len(values), width), math.nan)
    for row, found in enumerate(values):
        matrix[row, : len(found)] = [math.nan if value is None else value for value in found]
    return matrix


def _case(title: str, found: Sequence[CaseSummary], time: list[float], ratio: list[float], judged: str) -> CaseSummary:
    statuses: Counter[str] = Counter()
    endings: Counter[tuple[str, str]] = Counter()
    for case in found:
        statuses.update(case.statuses)
        endings.update({(ending.status, ending.reason): ending.trials for ending in case.endings})
    measured = [case for case in found if case.n]
    compared = sum(case.ratio is not None for case in found)
    ratio_ci = _interval(ratio)
    verdict, note = _verdict(measured, compared, judged)
    first = found[0]
    ns = None if math.isnan(time[0]) else time[0]
    bytes_per_op = next((c.bytes_per_s * c.median_ns / 1e9 for c in measured if c.bytes_per_s and c.median_ns), None)
    return dataclasses.replace(
        first,
        host=title,
        verdict=verdict,
        note=note,
        statuses=dict(statuses),
        endings=tuple(Ending(status, reason, trials) for (status, reason), trials in endings.items()),
        n=len(measured),
        median_ns=ns,
        median_ci=_interval(time),
        ops_per_s=1e9 / ns if ns else None,
        bytes_per_s=1e9 / ns * bytes_per_op if ns and bytes_per_op else None,
        ratio=None if math.isnan(ratio[0]) else ratio[0],
        ratio_n=compared,
        ratio_ci=ratio_ci,
        costs={name: _middle([case.costs.get(name) for case in measured]) for name in first.costs},
        held="",
    )


def _verdict(measured: Sequence[CaseSummary], compared: int, judged: str) -> tuple[str, str]:
    if not measured:
        return NOT_MEASURED, ""
    if all(case.verdict == BASELINE for case in measured):
        return BASELINE, ""
    if not compared:
        return NOT_COMPARED, measured[0].note
    return judged, f"{compared} of at least {MINIMUM_N} hosts" if judged == TOO_FEW else ""


def _interval(parts: Sequence[float]) -> Interval | None:
    return None if math.isnan(parts[1]) or math.isnan(parts[2]) else Interval(parts[1], parts[2])


def _middle(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.median(known)) if known else None
