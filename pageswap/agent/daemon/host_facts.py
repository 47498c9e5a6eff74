"""Everything a controller wants to know of a host before it measures there."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time
from typing import TYPE_CHECKING, Any, Final

from pageswap.agent.host.doctor import BAD, OK, WARN, Host, HostCheck, examine
from pageswap.agent.host.environment import read_environment
from pageswap.agent.host.readers import Source, measured_cpus
from pageswap.agent.journal.job import UNAVAILABLE
from pageswap.agent.trial.child_watcher import ChildWatcher, StopSignals
from pageswap.agent.trial.core_calls import ForkedCall
from pageswap.agent.trial.preflight import Preflight
from pageswap.agent.workspace import host_lease
from pageswap.errors import HostError

if TYPE_CHECKING:
    from pageswap.agent.daemon.host_context import HostContext
    from pageswap.agent.journal.job import Job


# A controller waits for the whole answer; what hangs here must leave the rest of it in time.
LOOK_S: Final = 20.0
_LOOKER = {"pid": None, "user": None, "run_id": "doctor", "since": None}


def host_facts(context: HostContext, cache: str, cpu: int | None = None, job: Job | None = None) -> dict[str, Any]:
    """Gather {"environment", "methods", "doctor", "lease", "cache", "time"}, and for a job also {"refusals"}.

    `cache` is the folder for bundles and runs, `cpu` the one to be measured on (None: the last one allowed). "time" is
    this host's clock when it had gathered the rest, in ns since 1970 UTC. "refusals" has (trial id, status, reason) of
    each of the job's trials that could not run now, by the rules that decide when it is run. As root it also restores
    what a dead agent left changed. Raises HostError when the C core cannot run here, or there is no /proc.
    """
    context.check()
    core = context.core()
    methods = core.methods()
    recovered = recover(context)
    holder = host_lease.who_holds(context.lease_name)
    allowed = tuple(sorted(os.sched_getaffinity(0)))
    measured = allowed[-1] if cpu is None else cpu
    found = read_environment(Source(context.files, allowed, (measured,)), core.info())
    findings = [*examine(Host(found, context.files, measured, cache, holder)), recovered]
    return {
        "environment": found,
        "methods": methods,
        "doctor": [dataclasses.asdict(finding) for finding in findings],
        "lease": holder,
        "cache": cache,
        "time": time.time_ns(),
        **({} if job is None else {"refusals": _refusals(job, methods, context)}),
    }


def _refusals(job: Job, methods: list[dict[str, Any]], context: HostContext) -> list[tuple[str, str, str]]:
    core = context.core()
    cpus, _ = measured_cpus(context.files, max(trial.threads for trial in job.trials), job.cpu)
    will_tune = job.tune and context.tunables.may_change
    preflight = Preflight(
        methods, context.files, job.memory_cap_bytes, core.reserved_page_bytes, core.folio_bytes, will_tune=will_tune
    )
    refusals = {trial.trial_id: refusal for trial in job.trials if (refusal := preflight.refusal(trial))}
    # What a trial needs is taken for an instant: never beside a measurement.
    held = host_lease.try_take(_LOOKER, context.lease_name)
    if held is not None:
        tuned = {trial.trial_id for trial in job.trials if will_tune and preflight.folios_wanted((trial,))}
        left = [trial for trial in job.trials if trial.trial_id not in refusals.keys() | tuned]
        call = ForkedCall(core, lambda: [core.check(trial, cpus) for trial in left])
        with contextlib.closing(held), StopSignals() as signals:
            ChildWatcher(signals).run(call, timeout_s=LOOK_S)
        reasons = zip(left, call.result() or ())
        refusals.update((trial.trial_id, (UNAVAILABLE, reason)) for trial, reason in reasons if reason)
    return [(trial.trial_id, *refusals[trial.trial_id]) for trial in job.trials if trial.trial_id in refusals]


def recover(context: HostContext) -> HostCheck:
    """Put back what a killed agent left, if this user may and no agent lives that may still need it; tell of it."""
    tunables = context.tunables
    try:
        record = tunables.leftover()
        if record is None:
            return HostCheck("tunables", OK, "nothing left changed")
        in_use = HostCheck("tunables", OK, f"changed for run {record['run_id']}, which restores it at its end")
        # Only root may look at root's lock.
        if tunables.may_change and tunables.owner() is not None:
            return in_use
        held = host_lease.try_take(_LOOKER, context.lease_name)
        if held is None:
            return in_use
        with contextlib.closing(held):
            if not tunables.may_change:
                words = ", ".join(f"{change['name']}={change['before']}" for change in record["changes"])
                found = f"run {record['run_id']} was killed; before it: {words}"
                return HostCheck("tunables", BAD, found, "as root: inv doctor, which restores it")
            events = tunables.restore()
    except HostError as error:
        return HostCheck("tunables", BAD, str(error), "as root: check the settings, then remove the file")
    words = ", ".join(f"{event['name']}={event['restored']}" for event in events)
    return HostCheck("tunables", WARN, f"a killed run had left settings changed; restored now: {words}")
