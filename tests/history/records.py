"""Makes records of runs whose figures are known, as if each had been measured and kept."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

METHODS = ("copy_words", "mremap_fixed")


def record(number: int, speeds: dict[str, float], **fields: Any) -> dict[str, Any]:
    """Return the record of the run with this number, one a day, of methods with these speeds over memcpy."""
    host = {
        "host": "local",
        "cpu_model": "AMD EPYC 9R45",
        "hypervisor": "KVM",
        "kernel": "6.18.5",
        "core.core_hash": "ab" * 6,
        **fields.pop("host", {}),
    }
    day = f"2026-{1 + number // 28:02d}-{1 + number % 28:02d}"
    figures = [
        {
            "host": host["host"],
            "levels": {"method": method},
            "ns": [800 / speed, 790 / speed, 810 / speed],
            "speed": [speed, 0.99 * speed, 1.01 * speed],
        }
        for method, speed in speeds.items()
    ]
    return {
        "run_id": f"{day.replace('-', '')}T000000Z-{number:06x}",
        "experiment": "demo",
        "question": "Is remapping a page faster than copying it?",
        "answer": ["On a host: no."],
        "verdicts": {"slower": len(speeds)},
        "started": f"{day}T00:00:00Z",
        "version": "0.1.0",
        "hosts": [host],
        "work": {"baseline": '{"method": "memcpy"}', "seed": "42", "rounds": "10", "warmups": "1"},
        "commit": f"{number:040x}",
        "dirty": False,
        "trials": 24,
        "statuses": {"ok": 24},
        "missing": 0,
        "baseline": {"method": "memcpy"},
        "fixed": {"workload": "swap", "region_size": 1 << 20, "iterations": 1000},
        "figures": [{"host": host["host"], "levels": {"method": "memcpy"}, "ns": [800, 790, 810]}, *figures],
        "wins": [{"host": host["host"], "levels": {}, "methods": ["memcpy"], "of": 3}],
        **fields,
    }


def records(levels: Sequence[float], *, deviation: float = 0.01, seed: int = 1, **fields: Any) -> list[dict[str, Any]]:
    """Return a record for each of these speeds of mremap_fixed, a run a day, with copy_words as it always was."""
    chance = random.Random(seed)  # noqa: S311 - a simulation, not a secret
    return [
        record(
            number,
            {
                "copy_words": 0.85 * math.exp(chance.gauss(0, deviation)),
                "mremap_fixed": level * math.exp(chance.gauss(0, deviation)),
            },
            **fields,
        )
        for number, level in enumerate(levels)
    ]
