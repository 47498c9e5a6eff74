"""Each row carries what tells whether the host was quiet; what a host does not tell is None, never 0."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from agent.harness import Host, make_trial
from requirement import require

from pageswap.agent.host.host_files import HostFiles
from pageswap.agent.trial import executor
from pageswap.agent.trial.trial_conditions import TrialConditions
from pageswap.errors import HostError

if TYPE_CHECKING:
    from pathlib import Path


def _files(root: Path, loadavg: str) -> HostFiles:
    (root / "proc").mkdir(exist_ok=True)
    (root / "proc" / "loadavg").write_text(loadavg)
    return HostFiles(str(root))


def test_the_load_is_read_before_and_after(tmp_path: Path) -> None:
    """Each time anew; the core's part is taken out of its counters, so that nothing is there twice."""
    conditions = TrialConditions(
        _files(tmp_path, "0.25 0.5 0.1 1/99 7\n"), {"build": "host", "core_hash": "ab", "flags": "-O2"}
    )
    conditions.begin()
    _files(tmp_path, "1.50 0.5 0.1 1/99 7\n")
    measures = {"counters": {"steal_ns": 7, "cpu_khz_before": 3_000_000, "throttle_count": 0}}

    assert conditions.end(measures) == {
        "build": "host",
        "core_hash": "ab",
        "load1_before": 0.25,
        "load1_after": 1.5,
        "cpu_khz_before": 3_000_000,
        "cpu_khz_after": None,
        "throttle_count": 0,
    }
    assert measures == {"counters": {"steal_ns": 7}}


@pytest.mark.parametrize("loadavg", ["", "?\n"])
def test_what_cannot_be_read_is_none(tmp_path: Path, loadavg: str) -> None:
    """Not a guess."""
    conditions = TrialConditions(_files(tmp_path, loadavg), {})
    conditions.begin()

    assert set(conditions.end({}).values()) == {None}


def test_a_row_of_an_agent_has_its_evidence(host: Host) -> None:
    """Also that of a trial that did not run says what would have run it."""
    host.start(make_trial("counted"), make_trial("absent"))
    host.finish()
    measured, refused = host.trials()

    assert (measured["build"], measured["core_hash"]) == ("host", "0" * 64)
    assert measured["counters"] == {"steal_ns": 7}
    assert measured["cpu_khz_before"] == 3_000_000
    assert measured["load1_before"] >= 0.0
    assert measured["load1_after"] >= 0.0
    assert (refused["build"], refused["load1_before"], refused["throttle_count"]) == ("host", None, None)


class TestPinning:
    """The inventory may say on which CPU the first thread runs."""

    def test_the_cpu_asked_for_is_measured_on(self, host: Host) -> None:
        """And the agent keeps to another; the journal's first line says which."""
        allowed = sorted(os.sched_getaffinity(0))
        require("cpus", len(allowed) > 1, "needs two CPUs")
        host.start(make_trial("good"), make_trial("good"), cpu=allowed[0])
        lines = host.finish()

        assert lines[0]["measured_cpus"] == [allowed[0]]
        assert [trial["cpu"] for trial in host.trials()] == [allowed[0]] * 2

    def test_a_cpu_that_is_not_there_is_an_error_with_its_cure(self, host: Host) -> None:
        """Told to the starter, before anything runs."""
        answer = host.call("start", job=host.job(make_trial(), cpu=8191))

        assert "CPU 8191, which the inventory pins trials to, is not among those allowed here" in answer["error"]
        assert "change the host's cpu in the inventory" in answer["error"]
        assert not (host.work_dir / "journal.jsonl").exists()

    def test_the_rest_is_for_everything_else(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The chosen CPU comes first, the others as usual; with as many threads as CPUs they share."""
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3})

        assert executor.measured_cpus(1) == ((3, 2, 1, 0), {0, 1, 2})
        assert executor.measured_cpus(1, 1) == ((1, 3, 2, 0), {0, 2, 3})
        assert executor.measured_cpus(2, 1) == ((1, 3, 2, 0), {0, 2})
        assert executor.measured_cpus(4, 1) == ((1, 3, 2, 0), {0, 2, 3})
        with pytest.raises(HostError, match=r"CPU 4, .* 0, 1, 2, 3"):
            executor.measured_cpus(1, 4)
