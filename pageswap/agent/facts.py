"""Everything a controller wants to know of a host before it measures there."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from pageswap.agent import doctor, environment, lease
from pageswap.agent.child import Nursery
from pageswap.agent.clock import utc_now
from pageswap.agent.session import probe_methods
from pageswap.agent.signals import StopSignals
from pageswap.errors import HostError

if TYPE_CHECKING:
    from pageswap.agent.surroundings import Surroundings


def facts(around: Surroundings, cache: str, cpu: int | None = None) -> dict[str, Any]:
    """Gather {"environment", "methods", "doctor", "lease", "cache", "time"}.

    `cache` is the folder for bundles and runs, `cpu` the one to be measured on (None: the last one allowed). "time" is
    this host's clock when it had gathered the rest, in ns since 1970 UTC. As root it also restores what a dead agent
    left changed. Raises HostError when the C core cannot run here.
    """
    core = around.core()
    with StopSignals() as signals:
        methods = probe_methods(core, Nursery(signals))
    recovered = _recover(around)
    holder = lease.who_holds(around.lease_name)
    return {
        "environment": environment.read(around.files, core.info(), measured_cpu=cpu),
        "methods": methods,
        "doctor": [finding.to_json() for finding in doctor.examine(around.files, cache, holder, recovered, cpu=cpu)],
        "lease": holder,
        "cache": cache,
        "time": time.time_ns(),
    }


def _recover(around: Surroundings) -> doctor.Leftover:
    """Put back what a killed agent left, if this user may and no agent lives that may still need it."""
    tunables = around.tunables()
    try:
        record = tunables.leftover()
        if record is None:
            return doctor.Leftover("none")
        if tunables.owner() is not None:
            return doctor.Leftover("in use", f"changed for run {record['run_id']}, which restores it at its end")
        me = {"pid": None, "user": None, "run_id": "doctor", "since": utc_now()}
        held = lease.try_take(me, around.lease_name)
        if held is None:
            return doctor.Leftover("in use", f"changed for run {record['run_id']}, which restores it at its end")
        try:
            if not tunables.may_change:
                words = ", ".join(f"{each['name']}={each['before']}" for each in record["changes"])
                return doctor.Leftover("left", f"run {record['run_id']} was killed; before it: {words}")
            events = tunables.restore()
        finally:
            held.close()
    except HostError as error:
        return doctor.Leftover("unreadable", str(error))
    return doctor.Leftover("restored", ", ".join(f"{event['name']}={event['restored']}" for event in events))
