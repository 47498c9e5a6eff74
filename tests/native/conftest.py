"""What the core's tests need of the machine: huge pages, reserved for the session and given back."""

from __future__ import annotations

import contextlib
import pathlib
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

# For regions of 16 MiB and 2 GiB, as many empty slots, and the scratch.
WANTED = {"hugepages-2048kB": 20, "hugepages-1048576kB": 5}


@pytest.fixture(scope="session")
def huge_pages() -> Iterator[None]:
    """Reserve huge pages where that is allowed; without them the trials that need them are skipped with the reason."""
    before: dict[pathlib.Path, str] = {}
    for folder, count in WANTED.items():
        knob = pathlib.Path("/sys/kernel/mm/hugepages", folder, "nr_hugepages")
        with contextlib.suppress(OSError):
            before[knob] = knob.read_text()
            knob.write_text(str(max(count, int(before[knob]))))
    yield
    for knob, text in before.items():
        with contextlib.suppress(OSError):
            knob.write_text(text)
