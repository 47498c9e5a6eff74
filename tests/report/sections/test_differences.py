"""What differs between hosts, and whether it matters."""

from __future__ import annotations

from pageswap.report.page.model import model
from pageswap.report.sections import differences
from tests.fake_run import ENVIRONMENT, make_run
from tests.report.reported import reported


def test_differences_between_hosts_are_named_and_judged() -> None:
    """What matters first, with every host's value."""
    kernels = {"a": "6.18.5", "b": "6.18.5", "c": "6.1.0"}
    run, alike = make_run(hosts=("a", "b", "c"), blocks=1), make_run(hosts=("a", "b"), blocks=1)
    run.facts = {host: {**ENVIRONMENT, "hostname": host, "kernel": kernel} for host, kernel in kernels.items()}
    alike.facts = {"a": ENVIRONMENT, "b": ENVIRONMENT}
    section = differences.section(reported(run))
    (grid,) = section.grids

    assert [row[0] for row in grid.rows] == ["Kernel", "Host name"]
    assert grid.rows[0][1] == "6.18.5 (a, b); 6.1.0 (c)"
    assert grid.rows[0][2].startswith("yes: ")
    assert "stands with reservations" in section.notes[0]
    assert differences.section(reported(alike)) is None
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
