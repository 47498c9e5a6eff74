"""The memory a trial really takes, against what the agent and the plan say beforehand that it will take."""

from __future__ import annotations

import ctypes
import os
import pathlib

import child
import pytest
from agent.harness import make_trial

from pageswap import native
from pageswap.agent.trial.preflight import memory_need
from pageswap.errors import MethodUnavailableError

# Stacks, a C library's small things, and pages of the interpreter that a child is the first to look at.
SLACK = 8 * child.MIB
# The scratch is one page a thread, so the page must be larger than the slack to be seen.
LARGE = {"page_size": 12 * child.MIB, "region_size": 24 * child.MIB, "iterations": 4, "rounds": 2}
SMALL = {"page_size": 4 * child.KIB, "region_size": 32 * child.MIB, "iterations": 2000, "rounds": 2}
CALLS = {"page_size": 4 * child.KIB, "region_size": 8 * child.KIB, "iterations": 20_000, "rounds": 2}
GROWN = {"page_size": 4 * child.KIB, "region_size": 16 * child.MIB, "iterations": 6, "rounds": 2}
WHOLE = {**LARGE, "iterations": 1, "rounds": 1}
OF_WHOLE = {"replay": {"trace": (0, 1, 1)}, "compact": {"occupancy": 50}}
# Asked once, as that probes each method in a fork of this large process.
METHODS = {method.name: method for method in native.methods()}
# Most calls need no fresh page each time, as one does for which all are given room.
THRIFTY = {m.name for m in METHODS.values() if "call" in m.workloads} - {"page_fault"}


def numbers(method: str, workload: str, threads: int) -> dict[str, int]:
    """Return sizes at which every part of the memory weighs something."""
    if method == "ldt_window":
        return SMALL
    chosen = {"call": CALLS, "grow": GROWN, **dict.fromkeys(OF_WHOLE, WHOLE)}.get(workload, LARGE)
    return {**chosen, "iterations": chosen["iterations"] * threads, "region_size": chosen["region_size"] * threads}


def taken(trial: native.TrialParams) -> int:
    """Run a trial in a child and give by how many bytes its memory grew at most."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = pathlib.Path("/proc/self/status")
        answer = "failed"
        try:
            # What this process's heap holds free some methods give back first, which would look like less taken.
            ctypes.CDLL(None).malloc_trim(0)
            pathlib.Path("/proc/self/clear_refs").write_text("5")  # the high-water mark begins here
            before = kibibytes(status.read_text(), "VmRSS")
            verified = native.run_trial(trial).verified
            answer = str(kibibytes(status.read_text(), "VmHWM") - before) if verified else "corrupt"
        except MethodUnavailableError as error:
            answer = f"unavailable: {error}"
        finally:
            os.write(writer, answer.encode())
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        text = pipe.read()
    os.waitpid(pid, 0)
    if text.startswith("unavailable"):
        pytest.skip(text)
    return int(text) * child.KIB


def kibibytes(status: str, name: str) -> int:
    """Read one line of /proc/self/status."""
    return int(status.partition(f"{name}:")[2].split()[0])


@pytest.mark.parametrize("threads", [1, pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("method", "workload"), [(method.name, workload) for method in METHODS.values() for workload in method.workloads]
)
def test_a_trial_takes_what_was_said(method: str, workload: str, threads: int) -> None:
    """Never more, or a trial would start that cannot fit; and never so much less that one is refused that can."""
    known = METHODS[method]
    common = {"workload": workload, "backing": known.backings[0], "threads": threads}
    chosen = numbers(method, workload, threads)
    trial = make_trial(method, **common, **chosen)
    said = memory_need(trial, scratch=workload not in known.without_scratch).total_bytes
    in_bytes = {"page_bytes": chosen["page_size"], "region_bytes": chosen["region_size"]}
    work = {"iterations": chosen["iterations"], "rounds": chosen["rounds"], **OF_WHOLE.get(workload, {})}
    took = taken(child.params(method, **common, **in_bytes, **work))

    assert took <= said + SLACK
    # A block that is copied has two places for a moment, and a page that is moved by copying leaves memory behind.
    most = 2 * took if workload in ("grow", "move", *OF_WHOLE) else took
    assert said <= most + SLACK or method in THRIFTY
