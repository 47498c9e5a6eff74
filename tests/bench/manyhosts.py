"""A run of a thousand hosts that was never measured: rows with the spread of real ones, made as they are read."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from pageswap.analysis.trials.table import DERIVED_COLUMNS, EXPORT_COLUMNS, IDENTITY_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterator

COLUMNS = (*(name for name in EXPORT_COLUMNS + IDENTITY_COLUMNS if name not in DERIVED_COLUMNS), "counters")
METHODS = {
    "memcpy": "copy",
    "copy_words": "copy",
    "exchange_avx2": "copy",
    "mremap_fixed": "remap",
    "uffd_move": "remap",
}
SIZES = [4096 << power for power in range(10)]
BLOCKS = 17
CPUS = ("AMD EPYC 9R45", "AMD EPYC 7R13", "Intel Xeon Platinum 8488C", "Intel Xeon Gold 6248")
COUNTERS = json.dumps({"vmas_final": 154, "thp_splits": 0, "swap_ins": 0, "steal_ns": 0, "foreign_cpu_ns": 0})


class ManyHosts:
    """A run of ``hosts`` hosts, each with 50 cases in a warm-up block and 17 measured ones: 1,070 trials a host."""

    def __init__(self, hosts: int) -> None:
        """Take the number of hosts."""
        self.hosts = [f"host{number:04d}" for number in range(hosts)]

    def meta(self) -> dict[str, Any]:
        """Give what a store gives."""
        return {
            "run_id": "20250131T120000Z-0a1b2c",
            "created_at": "2025-01-31T12:00:00Z",
            "experiment": {
                "name": "fleet",
                "question": "From which page size on is remapping faster than copying?",
                "workload": "swap",
                "baseline": {"method": "memcpy"},
                "repeats": BLOCKS,
            },
            "spec_text": "",
            "provenance": {},
            "options": {},
            "hosts": self.hosts,
        }

    def environments(self) -> dict[str, dict[str, Any]]:
        """Give four kinds of processors under three kernels."""
        return {
            host: {"hostname": host, "cpu_model": CPUS[number % 4], "kernel": f"6.{number % 3}.0", "cpus": 2}
            for number, host in enumerate(self.hosts)
        }

    def methods(self) -> dict[str, list[dict[str, Any]]]:
        """Give the methods' families."""
        known = [
            {"name": name, "family": family, "available": True, "reason": "", "summary": "", "workloads": ["swap"]}
            for name, family in METHODS.items()
        ]
        return dict.fromkeys(self.hosts, known)

    def cases(self) -> list[dict[str, Any]]:
        """Give every method at every size."""
        levels = {
            "workload": "swap",
            "backing": "private_anon",
            "region_size": 64 << 20,
            "iterations": 1_000,
            "threads": 1,
            "touch": "none",
        }
        return [
            {"case_id": f"c{number:04d}", "method": method, "page_size": size, **levels}
            for number, (method, size) in enumerate(itertools.product(METHODS, SIZES))
        ]

    def columns(self) -> tuple[str, ...]:
        """Name the fields of `rows`."""
        return COLUMNS

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Give every trial, host by host."""
        rng = np.random.default_rng(1)
        cases = self.cases()
        size = np.array([case["page_size"] for case in cases], dtype=np.float64)
        is_remap = np.array([METHODS[case["method"]] == "remap" for case in cases])
        typical = np.where(is_remap, 3_000 + size / 1_000, 100 + size / 10)
        slots = [(number, 0) for number in range(len(cases))]
        twice = [(number, 1) for number, case in enumerate(cases) if case["method"] == "memcpy"]
        for host in self.hosts:
            speed = rng.lognormal(0, 0.1, len(cases)) * typical
            for block in range(-1, BLOCKS):
                shared = rng.lognormal(0, 0.03)
                places = slots if block < 0 else slots + twice
                times = 100 * shared * speed[[number for number, _ in places], np.newaxis]
                rounds = np.round(times * rng.lognormal(0, 0.01, (len(places), 10))).astype(int).tolist()
                for position, (number, replica) in enumerate(places):
                    yield self._row(cases[number], host, block, (position, replica), rounds[position])

    def _row(
        self, case: dict[str, Any], host: str, block: int, place: tuple[int, int], rounds: list[int]
    ) -> tuple[Any, ...]:
        name = f"{'w0' if block < 0 else f'b{block:02d}'}.{case['case_id']}{'.aa' if place[1] else ''}"
        fields = {
            **case,
            "run_id": "20250131T120000Z-0a1b2c",
            "experiment": "fleet",
            "host": host,
            "block": max(0, block),
            "position": place[0],
            "replica": place[1],
            "warmup": int(block < 0),
            "attempt": 1,
            "status": "ok",
            "reason": "",
            "elapsed_ns": sum(rounds),
            "rounds_ns": str(rounds),
            "started_at": "2025-01-31T12:00:00.500Z",
            "trial_id": name,
            "seed": 7_000_000_000_000_000_000 + block,
            "counters": COUNTERS,
            **dict.fromkeys(("setup_ns", "verify_ns", "minor_faults", "vmas_peak", "cpu"), 1),
            **dict.fromkeys(("major_faults", "voluntary_switches", "involuntary_switches"), 0),
        }
        return tuple(fields[column] for column in COLUMNS)

    def planned_trials(self) -> int:
        """Count the measured trials."""
        return len(self.hosts) * BLOCKS * (len(self.cases()) + len(SIZES))

    def ledger(self) -> dict[str, dict[str, float]]:
        """Give where time went."""
        return {host: {"connecting": 1.0, "running": 100.0} for host in self.hosts}

    def problems(self) -> dict[str, str]:
        """Give none."""
        return {}

    def profiles(self) -> list[dict[str, Any]]:
        """Give none."""
        return []

    def stops(self) -> dict[str, dict[str, Any]]:
        """Give none."""
        return {}
