"""The copy family: what a CPU without a feature answers, and that each method is the machine code its name says."""

from __future__ import annotations

import ctypes
import errno
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import child
import pytest
from compiled import library
from requirement import require

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIST_METHODS = (
    "import json; from pageswap import native; print(json.dumps({m.name: m.reason for m in native.methods()}))"
)
RUN_ONE = """
import sys
from pageswap import native
from pageswap.errors import MethodUnavailableError
FIELDS = dict(
    workload="swap", backing="private_anon", page_bytes=4096, region_bytes=1 << 20, iterations=10, threads=1,
    rounds=1, seed=42,
)
try:
    native.run_trial(native.TrialParams(method=sys.argv[1], **FIELDS))
except MethodUnavailableError as error:
    print(error)
"""
RUN_READS = """
from pageswap import native
from pageswap.errors import CoreError, MethodUnavailableError
trial = native.TrialParams(
    method="process_vm_readv", workload="swap", backing="private_anon", page_bytes=8192, region_bytes=1 << 20,
    iterations=300, threads=1, rounds=1, seed=42,
)
try:
    print("verified" if native.run_trial(trial).verified else "corrupt")
except (CoreError, MethodUnavailableError) as error:
    print(type(error).__name__, error)
"""
NEEDS = {
    "exchange_avx2": {"avx2"},
    "exchange_avx512": {"avx512f"},
    "exchange_nt_avx2": {"avx2"},
    "exchange_nt_avx512": {"avx512f"},
    "exchange_prefetch_avx2": {"avx2", "prefetchw"},
    "exchange_prefetch_avx512": {"avx512f", "prefetchw"},
    "pairwise_avx2": {"avx2", "prefetchw"},
    "pairwise_avx512": {"avx512f", "prefetchw"},
    "permute_avx2": {"avx2", "prefetchw"},
    "permute_avx512": {"avx512f", "prefetchw"},
}
WORKLOADS_OF = {method.name: method.workloads for method in child.METHODS.values()}
FEATURES = ("avx2", "avx512f", "prefetchw")
STORE = re.compile(r"\bv?movnt\w+\s+%")


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Compile the shim that stands before process_vm_readv."""
    return library(pathlib.Path(__file__).with_name("faulty_reads.c"), tmp_path_factory)


def masked(mask: str, program: str, *arguments: str) -> str:
    """Run a program in an interpreter that sees this CPU through a mask, and give what it prints."""
    environment = os.environ | {"PAGESWAP_CPU_FEATURES": mask}
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True)
    return done.stdout


def reasons(mask: str) -> dict[str, str]:
    """Give each method's reason under a mask, empty for those that are available."""
    answer: dict[str, str] = json.loads(masked(mask, LIST_METHODS))
    return answer


def machine_code(method: str) -> str:
    """Disassemble a method's own object file."""
    paths = sorted((ROOT / "build" / "objects").glob(f"native.methods.{method}.c.*.o"))
    require("objdump", shutil.which("objdump"), "objdump is not installed; install binutils")
    require("objects", paths, "build/objects is empty; run native/build.py")
    command = ["objdump", "-dr", "--no-show-raw-insn", *map(str, paths)]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    # A call out of the file is followed by a line with its name.
    called = re.sub(r"(\bcall\b).*\n\s+[0-9a-f]+: R_X86_64_\w+\s+(\w+).*", r"\1 \2", text)
    instructions = [line.split("\t", 1)[1] for line in called.splitlines() if re.match(r"\s+[0-9a-f]+:\t", line)]
    return "\n".join(instructions)


def widths(code: str) -> set[str]:
    """Give the vector registers that move memory; a compiler may keep a pointer in one, which moves nothing."""
    return {width for line in code.splitlines() if "(" in line for width in re.findall(r"%([xyz]mm)", line)}


@pytest.mark.parametrize("feature", FEATURES)
def test_a_masked_feature_takes_away_just_the_methods_that_need_it(feature: str) -> None:
    """So a CPU without AVX-512 is simulated: a reason with its cure where it is needed, everything else as before."""
    before, after = reasons(""), reasons(f"-{feature}")

    for method, reason in after.items():
        if feature in NEEDS.get(method, ()) and not before[method]:
            assert reason == f"PAGESWAP_CPU_FEATURES takes {feature} away; unset it to use this CPU's own"
        else:
            assert untimed(reason) == untimed(before[method])


def untimed(reason: str) -> str:
    """Leave out of a reason what was measured for it."""
    return re.sub(r"[\d,]+ ns", "so long", reason)


@pytest.mark.parametrize(("number", "name"), [(0, "avx2"), (1, "avx512f"), (2, "3dnowprefetch")])
def test_a_feature_that_only_the_kernel_shows_is_hidden_and_not_missing(
    number: int, name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A hypervisor's mask, or a guest that was moved to another host, hides from CPUID what was there at boot."""
    hidden = ctypes.CDLL(str(library(pathlib.Path(__file__).with_name("hidden_features.c"), tmp_path_factory)))
    hidden.reason.restype = ctypes.c_char_p
    reason = hidden.reason(number).decode()

    if name in pathlib.Path("/proc/cpuinfo").read_text().split():
        assert f"the kernel found {name} when it booted (/proc/cpuinfo), but CPUID hides it from programs" in reason
    else:
        assert reason.startswith(f"this CPU has no {FEATURES[number]}; ")


def test_every_amd_cpu_of_64_bits_has_prefetchw_whether_or_not_it_says_so(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """QEMU's own CPU has no bit for it, and Linux lists it all the same."""
    hidden = ctypes.CDLL(str(library(pathlib.Path(__file__).with_name("hidden_features.c"), tmp_path_factory)))
    hidden.reason.restype = ctypes.c_char_p
    prefetchw = FEATURES.index("prefetchw")
    assert hidden.reason(prefetchw)

    ctypes.c_int.in_dll(hidden, "is_amd").value = 1
    assert hidden.reason(prefetchw) == b""
    assert hidden.reason(FEATURES.index("avx2"))


@pytest.mark.parametrize(
    ("number", "cure"),
    [(1, "choose a method that asks for less"), (3, "have no reads timed (neighbours: idle or spinning)")],
)
def test_the_cure_for_a_missing_feature_is_of_what_asks_for_it(
    number: int, cure: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Readers ask for a time-stamp counter that never stops, whatever the method."""
    hidden = ctypes.CDLL(str(library(pathlib.Path(__file__).with_name("hidden_features.c"), tmp_path_factory)))
    hidden.reason.restype = ctypes.c_char_p
    hidden.reason.argtypes = [ctypes.c_uint]
    ctypes.c_int.in_dll(hidden, "is_silent").value = 1

    assert hidden.reason(number).decode().endswith(f"; measure it on one that has, here {cure}")


def test_several_features_can_be_masked_at_once() -> None:
    """An old CPU lacks more than one."""
    after = reasons("-avx512f,-avx2")

    assert all(after[method] for method in NEEDS)
    assert not after["exchange_sse2"]


@pytest.mark.parametrize("mask", ["avx2", "+avx2", "-avx", "-avx2 ", "-avx2;-avx512f", "-", ",", "-avx2,,-avx512f"])
def test_a_mask_that_is_not_understood_takes_everything_away_and_says_so(mask: str) -> None:
    """A typing error must not pass for a mask, and no word can add a feature."""
    own, after = reasons(""), reasons(mask)

    assert all("PAGESWAP_CPU_FEATURES" in after[method] or after[method] == own[method] != "" for method in NEEDS)
    assert not after["exchange_sse2"]


def test_a_masked_method_asked_for_by_name_is_refused_and_not_replaced() -> None:
    """No silent fallback: the trial answers with the reason, not with another method's time."""
    assert "avx2" in masked("-avx2", RUN_ONE, "exchange_avx2")


@pytest.mark.parametrize("mask", ["", "-avx512f", "-avx512f,-avx2"])
def test_the_stream_copy_verifies_with_each_width_of_store(mask: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes the widest stores that the CPU has; each of them must copy right."""
    monkeypatch.setenv("PAGESWAP_CPU_FEATURES", mask)

    result = child.run(child.params("stream_copy", workload="limit"))

    assert result.verified, result.reason


@pytest.mark.parametrize("method", [name for name in NEEDS if name.endswith("avx512") and "permute" not in name])
def test_the_avx512_methods_move_through_512_bit_registers(method: str) -> None:
    """The one that was asked for is the one that runs: its own function holds no narrower vectors."""
    assert widths(machine_code(method)) == {"zmm"}


@pytest.mark.parametrize("method", [name for name in NEEDS if name.endswith("avx2") and "permute" not in name])
def test_the_avx2_methods_move_through_256_bit_registers(method: str) -> None:
    """They must run on a CPU without AVX-512, and be measured as what they are."""
    code = machine_code(method)

    assert widths(code) == {"ymm"}
    assert "%zmm" not in code


def test_exchange_sse2_moves_through_128_bit_registers() -> None:
    """It must run on any x86-64 CPU: no AVX encoding either."""
    code = machine_code("exchange_sse2")

    assert widths(code) == {"xmm"}
    assert not re.search(r"^v", code, re.MULTILINE)


@pytest.mark.parametrize("method", ["copy_words", "copy_movsb", "process_vm_readv"])
def test_the_scalar_methods_move_nothing_through_vector_registers(method: str) -> None:
    """`copy_words` is a word loop only while no compiler makes vectors of it."""
    assert not re.search(r"%[xyz]mm", machine_code(method))


def test_copy_movsb_is_rep_movsb_and_calls_no_library() -> None:
    """The C library's copy is another method."""
    code = machine_code("copy_movsb")

    assert "rep movsb" in code
    assert "call" not in code


@pytest.mark.parametrize("method", sorted(NEEDS))
def test_only_the_nt_methods_store_past_the_caches_and_they_fence(method: str) -> None:
    """Non-temporal stores are ordered by a fence before anybody else may look."""
    code = machine_code(method)

    assert bool(STORE.search(code)) == ("_nt_" in method)
    assert ("sfence" in code) == ("_nt_" in method)


@pytest.mark.parametrize("method", ["exchange_sse2", *sorted(NEEDS)])
def test_the_exchange_methods_keep_their_prefetches_and_inline_their_lines(method: str) -> None:
    """A compiler may drop a prefetch it takes for a call without effect, and nothing but the speed would show it."""
    code = machine_code(method)
    hint = "prefetchw" if "prefetchw" in NEEDS.get(method, ()) else "prefetchnta" if "_nt_" in method else "prefetcht0"
    # What is composed is fetched, too, and its tables are allocated in the same file.
    is_composing = method.startswith("permute_")

    assert set(re.findall(r"\bprefetch\w+", code)) == {hint} | ({"prefetcht0"} if is_composing else set())
    calls = set(re.findall(r"\bcall\b.*", code))
    assert is_composing or calls <= {"call ps_give_back"}, "the kernel's work, not a line's"


@pytest.mark.parametrize("page_bytes", [4096, 8192, 12288, 65536, child.MIB])
@pytest.mark.parametrize("method", ["exchange_sse2", *sorted(NEEDS), "copy_movsb", "process_vm_readv"])
def test_every_page_size_is_moved_right_to_the_last_pair(method: str, page_bytes: int) -> None:
    """The look-ahead crosses from page to page and ends with the schedule, also when one round has one pair."""
    if reason := child.METHODS[method].reason:
        pytest.skip(reason)
    pairs = ((0, 4), (4, 0), (2, 2), (1, 2), (2, 1), (3, 4), (4, 4))

    workload = "swap" if "swap" in WORKLOADS_OF[method] else "permute"
    shape = {"page_bytes": page_bytes, "region_bytes": 5 * page_bytes, "pairs": pairs, "rounds": 7}
    result = child.run(child.params(method, workload=workload, **shape))

    assert result.verified, result.reason


@pytest.mark.parametrize("pages", [2, 3, 64])
@pytest.mark.parametrize("method", ["memcpy", "exchange_sse2", "stream_copy"])
def test_the_limit_verifies_on_regions_of_even_and_odd_size(method: str, pages: int) -> None:
    """The smallest region has one pair, and an odd page is left alone; each turn begins again at the start."""
    trial = child.params(method, workload="limit", region_bytes=pages * 4096, iterations=101)

    result = child.run(trial)

    assert result.verified, result.reason


@pytest.mark.parametrize(
    ("how", "answer"),
    [
        ("short", r"verified"),
        ("nothing", r"CoreError .*process_vm_readv: EIO: it read nothing"),
        (
            str(errno.ENOSYS),
            r"MethodUnavailableError .*CONFIG_CROSS_MEMORY_ATTACH.*; use another kernel or allow the call",
        ),
        (str(errno.EPERM), r"MethodUnavailableError .*seccomp.*allow the call.*"),
    ],
)
def test_process_vm_readv_reads_on_when_short_and_names_what_forbids_it(
    how: str, answer: str, shim: pathlib.Path
) -> None:
    """A short read must not pass for a page, nor a container's filter for a slow method."""
    environment = os.environ | {"LD_PRELOAD": str(shim), "FAULTY_READ": how}
    command = [sys.executable, "-c", RUN_READS]
    done = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True)

    assert re.fullmatch(answer, done.stdout.strip())
