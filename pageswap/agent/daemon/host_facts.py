"""Everything a controller wants to know of a host before it measures there."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Any

from pageswap.agent.host import environment
from pageswap.agent.host.doctor import BAD, OK, WARN, Host, HostCheck, examine
from pageswap.agent.host.tunables import MAX_MAP_COUNT
from pageswap.agent.journal.line_fields import utc_now
from pageswap.agent.workspace import host_lease
from pageswap.errors import HostError

if TYPE_CHECKING:
    from pageswap.agent.daemon.host_context import HostContext


def host_facts(context: HostContext, cache: str, cpu: int | None = None) -> dict[str, Any]:
    """Gather {"environment", "methods", "doctor", "lease", "cache", "time"}.

    `cache` is the folder for bundles and runs, `cpu` the one to be measured on (None: the last one allowed). "time" is
    this host's clock when it had gathered the rest, in ns since 1970 UTC. As root it also restores what a dead agent
    left changed. Raises HostError when the C core cannot run here, or there is no /proc.
    """
    context.check()
    core = context.core()
    recovered = recover(context)
    holder = host_lease.who_holds(context.lease_name)
    found = environment.read(context.files, core.info(), measured_cpus=None if cpu is None else [cpu])
    findings = [*examine(Host(found, context.files, cache, holder, cpu)), recovered]
    return {
        "environment": found,
        "methods": core.methods(),
        "doctor": [dataclasses.asdict(finding) for finding in findings],
        "lease": holder,
        "cache": cache,
        "time": time.time_ns(),
    }


def recover(context: HostContext) -> HostCheck:
    """Put back what a killed agent left, if this user may and no agent lives that may still need it; tell of it."""
    tunables = context.tunables
    try:
        record = tunables.leftover()
        if record is None:
            return HostCheck("tunables", OK, "nothing left changed")
        in_use = HostCheck("tunables", OK, f"changed for run {record['run_id']}, which restores it at its end")
        if tunables.owner() is not None:
            return in_use
        me = {"pid": None, "user": None, "run_id": "doctor", "since": utc_now()}
        held = host_lease.try_take(me, context.lease_name)
        if held is None:
            return in_use
        try:
            if not tunables.may_change:
                words = ", ".join(f"{each['name']}={each['before']}" for each in record["changes"])
                found = f"run {record['run_id']} was killed; before it: {words}"
                return HostCheck("tunables", BAD, found, "as root: inv doctor, which restores it")
            events = tunables.restore()
        finally:
            held.close()
    except HostError as error:
        return HostCheck("tunables", BAD, str(error), f"as root: check {MAX_MAP_COUNT}, then remove the file")
    words = ", ".join(f"{event['name']}={event['restored']}" for event in events)
    return HostCheck("tunables", WARN, f"a killed run had left settings changed; restored now: {words}")
