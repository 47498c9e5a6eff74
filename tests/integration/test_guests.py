"""Machines with another kernel than this one's are measured as any host: Debian's, in QEMU's emulation.

`two` has two CPUs, `plain` one CPU without AVX. Neither has what Linux got after its kernel.
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

MACHINES = (guests.Machine(("two",)), guests.Machine(("plain",), cpus=1, cpu="max,-avx,-avx2"))
SPEC = """
name: guests
question: Are emulated machines measured as any host?
workload: swap
method: [memcpy, exchange_avx2, mremap_fixed, uffd_move, module_swap]
page_size: 4KiB
region_size: 256KiB
iterations: 50
rounds: 2
touch: moved
baseline: {method: memcpy}
repeats: 1
warmups: 0
timeout: 10min
"""


@dataclasses.dataclass(frozen=True)
class Lab:
    """A copy of the project, and the machines that it reaches."""

    checkout: Path
    ssh_config: Path
    guests: dict[str, guests.Guest]

    def ask(self, *arguments: str, hosts: str = "two,plain") -> tuple[int, Any]:
        """Run a command on hosts; return its exit code and its document."""
        done = inv(self.checkout, *arguments, "--hosts", hosts, "--ssh-config", str(self.ssh_config), "--json")
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)

    def measure(self, *changes: str, hosts: str = "two,plain") -> set[tuple[str, ...]]:
        """Measure the experiment; return (host, method, status) of its rows."""
        words = [word for change in changes for word in ("--set", change)]
        code, outcome = self.ask("run", "--spec", "guests.yaml", *words, hosts=hosts)
        assert code == 0, outcome
        exported = inv(self.checkout, "export", "--run", outcome["run_dir"], "--to", "json", "--out", "-")
        return {(row["host"], row["method"], row["status"]) for row in json.loads(exported.stdout)}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, roots: Roots) -> Iterator[Lab]:
    """Boot both."""
    missing = guests.what_is_missing()
    require("qemu", not missing, missing)
    checkout = with_commands(tmp_path_factory.mktemp("checkout"))
    (checkout / "guests.yaml").write_text(SPEC)
    with guests.booted(tmp_path_factory.mktemp("guests"), roots["bookworm"], *MACHINES) as booted:
        yield Lab(checkout, booted[0].ssh_config, {guest.name: guest for guest in booted})


def test_methods_are_what_each_machine_has(lab: Lab) -> None:
    """What its kernel or its CPU lacks is unavailable, with that reason."""
    code, told = lab.ask("methods")
    found = {host: {method["name"]: method for method in facts["methods"]} for host, facts in told.items()}
    available = {host: {name for name, method in each.items() if method["available"]} for host, each in found.items()}

    assert code == 0
    assert available["two"] - available["plain"] == {name for name in available["two"] if name.endswith("_avx2")}
    assert available["plain"] >= {"memcpy", "exchange_sse2", "mremap_fixed", "memfd_map_fixed", "ldt_window"}
    assert "UFFDIO_MOVE" in found["two"]["uffd_move"]["reason"]
    assert "avx2" in found["plain"]["exchange_avx2"]["reason"]
    assert "'inv module --build' builds it" in found["two"]["module_swap"]["reason"]


def test_doctor_looks_at_each_machine(lab: Lab) -> None:
    """At what it is, not at this one."""
    code, told = lab.ask("doctor")
    found = {host: {line["check"]: line for line in facts["checks"]} for host, facts in told.items()}

    assert found["two"]["cpus"]["found"] == "2 CPUs; measured on CPU 1"
    assert found["plain"]["cpus"]["found"] == "one CPU, shared with the agent and all else"
    is_bad = any(line["status"] == "bad" for lines in found.values() for line in lines.values())
    assert code == (2 if is_bad else 0)


def test_a_run_has_a_row_for_each_trial_of_each_machine(lab: Lab) -> None:
    """Measured and verified where it can be, unavailable where not."""
    found = lab.measure()
    lacking = {("two", "uffd_move"), ("two", "module_swap")}
    lacking |= {("plain", name) for name in ("exchange_avx2", "uffd_move", "module_swap")}
    methods = ("memcpy", "exchange_avx2", "mremap_fixed", "uffd_move", "module_swap")
    pairs = {(host, method) for host in ("two", "plain") for method in methods}

    assert found == {(*pair, "unavailable" if pair in lacking else "ok") for pair in pairs}


def test_the_kernel_module_is_measured_where_it_is_loaded(lab: Lab, roots: Roots, tmp_path: Path) -> None:
    """Verified, in both workloads, by a user who may open it; then it can be removed."""
    guest = lab.guests["two"]
    module = kernels.build_module(roots["bookworm"], tmp_path).read_bytes()
    guest.shell("cat >/tmp/pageswap.ko && insmod /tmp/pageswap.ko", module)
    _, told = lab.ask("methods", hosts="two")
    assert any("chmod 666 /dev/page_exchange" in method["reason"] for method in told["two"]["methods"])

    guest.shell("chmod 666 /dev/page_exchange")
    both = "method=module_swap,memcpy"
    for changes in (("page_size=4KiB,64KiB", "threads=1,2"), ("workload=permute", "batch=1,25")):
        found = lab.measure(both, *changes, hosts="two")
        assert found == {("two", name, "ok") for name in ("module_swap", "memcpy")}
    guest.shell("rmmod pageswap")
