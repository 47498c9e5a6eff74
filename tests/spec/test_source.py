"""A spec is found by name, and read only when it is a small, regular text file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pageswap.errors import SpecError
from pageswap.spec.source import MAX_BYTES, read_text, resolve_spec_path

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Be in a folder that has experiments/smoke.yaml and own.yaml."""
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "smoke.yaml").touch()
    (tmp_path / "own.yaml").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("text", ["smoke", "smoke.yaml"])
def test_finds_a_bare_name_in_experiments(folder: Path, text: str) -> None:
    """From wherever the command was typed."""
    assert resolve_spec_path(text, folder / "experiments") == folder / "experiments" / "smoke.yaml"


@pytest.mark.parametrize("text", ["own.yaml", "own", "./own.yaml", "experiments/smoke.yaml", "experiments/../own.yaml"])
def test_finds_a_path_from_here(folder: Path, text: str) -> None:
    """A path that goes up and comes back stays inside."""
    found = resolve_spec_path(text, folder / "experiments")

    assert found.is_file()


def test_prefers_experiments_for_a_bare_name(folder: Path) -> None:
    """The same name means the same file in every folder."""
    (folder / "smoke.yaml").touch()

    assert resolve_spec_path("smoke.yaml", folder / "experiments") == folder / "experiments" / "smoke.yaml"


def test_takes_an_absolute_path_as_it_is(folder: Path) -> None:
    """Also outside of everything."""
    assert resolve_spec_path(str(folder / "own.yaml"), folder / "experiments") == folder / "own.yaml"


@pytest.mark.parametrize("text", ["../x.yaml", "..", "experiments/../../x.yaml", "./../x.yaml"])
def test_refuses_a_path_that_climbs_out(folder: Path, text: str) -> None:
    """The cure is the absolute path, spelt out in full."""
    with pytest.raises(SpecError) as caught:
        resolve_spec_path(text, folder / "experiments")

    absolute = os.path.abspath(text)  # noqa: PTH100 - as the code does
    assert str(caught.value) == f"--spec: '{text}' climbs out of this folder; give the absolute path '{absolute}'"


def test_guesses_the_name_of_a_missing_experiment(folder: Path) -> None:
    """A bare name that is nowhere."""
    with pytest.raises(SpecError, match=r"--spec: there is no 'smok' in .*experiments; did you mean 'smoke.yaml'\?"):
        resolve_spec_path("smok", folder / "experiments")
    with pytest.raises(SpecError, match=r"there is no 'zzz' in .*experiments; it has smoke.yaml"):
        resolve_spec_path("zzz", folder / "experiments")


@pytest.mark.parametrize("text", ["", "a\0b", "x" * 5000, "d/" * 3000])
def test_refuses_what_cannot_be_a_file_name(folder: Path, text: str) -> None:
    """Before, or instead of, asking the kernel."""
    with pytest.raises(SpecError):
        read_text(resolve_spec_path(text, folder / "experiments"))


def test_reads_utf8_with_and_without_a_byte_order_mark(tmp_path: Path) -> None:
    """Some editors write one; it is not part of the text."""
    file = tmp_path / "a.yaml"
    for raw in ("é: 1\n".encode(), b"\xef\xbb\xbf" + "é: 1\n".encode()):
        file.write_bytes(raw)

        assert read_text(file) == "é: 1\n"


def test_refuses_a_missing_file(tmp_path: Path) -> None:
    """With what to give instead."""
    with pytest.raises(SpecError, match=r"/none\.yaml: there is no such file; give a path or the name of a file in"):
        read_text(tmp_path / "none.yaml")


def test_refuses_a_directory(tmp_path: Path) -> None:
    """Rather than its listing."""
    with pytest.raises(SpecError, match="is a directory; name an experiment file in it"):
        read_text(tmp_path)


@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_refuses_a_pipe_or_device_without_waiting_for_it(tmp_path: Path, kind: str) -> None:
    """Reading either would never end."""
    file = tmp_path / "pipe"
    if kind == "pipe":
        os.mkfifo(file)
    else:
        file.symlink_to("/dev/zero")

    with pytest.raises(SpecError, match="is not a regular file; an experiment is a YAML file"):
        read_text(file)


def test_refuses_an_unreadable_file(tmp_path: Path) -> None:
    """With the kernel's reason; root, who may read everything, is nobody for the moment."""
    file = tmp_path / "a.yaml"
    file.touch(mode=0)
    mine = os.geteuid()

    os.seteuid(65534 if mine == 0 else mine)
    try:
        with pytest.raises(SpecError, match="cannot be read: Permission denied"):
            read_text(file)
    finally:
        os.seteuid(mine)


def test_says_why_a_file_cannot_be_opened(tmp_path: Path) -> None:
    """A link to itself fails for root as well."""
    file = tmp_path / "a.yaml"
    file.symlink_to("a.yaml")

    with pytest.raises(SpecError, match="cannot be read: Too many levels of symbolic links"):
        read_text(file)


def test_refuses_more_than_a_mebibyte_by_its_size(tmp_path: Path) -> None:
    """A sparse file of 1 TiB is not read to find out."""
    file = tmp_path / "a.yaml"
    file.touch()
    os.truncate(file, 1 << 40)

    with pytest.raises(SpecError, match=r"holds 1,099,511,627,776 bytes; an experiment has at most 1,048,576 bytes"):
        read_text(file)


def test_takes_exactly_a_mebibyte(tmp_path: Path) -> None:
    """The limit itself is allowed, one byte more is not."""
    file = tmp_path / "a.yaml"
    file.write_bytes(b"#" * MAX_BYTES)

    assert len(read_text(file)) == MAX_BYTES

    file.write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(SpecError, match="holds 1,048,577 bytes"):
        read_text(file)


def test_refuses_what_is_not_utf8_with_its_line(tmp_path: Path) -> None:
    """The line helps to find a single Latin-1 letter."""
    file = tmp_path / "a.yaml"
    file.write_bytes(b"a: 1\nb: \xe9\n")

    with pytest.raises(SpecError, match=r"a\.yaml:2: byte 0xe9 is not UTF-8; save the file as UTF-8"):
        read_text(file)


def test_shows_a_hostile_file_name_on_one_line(tmp_path: Path) -> None:
    """A name may hold line breaks and terminal escapes."""
    with pytest.raises(SpecError) as caught:
        read_text(tmp_path / "a\n\x1b[31mb.yaml")

    assert str(caught.value).isprintable()
    assert "a\\n\\x1b[31mb.yaml: there is no such file" in str(caught.value)
