"""Controllers that measure a network's hosts, and what a test asks afterwards of their runs and of the hosts."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

from pageswap.plan import plan
from pageswap.spec import loader as specs
from pageswap.store.store import Store
from tests.integration.agent_processes import kill
from tests.integration.lab import ROOT, Lab, go_on, hold_trial, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.integration.network import Host, Network

PATIENCE_S = 120.0


@dataclasses.dataclass(frozen=True)
class Ended:
    """How a controller ended."""

    code: int
    output: str
    errors: str

    @property
    def run_dir(self) -> Path | None:
        """Where its run lies, None if it made none."""
        first = self.output.partition("\n")[0]
        return type(ROOT)(first) if first.startswith("/") else None

    @property
    def peak_mib(self) -> float:
        """The most memory it had at a time, 0 if it told none."""
        last = self.output.rstrip("\n").rpartition("\n")[2]
        return json.loads(last)["peak_kib"] / 1024 if last.startswith("{") else 0.0


@dataclasses.dataclass(frozen=True)
class Row:
    """The last attempt of a trial on a host."""

    host: str
    trial_id: str
    attempt: int
    status: str
    reason: str


@dataclasses.dataclass
class Fleet(Lab):
    """A controller's folders, what it finds in its environment beside the usual, and the network of its hosts."""

    network: Network
    controllers: list[subprocess.Popen[str]] = dataclasses.field(default_factory=list)
    environment: dict[str, str] = dataclasses.field(default_factory=dict)
    is_over: bool = False

    def start(self, words: dict[str, Any]) -> subprocess.Popen[str]:
        """Start a controller where the hosts can be reached, as a user with no ssh settings but the network's."""
        assert not self.is_over
        home = self.folder / "user"
        home.mkdir(exist_ok=True)
        usual = {name: value for name, value in os.environ.items() if name != "SSH_AUTH_SOCK"}
        controller = subprocess.Popen(
            [*self.network.inside, sys.executable, "-m", "tests.integration.controller", json.dumps(words)],
            cwd=ROOT,
            env={**usual, "HOME": str(home), "PAGESWAP_HOME": str(self.folder / "home"), **self.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.controllers.append(controller)
        return controller

    def begin(
        self,
        *hosts: str,
        spec: Path | None = None,
        accept_new: bool = False,
        inventory: Path | None = None,
        **options: object,
    ) -> subprocess.Popen[str]:
        """Start a run on hosts, by default of fourteen trials that take a moment."""
        return self.start(
            {
                "spec": str(spec or self.spec(repeats=1)),
                "results": str(self.results),
                "hosts": hosts,
                "accept_new": accept_new,
                "inventory": str(inventory) if inventory else None,
                "options": {"ssh_config": str(self.network.ssh_config), **options},
            }
        )

    def run(self, *hosts: str, **words: Any) -> Ended:
        """Run to the end."""
        return finish(self.begin(*hosts, **words))

    def resumed(self, run_dir: Path) -> Ended:
        """Resume a run to its end."""
        return finish(self.start({"resume": str(run_dir)}))

    def left_alone(self, host: Host, spec: Path) -> Path:
        """Have a host finish a run whose controller was killed in the middle of a trial; give the run's folder."""
        controller = self.begin(host.name, spec=spec)
        trial = hold_trial(host.roles)
        kill(controller.pid)
        controller.communicate()
        go_on(trial)
        check_quiet(host)
        (run_dir,) = self.runs()
        return run_dir

    def check_next_run(self, host: str) -> None:
        """Assert that a host can be measured as if nothing had happened."""
        ended = self.run(host)
        assert ended.code == 0, ended.errors
        assert ended.run_dir is not None
        check_whole(ended.run_dir, self.spec(repeats=1), [host])


def finish(controller: subprocess.Popen[str], timeout_s: float = PATIENCE_S) -> Ended:
    """Wait for a controller's end."""
    try:
        output, errors = controller.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        kill(controller.pid)
        output, errors = controller.communicate()
        raise AssertionError(f"the controller did not end within {timeout_s} s: {errors[-2000:]}") from None
    assert "Traceback" not in errors, errors
    return Ended(controller.returncode, output, errors)


def rows(run_dir: Path) -> list[Row]:
    """Give a run's rows."""
    with Store.open(run_dir / "run.sqlite") as store:
        columns = store.columns()
        places = [columns.index(field.name) for field in dataclasses.fields(Row)]
        return [Row(*(row[place] for place in places)) for row in store.rows()]


def trial_ids(spec: Path) -> list[str]:
    """Give the trials that a host owes an experiment."""
    return [trial.trial_id for trial in plan.make(specs.load(spec)).trials]


def check_whole(run_dir: Path, spec: Path, hosts: Iterable[str], statuses: Iterable[str] = ("ok",)) -> None:
    """Assert that every host gave every trial exactly one row, and no row has another status than `statuses`."""
    found = rows(run_dir)
    expected = [(host, trial_id) for host in hosts for trial_id in trial_ids(spec)]

    assert Counter(expected) == Counter((row.host, row.trial_id) for row in found)
    assert {row.status for row in found} == set(statuses), [row for row in found if row.status not in statuses][:3]


def check_quiet(host: Host, lease_s: float = 0.0) -> None:
    """Assert that, once the lease is over, no process is left there."""
    wait_until(lambda: not host.processes(), lease_s + 30.0, every_s=0.1)
