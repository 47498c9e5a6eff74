"""A hand-written core whose methods end in every way a trial can end; the method's name says which."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from pageswap import native
from pageswap.agent.trial.core_calls import CoreCalls, ForkedCall
from pageswap.errors import CoreError, MethodUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pageswap.agent.journal.job import TrialSpec


def result(trial: TrialSpec, **changes: Any) -> dict[str, Any]:
    """Return what a trial that went well measures."""
    return {
        "verified": True,
        "reason": "",
        "elapsed_ns": 1000,
        "rounds_ns": [1000 // trial.rounds] * trial.rounds,
        "setup_ns": 10,
        "verify_ns": 20,
        "minor_faults": 1,
        "major_faults": 0,
        "voluntary_switches": 0,
        "involuntary_switches": 0,
        "vmas_peak": 30,
        "cpu": 0,
        "counters": {},
    } | changes


def _raise(error: Exception) -> None:
    raise error


def _hang() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        time.sleep(60)


def _leave_grandchild(trial: TrialSpec) -> None:
    # Its number of seconds, the trial's seed, is what the test finds it by.
    subprocess.Popen(["sleep", str(trial.seed)], stdin=subprocess.DEVNULL)


def _hang_with_grandchild(trial: TrialSpec) -> None:
    _leave_grandchild(trial)
    _hang()


def _leave_daemon(trial: TrialSpec) -> None:
    # Its parent ends at once, so nothing but having been begotten ties it to the trial.
    subprocess.run(["setsid", "-f", "sleep", str(trial.seed)], stdin=subprocess.DEVNULL, check=True)


def _hang_with_daemon(trial: TrialSpec) -> None:
    _leave_daemon(trial)
    _hang()


def _fill_memory() -> None:
    kept = []
    try:
        while True:
            kept.append(bytearray(64 << 20))
    except MemoryError:
        kept.clear()
        raise CoreError("mmap (memory)", 12, "ENOMEM") from None


def _use_32_mib() -> None:
    bytearray(32 << 20)


def _descriptors() -> str:
    kept = []
    for descriptor in sorted(Path("/proc/self/fd").iterdir(), key=lambda path: int(path.name)):
        try:
            kept.append(str(descriptor.readlink()).split(":")[0])
        except FileNotFoundError:
            continue
    return " ".join(kept[3:])


ENDINGS: dict[str, Callable[[TrialSpec], Any]] = {
    "good": lambda _: None,
    "splitter": lambda _: None,
    "slow": lambda _: time.sleep(0.3),
    "segv": lambda _: os.kill(os.getpid(), signal.SIGSEGV),
    "cpu_limit": lambda _: os.kill(os.getpid(), signal.SIGXCPU),
    "sigkill": lambda _: os.kill(os.getpid(), signal.SIGKILL),
    "exit": lambda _: os._exit(3),
    "hang": lambda _: _hang(),
    "hang_with_grandchild": _hang_with_grandchild,
    "leave_grandchild": _leave_grandchild,
    "hang_with_daemon": _hang_with_daemon,
    "leave_daemon": _leave_daemon,
    "fill_memory": lambda _: _fill_memory(),
    "use_32_mib": lambda _: _use_32_mib(),
    "mmap_enomem": lambda _: _raise(CoreError("mmap (region)", 12, "ENOMEM")),
    "mremap_enomem": lambda _: _raise(CoreError("mremap", 12, "ENOMEM", "iteration 7")),
    "no_device": lambda _: _raise(MethodUnavailableError("no /dev/thing; load the thing module")),
}
CHANGES: dict[str, Callable[[TrialSpec], dict[str, Any]]] = {
    "corrupt": lambda _: {"verified": False, "reason": "slot 3 is wrong"},
    "descriptors": lambda _: {"verified": False, "reason": _descriptors()},
    "affinity": lambda _: {"verified": False, "reason": repr(sorted(os.sched_getaffinity(0)))},
    "survivors": lambda trial: {"verified": False, "reason": repr(processes_with(str(trial.seed)))},
    "counted": lambda _: {"counters": {"steal_ns": 7, "cpu_khz_before": 3_000_000, "throttle_count": 0}},
    "attempts": lambda trial: {"verified": False, "reason": str(trial.attempt)},
}


class FakeTrial(ForkedCall):
    """A trial that ends as its method says, with a real core's results and errors."""

    def __init__(self, core: CoreCalls, trial: TrialSpec, cpus: tuple[int, ...]) -> None:
        """Take the trial, and the CPUs that it says it ran on."""

        def run() -> dict[str, Any]:
            try:
                ENDINGS.get(trial.method, lambda _: None)(trial)
            except CoreError as error:
                detail = str(error).partition(f"{error.errno_name}: ")[2]
                return {"failed": [error.call, error.errno, error.errno_name, detail]}
            except MethodUnavailableError as error:
                return {"unavailable": str(error)}
            changes = CHANGES.get(trial.method, lambda _: {})(trial)
            return result(trial, **{"cpu": cpus[0] if cpus else None, **changes})

        super().__init__(core, run)

    def result(self) -> SimpleNamespace | None:
        """Return what the trial measured; raises what the core would."""
        found = super().result()
        if found and "failed" in found:
            raise CoreError(*found["failed"])
        if found and "unavailable" in found:
            raise MethodUnavailableError(found["unavailable"])
        return found and SimpleNamespace(**found)

    def begins_ns(self) -> list[int]:
        """Return when rounds began that no sample fell into."""
        return [0] * 10


def methods() -> list[dict[str, Any]]:
    """List every ending as a method, and one that this host lacks."""
    common = {"summary": "", "family": "copy", "workloads": ["swap"], "available": True, "reason": ""}
    found = [{"name": name, "splits_mappings": name == "splitter", **common} for name in [*ENDINGS, *CHANGES]]
    return [*found, {**found[0], "name": "absent", "available": False, "reason": "no such CPU; use another"}]


def fake_core() -> CoreCalls:
    """Return the whole core."""
    core = CoreCalls(
        methods=methods,
        info=lambda: {"core_hash": "0" * 64, "build": "host"},
        trial=lambda spec, cpus, _trace=(): FakeTrial(core, spec, cpus),
        stamped_trial=lambda spec, cpus, _trace=(): FakeTrial(core, spec, cpus),
        check=lambda spec, cpus: f"needs more than {len(cpus)} CPUs" if spec.method == "no_device" else "",
        enter_child=native.enter_child,
        reserved_page_bytes={"hugetlb_2m": 2 << 20},
        folio_bytes={"mthp_64k": 64 << 10},
    )
    return core


def processes_with(argument: str) -> list[int]:
    """List the living processes that have `argument` on their command line."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
            state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if argument.encode() in words and state not in "ZX":
            found.append(int(folder.name))
    return found
