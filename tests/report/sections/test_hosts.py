"""Which methods each host has and why not, how the hosts differ and whether it matters, and what the run cost them."""

from __future__ import annotations

from typing import Any

from pageswap.report.page.model import model
from pageswap.report.sections import hosts
from tests.fake_run import ENVIRONMENT, FakeRun, make_run
from tests.report.reported import reported


def with_methods(run: FakeRun, lacking: dict[str, str]) -> FakeRun:
    """Let the second host lack methods, with reasons."""

    def methods() -> dict[str, list[dict[str, Any]]]:
        return {
            host: [
                {
                    "name": name,
                    "family": "copy",
                    "available": not (number and name in lacking),
                    "reason": lacking.get(name, ""),
                }
                for name in ("memcpy", "mremap_fixed")
            ]
            for number, host in enumerate(run.hosts)
        }

    run.methods = methods  # type: ignore[method-assign]
    return run


def test_the_availability_matrix_gives_reasons() -> None:
    """Methods by hosts, and below why not."""
    run = with_methods(make_run(hosts=("a", "b"), method=["memcpy", "mremap_fixed"]), {"mremap_fixed": "no such call"})
    section = hosts.availability(reported(run, groups={"a": ["a"], "b": ["b"]}))
    matrix, reasons = section.grids

    assert matrix.rows == (("memcpy", "✓", "✓"), ("mremap_fixed", "✓", "✗"))
    assert reasons.rows == (("mremap_fixed", "no such call", "1"),)


def test_hosts_of_a_kind_share_a_column() -> None:
    """And it says how many of them have a method."""
    run = with_methods(
        make_run(hosts=("a", "b", "c"), method=["memcpy", "mremap_fixed"]), {"mremap_fixed": "no such call"}
    )
    section = hosts.availability(reported(run, groups={"kind": ["a", "b", "c"]}))

    assert section.grids[0].rows == (("memcpy", "✓ 3 of 3"), ("mremap_fixed", "✓ 1 of 3"))
    assert section.grids[1].rows == (("mremap_fixed", "no such call", "2"),)


def test_a_method_that_no_case_could_use_is_not_shown_as_available() -> None:
    """The host has it, and every trial of it was unavailable: the trials' reason stands below."""
    run = with_methods(make_run(hosts=("a", "b"), blocks=2, method=["memcpy", "mremap_fixed"]), {})
    run.end("unavailable", "it does not work on shared_anon", method="mremap_fixed", host="b")
    run.end("unavailable", "too little room", method="memcpy", touch="moved", host="b")
    groups = {"a": ["a"], "b": ["b"]}
    section = hosts.availability(reported(run, groups=groups))
    matrix, reasons = section.grids

    assert matrix.rows == (("memcpy", "✓", "✓"), ("mremap_fixed", "✓", "✗ not in these cases"))
    assert reasons.rows == (("mremap_fixed", "it does not work on shared_anon", "1"),)
    assert "none of the run's cases can use it" in matrix.caption


def test_a_host_that_told_nothing_is_named_beside_the_matrix() -> None:
    """It has no column, and the reason is given."""
    run = with_methods(make_run(hosts=("a", "b")), {})
    run.troubles = {"b": "no such host name"}
    known = run.methods()
    run.methods = lambda: {"a": known["a"]}  # type: ignore[method-assign]
    section = hosts.availability(reported(run, groups={"a": ["a"], "b": ["b"]}))

    assert [column.title for column in section.grids[0].columns] == ["Method", "a"]
    assert section.notes == ("Not known of b (no such host name).",)


def test_differences_between_hosts_are_named_and_judged() -> None:
    """What matters first, with every host's value."""
    kernels = {"a": "6.18.5", "b": "6.18.5", "c": "6.1.0"}
    run, alike = make_run(hosts=("a", "b", "c"), blocks=1), make_run(hosts=("a", "b"), blocks=1)
    run.facts = {host: {**ENVIRONMENT, "hostname": host, "kernel": kernel} for host, kernel in kernels.items()}
    alike.facts = {"a": ENVIRONMENT, "b": ENVIRONMENT}
    section = hosts.differences(reported(run))
    (grid,) = section.grids

    assert [row[0] for row in grid.rows] == ["Kernel", "Host name"]
    assert grid.rows[0][1] == "6.18.5 (a, b) and 6.1.0 (c)"
    assert grid.rows[0][2].startswith("yes: ")
    assert "stands with reservations" in section.notes[0]
    assert hosts.differences(reported(alike)) is None
    assert len(section.notes) == 1


def test_a_host_measured_later_is_said_to_be() -> None:
    """A resume hours later is another condition; side by side is none."""
    run = make_run(hosts=("a", "b", "c"), blocks=2)
    for outcome in run.of(host="c"):
        outcome["started_at"] = outcome["started_at"].replace("T03:", "T05:")
    page = model(run)
    (section,) = [each for each in page.after if each.id == "differences"]

    assert section.notes[-1] == (
        "Not all were measured at one time: the first from 2026-01-02 03:00:00 to 03:01:11 UTC, c from 2026-01-02 "
        "05:00:00 to 05:01:11 UTC."
    )
    assert dict(page.hosts[2][1])["Measured"] == "2026-01-02 05:00:00 to 05:01:11 UTC"


def test_the_ledger_has_each_hosts_seconds_and_troubles() -> None:
    """Phases that took place, and why a host gave nothing more."""
    run = make_run(hosts=("a", "b"))
    run.spent = {"a": {"connecting": 0.25, "running": 61.7}, "b": {"connecting": 12.0}}
    run.troubles = {"b": "the link is down; run 'inv resume'"}
    run.enough = {"a": {"blocks": 9, "reason": "all intervals within 2 %"}}
    (grid,) = hosts.ledger(reported(run)).grids

    assert [column.title for column in grid.columns] == ["Host", "Connecting", "Running", "Remarks"]
    assert grid.rows == (
        ("a", "0.250", "61.7", "stopped after 9 blocks: all intervals within 2 %"),
        ("b", "12.0", "", "the link is down; run 'inv resume'"),
    )
    assert grid.marks == ("", "problem")
