"""Runs a plan on its hosts, or what a run still lacks, and tells where its numbers come from."""

from __future__ import annotations

import contextlib
import dataclasses
import getpass
import os
import platform
import shlex
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pageswap
from pageswap.campaign.options import Options, make_targets, recorded_hosts
from pageswap.campaign.run_folders import held, make_run_dir, new_run_id, open_run
from pageswap.campaign.side_by_side import Campaign
from pageswap.errors import PageswapError, StoreError
from pageswap.fleet.inventory import InventoryHost
from pageswap.fleet.provision.bundle import make_bundle
from pageswap.spec.hostnames import LOCAL
from pageswap.store.schema import DATABASE
from pageswap.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from pageswap.campaign.events import Event
    from pageswap.campaign.outcome import Outcome
    from pageswap.fleet.inventory import Inventory
    from pageswap.fleet.target import Target
    from pageswap.plan.plan import Plan

_GIT_TIMEOUT_S = 10.0


def run(  # noqa: PLR0913 - what a run is made of, and who watches
    plan: Plan,
    *,
    results_dir: Path,
    options: Options | None = None,
    targets: Sequence[Target] | None = None,
    provenance: Mapping[str, Any] | None = None,
    on_event: Callable[[Event], None] = lambda _event: None,
    render: Callable[[Store, Path], Path] | None = None,
) -> Outcome:
    """Execute `plan` on `targets` (this machine by default) into `results_dir`/<experiment>/<run id>/.

    `on_event` is called in this thread; `render` makes the report, pageswap.report's by default. While this runs,
    Ctrl-C drains the hosts, twice kills their trials. A host that fails stops no other. Raises NoHostError when nothing
    could be measured; the run's folder is removed unless an agent has begun. Raises StoreError when results cannot be
    stored: `resume` goes on from what is.
    """
    options = options or Options()
    targets = targets or make_targets([InventoryHost(LOCAL)], options)
    bundle = make_bundle()
    run_id = new_run_id()
    run_dir = make_run_dir(results_dir, plan.experiment.name, run_id)
    with held(run_dir):
        try:
            with Store.create(
                run_dir / DATABASE,
                run_id=run_id,
                plan=plan,
                hosts=[target.name for target in targets],
                provenance=provenance or {},
                options=dataclasses.asdict(options),
            ) as store:
                return Campaign(store, targets, options, on_event).execute(bundle, render)
        except PageswapError:
            _remove_unless_begun(run_dir)
            raise


def resume(  # noqa: PLR0913 - as many as may be said anew, and who watches
    run_dir: Path,
    *,
    wait: bool | None = None,
    ignore_lease: bool | None = None,
    only: Sequence[str] = (),
    inventory: Inventory | None = None,
    ssh_config: str | None = None,
    accept_new: bool = False,
    repeats: Callable[[int], int] | None = None,
    targets: Sequence[Target] | None = None,
    on_event: Callable[[Event], None] = lambda _event: None,
    render: Callable[[Store, Path], Path] | None = None,
) -> Outcome:
    """Finish what the run in `run_dir` still lacks, with the options it was started with and its hosts as they were.

    What its hosts have measured in the meantime is collected first. Trials that ended killed, interrupted or lost
    are measured once more; every other outcome is final. What may be said anew: `wait`, `ignore_lease`, which hosts
    go on (`only` these), what an `inventory` says of them, and the `ssh_config` that leads there. `repeats` says of
    the number of blocks that the plan has how many it is to have: blocks are added to a finished run, too. Raises as
    `run` does.
    """
    with held(run_dir), open_run(run_dir, is_held=True) as store:
        meta = store.meta()
        options = Options.from_json(meta["options"])
        hosts = recorded_hosts(meta, only, inventory)
        if repeats is not None:
            planned = meta["experiment"]["repeats"]
            wanted = repeats(planned)
            if wanted > planned:
                store.add_blocks(wanted)
        options = dataclasses.replace(
            options,
            wait=options.wait if wait is None else wait,
            ignore_lease=options.ignore_lease if ignore_lease is None else ignore_lease,
            ssh_config=ssh_config or options.ssh_config,
            hosts=tuple(host.to_json() for host in hosts),
        )
        targets = targets or make_targets(hosts, options, accept_new=accept_new)
        return Campaign(store, targets, options, on_event).execute(make_bundle(), render)


def _remove_unless_begun(run_dir: Path) -> None:
    """Remove the folder of a run that no agent was ever started for, so that `latest` is not an empty one."""
    if (run_dir / DATABASE).exists():
        try:
            with open_run(run_dir) as store:
                if store.has_begun():
                    return
        except StoreError:
            return
    shutil.rmtree(run_dir, ignore_errors=True)
    with contextlib.suppress(OSError):
        run_dir.parent.rmdir()


def provenance(repository: Path, command: Sequence[str]) -> dict[str, Any]:
    """Return commit, dirty, version, command, user and python; what cannot be told is None.

    `dirty` also counts files that git does not know: a new method's source changes what is measured.
    """
    commit, dirty = _git_state(repository)
    user = None
    with contextlib.suppress(KeyError, OSError):
        user = getpass.getuser()
    return {
        "commit": commit,
        "dirty": dirty,
        "version": pageswap.__version__,
        "command": shlex.join(command),
        "user": user,
        "python": platform.python_version(),
    }


def _git_state(repository: Path) -> tuple[str | None, bool | None]:
    # The ceiling keeps git from taking a repository around this one for it.
    environ = {**os.environ, "GIT_CEILING_DIRECTORIES": str(repository.parent), "GIT_OPTIONAL_LOCKS": "0"}
    command = ["git", "-C", str(repository), "status", "--porcelain=v2", "--branch"]
    try:
        result = subprocess.run(  # noqa: S603 - constant but for our own path
            command, env=environ, capture_output=True, text=True, timeout=_GIT_TIMEOUT_S, check=True
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None, None
    lines = result.stdout.splitlines()
    commit = next((line.split()[-1] for line in lines if line.startswith("# branch.oid ")), "(initial)")
    if commit == "(initial)":
        return None, None
    return commit, any(not line.startswith("#") for line in lines)
