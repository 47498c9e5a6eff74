"""What perf script prints becomes counts by function: of the rounds alone, whatever a name looks like."""

from __future__ import annotations

from pathlib import Path

import pytest

from pageswap.agent.journal.line_fields import LONGEST_NAME, MOST_SYMBOLS
from pageswap.agent.trial.perf_samples import Round, Samples, count_samples

# Recorded by perf 6.1 on Linux 6.18, of a trial of 900 moves in three rounds, which it noted itself.
RECORDED = Path(__file__).with_name("uffd_move.perf.txt").read_bytes().splitlines(keepends=True)
ROUNDS = [
    Round(13397702126400, 13397704461054, 16357),
    Round(13397704490397, 13397714617227, 16357),
    Round(13397714627793, 13397716636214, 16357),
]
KERNEL = "ffffffff81000000"
USER = "7f289c5af848"


def line(rest: bytes, *, address: str = USER, at: str = "1.000000500", pid: int = 7, cpu: int = 1) -> bytes:
    """Print a sample as perf does."""
    return f"{pid:5d} [{cpu:03d}] {at}: cpu-clock:  {address} ".encode() + rest + b"\n"


def found(*lines: bytes) -> Samples:
    """Count samples in the only round, of process 7 on CPU 1, from the second 1 on for one microsecond."""
    return count_samples(lines, [Round(10**9, 10**9 + 1000, 7)], {1})


def test_a_recording_is_counted_by_function() -> None:
    """Only what fell into the rounds: set-up, warm-up and verification of the same process are outside."""
    samples = count_samples(RECORDED, ROUNDS, {1})

    assert (samples.event, samples.inside, samples.outside, samples.in_kernel) == ("cpu-clock", 64, 95, 61)
    assert samples.top()[0] == {"name": "flush_tlb_mm_range", "object": "kernel", "is_kernel": True, "samples": 7}
    assert {name for name, _, is_kernel in samples.symbols if not is_kernel} == {"__GI___ioctl", "move_page"}
    assert not samples.is_kernel_hidden
    assert len(samples.top()) == MOST_SYMBOLS


@pytest.mark.parametrize(
    ("change", "inside"),
    [
        ({}, 1),
        ({"at": "0.999999999"}, 0),
        ({"at": "1.000000000"}, 1),
        ({"at": "1.000001000"}, 0),
        ({"pid": 8}, 0),
        ({"cpu": 0}, 0),
    ],
)
def test_a_sample_counts_in_a_round_of_its_process_on_its_cpu(change: dict[str, str | int], inside: int) -> None:
    """Neighbours on other CPUs, perf itself and what is before and after are outside."""
    samples = found(line(b"f (/lib/x.so)", **change))  # type: ignore[arg-type]

    assert (samples.inside, samples.outside) == (inside, 1 - inside)


@pytest.mark.parametrize(
    ("address", "rest", "name", "of"),
    [
        (USER, b"memcpy@plt (/usr/lib/_core.abi3.so)", "memcpy@plt", "_core.abi3.so"),
        (
            USER,
            b"operator new(unsigned long) (/usr/lib/libstdc++.so.6)",
            "operator new(unsigned long)",
            "libstdc++.so.6",
        ),
        (USER, b"void f<int (*)(char)>(int) const (/tmp/a b (deleted))", "void f<int (*)(char)>(int) const", "a b"),
        (USER, b"Ljava/util/HashMap;::put (/tmp/perf-12.map)", "Ljava/util/HashMap;::put", "perf-12.map"),
        (USER, b"[unknown] ([unknown])", "[unknown]", "[unknown]"),
        (USER, b"__vdso_clock_gettime ([vdso])", "__vdso_clock_gettime", "[vdso]"),
        (KERNEL, b"do_syscall_64 ([kernel.kallsyms])", "do_syscall_64", "kernel"),
        (KERNEL, b"nf_hook ([nf_tables])", "nf_hook", "nf_tables"),
        (KERNEL, b"[unknown] ([unknown])", "[unknown]", "kernel"),
        (USER, b"caf\xe9\x1b[2J (/lib/x.so)", "caf\N{REPLACEMENT CHARACTER}\x1b[2J", "x.so"),
        (USER, b"without an object", "without an object", "[unknown]"),
        (USER, b" (/lib/x.so)", "[unknown]", "x.so"),
        (USER, 3000 * b"x" + b" (/lib/x.so)", LONGEST_NAME * "x", "x.so"),
    ],
)
def test_a_name_may_be_anything(address: str, rest: bytes, name: str, of: str) -> None:
    """It stays what it is, but for its length; where an object lies on the host is left out."""
    (symbol,) = found(line(rest, address=address)).top()

    assert symbol == {"name": name, "object": of, "is_kernel": address == KERNEL, "samples": 1}


@pytest.mark.parametrize("noise", [b"", b"\n", b"Warning: 3 samples lost\n", b"\xff\x00\n", b"7 [001] 1.5: x\n"])
def test_what_is_no_sample_is_passed_over(noise: bytes) -> None:
    """Perf prints warnings among them, and a line that was too long comes in pieces."""
    samples = found(noise, line(b"f (/lib/x.so)"), noise)

    assert (samples.inside, samples.outside) == (1, 0)


def test_without_rounds_nothing_is_inside() -> None:
    """And without samples there is no event."""
    assert count_samples([line(b"f (/x)")], [], {1}).outside == 1
    assert found().event == ""


def test_hidden_names_of_the_kernel_are_seen() -> None:
    """Some functions have none in any case."""
    hidden, named = (line(name + b" ([kernel.kallsyms])", address=KERNEL) for name in (b"[unknown]", b"schedule"))

    assert found(hidden, hidden, named).is_kernel_hidden
    assert not found(hidden, named).is_kernel_hidden
    assert not found(line(b"[unknown] ([unknown])")).is_kernel_hidden
