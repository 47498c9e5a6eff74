"""The mover from Python: which buffers it takes, what it says of others, and how it lets go."""

from __future__ import annotations

import array
import errno
import mmap
import re
import runpy
from pathlib import Path

import numpy as np
import pytest

from pageswap.mover import Explanation, MoverError, Region, calibrate

ROOT = Path(__file__).resolve().parents[2]
PAGE = 4096


def pages(count: int) -> bytearray:
    """Return pages of which each is full of its number."""
    return bytearray(b"".join(bytes([page]) * PAGE for page in range(count)))


def first_bytes(memory: bytearray) -> list[int]:
    """Return the number of each page."""
    return list(memory[::PAGE])


def test_a_region_swaps_permutes_and_moves() -> None:
    """Each as pageswap_mover.h says."""
    memory = pages(4)
    with Region(memory) as region:
        region.swap(0, 3)
        assert first_bytes(memory) == [3, 1, 2, 0]
        region.swap_many(array.array("I", [0, 1, 1, 2]))
        assert first_bytes(memory) == [1, 2, 3, 0]
        region.permute(array.array("I", [2, 0, 1]))
        assert first_bytes(memory) == [3, 1, 2, 0]
        region.move(array.array("I", [1, 2, 2]))
        assert first_bytes(memory)[:3] == [3, 2, 0]
        assert len(region) == 4


def test_slots_of_numpy_arrays_move_by_numpy_arrays() -> None:
    """Both are buffers; an array has what shape it likes."""
    memory = np.repeat(np.arange(6, dtype=np.uint8), PAGE).reshape(6, PAGE)
    with Region(memory) as region:
        region.permute(np.array([5, 4, 3, 2, 1, 0], dtype=np.uint32))
        region.swap_many(np.array([[0, 1], [2, 3]], dtype=np.uint32))
    assert memory[:, 0].tolist() == [4, 5, 2, 3, 1, 0]
    assert (memory == memory[:, :1]).all()


def test_the_program_in_the_docs_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """What can be copied from there is right as it stands."""
    page = (ROOT / "docs" / "mover.md").read_text(encoding="utf-8")
    programs = re.findall(r"^```py\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    for program in programs:
        exec(compile(program, "docs/mover.md", "exec"), {})  # noqa: S102 - our own
    assert len(programs) == 1
    assert capsys.readouterr().out.startswith("Explanation(way=")


def test_the_buffer_pool_reorders_its_frames(capsys: pytest.CaptureFixture[str]) -> None:
    """It checks every frame of its own, by the mover and by numpy, and raises where one is lost."""
    runpy.run_path(str(ROOT / "docs" / "mover" / "buffer_pool.py"))["main"](2, None)
    assert re.match(r"mover \d+\.\d+ ms\nnumpy \d+\.\d+ ms\nway=", capsys.readouterr().out)


@pytest.mark.parametrize("numbers", [array.array("i", [0, 1]), array.array("Q", [0, 1]), b"01234567", [0, 1]])
def test_numbers_of_another_kind_are_refused(numbers: object) -> None:
    """Signed ones, wider ones, bytes: what was meant cannot be told."""
    with Region(pages(2)) as region, pytest.raises(TypeError, match=r"32-bit unsigned|bytes-like"):
        region.swap_many(numbers)  # type: ignore[arg-type]


def test_half_a_pair_is_refused() -> None:
    """It is no slot's number that is wrong, but how many there are."""
    with Region(pages(2)) as region, pytest.raises(ValueError, match="found 3 numbers, expected a multiple of 2"):
        region.swap_many(array.array("I", [0, 1, 1]))


def test_memory_that_cannot_be_written_is_refused() -> None:
    """Bytes are nobody's to change."""
    with pytest.raises(BufferError):
        Region(bytes(PAGE))


def test_an_error_names_the_call_and_tells_how_far_it_came() -> None:
    """As every OSError it has an errno."""
    with Region(pages(2)) as region, pytest.raises(MoverError, match="pm_swap_many: Invalid argument") as caught:
        region.swap_many(array.array("I", [0, 1, 0, 2]))
    assert (caught.value.errno, caught.value.done) == (errno.EINVAL, 0)


def test_a_closed_region_lets_go_of_its_buffer() -> None:
    """Until then a bytearray cannot be resized, nor a mapping closed."""
    memory = pages(2)
    region = Region(memory)
    with pytest.raises(BufferError):
        memory.append(0)
    region.close()
    region.close()
    memory.append(0)
    with pytest.raises(ValueError, match="closed"):
        region.swap(0, 1)
    with mmap.mmap(-1, PAGE) as mapped, Region(mapped):
        pass


def test_nothing_to_do_is_done() -> None:
    """Empty lists are lists."""
    memory = pages(2)
    with Region(memory) as region:
        region.swap_many(array.array("I"))
        region.permute(array.array("I"))
        region.move(array.array("I"))
    assert first_bytes(memory) == [0, 1]


def test_an_explanation_has_numbers_and_names() -> None:
    """Of any call, also of none."""
    with Region(pages(8)) as region:
        told = region.explain("swap", n=100)
        assert isinstance(told, Explanation)
        assert 0 < told.predicted_ns <= told.memcpy_ns
        assert region.explain("move_release", slots=8, n=0).predicted_ns == 0
        assert told.profile == "built_in"


def test_a_profile_is_measured_once_for_a_host_and_kept(tmp_path: Path) -> None:
    """The second time it is read, and what is of another host or is damaged is measured anew."""
    path = tmp_path / "profile"
    with pytest.raises(MoverError) as caught:
        calibrate(path, 0)
    assert caught.value.errno == errno.ENOENT
    made = calibrate(path, 1)
    text = path.read_text()
    assert calibrate(path, 1) == made
    assert path.read_text() == text
    with Region(pages(2), profile=path) as region:
        assert region.explain("swap").profile == "host"
    for damage in (text.replace("cpu ", "cpu other "), text[:-1], text.replace("compose ", "compose -"), ""):
        path.write_text(damage)
        with pytest.raises(MoverError):
            calibrate(path, 0)
    assert list(tmp_path.iterdir()) == [path]
    assert len(text.encode()) < 64 << 10


def test_a_profile_that_cannot_be_kept_is_an_error(tmp_path: Path) -> None:
    """Nothing else would tell that it is measured again each time."""
    with pytest.raises(MoverError, match="no_such_folder") as caught:
        calibrate(tmp_path / "no_such_folder" / "profile", 1)
    assert caught.value.errno == errno.ENOENT
