"""The method that needs the kernel module: told where it is not loaded, and refused what its own pages cannot be.

That it moves pages right is tried where it is loaded: tests/integration/test_guests.py and test_kernel_module.py.
"""

from __future__ import annotations

import pathlib
import subprocess
import sys
from typing import Any

import child
import pytest

from pageswap.errors import MethodUnavailableError

METHOD = child.METHODS["module_swap"]
SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "native" / "module" / "build_module.py"


@pytest.mark.skipif(pathlib.Path("/dev/page_exchange").exists(), reason="the module is loaded here")
def test_without_its_module_it_is_unavailable_with_the_cure() -> None:
    """In the list of methods, and as a trial."""
    assert not METHOD.available
    assert "is not loaded; 'inv module --build' builds it" in METHOD.reason
    with pytest.raises(MethodUnavailableError, match="is not loaded"):
        child.run(child.params("module_swap"))


@pytest.mark.parametrize("workload", ["swap", "permute"])
@pytest.mark.parametrize(
    ("levels", "why"),
    [
        ({"numa": "local"}, "numa 'any'"),
        *(({"pages": state}, "pages 'present'") for state in ("fresh", "forked", "mlocked")),
    ],
)
def test_levels_that_its_own_pages_are_not_of_are_unavailable(workload: str, levels: dict[str, Any], why: str) -> None:
    """It lays pages where the region was, which are in no such state: its times would be told as others' are."""
    with pytest.raises(MethodUnavailableError, match=f"what it maps anew .*{why}"):
        child.run(child.params("module_swap", workload=workload, **levels))


def test_it_claims_memory_of_small_pages_alone() -> None:
    """What a huge page or a large folio was would be one no more."""
    assert METHOD.backings == ("private_anon", "thp_off")


def test_a_kernel_without_headers_is_named_with_the_cure() -> None:
    """By the script that builds the module; and nothing is left behind."""
    done = subprocess.run([sys.executable, SCRIPT, "0.0-none"], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (1, "")
    assert (
        "/lib/modules/0.0-none/build: no headers of Linux 0.0-none; as root: apt-get install linux-headers-"
        in done.stderr
    )
    assert not (SCRIPT.parents[2] / "build" / "module" / "0.0-none").exists()
