"""A machine with another kernel than this one's is measured as any host: Debian's, in QEMU's emulation.

It has not what Linux got after its kernel. The kernel module is loaded there, as no test may here.
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
question: Is an emulated machine measured as any host?
workload: permute
method: [memcpy, uffd_move, module_swap]
page_size: 4KiB
region_size: 256KiB
iterations: 50
batch: 10
rounds: 2
touch: moved
baseline: {method: memcpy}
repeats: 1
warmups: 0
timeout: 10min
"""


@dataclasses.dataclass(frozen=True)
class Lab:
    """A copy of the project, and the machine that it reaches."""

    checkout: Path
    guest: guests.Guest

    def ask(self, *arguments: str) -> tuple[int, Any]:
        """Run a command on the guest; return its exit code and its document."""
        where = ("--hosts", self.guest.name, "--ssh-config", str(self.guest.ssh_config))
        done = inv(self.checkout, *arguments, *where, "--json")
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, roots: Roots) -> Iterator[Lab]:
    """Boot a machine and load the module, which root alone may open."""
    missing = guests.what_is_missing()
    require("qemu", not missing, missing)
    checkout = with_commands(tmp_path_factory.mktemp("checkout"))
    (checkout / "guests.yaml").write_text(SPEC)
    module = kernels.build_module(roots["bookworm"], tmp_path_factory.mktemp("module")).read_bytes()
    machine = guests.Machine(("two",), cpu="max,-avx,-avx2")
    with guests.booted(tmp_path_factory.mktemp("guests"), roots["bookworm"], machine) as (guest,):
        guest.shell("cat >/tmp/pageswap.ko && insmod /tmp/pageswap.ko", module)
        yield Lab(checkout, guest)


def test_methods_are_what_the_machine_has(lab: Lab) -> None:
    """What its kernel or its CPU lacks, or what only root may do there, is unavailable with that reason."""
    code, told = lab.ask("methods")
    found = {method["name"]: method for method in told["two"]}
    available = {name for name, method in found.items() if method["available"]}

    assert code == 0
    assert available >= {"memcpy", "exchange_sse2", "mremap_fixed", "memfd_map_fixed", "ldt_window"}
    assert not {name for name in available if "_avx" in name}
    assert "avx2" in found["exchange_avx2"]["reason"]
    assert "needs Linux 6.8" in found["uffd_move"]["reason"]
    assert "chmod 666 /dev/page_exchange" in found["module_swap"]["reason"]


def test_doctor_looks_at_the_machine(lab: Lab) -> None:
    """At what it is, not at this one."""
    code, told = lab.ask("doctor")
    found = {line["check"]: line for line in told["two"]["checks"]}

    assert found["cpus"]["found"] == "2 CPUs; measured on CPU 1"
    assert code == (2 if any(line["status"] == "bad" for line in found.values()) else 0)


def test_a_run_has_a_row_for_each_trial(lab: Lab) -> None:
    """Measured and verified where it can be, by the kernel module as well, and unavailable where not."""
    lab.guest.shell("chmod 666 /dev/page_exchange")
    code, outcome = lab.ask("run", "--spec", "guests.yaml")
    assert code == 0, outcome

    exported = inv(lab.checkout, "export", "--run", outcome["run_dir"], "--to", "json", "--out", "-")
    found = {row["method"]: row["status"] for row in json.loads(exported.stdout)}
    assert found == {"memcpy": "ok", "uffd_move": "unavailable", "module_swap": "ok"}
    lab.guest.shell("rmmod pageswap")
