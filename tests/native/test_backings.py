"""The table of backings: what it says of each is so, and a line is all that one more needs."""

from __future__ import annotations

import pathlib
import re
import subprocess
import sys

import pytest
from child import METHODS

from pageswap import native

ROOT = pathlib.Path(__file__).resolve().parents[2]
BACKINGS = {backing.name: backing for backing in native.backings()}
# Run where the core has one backing more; each method that claims it is measured on it.
ONE_MORE = """
import sys
from pageswap import native

for method in native.methods():
    if method.name in sys.argv and "unreserved" in method.backings and "swap" in method.workloads and method.available:
        trial = native.TrialParams(
            method=method.name, workload="swap", backing="unreserved", page_bytes=4096, region_bytes=1 << 20,
            iterations=300, threads=1, touch="moved", rounds=3, seed=7,
        )
        print(method.name, native.run_trial(trial).verified)
"""


def test_every_line_of_the_table_is_a_backing() -> None:
    """In the table's order, which the bits of a method's backings follow."""
    lines = re.findall(r"^PS_BACKING_ROW\((\w+),", (ROOT / "native" / "backings.def").read_text(), re.MULTILINE)

    assert tuple(lines) == native.BACKINGS == tuple(BACKINGS)


@pytest.mark.parametrize("name", BACKINGS)
def test_sizes_are_such_as_a_processor_has(name: str) -> None:
    """And a fault brings at least what the kernel maps at once."""
    backing = BACKINGS[name]

    assert {backing.kernel_page_bytes, backing.fault_bytes} <= {4096, 2 << 20, 1 << 30, backing.folio_bytes}
    assert backing.fault_bytes >= backing.kernel_page_bytes


def test_folios_of_each_size_are_named_by_it() -> None:
    """From 16 KiB, the smallest that Linux gives private memory, to half a huge page."""
    sizes = {f"mthp_{kib}k": kib << 10 for kib in (16, 32, 64, 128, 256, 512)} | {"mthp_1m": 1 << 20}

    assert {name: backing.folio_bytes for name, backing in BACKINGS.items() if backing.folio_bytes} == sizes


def test_a_line_is_all_that_one_more_backing_needs(odd_core: pathlib.Path) -> None:
    """The methods that do with its kind of memory claim it, and move its pages."""
    own = list(METHODS)  # that core has broken ones, too
    command, environment = [sys.executable, "-c", ONE_MORE, *own], {"PYTHONPATH": str(odd_core)}
    done = subprocess.run(command, cwd=odd_core, env=environment, capture_output=True, text=True, check=True)
    verified = dict(line.split() for line in done.stdout.splitlines())

    assert {"memcpy", "mremap_fixed", "index"} <= set(verified)
    assert "memfd_map_fixed" not in verified
    assert set(verified.values()) == {"True"}
