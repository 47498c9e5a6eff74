"""A trace lies beside its experiment, is what its hash says, and is refused with its line where it is none."""

from __future__ import annotations

import hashlib
import os
import runpy
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pageswap.agent import trace as traces
from pageswap.errors import SpecError, UsageError
from pageswap.spec.cases import build_cases
from pageswap.spec.loader import load
from pageswap.spec.overrides import override

if TYPE_CHECKING:
    from collections.abc import Callable

    from pageswap.spec.experiment import Experiment
    from pageswap.spec.factors import Vocabulary

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
KEYS = {
    "workload": "replay",
    "method": "memcpy",
    "trace": "moves.csv",
    "region_size": None,
    "iterations": None,
}
GOOD = b"0,8,2\n\n4,10,1\n"
EXPECTED = r"expected 'dst,src,pages' in slots, such as 0,512,8, or nothing, where a batch ends"


@pytest.fixture
def read(tmp_path: Path, vocabulary: Vocabulary, spec_text: Callable[..., str]) -> Callable[..., Experiment]:
    """Load a spec that plays ``moves.csv``, which lies beside it."""
    (tmp_path / "moves.csv").write_bytes(GOOD)

    def make(**changes: str | None) -> Experiment:
        spec = tmp_path / "a.yaml"
        spec.write_text(spec_text(**KEYS | changes), encoding="utf-8")
        return load(spec, vocabulary=vocabulary)

    return make


def refused(read: Callable[..., Experiment], **changes: str) -> str:
    """Return the one line that refuses a spec."""
    with pytest.raises(SpecError) as caught:
        read(**changes)

    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_level_is_the_name_and_the_hash(read: Callable[..., Experiment]) -> None:
    """What is measured again is the same trace, or another case; the region and the iterations follow from it."""
    experiment = read(threads="[1, 2]", touch="none")
    level = f"moves.csv:{hashlib.sha256(GOOD).hexdigest()}"

    assert experiment.factors["trace"] == (level,)
    assert experiment.rounds == 1
    sizes = [(case["trace"], case["region_size"], case["iterations"]) for case in build_cases(experiment)]
    assert sizes == [(level, 2 << 20, 2), (level, 4 << 20, 4)]
    assert traces.unpacked(experiment.traces[level].packed, traces.sha256_of(level)) == GOOD


def test_a_region_of_odd_pages_is_as_large_as_its_slots(read: Callable[..., Experiment]) -> None:
    """Only of pages that fit into one is it made of whole huge pages."""
    assert build_cases(read(page_size="12KiB"))[0]["region_size"] == 11 * (12 << 10)
    assert build_cases(read(page_size="4MiB"))[0]["region_size"] == 11 * (4 << 20)


def test_traces_can_be_compared_and_set(
    read: Callable[..., Experiment], tmp_path: Path, vocabulary: Vocabulary
) -> None:
    """As every factor's levels, by their names."""
    (tmp_path / "other.csv").write_bytes(b"1,0,1\n")
    experiment = read(trace="[moves.csv, other.csv]", baseline="{method: memcpy, trace: other.csv}", touch="none")
    changed = override(read(), set_=["trace=other.csv"], filter_=["trace=other.csv"], vocabulary=vocabulary)

    assert [case["iterations"] for case in build_cases(experiment)] == [2, 1]
    assert {case["iterations"] for case in build_cases(changed)} == {1}
    with pytest.raises(UsageError, match=r"^--set trace: .*gone\.csv: there is no such file; put it beside the exper"):
        override(read(), set_=["trace=gone.csv"], vocabulary=vocabulary)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", f"moves.csv: has no move; {EXPECTED}"),
        (b"\n\n", "moves.csv: has no move"),
        (b"0,8,2\r\n", r"moves.csv:1: found '0,8,2\\r', " + EXPECTED + "; its end is that of Windows (CRLF)"),
        (b"\xef\xbb\xbf0,8,2\n", "it begins with a byte order mark; save the file without one"),
        (b"0,8,2\n0,\0,2\n", r"moves.csv:2: found '0,\x00,2', expected"),
        (b"\xff\xfe0\n", r"moves.csv:1: found '\xff\xfe0', expected"),
        (b"dst,src,pages\n", "moves.csv:1: found 'dst,src,pages', expected"),
        (b"0, 8,2\n", "write decimal numbers without blanks, signs, headings and comments"),
        (b"-1,8,2\n", "moves.csv:1: found '-1,8,2', expected"),
        ("\u0661,8,2\n".encode(), "moves.csv:1: found"),
        (b"9" * 1000 + b",8,2\n", "moves.csv:1: found '999"),
        (b"0,4294967295,1\n", "which ends in slot 4,294,967,295; slots are numbers of pages, from 0 to 268,435,455"),
        (b"0,8,0\n", "which moves no page"),
        (b"8,8,1\n", "which goes where it comes from; delete the line"),
        (b"0,8,2\n4,2,1\n1,8,1\n", "moves.csv:3: takes from slot 8, which holds no page since line 1 took it; give a"),
        (b"0,1,134217728\n", "more than 4,000,000 moves that do not overlap their places are needed up to here"),
        (
            b"0,100000000,99999999\n100000000,0,99999999\n" * 6,
            ":11: more than 1,000,000,000 pages are moved up to here",
        ),
        (b"\n" * 4_000_001, "moves.csv: holds more than 4,000,000 lines"),
    ],
)
def test_what_is_no_trace_is_refused_in_one_line(
    read: Callable[..., Experiment], tmp_path: Path, content: bytes, told: str
) -> None:
    """With the file, the line, what was found, what was expected and the cure; whatever the bytes."""
    read()
    (tmp_path / "moves.csv").write_bytes(content)
    line = refused(read)

    assert line.startswith(f"{tmp_path}/a.yaml:")
    assert told.replace("\\\\", "\\") in line
    assert len(line) < 600
    assert line.isprintable()


def test_only_a_file_beside_the_experiment_is_read(read: Callable[..., Experiment], tmp_path: Path) -> None:
    """Nothing is waited for, followed, or read in whole that is too large."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link.csv").symlink_to("moves.csv")
    with (tmp_path / "large.csv").open("wb") as large:
        large.truncate(10 << 30)

    assert "pipe: is not a regular file; a trace is a file of lines 'dst,src,pages'" in refused(read, trace="pipe")
    assert "folder: is a directory" in refused(read, trace="folder")
    assert "link.csv: is a symbolic link; put the file itself there" in refused(read, trace="link.csv")
    assert "holds 10,737,418,240 bytes; a trace has at most 67,108,864 bytes (64 MiB)" in refused(
        read, trace="large.csv"
    )
    assert "none.csv: there is no such file; put it beside the experiment" in refused(read, trace="none.csv")
    for name in ("../moves.csv", "/etc/passwd", "folder/moves.csv", "a:b", ".."):
        assert "is not the name of a file beside the experiment" in refused(read, trace=f"'{name}'")


def test_what_follows_from_the_trace_is_not_asked_for(read: Callable[..., Experiment]) -> None:
    """It would seem to have been chosen."""
    assert "trace: is missing; add a line such as 'trace: moves.csv'" in refused(read, trace=None)
    assert "rounds: '2' is more than 1 (a trial of 'replay' is one piece of work)" in refused(read, rounds="2")
    assert "iterations: the workload 'replay' has no use for it" in refused(read, iterations="5")
    assert "region_size: the workload 'replay' has no use for it" in refused(read, region_size="2MiB")


@pytest.mark.slow
def test_a_million_moves_are_a_trace() -> None:
    """The controller reads them in seconds."""
    moves = [f"{slot},{slot + 1_000_000},1\n" for slot in range(1_000_000)]
    found = traces.trace_from("".join(moves).encode(), "moves.csv")

    assert (found.moves, found.slots, len(found.lines)) == (1_000_000, 2_000_000, 3 * 1_000_001)


def test_a_trace_has_a_most_of_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Moves are counted, which empty lines between them are not."""
    monkeypatch.setattr(traces, "MAX_MOVES", 20)
    moves = [
        *(f"{slot},{slot + 10},1\n" for slot in range(10)),
        "\n",
        *(f"{slot + 10},{slot},1\n" for slot in range(10)),
    ]

    assert traces.trace_from("".join(moves).encode(), "moves.csv").moves == 20
    with pytest.raises(ValueError, match=r"^moves\.csv:22: is move 21; a trace has at most 20"):
        traces.trace_from("".join([*moves, moves[0]]).encode(), "moves.csv")


def test_the_example_traces_are_what_their_program_writes() -> None:
    """So that it documents them; both are traces."""
    made = runpy.run_path(str(EXPERIMENTS / "make_traces.py"))["TRACES"]

    for name, moves in made.items():
        content = (EXPERIMENTS / name).read_bytes()

        assert content.decode() == "".join(moves())
        assert traces.trace_from(content, name).moves > 100
