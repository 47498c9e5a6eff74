"""A run held in memory, with known speeds, for what reads runs: the same methods as the store."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import random
from typing import Any

from pageswap.analysis.trials.table import DERIVED_COLUMNS, EXPORT_COLUMNS, IDENTITY_COLUMNS
from pageswap.store.facts import FACTS
from tests.store.fakes import PROFILE

COLUMNS = tuple(name for name in EXPORT_COLUMNS if name not in DERIVED_COLUMNS) + IDENTITY_COLUMNS

SPEC_TEXT = """\
name: mremap_vs_copy
question: Is remapping a page faster than copying it?
workload: swap
method: [copy_words, memcpy, mremap_fixed]
region_size: [128MiB, 256MiB]
touch: [none, moved]
baseline: {method: memcpy}
"""
ENVIRONMENT: dict[str, Any] = {
    "hostname": "bench1",
    "cpu_model": "AMD EPYC 9R45",
    "microcode": "0xb101047",
    "cpus": 2,
    "cpus_allowed": [0, 1],
    "kernel": "6.18.5",
    "kernel_build": "#1 SMP PREEMPT_DYNAMIC",
    "mitigations": {"spectre_v2": "Mitigation: Enhanced / Automatic IBRS", "meltdown": "Not affected"},
    "thp": {"enabled": "madvise", "defrag": "madvise", "shmem_enabled": "never"},
    "governor": None,
    "turbo": None,
    "hypervisor": "KVM",
    "mem_total": 25_165_824_000,
    "mem_available": 24_165_824_000,
    "cgroup_memory_limit": None,
    "swap_total": 0,
    "max_map_count": 65530,
    "overcommit_memory": 0,
    "aslr": 2,
    "clocksource": "tsc",
    "loadavg": [0.1, 0.2, 0.1],
    "python": "3.11.7",
    "libc": "glibc 2.36",
    "rlimits": {"as": None, "memlock": 8388608, "nproc": 94000},
    "userfaultfd": {"unprivileged": 0, "device": True},
    "core": {"core_hash": "ab" * 32, "compiler": "gcc 12.2.0", "flags": "-O2 -fPIC", "source_hash": "cd" * 32},
}
FAMILIES = {"null": "control", "memcpy": "copy", "copy_words": "copy", "mremap_fixed": "remap"}
NS_PER_OP = {"null": 2.0, "memcpy": 800.0, "copy_words": 940.0, "mremap_fixed": 16_000.0}


@dataclasses.dataclass
class FakeRun:
    """What a store gives back; change `outcomes` and the rest before reading."""

    experiment: dict[str, Any]
    hosts: list[str]
    case_list: list[dict[str, Any]]
    outcomes: list[dict[str, Any]]
    facts: dict[str, dict[str, Any]]
    spec_text: str = SPEC_TEXT
    families: dict[str, str] = dataclasses.field(default_factory=lambda: dict(FAMILIES))
    spent: dict[str, dict[str, float]] = dataclasses.field(default_factory=dict)
    troubles: dict[str, str] = dataclasses.field(default_factory=dict)
    enough: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
    profiled: list[dict[str, Any]] = dataclasses.field(default_factory=list)

    def meta(self) -> dict[str, Any]:
        """Give a run made by one known command."""
        return {
            "run_id": "20260102T030405Z-abcdef",
            "created_at": "2026-01-02T03:04:05Z",
            "experiment": self.experiment,
            "spec_text": self.spec_text,
            "provenance": {
                "commit": "0123456789abcdef0123456789abcdef01234567",
                "dirty": False,
                "version": "0.1.0",
                "command": "inv run --spec mremap_vs_copy.yaml",
            },
            "options": {"tune": False},
            "hosts": self.hosts,
        }

    def environments(self) -> dict[str, dict[str, Any]]:
        """Give the facts of each host."""
        return self.facts

    def segment_facts(self) -> dict[tuple[str, int], dict[str, Any]]:
        """Give what a store would keep of them."""
        provenance = self.meta()["provenance"]
        return {
            (host, 1): {name: fact.find(provenance, environment) for name, fact in FACTS.items()}
            for host, environment in self.facts.items()
        }

    def methods(self) -> dict[str, list[dict[str, Any]]]:
        """Give each method with its family."""
        methods = [{"name": name, "family": family} for name, family in self.families.items()]
        return dict.fromkeys(self.facts, methods)

    def cases(self) -> list[dict[str, Any]]:
        """Give the product of the levels."""
        return self.case_list

    def columns(self) -> tuple[str, ...]:
        """Name the fields of `rows`."""
        return COLUMNS

    def rows(self) -> list[tuple[Any, ...]]:
        """Give every outcome."""
        return [tuple(outcome[name] for name in COLUMNS) for outcome in self.outcomes]

    def planned_trials(self) -> int:
        """Count all cases in all blocks, and the baseline's twice when the run has a control."""
        controls = len({outcome["case_id"] for outcome in self.outcomes if outcome["replica"]})
        return len(self.hosts) * self.experiment["repeats"] * (len(self.case_list) + controls)

    def ledger(self) -> dict[str, dict[str, float]]:
        """Give where each host's time went."""
        return self.spent

    def problems(self) -> dict[str, str]:
        """Give why hosts gave nothing more."""
        return self.troubles

    def profiles(self) -> list[dict[str, Any]]:
        """Give what profiles found."""
        return self.profiled

    def stops(self) -> dict[str, dict[str, Any]]:
        """Give the hosts that stopped early."""
        return self.enough

    def of(self, **levels: Any) -> list[dict[str, Any]]:
        """Give the outcomes whose fields have these values, to be changed in place."""
        return [o for o in self.outcomes if all(o[name] == value for name, value in levels.items())]

    def end(self, status: str, reason: str, **levels: Any) -> None:
        """Make outcomes end without a measurement, or corrupt with one."""
        for outcome in self.of(**levels):
            unmeasured = {} if status == "corrupt" else {"elapsed_ns": None, "rounds_ns": None, "minor_faults": None}
            outcome.update(status=status, reason=reason, **unmeasured)


def make_run(  # noqa: PLR0913 - each is a property of the run
    *,
    hosts: tuple[str, ...] = ("local",),
    blocks: int = 7,
    noise: float = 0.01,
    block_noise: float = 0.05,
    baseline: dict[str, Any] | None = None,
    speeds: dict[str, float] | None = None,
    seed: int = 1,
    replicas: bool = False,
    **levels: list[Any],
) -> FakeRun:
    """Make a run of the product of the levels; one warm-up block, then `blocks` blocks.

    ns per operation is the method's speed, times a factor that the whole block shares (log-normal with `block_noise`),
    times the trial's own (log-normal with `noise`). With `replicas` each measured block has the baseline's cases twice.
    """
    chance = random.Random(seed)  # noqa: S311 - a simulation, not a secret
    factors = {
        "method": ["copy_words", "memcpy", "mremap_fixed"],
        "page_size": [4096],
        "region_size": [128 << 20, 256 << 20],
        "iterations": [200_000],
        "backing": ["shared_anon"],
        "threads": [1],
        "touch": ["none", "moved"],
        **levels,
    }
    speeds = {**NS_PER_OP, **(speeds or {})}
    names = list(factors)
    cases = [
        {"case_id": f"c{index:04d}", "workload": "swap", **dict(zip(names, values, strict=True))}
        for index, values in enumerate(itertools.product(*factors.values()))
    ]
    against = {"method": "memcpy"} if baseline is None else baseline
    twice = [case for case in cases if replicas and against and all(case[key] == against[key] for key in against)]
    outcomes = []
    for host in hosts:
        for block in range(-1, blocks):
            shared = math.exp(chance.gauss(0, block_noise))
            slots = [(case, 0) for case in cases] + ([(case, 1) for case in twice] if block >= 0 else [])
            block_id = "w0" if block < 0 else f"b{block:02d}"
            for position, (case, replica) in enumerate(chance.sample(slots, len(slots))):
                ns = speeds.get(case["method"], 1_000.0) * shared * math.exp(chance.gauss(0, noise))
                elapsed_ns = round(ns * case["iterations"])
                outcomes.append(
                    {
                        **dict.fromkeys(COLUMNS),
                        **case,
                        "run_id": "20260102T030405Z-abcdef",
                        "experiment": "mremap_vs_copy",
                        "host": host,
                        "trial_id": f"{block_id}.{case['case_id']}{'.aa' if replica else ''}",
                        "block": max(0, block),
                        "position": position,
                        "warmup": int(block < 0),
                        "attempt": 1,
                        "status": "ok",
                        "reason": "",
                        "elapsed_ns": elapsed_ns * (3 if block < 0 else 1),
                        "rounds_ns": json.dumps([elapsed_ns // 10] * 10),
                        "setup_ns": 20_000_000,
                        "verify_ns": 15_000_000,
                        "minor_faults": 32_800,
                        "major_faults": 0,
                        "voluntary_switches": 1,
                        "involuntary_switches": 3,
                        "vmas_peak": 65_560 if case["method"] == "mremap_fixed" else 24,
                        "started_at": f"2026-01-02T03:{max(0, block):02d}:{position % 60:02d}Z",
                        "seed": 2**63 - 25,
                        "cpu": 1,
                        "replica": replica,
                        "segment": 1,
                    }
                )
    return FakeRun(
        experiment={
            "name": "mremap_vs_copy",
            "question": "Is remapping a page faster than copying it?",
            "workload": "swap",
            "baseline": against,
            "repeats": blocks,
            "warmups": 1,
            "rounds": 10,
            "seed": 42,
        },
        hosts=list(hosts),
        case_list=cases,
        outcomes=outcomes,
        facts={host: {**ENVIRONMENT, "hostname": host} for host in hosts},
    )


def profile_of(run: FakeRun, case_id: str, **changes: Any) -> dict[str, Any]:
    """Make the profile of a case on the run's first host, with changes."""
    return {"host": run.hosts[0], "case_id": case_id, **PROFILE, **changes}
