"""How a case relates to the most that its host's memory allows."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

import numpy as np

from pageswap.statistics.intervals import Interval, ratio_intervals
from pageswap.statistics.rank_tests import shift

if TYPE_CHECKING:
    from pageswap.analysis.summary import CaseSummary, HostsSummary
    from pageswap.statistics.medians import Floats


@dataclasses.dataclass(frozen=True)
class Share:
    """A case's bytes per second as a share of the most that workload ``limit`` reached on the same host.

    1.0 is the limit; ``method`` reached ``limit_bytes_per_s`` with the same backing, threads and size of a region.
    ``interval`` is None for too few blocks on either side.
    """

    host: str
    case_id: str
    share: float
    interval: Interval | None
    limit_bytes_per_s: float
    method: str


def shares(summary: HostsSummary, limit: HostsSummary | None = None) -> dict[tuple[str, str], Share]:
    """Relate each case's bytes per second to the most that workload ``limit`` reached on its host.

    ``limit`` is the summary of a run of that workload that has the same hosts; a run of it is its own. A limit counts
    for the cases with the same backing, as many threads and a region of the same size: what fits into a cache is no
    limit of what does not. A case without such a limit has no share.

    Within one run the share is the median over blocks of what each block's own trials reached, so that what slows a
    whole block cancels; of another run's limit it is the distance of two samples (Hodges and Lehmann).
    """
    source = limit or (summary if summary.workload == "limit" else None)
    if source is None:
        return {}
    best: dict[tuple[object, ...], CaseSummary] = {}
    for case in source.cases:
        key = _conditions(case)
        if case.bytes_per_s and (key not in best or (best[key].bytes_per_s or 0) < case.bytes_per_s):
            best[key] = case
    found = {}
    for case in summary.cases:
        top = best.get(_conditions(case))
        if case.bytes_per_s and top and top.bytes_per_s:
            own, best_of = _log_rates(summary, case), _log_rates(source, top)
            if source is summary:
                point, low, high = (float(part[0]) for part in ratio_intervals((own - best_of)[np.newaxis]))
                interval = Interval.known(low, high)
            else:
                point, interval = shift(*(rates[~np.isnan(rates)] for rates in (best_of, own)))
            found[case.host, case.case_id] = Share(
                host=case.host,
                case_id=case.case_id,
                share=math.exp(point),
                interval=interval and Interval(math.exp(interval.low), math.exp(interval.high)),
                limit_bytes_per_s=top.bytes_per_s,
                method=str(top.levels.get("method")),
            )
    return found


def _log_rates(summary: HostsSummary, case: CaseSummary) -> Floats:
    """Return the logarithm of each block's bytes per second, NaN for none."""
    moved_bytes = (case.bytes_per_s or 0.0) * (case.median_ns or 0.0) / 1e9
    ns = summary.matrix.ns[summary.matrix.keys.index((case.host, case.case_id))]
    return np.asarray(np.log(moved_bytes * 1e9 / ns))


def _conditions(case: CaseSummary) -> tuple[object, ...]:
    return case.host, *(case.levels.get(name) for name in ("backing", "threads", "region_size"))
