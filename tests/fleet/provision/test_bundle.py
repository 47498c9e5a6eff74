"""A bundle is whole or not there, is named by its content, and needs nothing of the machine but Python."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from pageswap.errors import BuildError, HostError
from pageswap.fleet import Bundle, make_bundle
from pageswap.fleet.onhost import folder as folder_on_host
from pageswap.fleet.provision import bundle
from pageswap.fleet.provision.cffi_backend import backend_files

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def made() -> Bundle:
    """Return this installation's bundle."""
    return make_bundle()


def test_it_holds_what_an_agent_needs_and_nothing_else(made: Bundle) -> None:
    """Modules, core, cffi's backend; no other layer, no compiled leftovers."""
    names = set(made.files)

    assert {"__main__.py", "pageswap/__init__.py", "pageswap/errors.py", "pageswap/units.py"} <= names
    assert {"pageswap/agent/cli.py", "pageswap/native/__init__.py"} <= names
    assert any(name.startswith("pageswap/native/_core") and name.endswith(".so") for name in names)
    assert any(name.startswith("_cffi_backend") for name in names)
    folders = {name.split("/")[1] for name in names if name.count("/") > 1}
    assert folders == {"agent", "native"}


def test_its_name_follows_from_its_content(made: Bundle) -> None:
    """The same again for the same files."""
    assert make_bundle() == made
    assert len(made.sha256) == 64


def test_it_runs_without_the_installation(made: Bundle, tmp_path: Path) -> None:
    """Everything an agent imports comes from the bundle or from Python itself."""
    folder = made.write_below(tmp_path / "bundles")
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import pageswap.agent.cli, pageswap.agent.daemon.session, pageswap.native\n"
        "print(len(pageswap.native.methods()) > 0)\n"
        "loaded = [m.__file__ for m in sys.modules.values() if getattr(m, '__file__', None)]\n"
        "print([f for f in loaded if 'site-packages' in f or (f.endswith('.py') and '/main/' in f)])"
    )
    result = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", script, folder], capture_output=True, text=True, check=False, cwd="/"
    )

    assert result.stderr == ""
    assert result.stdout.splitlines() == ["True", "[]"]


def test_modules_are_compiled_beforehand(made: Bundle, tmp_path: Path) -> None:
    """An agent runs with -B, and would compile every module at every start."""
    folder = made.write_below(tmp_path / "bundles")
    result = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-v", folder, "status"],
        input=b'{"work_dir": "/nowhere"}',
        capture_output=True,
        check=True,
    )

    assert b"# code object from" in result.stderr
    assert b"pageswap/agent/cli.py'\n# code" not in result.stderr
    assert f"# {folder}/pageswap/agent/__pycache__/cli.".encode() in result.stderr


def test_it_is_private_and_written_once(made: Bundle, tmp_path: Path) -> None:
    """A second time finds it there."""
    folder = made.write_below(tmp_path / "bundles")
    before = folder.stat().st_ino

    assert made.write_below(tmp_path / "bundles") == folder
    assert folder.stat().st_ino == before
    assert folder.name == made.sha256
    assert (folder.stat().st_mode & 0o777, folder.parent.stat().st_mode & 0o777) == (0o700, 0o700)
    assert list(folder.parent.iterdir()) == [folder]


@pytest.mark.parametrize("damage", ["changed", "cut", "removed", "compiled changed", "manifest removed", "all removed"])
def test_a_damaged_one_is_written_anew(made: Bundle, tmp_path: Path, damage: str) -> None:
    """Whatever happened to it."""
    folder = made.write_below(tmp_path / "bundles")
    victim = folder / "pageswap" / "agent" / "cli.py"
    compiled = next((folder / "pageswap" / "agent" / "__pycache__").glob("cli.*"))
    if damage == "changed":
        victim.write_bytes(victim.read_bytes().replace(b"stop", b"st0p", 1))
    elif damage == "cut":
        victim.write_bytes(b"")
    elif damage == "removed":
        victim.unlink()
    elif damage == "compiled changed":
        compiled.write_bytes(compiled.read_bytes()[:-1] + b"?")
    elif damage == "manifest removed":
        (folder / "manifest.json").unlink()
    else:
        for path in sorted(folder.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
    made.write_below(tmp_path / "bundles")

    assert victim.read_bytes() == made.files["pageswap/agent/cli.py"]
    assert folder_on_host.is_whole(folder, folder_on_host.hashes_of(made.files))
    assert list(folder.parent.iterdir()) == [folder]


def test_many_controllers_may_write_it_at_once(made: Bundle, tmp_path: Path) -> None:
    """All find it whole, and nothing is left beside it."""
    found: list[Path] = []
    threads = [threading.Thread(target=lambda: found.append(made.write_below(tmp_path / "b"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [tmp_path / "b" / made.sha256] * 8
    assert folder_on_host.is_whole(found[0], folder_on_host.hashes_of(made.files))
    assert list((tmp_path / "b").iterdir()) == [found[0]]


def test_what_a_killed_controller_left_is_cleared_away(made: Bundle, tmp_path: Path) -> None:
    """By the next that writes."""
    (tmp_path / "bundles" / ".new.half" / "pageswap").mkdir(parents=True)
    folder = made.write_below(tmp_path / "bundles")

    assert list(folder.parent.iterdir()) == [folder]


def test_a_place_that_cannot_be_written_is_named(made: Bundle, tmp_path: Path) -> None:
    """With the cure."""
    (tmp_path / "file").touch()
    with pytest.raises(HostError, match="PAGESWAP_HOME"):
        made.write_below(tmp_path / "file")


def test_without_a_core_it_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Rather than ship an agent that cannot measure."""
    for folder in ("native", "agent"):
        (tmp_path / folder).mkdir()
    for name in ("__init__.py", "errors.py", "units.py"):
        (tmp_path / name).touch()
    monkeypatch.setattr(bundle, "PACKAGE", tmp_path)
    with pytest.raises(BuildError, match="inv build"):
        make_bundle()


def test_without_cffi_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not with an ImportError on the host."""
    backend_files.cache_clear()
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(BuildError, match="cffi is not installed"):
        make_bundle()
