"""What readers met beside each case: how long their reads took, and how long those of the same readers alone.

Of readers that come before their page the reads that waited for it are told by themselves, too.
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from pageswap.agent.journal.job import OK
from pageswap.statistics.intervals import Interval, ratio_intervals
from pageswap.statistics.medians import medians

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from pageswap.statistics.medians import Floats

# As columns name them, and as people do.
PERCENTILES: Final = {"p50": "50 %", "p99": "99 %", "p999": "99.9 %", "p9999": "99.99 %"}
# Which reads of the rounds: every one, or those that found no page at first. As columns begin.
READ: Final = "read"
SERVED: Final = "served"
_RATES: Final = {READ: "reads_per_s", SERVED: "served_per_s"}


@dataclasses.dataclass(frozen=True)
class Met:
    """What the readers of one case met on its host, as medians over its measured trials.

    ``reads_per_s`` counts the reads that it tells of. ``beside_ns`` and ``alone_ns`` are how long one took, by
    `PERCENTILES`, in the rounds and before them; a percentile that too few reads reach is absent. ``slower`` is how
    many times as long the percentile 99 was as that of the same readers alone, the median over trials of each trial's
    own ratio, None where no trial has both.
    """

    reads_per_s: float
    alone_reads_per_s: float
    beside_ns: Mapping[str, float]
    alone_ns: Mapping[str, float]
    slower: float | None
    slower_ci: Interval | None


def readers_met(trials: pd.DataFrame, which: str = READ) -> dict[tuple[str, str], Met]:
    """Return what readers met, by (host, case_id), in those cases of a run's `frame` that had such reads."""
    if not {"neighbours", "counters"} <= set(trials.columns):
        return {}
    is_read = (trials["neighbours"] == "reading") & (trials["status"] == OK) & ~trials["warmup"]
    read = trials[is_read & (trials["replica"] == 0) & trials["counters"].notna()]
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for host, case_id, counters in zip(read["host"], read["case_id"], read["counters"], strict=True):
        found.setdefault((str(host), str(case_id)), []).append(json.loads(counters))
    met = {key: _met(counted, which) for key, counted in found.items()}
    return {key: each for key, each in met.items() if each}


def _met(counted: Sequence[Mapping[str, Any]], which: str) -> Met | None:
    def values(name: str) -> Floats:
        return np.array([each[name] if each.get(name) else np.nan for each in counted], dtype=np.float64)

    def percentiles(prefix: str) -> dict[str, float]:
        every = {name: _median(values(f"{prefix}_{name}_ns")) for name in PERCENTILES}
        return {name: ns for name, ns in every.items() if ns is not None}

    rate, alone = _median(values(_RATES[which])), _median(values("alone_reads_per_s"))
    if rate is None or alone is None:
        return None
    logs = np.log(values(f"{which}_p99_ns") / values("alone_p99_ns"))
    point, low, high = (float(part[0]) for part in ratio_intervals(logs[np.newaxis]))
    ends = Interval.known(low, high)
    return Met(
        reads_per_s=rate,
        alone_reads_per_s=alone,
        beside_ns=percentiles(which),
        alone_ns=percentiles("alone"),
        slower=None if np.isnan(point) else float(np.exp(point)),
        slower_ci=ends and Interval(float(np.exp(ends.low)), float(np.exp(ends.high))),
    )


def _median(values: Floats) -> float | None:
    found = float(medians(values[np.newaxis])[0])
    return None if np.isnan(found) else found
