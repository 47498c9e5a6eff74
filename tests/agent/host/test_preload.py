"""Nothing that the environment preloads is measured in the C library's place, and what cannot be cut is recorded."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from agent.host.laid_out import lay_out
from requirement import require

from pageswap.agent.host import preload
from pageswap.agent.host.host_files import HostFiles

ROOT = Path(__file__).parents[3]
MALLOC = """
#include <stddef.h>
static _Alignas(64) char heap[1 << 26];
static size_t used;
void *malloc(size_t size) { void *block = heap + used; used += (size + 63) & ~(size_t)63; return block; }
void free(void *block) { (void)block; }
void *calloc(size_t count, size_t size) { return malloc(count * size); }
void *realloc(void *block, size_t size)
{
    char *larger = malloc(size);
    for (size_t i = 0; block && i < size; i++) larger[i] = ((char *)block)[i];
    return larger;
}
"""


@pytest.fixture(scope="module")
def allocator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a library with a malloc of its own, as jemalloc is one."""
    compiler = shutil.which("cc")
    require("cc", bool(compiler), "needs a C compiler")
    folder = tmp_path_factory.mktemp("allocator")
    (folder / "own.c").write_text(MALLOC)
    library = folder / "libownmalloc.so"
    subprocess.run(
        [str(compiler), "-shared", "-fPIC", "-fno-builtin", "-O1", "-o", library, folder / "own.c"], check=True
    )
    return library


def facts(**variables: str) -> dict[str, Any]:
    """Return the environment that an agent's program tells, started with these variables."""
    result = subprocess.run(
        [sys.executable, "-m", "pageswap.agent", "facts"],
        input=b"{}",
        capture_output=True,
        check=True,
        cwd=ROOT,
        env={**os.environ, **variables},
    )
    environment: dict[str, Any] = json.loads(result.stdout)["environment"]
    return environment


def test_a_preloaded_allocator_is_left_behind(allocator: Path) -> None:
    """The agent, and so its trials, have the C library's malloc, whatever the controller's shell preloads."""
    environment = facts(LD_PRELOAD=str(allocator), GLIBC_TUNABLES="glibc.malloc.arena_max=1", MALLOC_ARENA_MAX="1")

    assert {"libc"} == {name.partition(".")[0] for name in environment["providers"].values()}
    assert allocator.name not in environment["libraries"]
    assert {} == environment["preload"]


# Debian's is at a fixed address and has an entry of its own for malloc; others are not.
@pytest.mark.parametrize("python", sorted({sys.executable, shutil.which("python3", path="/usr/bin") or sys.executable}))
@pytest.mark.parametrize("is_preloaded", [True, False])
def test_who_serves_malloc_is_recorded(allocator: Path, python: str, is_preloaded: bool) -> None:
    """A library that is in the process all the same is told by name."""
    script = (
        "from pageswap.agent.host import preload; from pageswap.agent.host.host_files import HostFiles; import json;"
        "files = HostFiles(); print(json.dumps([preload.providers(files), preload.libraries(files), "
        "preload.in_force(files)]))"
    )
    result = subprocess.run(
        [python, "-c", script],
        capture_output=True,
        check=True,
        cwd=ROOT,
        env={**os.environ, **({"LD_PRELOAD": str(allocator)} if is_preloaded else {})},
    )
    providers, libraries, in_force = json.loads(result.stdout)

    serves = allocator.name if is_preloaded else providers["memcpy"]
    assert {"malloc": serves, "realloc": serves} == {k: providers[k] for k in ("malloc", "realloc")}
    assert providers["memcpy"].startswith("libc.")
    assert (allocator.name in libraries) == is_preloaded
    assert ({"LD_PRELOAD": str(allocator)} if is_preloaded else {}) == in_force


def test_what_preloads_or_tunes_is_cut_and_nothing_else() -> None:
    """A program needs the rest: also where its libraries lie."""
    kept = {"PATH": "/bin", "LD_LIBRARY_PATH": "/opt/lib", "PYTHONMALLOC": "malloc"}
    cut = {"LD_PRELOAD": "/usr/lib/libjemalloc.so.2", "LD_AUDIT": "/a.so", "GLIBC_TUNABLES": "x=1", "MALLOC_CONF": "y"}

    assert kept == preload.cleaned(kept | cut)


def test_a_sanitizers_runtime_stays() -> None:
    """A core built with one does not load without it."""
    both = {"LD_PRELOAD": "/usr/lib/libjemalloc.so.2:/usr/lib/gcc/libasan.so.8"}

    assert {"LD_PRELOAD": "/usr/lib/gcc/libasan.so.8"} == preload.cleaned(both)
    assert preload.cleaned(both) == preload.cleaned(preload.cleaned(both))


def test_the_systems_own_preloads_are_recorded(tmp_path: Path) -> None:
    """They cannot be cut."""
    files = lay_out(tmp_path, {"/etc/ld.so.preload": "/usr/lib/libjemalloc.so.2\n/usr/lib/other.so\n"})

    expected = {"MALLOC_CONF": "a", "/etc/ld.so.preload": "/usr/lib/libjemalloc.so.2 /usr/lib/other.so"}
    assert expected == preload.in_force(files, {"PATH": "/bin", "MALLOC_CONF": "a"})
    assert {} == preload.in_force(lay_out(tmp_path / "other", {"/etc/ld.so.preload": "\n"}), {})


def test_python_modules_are_no_libraries_of_a_trial(tmp_path: Path) -> None:
    """They are the agent's, and another Python has others."""
    maps = "".join(
        f"7f0000{place:02x}0000-7f0000{place:02x}8000 r-xp 00000000 08:01 1 {path}\n"
        for place, path in enumerate(
            ["/usr/lib/libc.so.6", "/a b/lib_json.cpython-311-x86_64-linux-gnu.so", "/x/_core.abi3.so", "/a b/mi.so.2"]
        )
    )
    files = lay_out(tmp_path, {"/proc/self/maps": f"{maps}7ffc00000000-7ffc00001000 rw-p 00000000 00:00 0 [stack]\n"})

    assert ["libc.so.6", "mi.so.2"] == preload.libraries(files)
    assert dict.fromkeys(preload.FUNCTIONS) == preload.providers(files)
    assert "libc.so.6" in preload.libraries(HostFiles())
