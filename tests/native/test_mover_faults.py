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
# The call that fails, with what; the slots' size, which way is preferred, and the kind of memory.
REFUSED = [
    ("move", 12, PAGE, "uffd_move", "private_anon"),
    ("move", 16, 64 << 10, "uffd_move", "private_anon"),
    ("move", "short", 64 << 10, "uffd_move", "private_anon"),
    ("move", "unnoticed", PAGE, "uffd_move", "private_anon"),
    ("move", 22, 2 << 20, "uffd_move", "private_anon"),
    ("move", 12, 2 << 20, "uffd_move", "thp"),
    ("madvise", 22, PAGE, "uffd_move", "private_anon"),
    ("madvise", 12, PAGE, "host", "private_anon"),
    ("madvise", 12, 2 << 20, "host", "thp"),
    ("madvise", 22, PAGE, "host", "shared_anon"),
    ("madvise", 12, PAGE, "host", "memfd"),
    ("userfaultfd", 1, PAGE, "uffd_move", "private_anon"),
    ("register", 16, PAGE, "uffd_move", "private_anon"),
    ("mremap", 12, PAGE, "mremap_dontunmap", "private_anon"),
    ("mremap", 14, 2 << 20, "mremap_dontunmap", "private_anon"),
    ("mremap", 12, 2 << 20, "mremap_dontunmap", "thp"),
]


@pytest.mark.slow
@pytest.mark.parametrize("refused", REFUSED, ids=lambda refused: "-".join(map(str, refused)))
def test_a_refused_call_loses_no_page(
    refused: tuple[str, object, int, str, str], shim: Path, mover_profiles: dict[str, Path]
) -> None:
    """Each third call of its kind, a region's first or a later one: every slot holds its old or its new page."""
    call, how, slot_bytes, way, kind = refused
    if way != "host":
        child.available(way)
    told = run(shim, mover_profiles[way], slot_bytes, kind, FAULTY_CALL=call, FAULTY_HOW=how, FAULTY_EVERY=3)
    assert told[0] == "right", told
    assert re.search(r"faults=[1-9]", told[-1]), f"no call was refused: {told}"


def run(shim: Path, profile: Path, slot_bytes: int, kind: str, **settings: object) -> list[str]:
    """Play in a process of its own under the shim, and return what it says; the last line tells of the faults."""
    preloaded = " ".join(filter(None, [os.environ.get("LD_PRELOAD"), str(shim)]))
    environment = os.environ | {name: str(value) for name, value in settings.items()} | {"LD_PRELOAD": preloaded}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    command = [sys.executable, str(HERE / "mover_faulty.py"), str(profile), str(slot_bytes), kind]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return [*done.stdout.splitlines(), done.stderr]
