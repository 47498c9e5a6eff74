"""What was measured where and with what: a host's facts and the run's provenance as labelled text."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from pageswap.analysis.wording import clipped, plural

if TYPE_CHECKING:
    from collections.abc import Mapping

Fact = tuple[str, str]

_NOT_RECORDED = "not recorded"
_HOST_FACTS = {
    "cpu_model": "CPU",
    "microcode": "Microcode",
    "cpus": "CPUs",
    "cpus_allowed": "CPUs allowed",
    "governor": "Frequency governor",
    "turbo": "Turbo",
    "hypervisor": "Hypervisor",
    "kernel": "Kernel",
    "kernel_build": "Kernel build",
    "mitigations": "Mitigations",
    "thp": "Transparent huge pages",
    "mem_total": "Memory",
    "mem_available": "Memory available at start",
    "swap_total": "Swap space",
    "cgroup_memory_limit": "Memory limit (cgroup)",
    "max_map_count": "vm.max_map_count",
    "overcommit_memory": "vm.overcommit_memory",
    "rlimits": "Resource limits",
    "aslr": "Address space randomisation",
    "userfaultfd": "userfaultfd",
    "clocksource": "Clock source",
    "loadavg": "Load average at start",
    "libc": "C library",
    "python": "Python",
}
_CORE_FACTS = {
    "compiler": "Compiler",
    "flags": "Compiler flags",
    "build": "Built by",
    "core_hash": "Core, SHA-256",
    "source_hash": "Core's sources, SHA-256",
}
_BYTES = ("mem_total", "mem_available", "swap_total", "cgroup_memory_limit")
_ABSENT = {
    "cgroup_memory_limit": "none",
    "hypervisor": "none found",
    "governor": "not exposed to this host",
    "turbo": "not exposed to this host",
}
_UNAFFECTED = "Not affected"
_GIB = 1 << 30
_LONGEST_LABEL = 100
_LONGEST_TEXT = 3_000


def host_facts(environment: Mapping[str, Any]) -> list[Fact]:
    """List a host's environment as (label, text), the known facts first, then any other it has."""
    core = environment.get("core") or {}
    facts = [(label, _text(name, environment.get(name))) for name, label in _HOST_FACTS.items()]
    facts += [(label, _text(name, core.get(name))) for name, label in _CORE_FACTS.items()]
    others = [name for name in environment if name not in _HOST_FACTS and name not in ("core", "hostname")]
    facts += [(name, _text(name, environment[name])) for name in others]
    facts += [(f"core {name}", _text(name, core[name])) for name in core if name not in _CORE_FACTS]
    return _bounded(facts)


def run_facts(meta: Mapping[str, Any]) -> list[Fact]:
    """List a run's identity and provenance as (label, text)."""
    provenance = dict(meta.get("provenance") or {})
    commit = provenance.pop("commit", None)
    dirty = provenance.pop("dirty", None)
    state = {True: " with uncommitted changes", False: " (clean)"}.get(dirty, " (unknown whether changed)")
    facts = [
        ("Run", str(meta.get("run_id", ""))),
        ("Started", str(meta.get("created_at") or _NOT_RECORDED)),
        ("Commit", f"{commit}{state}" if commit else _NOT_RECORDED),
        ("pageswap", str(provenance.pop("version", None) or _NOT_RECORDED)),
        ("Command", str(provenance.pop("command", None) or _NOT_RECORDED)),
    ]
    facts += [(name, _text(name, value)) for name, value in provenance.items()]
    options = meta.get("options") or {}
    return _bounded([*facts, ("Options", _nested(options) or "none")])


def hashes(meta: Mapping[str, Any], environments: Mapping[str, Mapping[str, Any]]) -> list[Fact]:
    """List what tells whether another run had the same experiment file and timed the same code, as (label, text)."""
    spec = hashlib.sha256(str(meta.get("spec_text", "")).encode("utf-8", "replace")).hexdigest()
    hosts: dict[str, int] = {}
    for environment in environments.values():
        core = str((environment.get("core") or {}).get("core_hash") or _NOT_RECORDED)
        hosts[core] = hosts.get(core, 0) + 1
    cores = "; ".join(f"{core} on {plural(count, 'host')}" if len(hosts) > 1 else core for core, count in hosts.items())
    return _bounded([("Experiment file, SHA-256", spec), ("Core, SHA-256", cores or _NOT_RECORDED)])


def _bounded(facts: list[Fact]) -> list[Fact]:
    """Shorten texts that no real host has, for a browser lays out a word of ten kilobytes in seconds."""
    return [(clipped(label, _LONGEST_LABEL), clipped(text, _LONGEST_TEXT)) for label, text in facts]


def _text(name: str, value: object) -> str:
    if value is None:
        return _ABSENT.get(name, _NOT_RECORDED)
    if name in _BYTES and isinstance(value, int):
        return f"{value / _GIB:,.2f} GiB ({value:,} bytes)" if value else "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if name == "mitigations" and isinstance(value, dict):
        return _mitigations(value)
    return _nested(value)


def _mitigations(by_flaw: Mapping[str, object]) -> str:
    """Name first what the processor is affected by, as that alone costs time."""
    unaffected = [flaw for flaw, state in by_flaw.items() if state == _UNAFFECTED]
    affected = {flaw: state for flaw, state in by_flaw.items() if flaw not in unaffected}
    parts = [_nested(affected)] if affected else []
    return "; ".join(parts + ([f"not affected by {', '.join(unaffected)}"] if unaffected else []))


def _nested(value: object) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{key}: {_nested(part)}" for key, part in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_nested(part) for part in value)
    return value if isinstance(value, str) else json.dumps(value)
