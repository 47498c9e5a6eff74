"""Shows what doctor, columns, trust and migrations make of NUMA on a kernel with two nodes, which QEMU emulates.

Needs root, Debian's archive, and the programs of `guests.TOOLS`. Takes some minutes.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pageswap.errors import PageswapError
from tests.integration import guests, roots

if TYPE_CHECKING:
    from collections.abc import Collection

ROOT: Final = Path(__file__).resolve().parents[2]
SMALL_MIB: Final = 64
# The columns' shares are known to 1/32 of the region; the kernel counts what else was allocated meanwhile, too.
TOLERANCE: Final = 0.25
# Both are the one guest: measured on its last CPU, which pageswap takes by itself, and on the first.
# CPU 0 and most memory are on node 0, CPU 1 and less memory on node 1.
MACHINE: Final = guests.Machine(("guest", "guest0"), nodes_mib=(1536, 512), user="root")
INVENTORY: Final = "hosts:\n  guest:\n  guest0: {cpu: 0}\n"
TWO_NODES: Final = """
name: two_nodes
question: On which nodes does the region lie?
method: [memcpy, copy_words]
page_size: 4KiB
iterations: 100
backing: thp_off
baseline: {method: memcpy}
repeats: 2
warmups: 0
rounds: 2
timeout: 10min
"""
# Each round takes every second run.
MIGRATION: Final = """
name: to_another_node
question: What brings pages to another NUMA node fastest?
workload: migrate
method: [copy_to_node, move_pages]
page_size: 4KiB
region_size: 16MiB
run_pages: [1, 64]
iterations: 64
numa: [local, remote]
backing: thp_off
baseline: {method: copy_to_node}
repeats: 2
warmups: 0
rounds: 2
timeout: 10min
"""


@dataclasses.dataclass(frozen=True)
class Run:
    """A run's rows, one a trial, as they are exported; the level of its trust, and what speaks against it by code."""

    rows: list[dict[str, Any]]
    level: str
    why: dict[str, str]


class Controller:
    """Asks the guest for things as a user would; inventory and experiments lie in `folder`."""

    def __init__(self, folder: Path, ssh_config: Path) -> None:
        """Write them."""
        inventory = folder / "hosts.yaml"
        inventory.write_text(INVENTORY)
        self._folder = folder
        for spec in (TWO_NODES, MIGRATION):
            self._path(spec).write_text(spec)
        self._access = ("--inventory", str(inventory), "--ssh-config", str(ssh_config), "--json")

    def doctor(self, host: str) -> dict[str, str]:
        """Return the doctor's line on NUMA."""
        # 2: something else is bad there, such as the load of a slow guest.
        found = inv("doctor", "--hosts", host, *self._access, ends=(0, 2))
        line: dict[str, str] = next(line for line in found[host]["checks"] if line["check"] == "numa")
        return line

    def _path(self, spec: str) -> Path:
        return self._folder / f"{spec.split()[1]}.yaml"

    def run(self, host: str, region_mib: int, numa: str = "any") -> Run:
        """Measure in a region of so many MiB that is to lie there."""
        return self.measure(host, TWO_NODES, f"region_size={region_mib}MiB", f"numa={numa}")

    def measure(self, host: str, spec: str, *levels: str) -> Run:
        """Measure an experiment with these levels instead of its own."""
        changes = [word for level in levels for word in ("--set", level)]
        outcome, rows = run("--spec", str(self._path(spec)), *changes, "--hosts", host, *self._access)
        trust = outcome["answer"]["trust"]
        return Run(rows, trust["level"], {reason["code"]: reason["text"] for reason in trust["why"]})


class Checks:
    """Prints what is checked, and counts what is not so."""

    failed = 0

    def that(self, is_so: bool, what: str, found: object) -> None:
        """Print one check with what was found."""
        print(f"{'ok' if is_so else 'FAILED':6}  {what}: {found}", flush=True)
        self.failed += not is_so

    def placed(self, run: Run, cpu: int, region_mib: int) -> None:
        """Check that each trial ended well, on the CPU and the node of its number, with the whole region there."""
        names = ("status", "cpu", "cpu_node", "node0_bytes", "node1_bytes", "region_nodes")
        found = {tuple(row[name] for name in names) for row in run.rows}
        sizes = [region_mib << 20 if node == cpu else 0 for node in range(2)]
        self.that(found == {("ok", cpu, cpu, *sizes, 1)}, f"on CPU {cpu}, {', '.join(names)}", found)
        self.that("several_nodes" not in run.why, f"on CPU {cpu}, trust", told(run))


def told(run: Run) -> str:
    """Return a run's trust with what it is said to hang on, in a line."""
    return f"{run.level}; {'; '.join(f'{code}: {text}' for code, text in run.why.items())}"


def run(*arguments: str, ends: Collection[int] = (0,)) -> tuple[Any, list[dict[str, Any]]]:
    """Measure by `inv run`; return its outcome and its rows, and keep no run."""
    outcome = inv("run", *arguments, ends=ends)
    run_dir = Path(outcome["run_dir"])
    try:
        return outcome, inv("export", "--run", str(run_dir), "--to", "json", "--out", "-")
    finally:
        shutil.rmtree(run_dir)
        with contextlib.suppress(OSError):  # another run of that name is kept
            run_dir.parent.rmdir()


def inv(*arguments: str, ends: Collection[int] = (0,)) -> Any:
    """Run an inv task that ends with one of these exit codes; return the JSON that it printed."""
    command = [sys.executable, "-P", str(ROOT / "pageswap/console/start.py"), *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode not in ends:
        raise PageswapError(f"inv {' '.join(arguments)} ended with {done.returncode}: {done.stderr[-2000:]}")
    return json.loads(done.stdout)


def number_of(guest: guests.Guest, node: int, file: str, name: str) -> int:
    """Return a number from one of the kernel's files on a node."""
    found = re.search(rf"\b{name}:?\s+(\d+)", guest.shell(f"cat /sys/devices/system/node/node{node}/{file}"))
    if found is None:
        raise PageswapError(f"the guest's kernel has no {name} in {file} of node {node}")
    return int(found[1])


def look_at_one_node(controller: Controller, guest: guests.Guest, checks: Checks) -> None:
    """Check what is told of regions on the node of the measured CPU, before doctor's cure and after."""
    line = controller.doctor("guest")
    wanted = "2 nodes, CPU 1 on node 1; numa_balancing is on: "
    checks.that(line["status"] == "warn" and line["found"].startswith(wanted), "doctor", line)
    run = controller.run("guest", SMALL_MIB)
    checks.placed(run, 1, SMALL_MIB)
    checks.that("numa_balancing" in run.why, "on CPU 1, trust knows of the balancing", run.why.get("numa_balancing"))

    guest.shell(line["cure"].removeprefix("as root: "))
    line = controller.doctor("guest0")
    wanted = "2 nodes, CPU 0 on node 0; numa_balancing is off"
    checks.that((line["status"], line["found"]) == ("ok", wanted), "doctor after its cure, for CPU 0", line)
    run = controller.run("guest0", SMALL_MIB)
    checks.placed(run, 0, SMALL_MIB)
    checks.that("numa_balancing" not in run.why, "on CPU 0, trust knows of none", sorted(run.why))


def look_at_two_nodes(controller: Controller, guest: guests.Guest, checks: Checks) -> None:
    """Check what is told of a region that is larger than what its CPU's node has free."""
    free_mib = number_of(guest, 1, "meminfo", "MemFree") // 1024
    region_mib = free_mib * 3 // 2
    before = number_of(guest, 1, "numastat", "numa_foreign")
    run = controller.run("guest", region_mib)
    foreign_bytes = (number_of(guest, 1, "numastat", "numa_foreign") - before) * 4096
    title = f"{region_mib} MiB on CPU 1, whose node has {free_mib} MiB free"
    names = ("status", "cpu_node", "region_nodes", "node0_bytes", "node1_bytes")
    found = sorted({tuple(row[name] for name in names) for row in run.rows})
    is_so = all(
        each[:3] == ("ok", 1, 2) and min(each[3:]) > 0 and abs(sum(each[3:]) - (region_mib << 20)) <= 1
        for each in found
    )
    checks.that(is_so, f"{title}, {', '.join(names)}", found)
    far_bytes = sum(row["node0_bytes"] for row in run.rows)
    is_so = abs(foreign_bytes - far_bytes) <= TOLERANCE * far_bytes
    checks.that(is_so, "bytes on node 0 by the columns, and by the kernel's numa_foreign", (far_bytes, foreign_bytes))
    checks.that(run.level != "good" and "several_nodes" in run.why, f"{title}, trust", told(run))


def look_at_chosen_nodes(controller: Controller, checks: Checks) -> None:
    """Check where regions lie that are to lie somewhere, seen from CPU 1, and that trust has nothing against it."""
    names = ("status", "node0_bytes", "node1_bytes")
    size = SMALL_MIB << 20
    wanted = {"local": (0, size), "remote": (size, 0), "interleave": (size / 2, size / 2)}
    for level, expected in wanted.items():
        run = controller.run("guest", SMALL_MIB, level)
        found = sorted({tuple(row[name] for name in names) for row in run.rows})
        is_so = all(
            status == "ok" and all(abs(here - there) <= size / 8 for here, there in zip(nodes, expected, strict=True))
            for status, *nodes in found
        )
        checks.that(is_so, f"numa {level}, {', '.join(names)}", found)
        checks.that("several_nodes" not in run.why, f"numa {level}, trust", told(run))


def look_at_migration(controller: Controller, checks: Checks) -> None:
    """Check that pages come to the CPU's node and leave it, by each method, all that were to and verified."""
    names = ("method", "numa", "run_pages", "status", "node0_bytes", "node1_bytes", "page_moves")
    rows = controller.measure("guest", MIGRATION).rows
    found = sorted({tuple(row[name] for name in names) for row in rows})
    places = {"local": (0, 16 << 20), "remote": (16 << 20, 0)}
    wanted = sorted(
        (method, numa, run_pages, "ok", *places[numa], 64 * run_pages)
        for method in ("copy_to_node", "move_pages")
        for numa in places
        for run_pages in (1, 64)
    )
    checks.that(found == wanted, f"migration, {', '.join(names)}", found)


def main() -> int:
    """Boot the guest and look; return 1 when a check fails."""
    missing = guests.what_is_missing()
    if missing:
        print(f"guest: cannot be made here: {missing}")
        return 0
    checks = Checks()
    with (
        tempfile.TemporaryDirectory(prefix="pageswap-guest-") as text,
        guests.booted(Path(text), {MACHINE: roots.make(roots.RECIPES["bookworm"])}) as (guest,),
    ):
        print(f"two nodes under Linux {guest.shell('uname -r').strip()}", flush=True)
        controller = Controller(Path(text), guest.ssh_config)
        look_at_one_node(controller, guest, checks)
        look_at_two_nodes(controller, guest, checks)
        look_at_chosen_nodes(controller, checks)
        look_at_migration(controller, checks)
    print(f"{checks.failed} checks failed" if checks.failed else "every check holds")
    return int(checks.failed > 0)


if __name__ == "__main__":
    sys.exit(main())
