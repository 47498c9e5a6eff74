"""What the core's tests need of the machine: huge pages, reserved for the session and given back."""

from __future__ import annotations

import contextlib
import pathlib
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

HUGE_PAGES = pathlib.Path("/sys/kernel/mm/hugepages")
# For regions of 16 MiB and 2 GiB, as many empty slots, and the scratch. Of the gigantic ones many a machine has two
# at most, which is enough for what takes no scratch memory.
WANTED = {"hugepages-2048kB": 20, "hugepages-1048576kB": 5}


def reserve(knob: pathlib.Path, count: int) -> None:
    """Ask for as many huge pages; what is missing, once more when the kernel has tidied its memory up."""
    knob.write_text(str(count))
    if int(knob.read_text()) < count:
        pathlib.Path("/proc/sys/vm/drop_caches").write_text("3")
        pathlib.Path("/proc/sys/vm/compact_memory").write_text("1")
        knob.write_text(str(count))


@pytest.fixture(scope="session")
def huge_pages() -> Iterator[None]:
    """Reserve huge pages where that is allowed; without them the trials that need them are skipped with the reason."""
    before: dict[pathlib.Path, str] = {}
    for folder, count in WANTED.items():
        knob = HUGE_PAGES / folder / "nr_hugepages"
        with contextlib.suppress(OSError):
            before[knob] = knob.read_text()
            reserve(knob, max(count, int(before[knob])))
    yield
    for knob, text in before.items():
        with contextlib.suppress(OSError):
            knob.write_text(text)
