"""A trial that hangs and has grandchildren: ended by its deadline with all of them, and the host stays usable."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.integration.checkout import inv
from tests.integration.fleet import check_quiet, rows

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.fleet import Fleet

SPEC = """
name: hanging
question: Does a trial end that does not want to?
method: [memcpy, hang_and_fork]
region_size: 256KiB
iterations: 50
baseline: {method: memcpy}
repeats: 2
warmups: 0
timeout: 1s
"""


def test_a_trial_that_hangs_and_forks(fleet: Fleet, checkout: Path) -> None:
    """Exit code 2, its rows say timeout, the others are untouched, and nothing of it lives on."""
    host = fleet.network.add("lab1")
    (checkout / "hanging.yaml").write_text(SPEC, encoding="utf-8")
    config = str(fleet.network.ssh_config)
    words = ["run", "--spec", "hanging.yaml", "--hosts", "lab1", "--ssh-config", config]
    done = inv(checkout, *words, inside=fleet.network.inside)

    assert done.returncode == 2, done.stderr
    assert "timeout" in done.stdout
    (run_dir,) = (checkout / "results" / "hanging").iterdir()
    by_method = {(row.trial_id.split(".")[1], row.status) for row in rows(run_dir)}
    assert by_method == {("c0000", "ok"), ("c0001", "timeout")}
    check_quiet(host)
    fleet.check_next_run("lab1")
