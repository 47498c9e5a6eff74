"""A case is profiled by trials of its own under the real perf; whatever comes between, a reason comes back."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest
from agent import fake_core
from agent.harness import make_trial
from requirement import require

from pageswap.agent.host.host_files import HostFiles
from pageswap.agent.host.readers import measured_cpus
from pageswap.agent.journal import job
from pageswap.agent.journal.line_fields import line_problem, utc_now
from pageswap.agent.trial import profiler as profiling
from pageswap.agent.trial.child_watcher import ChildWatcher, StopSignals
from pageswap.agent.trial.core_calls import CoreCalls, native_core
from pageswap.agent.trial.executor import Executor
from pageswap.agent.trial.perf import problem
from pageswap.agent.trial.preflight import Preflight
from pageswap.agent.trial.profiler import ProfileOutcome, Profiler

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _can_sample() -> None:
    require("perf", shutil.which("perf"), "needs perf: apt-get install linux-perf")
    require("perf", problem(HostFiles()) == "", problem(HostFiles()))


@pytest.fixture
def signals() -> Iterator[StopSignals]:
    """Listen as the agent does."""
    with StopSignals() as signals:
        yield signals


def make_profiler(core: CoreCalls, signals: StopSignals, folder: Path) -> Profiler:
    """Make a profiler whose trials run on one CPU and whose perf on the others."""
    cpus, rest = measured_cpus(HostFiles(), 1)
    watcher = ChildWatcher(signals, allowed_cpus=os.sched_getaffinity(0))
    return Profiler(Executor(core, watcher, Preflight(core.methods(), HostFiles()), cpus=cpus), str(folder), rest)


def as_line(outcome: ProfileOutcome) -> dict[str, object]:
    """Write an outcome down as the agent does."""
    head = {"kind": "profile", "seq": 1, "run_id": "r", "host": "h", "segment": 1, "trial_id": "b00.c0000"}
    told = {"status": outcome.status, "reason": outcome.reason, "started_at": utc_now()}
    return {**head, **told, **outcome.found}


def test_a_copy_is_seen_to_copy(signals: StopSignals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trials are made until there are samples enough; nearly all are in the copying, and no file is left."""
    monkeypatch.setattr(profiling, "_ENOUGH_SAMPLES", 300)
    trial = make_trial("memcpy", iterations=5000, region_size=4 << 20)
    outcome = make_profiler(native_core(), signals, tmp_path).run(trial)

    assert outcome
    assert (outcome.status, outcome.reason, outcome.unkillable) == (job.OK, "", False)
    found = outcome.found
    assert found["trials"] > 1
    assert found["samples"] > 50
    # A trial's set-up fills its region, and perf sees that, too.
    assert found["outside"] > 0
    top = found["symbols"][0]
    assert "mem" in top["name"]
    assert not top["is_kernel"]
    assert 2 * top["samples"] > found["samples"]
    assert line_problem(as_line(outcome)) == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("method", "status", "reason"),
    [
        ("segv", job.FAILED, "the trial's process ended with -11 and no result"),
        ("sigkill", job.FAILED, "the trial's process ended with -9 and no result"),
        ("corrupt", job.FAILED, "verification: slot 3 is wrong"),
        ("mremap_enomem", job.FAILED, "mremap: ENOMEM: iteration 7"),
        ("no_device", job.UNAVAILABLE, "no /dev/thing; load the thing module"),
        ("absent", job.UNAVAILABLE, "no such CPU; use another"),
    ],
)
def test_a_trial_that_ends_badly_is_the_reason(
    signals: StopSignals, tmp_path: Path, method: str, status: str, reason: str
) -> None:
    """With the fields of a line, all of them empty."""
    outcome = make_profiler(fake_core.fake_core(), signals, tmp_path).run(make_trial(method))

    assert outcome
    assert (outcome.status, outcome.reason) == (status, reason)
    assert outcome.found["samples"] == 0
    assert line_problem(as_line(outcome)) == ""
    assert list(tmp_path.iterdir()) == []


def test_rounds_without_a_sample_are_told(
    signals: StopSignals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They were too short."""
    monkeypatch.setattr(profiling, "_LONGEST_S", 0.0)
    outcome = make_profiler(fake_core.fake_core(), signals, tmp_path).run(make_trial("good"))

    assert outcome
    assert (outcome.status, outcome.reason) == (job.OK, "perf took no sample in the timed rounds; use more iterations")


def test_what_hangs_is_ended_with_perf(signals: StopSignals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the trial's time and perf's; nothing of either is left."""
    monkeypatch.setattr(profiling, "_PERF_S", 1.0)
    outcome = make_profiler(fake_core.fake_core(), signals, tmp_path).run(make_trial("hang", timeout_s=1.0))

    assert outcome
    assert (outcome.status, outcome.reason) == (job.FAILED, "the profile's process did not end within 2 s")
    assert not fake_core.processes_with(f"--output={tmp_path}/perf.data")
    assert list(tmp_path.iterdir()) == []
