"""What the core's tests need of the machine: huge pages, and a core with methods that only tests have."""

from __future__ import annotations

import contextlib
import os
import pathlib
import subprocess
import sys
from typing import TYPE_CHECKING

import fuzz
import pytest
from compiled import library
from copied_checkout import copy_to

from pageswap import native
from pageswap.mover import calibrate

if TYPE_CHECKING:
    from collections.abc import Iterator


HERE = pathlib.Path(__file__).resolve().parent
FOLIOS = pathlib.Path("/sys/kernel/mm/transparent_hugepage")
HUGE_PAGES = pathlib.Path("/sys/kernel/mm/hugepages")
# For regions of 16 MiB and 2 GiB, as many empty slots, and the scratch. Of the gigantic ones many a machine has two
# at most, which is enough for what takes no scratch memory.
WANTED = {"hugepages-2048kB": 20}
GIGANTIC_WANTED = {"hugepages-1048576kB": 5}


def reserve(knob: pathlib.Path, count: int) -> None:
    """Ask for as many huge pages; what is missing, once more when the kernel has tidied its memory up."""
    knob.write_text(str(count))
    if int(knob.read_text()) < count:
        pathlib.Path("/proc/sys/vm/drop_caches").write_text("3")
        pathlib.Path("/proc/sys/vm/compact_memory").write_text("1")
        knob.write_text(str(count))


@pytest.fixture(scope="session")
def folios() -> Iterator[None]:
    """Give large folios of every size to who asks for them, as --tune does, where that is allowed.

    The kernel's own thread, which makes huge pages of what it finds in smaller ones, sleeps meanwhile.
    """
    before: dict[pathlib.Path, str] = {}
    with contextlib.suppress(OSError):
        pause = FOLIOS / "khugepaged" / "scan_sleep_millisecs"
        before[pause] = pause.read_text()
        pause.write_text(str(24 * 3_600_000))
    for backing in native.backings():
        knob = FOLIOS / f"hugepages-{backing.folio_bytes >> 10}kB" / "enabled"
        with contextlib.suppress(OSError):
            before[knob] = knob.read_text().partition("[")[2].partition("]")[0]
            knob.write_text("madvise")
    yield
    for knob, word in before.items():
        with contextlib.suppress(OSError):
            knob.write_text(word)


@pytest.fixture(scope="session")
def huge_pages(request: pytest.FixtureRequest, folios: None) -> Iterator[None]:  # noqa: ARG001 - also large
    """Reserve huge pages where that is allowed; without them the trials that need them are skipped with the reason.

    Gigantic ones only for tests that use them: to find some the kernel moves gigabytes, for half a minute at worst.
    """
    before: dict[pathlib.Path, str] = {}
    gigantic = GIGANTIC_WANTED if any(map(is_gigantic, request.session.items)) else {}
    for folder, count in (WANTED | gigantic).items():
        knob = HUGE_PAGES / folder / "nr_hugepages"
        with contextlib.suppress(OSError):
            before[knob] = knob.read_text()
            reserve(knob, max(count, int(before[knob])))
    yield
    for knob, text in before.items():
        with contextlib.suppress(OSError):
            knob.write_text(text)


@pytest.fixture(scope="session")
def odd_core(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Build a core with more in its tables, as it is added: a file and a line for a method, a line for a backing."""
    root = copy_to(tmp_path_factory.mktemp("odd"), sorted([*HERE.glob("broken/*.c"), *HERE.glob("probes/*.c")]))
    with (root / "native" / "backings.def").open("a") as table:
        table.write((HERE / "probes" / "unreserved.def").read_text())
    # No sanitizer's library before it, which would be in the compiler's way, four times as slow.
    environment = {name: text for name, text in os.environ.items() if name != "LD_PRELOAD"}
    command = [sys.executable, root / "native" / "build.py"]
    subprocess.run(command, env=environment, check=True, capture_output=True)
    return root


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Compile the library that makes calls fail."""
    return library(HERE / "faulty_calls.c", tmp_path_factory)


@pytest.fixture(scope="session")
def tracer(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Compile the library that tells what a trial calls."""
    return library(HERE / "traced_calls.c", tmp_path_factory)


@pytest.fixture(scope="session")
def mover_profiles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pathlib.Path]:
    """Give this host's profile, one for each way to remap in which it takes no time and the other one is dear.

    And one in which copying is cheap, and threads cost nothing.
    """
    folder = tmp_path_factory.mktemp("profiles")
    calibrate(folder / "host", budget_ms=1)
    first, key, *lines = (folder / "host").read_text().splitlines()
    numbers = dict(line.split(" ") for line in lines)
    for way in ("uffd_move", "mremap_dontunmap"):
        preferred = way.partition("_")[0]
        changed = numbers | {"other_threads": "0", "give_back_call": "0", "give_back_page": "0", "empty_call": "0"}
        for name in numbers:
            if name.startswith(("uffd_", "mremap_")):
                changed[name] = "0" if name.startswith(preferred) else "1e9"
        _write(folder / way, first, key, changed)
    free = {name: "0" for name in numbers if name.startswith(("threads_", "compose"))}
    _write(folder / "threads", first, key, numbers | free | {f"rotate_{tier}": "1" for tier in ("l2", "llc", "memory")})
    return {path.name: path for path in folder.iterdir()}


def _write(path: pathlib.Path, first: str, key: str, numbers: dict[str, str]) -> None:
    told = [f"{name} {number}" for name, number in numbers.items()]
    path.write_text("\n".join([first, key, *told]) + "\n")


def is_gigantic(item: pytest.Item) -> bool:
    """Say whether a test moves gigantic pages."""
    callspec = getattr(item, "callspec", None)
    return callspec is not None and "hugetlb_1g" in callspec.params.values()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow what moves gigantic pages: gigabytes each, by the code that moves the other huge pages."""
    for item in items:
        if is_gigantic(item):
            item.add_marker("slow")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how many schedules and permutations were compared with the model."""
    if fuzz.summary():
        terminalreporter.write_line(fuzz.summary())
