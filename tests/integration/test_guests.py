"""Machines with other kernels than this one's are measured as any host: Debian's, in QEMU's emulation.

What Linux got after a kernel, that one has not. The kernel module is loaded on one of them, as no test may here.
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import pytest
from requirement import require

from tests.integration import guests, kernels
from tests.integration.checkout import inv, with_commands

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.integration.roots import Roots

pytestmark = pytest.mark.slow

SPEC = """
name: guests
question: Are emulated machines measured as any host?
workload: permute
method: [memcpy, uffd_move, module_swap]
page_size: 4KiB
region_size: 256KiB
iterations: 50
batch: 10
rounds: 2
touch: moved
include: [{method: memcpy, region_size: 8GiB}]
baseline: {method: memcpy}
repeats: 1
warmups: 0
timeout: 10min
"""
HOSTS = ("two", "one")
# One has two CPUs without AVX under Linux 6.1, the other one CPU and little memory under 6.12.
MACHINES = {
    guests.Machine(("two",), cpu="max,-avx,-avx2"): "bookworm",
    guests.Machine(("one",), cpus=1, nodes_mib=(896,)): "trixie",
}


@dataclasses.dataclass(frozen=True)
class Lab:
    """A copy of the project, and the machines that it reaches."""

    checkout: Path
    guests: dict[str, guests.Guest]

    def ask(self, *arguments: str) -> tuple[int, Any]:
        """Run a command on all of them; return its exit code and its document."""
        where = ("--hosts", ",".join(HOSTS), "--ssh-config", str(self.guests["two"].ssh_config))
        done = inv(self.checkout, *arguments, *where, "--json")
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, roots: Roots) -> Iterator[Lab]:
    """Boot the machines, and load the module, which root alone may open, on the first."""
    missing = guests.what_is_missing()
    require("qemu", not missing, missing)
    checkout = with_commands(tmp_path_factory.mktemp("checkout"))
    (checkout / "guests.yaml").write_text(SPEC)
    module = kernels.build_module(roots["bookworm"], tmp_path_factory.mktemp("module")).read_bytes()
    machines = {machine: roots[suite] for machine, suite in MACHINES.items()}
    with guests.booted(tmp_path_factory.mktemp("guests"), machines) as booted:
        booted[0].shell("cat >/tmp/pageswap.ko && insmod /tmp/pageswap.ko", module)
        yield Lab(checkout, {guest.name: guest for guest in booted})


def test_methods_are_what_each_machine_has(lab: Lab) -> None:
    """What its kernel or its CPU lacks, or what only root may do there, is unavailable with that reason."""
    code, told = lab.ask("methods")
    two, one = ({method["name"]: method for method in told[host]} for host in HOSTS)
    available = {name for name, method in two.items() if method["available"]}

    assert code == 0
    assert available >= {"memcpy", "exchange_sse2", "mremap_fixed", "memfd_map_fixed", "ldt_window"}
    assert not {name for name in available if "_avx" in name}
    assert "avx2" in two["exchange_avx2"]["reason"]
    assert "needs Linux 6.8" in two["uffd_move"]["reason"]
    assert "chmod 666 /dev/page_exchange" in two["module_swap"]["reason"]
    assert {name for name, method in one.items() if method["available"]} - available >= {"uffd_move", "permute_avx2"}
    assert "needs Linux 6.13" in one["process_madvise"]["reason"]
    assert "needs Linux 6.17" in one["mremap_multi"]["reason"]
    assert "is not loaded" in one["module_swap"]["reason"]


def test_doctor_looks_at_each_machine(lab: Lab) -> None:
    """At what it is, not at this one; huge pages are told once, with a cure that leaves them to who asks."""
    code, told = lab.ask("doctor")
    two, one = ({line["check"]: line for line in told[host]["checks"]} for host in HOSTS)

    assert two["cpus"]["found"] == "2 CPUs; measured on CPU 1"
    assert one["cpus"]["status"] == "warn"
    assert one["memory"]["status"] == "warn"
    assert (one["thp"]["status"], one["folios"]["status"]) == ("warn", "ok")
    assert code == (2 if any(line["status"] == "bad" for line in (*two.values(), *one.values())) else 0)


def test_a_run_has_a_row_for_each_trial(lab: Lab) -> None:
    """Measured and verified where it can be, by the kernel module as well; unavailable or skipped where not."""
    lab.guests["two"].shell("chmod 666 /dev/page_exchange")
    code, outcome = lab.ask("run", "--spec", "guests.yaml")
    assert code == 0, outcome

    exported = inv(lab.checkout, "export", "--run", outcome["run_dir"], "--to", "json", "--out", "-")
    rows = [
        (row["host"], row["method"], row["region_size"] >> 10, row["status"]) for row in json.loads(exported.stdout)
    ]
    large = 8 << 20
    assert set(rows) == {
        ("two", "memcpy", 256, "ok"),
        ("two", "memcpy", large, "skipped"),
        ("two", "uffd_move", 256, "unavailable"),
        ("two", "module_swap", 256, "ok"),
        ("one", "memcpy", 256, "ok"),
        ("one", "memcpy", large, "skipped"),
        ("one", "uffd_move", 256, "ok"),
        ("one", "module_swap", 256, "unavailable"),
    }
    lab.guests["two"].shell("rmmod pageswap")
