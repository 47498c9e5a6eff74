"""What was measured where and with what: a host's facts and the run's provenance as labelled text."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from pageswap.agent.host.conditions import CONDITIONS
from pageswap.agent.host.environment import condition_value, find
from pageswap.text.conditions import PRIVATE_OPTIONS, gibibytes, shown_command
from pageswap.text.lists import plural

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

Fact = tuple[str, str]

_NOT_RECORDED = "not recorded"
_UNAFFECTED = "Not affected"


def host_facts(
    environment: Mapping[str, Any],
    inventory: Mapping[str, Any] | None = None,
    span: tuple[dt.datetime, dt.datetime] | None = None,
) -> list[Fact]:
    """List a host's environment as (label, text), the known facts first, then any other it has.

    Before them stands when it was measured (``span``, its first and last trial in UTC) and what the ``inventory`` set.
    """
    facts = [("Measured", span_text(span))] if span else []
    facts += _set_by(inventory or {})
    facts += [(each.label, _text(each.key, condition_value(environment, each))) for each in CONDITIONS if each.is_shown]
    facts += [(name, _text(name, value)) for name, value in environment.items() if name != "core" and not find(name)]
    core = environment.get("core") or {}
    facts += [(f"core {name}", _text(name, value)) for name, value in core.items() if not find(f"core.{name}")]
    return facts


def _set_by(inventory: Mapping[str, Any]) -> list[Fact]:
    """List what the inventory sets of a host that bears on its figures; its notes are for its owner alone."""
    memory = inventory.get("memory_bytes")
    facts = {
        "Trials run on CPU (inventory)": inventory.get("cpu"),
        "Trials may take (inventory)": gibibytes(memory) if isinstance(memory, int) else None,
        "Tags (inventory)": inventory.get("tags") or None,
    }
    return [(label, _nested(value)) for label, value in facts.items() if value is not None]


def inventory_of(meta: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return what the inventory said of each host when the run began."""
    hosts = (meta.get("options") or {}).get("hosts")
    found = hosts if isinstance(hosts, list) else []
    return {str(host["name"]): host for host in found if isinstance(host, dict) and "name" in host}


def span_text(span: tuple[dt.datetime, dt.datetime]) -> str:
    """Print ``2026-01-02 03:04:05 to 03:06:00 UTC``, the second day only where it is another."""
    first, last = span
    end = f"{last:%H:%M:%S}" if first.date() == last.date() else f"{last:%Y-%m-%d %H:%M:%S}"
    return f"{first:%Y-%m-%d %H:%M:%S} to {end} UTC"


def run_facts(meta: Mapping[str, Any]) -> list[Fact]:
    """List a run's identity and provenance as (label, text), without what concerns its owner alone."""
    provenance = dict(meta.get("provenance") or {})
    command = shown_command(provenance)
    commit, dirty, version, _ = (provenance.pop(name, None) for name in ("commit", "dirty", "version", "command"))
    state = {True: " with uncommitted changes", False: " (clean)"}.get(dirty, " (unknown whether changed)")
    own = {
        "Run": meta.get("run_id"),
        "Started": meta.get("created_at"),
        "Commit": f"{commit}{state}" if commit else "",
        "pageswap": version,
        "Command": command,
    }
    facts = [(label, str(value or _NOT_RECORDED)) for label, value in own.items()]
    facts += [(name, _text(name, value)) for name, value in provenance.items()]
    options = {name: value for name, value in (meta.get("options") or {}).items() if name not in PRIVATE_OPTIONS}
    return [*facts, ("Options", _nested(options) or "none")]


def hashes(meta: Mapping[str, Any], environments: Mapping[str, Mapping[str, Any]]) -> list[Fact]:
    """List what tells whether another run had the same experiment file and timed the same code, as (label, text)."""
    spec = hashlib.sha256(str(meta.get("spec_text", "")).encode("utf-8", "replace")).hexdigest()
    hosts = Counter(
        str((environment.get("core") or {}).get("core_hash") or _NOT_RECORDED) for environment in environments.values()
    )
    cores = "; ".join(f"{core} on {plural(count, 'host')}" if len(hosts) > 1 else core for core, count in hosts.items())
    return [("Experiment file, SHA-256", spec), ("Core, SHA-256", cores or _NOT_RECORDED)]


def _text(name: str, value: object) -> str:
    condition = find(name)
    if value is None:
        return (condition.absent if condition else "") or _NOT_RECORDED
    if condition and condition.form.unit == "bytes" and isinstance(value, int):
        return gibibytes(value)
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
