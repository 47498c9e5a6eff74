"""The mover where the kernel refuses: nothing is lost, and what can be done by copying is done."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import child
import pytest

PAGE = 4096
HERE = Path(__file__).parent
# The call that fails, with what -> the slots' size, and which way is preferred.
REFUSED = [
    ("move", 12, PAGE, "uffd_move"),
    ("move", 16, 64 << 10, "uffd_move"),
    ("move", "short", 64 << 10, "uffd_move"),
    ("move", "unnoticed", PAGE, "uffd_move"),
    ("move", 22, 2 << 20, "uffd_move"),
    ("madvise", 22, PAGE, "uffd_move"),
    ("madvise", 12, PAGE, "host"),
    ("userfaultfd", 1, PAGE, "uffd_move"),
    ("register", 16, PAGE, "uffd_move"),
    ("mremap", 12, PAGE, "mremap_dontunmap"),
    ("mremap", 14, 2 << 20, "mremap_dontunmap"),
]


@pytest.mark.slow
@pytest.mark.parametrize("refused", REFUSED, ids=lambda refused: "-".join(map(str, refused)))
def test_a_refused_call_loses_no_page(
    refused: tuple[str, object, int, str], shim: Path, mover_profiles: dict[str, Path]
) -> None:
    """Each third call of its kind, a region's first or a later one: every slot holds its old or its new page."""
    call, how, slot_bytes, way = refused
    if way != "host":
        child.available(way)
    told = run(shim, mover_profiles[way], slot_bytes, FAULTY_CALL=call, FAULTY_HOW=how, FAULTY_EVERY=3)
    assert told[0] == "right", told
    assert re.search(r"faults=[1-9]", told[-1]), f"no call was refused: {told}"


def run(shim: Path, profile: Path, slot_bytes: int, **settings: object) -> list[str]:
    """Play in a process of its own under the shim, and return what it says; the last line tells of the faults."""
    preloaded = " ".join(filter(None, [os.environ.get("LD_PRELOAD"), str(shim)]))
    environment = os.environ | {name: str(value) for name, value in settings.items()} | {"LD_PRELOAD": preloaded}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    command = [sys.executable, str(HERE / "mover_faulty.py"), str(profile), str(slot_bytes)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return [*done.stdout.splitlines(), done.stderr]
