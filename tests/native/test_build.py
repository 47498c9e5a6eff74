"""The hash of sources: it names the code that is timed, so that it changes with that code and with nothing else."""

from __future__ import annotations

import importlib.util
import pathlib
import shutil
import sysconfig
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from types import ModuleType

NATIVE = pathlib.Path(__file__).resolve().parents[2] / "native"
FLAGS = ("-O2", "-std=gnu17")


def build_script(folder: pathlib.Path) -> ModuleType:
    """Load a copy of the build script with the sources beside it."""
    spec = importlib.util.spec_from_file_location("build_under_test", folder / "build.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def copied(tmp_path: pathlib.Path) -> pathlib.Path:
    """Copy the core's sources to another place."""
    return pathlib.Path(shutil.copytree(NATIVE, tmp_path / "native"))


def test_the_same_sources_have_one_hash_wherever_they_and_pythons_headers_lie(
    copied: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a comparison of two runs would say that the code differs where the binary is the same."""
    here = build_script(NATIVE).source_hash(FLAGS, "cc 12")
    monkeypatch.setattr(sysconfig, "get_path", lambda name: f"/opt/python/{name}")

    assert build_script(copied).source_hash(FLAGS, "cc 12") == here


def test_flags_and_compiler_are_part_of_the_hash() -> None:
    """They decide what the sources become; where the checkout lies is no flag of the code's."""
    hashed = build_script(NATIVE).source_hash
    moved = (*FLAGS, "-ffile-prefix-map=/elsewhere=.")

    assert len({hashed(FLAGS, "cc 12"), hashed(("-O3",), "cc 12"), hashed(FLAGS, "cc 13")}) == 3
    assert hashed(moved, "cc 12") == hashed(FLAGS, "cc 12")


@pytest.mark.parametrize("name", ["trial.c", "pageswap.h", "methods.def", "backings.def", "workloads/swap.c"])
def test_a_changed_source_is_another_hash(copied: pathlib.Path, name: str) -> None:
    """Whatever kind of file it is."""
    before = build_script(copied).source_hash(FLAGS, "cc 12")
    (copied / name).write_text((copied / name).read_text() + "\n")

    assert build_script(copied).source_hash(FLAGS, "cc 12") != before


def test_a_file_is_compiled_anew_where_it_or_what_it_includes_has_changed(copied: pathlib.Path) -> None:
    """And no other: who writes a method compiles that method."""
    script = build_script(copied)
    objects = copied / "objects"

    def names() -> dict[str, pathlib.Path]:
        return {path.name: script.object_of(path, objects, FLAGS, "cc 12") for path in script.sources()}

    before = names()
    with (copied / "methods" / "memcpy.c").open("a") as file:
        file.write("\n")
    of_a_method = names()
    with (copied / "methods.def").open("a") as file:
        file.write("\n")
    of_the_table = names()
    (copied / "heap.h").write_text("/* another */\n")
    of_a_header = names()
    who_includes_it = {path.name for path in script.sources() if '/heap.h"' in path.read_text(encoding="utf-8")}

    assert {name for name in before if before[name] != of_a_method[name]} == {"memcpy.c"}
    assert {name for name in before if of_a_method[name] != of_the_table[name]} == {"registry.c"}
    assert {name for name in before if of_the_table[name] != of_a_header[name]} == who_includes_it != set()


def test_flags_and_compiler_decide_what_a_file_is_compiled_to(copied: pathlib.Path) -> None:
    """Where the checkout lies does not, so that a copy of it need not compile what it has not changed."""
    script = build_script(copied)
    path, objects = copied / "trial.c", copied / "objects"
    made = {script.object_of(path, objects, flags, version) for flags in (FLAGS, ("-O3",)) for version in ("12", "13")}
    there = build_script(NATIVE).object_of(NATIVE / "trial.c", objects, FLAGS, "12")

    assert len(made) == 4
    assert there in made
