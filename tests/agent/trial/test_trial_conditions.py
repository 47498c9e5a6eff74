"""Each row carries what tells whether the host was quiet; what a host does not tell is None, never 0."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from agent.harness import Host, make_trial

from pageswap.agent.host.host_files import HostFiles
from pageswap.agent.trial.trial_conditions import TrialConditions

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
