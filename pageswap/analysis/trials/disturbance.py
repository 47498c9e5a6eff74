"""Which trials were measured while the host did something else, in words with thresholds."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    import numpy.typing as npt

    from pageswap.statistics.medians import Floats

    Booleans = npt.NDArray[np.bool_]

# /proc/stat counts in ticks of 10 ms: one tick more or less is no evidence.
TICK_NS: Final = 10_000_000
# Stolen time comes off the measured CPU itself in the worst case; other processes may have another CPU to run on.
STEAL_SHARE: Final = 0.01
FOREIGN_SHARE: Final = 0.05
FREQUENCY_SHARE: Final = 0.05
# Above the load that the run's own threads make.
LOAD_ABOVE: Final = 1.0
# What lies on a node counts from this share of the region on.
NODE_SHARE: Final = 0.01

_COUNTED: Final = (
    *("steal_ns", "foreign_cpu_ns", "swap_ins", "throttle_count", "cpu_khz_before", "cpu_khz_after", "other_jobs"),
)
_CHUNK_ROWS: Final = 50_000
_BUSY: Final = ("spinning", "reading")
_NODE_BYTES: Final = re.compile(r'"node\d+_bytes": ?(\d+)')


def disturbed(table: pd.DataFrame) -> list[str]:
    """Return for each row of a `frame` what disturbed the trial: words with commas, "" where nothing is known to.

    ``steal``      the hypervisor gave others more than 10 ms and 1 % of the measured time
    ``foreign``    other processes and interrupts had more than 10 ms and 5 % of the measured time, on all CPUs together
    ``swap``       pages came back from swap
    ``throttle``   the measured CPU was slowed down for its heat
    ``frequency``  its clock changed by more than 5 % from before the rounds to after them
    ``jobs``       a scheduler ran other jobs on the node
    ``load``       the load average before the trial was more than 1 above the threads that the run itself has running

    What a host does not count disturbs nothing that is known of, and a trial that has no measurement has none that
    could be disturbed.
    """
    counted = _counted(table)
    elapsed_ns = table["elapsed_ns"].to_numpy(dtype=np.float64, na_value=np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        change = np.abs(counted["cpu_khz_after"] / counted["cpu_khz_before"] - 1)
        words: dict[str, Booleans] = {
            "steal": counted["steal_ns"] > np.maximum(TICK_NS, STEAL_SHARE * elapsed_ns),
            "foreign": counted["foreign_cpu_ns"] > np.maximum(TICK_NS, FOREIGN_SHARE * elapsed_ns),
            "swap": counted["swap_ins"] > 0,
            "throttle": counted["throttle_count"] > 0,
            "frequency": change > FREQUENCY_SHARE,
            "jobs": counted["other_jobs"] > 0,
            "load": _is_loaded(table),
        }
    names = np.full(len(table), "", dtype=object)
    for word, is_so in words.items():
        is_word = is_so & ~np.isnan(elapsed_ns)
        names[is_word] = [f"{name},{word}" if name else word for name in names[is_word]]
    return [str(name) for name in names]


def region_nodes(table: pd.DataFrame) -> list[int | None]:
    """Count for each row of a `frame` the NUMA nodes that its region lay on; None where that was not counted."""
    found: list[int | None] = []
    for text in table["counters"].tolist() if "counters" in table else [None] * len(table):
        sizes = [int(size) for size in _NODE_BYTES.findall(text)] if isinstance(text, str) else []
        found.append(sum(size > NODE_SHARE * sum(sizes) for size in sizes) or None)
    return found


def _is_loaded(table: pd.DataFrame) -> Booleans:
    if "load1_before" not in table:
        return np.zeros(len(table), dtype=bool)
    own = table["threads"].to_numpy(dtype=np.float64, na_value=np.nan)
    # The average holds the minute before: what the run's other cases had running as well.
    most = np.nanmax(own) if len(own) and not np.isnan(own).all() else 0.0
    is_loaded: Booleans = table["load1_before"].to_numpy(dtype=np.float64, na_value=np.nan) > most + LOAD_ABOVE
    if "neighbours" in table:
        is_loaded &= not table["neighbours"].isin(_BUSY).any()
    return is_loaded


def _counted(table: pd.DataFrame) -> dict[str, Floats]:
    """Return what was counted beside the trials, from its own column or from the core's counters; NaN where nothing."""
    found = {name: np.full(len(table), np.nan) for name in _COUNTED}
    if "counters" in table:
        texts = table["counters"]
        for start in range(0, len(texts), _CHUNK_ROWS):
            part = [text if isinstance(text, str) else "{}" for text in texts.iloc[start : start + _CHUNK_ROWS]]
            rows: list[dict[str, Any]] = json.loads(f"[{','.join(part)}]")
            for name, values in found.items():
                values[start : start + len(rows)] = [np.nan if (n := row.get(name)) is None else n for row in rows]
    for name, values in found.items():
        if name in table:
            column = pd.to_numeric(table[name], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
            np.copyto(values, column, where=~np.isnan(column))
    return found
