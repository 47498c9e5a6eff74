"""The method whose page tables are a guest's: where its times would be an emulator's it is unavailable, and says so.

That every page is where it belongs is tried with an emulated guest, too, by the same method without that limit. KVM's
emulation walks the page tables at each access, so that nothing is found wrong here where a flush is left out:
tests/integration/test_guest_tables.py does that.
"""

from __future__ import annotations

import ctypes
import errno
import os
import pathlib
import re
import subprocess
from typing import TYPE_CHECKING, Any

import child
import pytest
from apart import run_apart
from compiled import library
from requirement import require

from pageswap.errors import CoreError, MethodUnavailableError

if TYPE_CHECKING:
    from pageswap import native

METHOD = child.METHODS["guest_pte"]
DEVICE = "/dev/kvm"
LIMIT_NS = 100
ROOT = pathlib.Path(__file__).resolve().parents[2]
CHECK = ROOT / "tests" / "integration" / "guest_check.c"
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=undefined")
FAIL_ENTRY, SHUTDOWN, INTERNAL_ERROR, IO = 9, 8, 17, 2
CORNERS = ((3, 9), (5, 5), (0, 63), (63, 0), (63, 63), (62, 63), (0, 1), (0, 1), (9, 3), (0, 0), (0, 63))
CASES: dict[str, dict[str, Any]] = {
    "random pairs": {"iterations": 301},
    "one pair": {"iterations": 1, "touch": "moved"},
    "awkward pairs": {"pairs": CORNERS, "touch": "moved"},
    "two pages": {"region_bytes": 8 * child.KIB, "iterations": 33, "touch": "every"},
    "small slots of several pages": {"page_bytes": 12 * child.KIB, "region_bytes": 72 * child.KIB, "iterations": 25},
    "slots of 2 MiB": {"page_bytes": 2 * child.MIB, "region_bytes": 4 * child.MIB, "iterations": 3},
    "two threads": {"threads": 2, "iterations": 99, "touch": "moved"},
    "two page tables": {"region_bytes": 2100 * child.KIB, "pairs": ((0, 524), (511, 512), (512, 1))},
    "pages in no order": {"alignment": "page", "iterations": 60},
    "pages that are not there yet": {"pages": "fresh", "iterations": 60, "touch": "moved"},
    "pages that a child shares": {"pages": "forked", "iterations": 60, "touch": "moved"},
    "a batch": {"workload": "permute", "iterations": 301, "touch": "moved"},
    "batches": {"workload": "permute", "iterations": 99, "batch": 16},
    "a batch of awkward pairs": {"workload": "permute", "pairs": CORNERS, "touch": "moved"},
    "beside readers of other memory": {"neighbours": "reading", "reads": "resting", "iterations": 60},
}


@pytest.fixture(scope="module")
def reasons(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """Compile the method with what lets its words be asked for."""
    source = pathlib.Path(__file__).with_name("guest_reasons.c")
    found = ctypes.CDLL(str(library(source, tmp_path_factory)))
    for name in ("not_opened", "judged", "died", "not_made"):
        getattr(found, name).restype = ctypes.c_char_p
    found.judged.argtypes = (ctypes.c_double,)
    found.native_instruction_ns.restype = ctypes.c_double
    return found


@pytest.fixture
def kvm() -> None:
    """Skip what needs a guest where there can be none."""
    require("kvm", os.access(DEVICE, os.R_OK | os.W_OK), f"no {DEVICE} that this user may open")


@pytest.fixture
def core(kvm: None, odd_core: pathlib.Path) -> pathlib.Path:  # noqa: ARG001 - it runs guests
    """Give the core that has guests of any kind, and no sanitizers: what runs under these would try the same again."""
    if os.environ.get("PAGESWAP_SANITIZED"):
        pytest.skip("that core is built without sanitizers")
    return odd_core


def swapped(core: pathlib.Path, method: str = "guest_emulated", **changes: Any) -> native.TrialResult:
    """Run a trial of a guest of any kind."""
    return child.run(child.params(method, **changes), core)


@pytest.mark.usefixtures("kvm")
def test_it_is_available_or_tells_what_it_timed() -> None:
    """Of a guest here, in the list of methods and as a trial."""
    if METHOD.available:
        assert child.run(child.params("guest_pte", touch="moved")).verified
        return
    found = re.search(r"takes (\d+) ns an instruction here, over (\d+): it is emulated", METHOD.reason)
    assert found, METHOD.reason
    assert int(found[1]) >= int(found[2]) == LIMIT_NS
    with pytest.raises(MethodUnavailableError, match="it is emulated"):
        child.run(child.params("guest_pte"))


@pytest.mark.parametrize(("instruction_ns", "is_available"), [(0.3, 1), (99.9, 1), (100.0, 1), (100.1, 0), (5200.0, 0)])
def test_what_an_instruction_takes_decides(reasons: ctypes.CDLL, instruction_ns: float, is_available: int) -> None:
    """On both sides of the limit."""
    said = reasons.judged(instruction_ns).decode()

    assert bool(said) != bool(is_available)
    assert not said or f"takes {instruction_ns:.0f} ns an instruction here, over {LIMIT_NS}: it is emulated" in said


def test_a_loop_that_the_cpu_runs_is_no_emulation(reasons: ctypes.CDLL) -> None:
    """One of this process's own, with an instruction that takes its time."""
    assert reasons.judged(reasons.native_instruction_ns()) == b""


@pytest.mark.parametrize(
    ("errnum", "words"),
    [
        (errno.ENOENT, "/dev/kvm is not there: load the modules kvm and kvm_intel or kvm_amd"),
        (errno.EACCES, "/dev/kvm is not open to this user; join its group (kvm)"),
        (errno.EMFILE, "opening /dev/kvm: Too many open files; choose another method"),
    ],
)
def test_a_device_that_cannot_be_opened_is_named_with_the_cure(reasons: ctypes.CDLL, errnum: int, words: str) -> None:
    """As far as there is one."""
    assert words in reasons.not_opened(errnum).decode()


@pytest.mark.parametrize(
    ("ending", "words"),
    [
        (SHUTDOWN, "shut down by an exception (a triple fault)"),
        (FAIL_ENTRY, "did not enter the guest: hardware's reason 0x0"),
        (INTERNAL_ERROR, "cannot go on with the guest: internal error 0"),
        (IO, "for another reason than its halt: exit 2"),
    ],
)
def test_a_guest_that_does_not_halt_is_told_by_its_end(reasons: ctypes.CDLL, ending: int, words: str) -> None:
    """And ends the probe with that."""
    said = reasons.died(ending).decode()

    assert said.startswith("KVM serves no guest here: ioctl(KVM_RUN): ")
    assert words in said


@pytest.mark.parametrize("device", [b"/dev/null", b"/nowhere"])
def test_what_is_no_kvm_is_told_from_one(reasons: ctypes.CDLL, device: bytes) -> None:
    """By the version of its interface."""
    assert b"ioctl(KVM_GET_API_VERSION): its interface has another version than 12" in reasons.not_made(device)


@pytest.mark.skipif("PAGESWAP_SANITIZED" in os.environ, reason="it brings its own sanitizers, once")
@pytest.mark.usefixtures("kvm")
def test_nothing_reaches_beyond_its_memory(tmp_path: pathlib.Path) -> None:
    """Neither the method nor its guest's set-up, under the compiler's sanitizers."""
    program = tmp_path / "guest_check"
    options = ["-std=gnu17", "-D_GNU_SOURCE", "-O1", "-g", *SANITIZERS, f"-I{ROOT / 'native'}"]
    environment = {name: text for name, text in os.environ.items() if name != "LD_PRELOAD"}
    built = subprocess.run(["gcc", *options, "-o", program, CHECK], env=environment, capture_output=True, check=False)
    require("sanitizers", built.returncode == 0, f"gcc does not build with sanitizers: {built.stderr.decode()}")
    done = subprocess.run([program, "12288"], env=environment, capture_output=True, text=True, check=True, timeout=60)

    assert [line.partition(": ")[0] for line in done.stdout.splitlines()] == [
        f"ok {name} of {size} KiB" for size in (4, 12) for name in ("many swaps", "a batch", "swaps")
    ]
    assert not done.stderr


@pytest.mark.parametrize("case", CASES)
def test_a_guest_leaves_every_page_where_the_model_says(core: pathlib.Path, case: str) -> None:
    """As it sees them itself, at every address."""
    found = swapped(core, **CASES[case])

    assert found.verified, found.reason


def test_swaps_to_and_fro_come_before_the_first_round(core: pathlib.Path, tracer: pathlib.Path) -> None:
    """As of what copies: a guest's CPU is new to the thread that enters it, and the mappings stay as they are."""
    _, said = run_apart(child.params("guest_emulated", rounds=2), core=core, preloaded=tracer)
    pairs = [int(line.split()[1]) for line in said.splitlines() if line.startswith("traced:pairs")]
    *undone, done, of_an_empty_round, first, second = pairs

    assert sum(undone) == done > 0
    assert (of_an_empty_round, first, second) == (0, 150, 151)


@pytest.mark.parametrize("workload", ["swap", "permute"])
def test_entries_that_are_not_the_page_s_own_are_found(core: pathlib.Path, workload: str) -> None:
    """One page is wrong, and said where."""
    found = swapped(core, "guest_shifted", workload=workload, pairs=((3, 9),))

    assert not found.verified
    assert "slot 3 is wrong from byte 0 on" in found.reason


def test_a_guest_that_reads_where_nothing_is_ends_the_trial(core: pathlib.Path) -> None:
    """With what the CPU made of it: the last page's entry is empty there."""
    with pytest.raises(CoreError, match="shut down by an exception"):
        swapped(core, "guest_shifted", pairs=((62, 63),), touch="moved")


def test_who_reads_outside_the_guest_is_not_measured(core: pathlib.Path) -> None:
    """It sees no page move."""
    with pytest.raises(MethodUnavailableError, match="measure it with reads: resting"):
        swapped(core, neighbours="reading", iterations=60)
