"""How a case relates to the most that its host's memory allows."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pageswap.analysis.summary import CaseSummary, Summary


@dataclasses.dataclass(frozen=True)
class Share:
    """A case's bytes per second as a share of the most that workload ``limit`` reached on the same host.

    1.0 is the limit; ``method`` reached ``limit_bytes_per_s`` with the same threads and about the same region.
    """

    host: str
    case_id: str
    share: float
    limit_bytes_per_s: float
    method: str


def shares(summary: Summary, limit: Summary | None = None) -> dict[tuple[str, str], Share]:
    """Relate each case's bytes per second to the most that workload ``limit`` reached on its host.

    ``limit`` is the summary of a run of that workload that has the same hosts; a run of it is its own. A limit counts
    for the cases with as many threads and a region of the same size: what fits into a cache is no limit of what does
    not. A case without such a limit has no share.
    """
    source = limit or (summary if summary.workload == "limit" else None)
    if source is None:
        return {}
    best: dict[tuple[str, Any, Any], CaseSummary] = {}
    for case in source.cases:
        key = _conditions(case)
        if case.bytes_per_s and (key not in best or (best[key].bytes_per_s or 0) < case.bytes_per_s):
            best[key] = case
    found = {}
    for case in summary.cases:
        top = best.get(_conditions(case))
        if case.bytes_per_s and top and top.bytes_per_s:
            found[case.host, case.case_id] = Share(
                host=case.host,
                case_id=case.case_id,
                share=case.bytes_per_s / top.bytes_per_s,
                limit_bytes_per_s=top.bytes_per_s,
                method=str(top.levels.get("method")),
            )
    return found


def _conditions(case: CaseSummary) -> tuple[str, Any, Any]:
    return case.host, case.levels.get("threads"), case.levels.get("region_size")
