"""A bundle is whole or not there, named by its content, and has the backend that the lock file pins for a Python."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import threading
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pageswap.errors import BuildError, HostError, HostPythonError
from pageswap.fleet.onhost import folder as folder_on_host
from pageswap.fleet.provision import bundle
from pageswap.fleet.provision.bundle import LOCAL_TAG, WHEELS, Bundle, backend_files, is_backend, make_bundle

if TYPE_CHECKING:
    from collections.abc import Iterator

WHEEL = "cffi-2.0.0-cp39-cp39-manylinux2014_x86_64.whl"
LOCK = Path(__file__).parents[3] / "requirements.lock"


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


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a folder that is all that pip knows, with a wheel for Python 3.9 in it; nothing is kept yet."""
    folder = tmp_path / "index"
    folder.mkdir()
    wheel = folder / WHEEL
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("_cffi_backend.cpython-39-x86_64-linux-gnu.so", "the backend")
        archive.writestr("cffi.libs/libffi.so.8", "its library")
        archive.writestr("cffi/__init__.py", "not needed on a host")
        archive.writestr("cffi-2.0.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: cffi\nVersion: 2.0.0\n")
        archive.writestr("cffi-2.0.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: cp39-cp39-manylinux2014_x86_64\n")
        archive.writestr("cffi-2.0.0.dist-info/RECORD", "")
    monkeypatch.setitem(WHEELS, "cp39", ("2.0.0", hashlib.sha256(wheel.read_bytes()).hexdigest()))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PAGESWAP_HOME", str(tmp_path / "home"))
    backend_files.cache_clear()
    yield folder
    backend_files.cache_clear()


def test_they_are_the_lock_files() -> None:
    """After an update of cffi the table must follow; Python 3.9 has had its last wheel."""
    text = LOCK.read_text()
    locked = re.search(r"^cffi==(\S+)", text, re.MULTILINE)

    assert locked is not None
    assert {locked[1]} == {version for tag, (version, _) in WHEELS.items() if tag != "cp39"}
    assert [sha256 for tag, (_, sha256) in WHEELS.items() if tag != "cp39" and f"sha256:{sha256}" not in text] == []


def test_this_python_needs_no_download(index: Path) -> None:
    """Its own is installed."""
    (index / WHEEL).unlink()

    assert any(name.startswith("_cffi_backend.") for name in backend_files(LOCAL_TAG))


def test_another_pythons_is_downloaded_once(index: Path, tmp_path: Path) -> None:
    """Of the wheel only what a host needs is taken."""
    first = backend_files("cp39")
    backend_files.cache_clear()
    (index / WHEEL).unlink()

    assert first == {
        "_cffi_backend.cpython-39-x86_64-linux-gnu.so": b"the backend",
        "cffi.libs/libffi.so.8": b"its library",
    }
    assert backend_files("cp39") == first
    assert all(map(is_backend, first))
    assert [path.name for path in (tmp_path / "home" / "wheels").iterdir()] == [WHEEL]


def test_a_wheel_that_is_not_the_pinned_one_is_refused(index: Path) -> None:
    """Wherever it comes from."""
    wheel = index / WHEEL
    wheel.write_bytes(wheel.read_bytes() + b"more")
    with pytest.raises(HostPythonError, match=r"cffi 2\.0\.0 for Python 3\.9 could not be downloaded"):
        backend_files("cp39")


def test_a_kept_wheel_that_was_damaged_is_downloaded_again(index: Path, tmp_path: Path) -> None:
    """It is hashed whenever it is read."""
    first = backend_files("cp39")
    backend_files.cache_clear()
    next((tmp_path / "home" / "wheels").iterdir()).write_bytes(b"damaged")

    assert index.is_dir()
    assert backend_files("cp39") == first


def test_without_internet_the_cure_is_named(index: Path) -> None:
    """What to put where, and that the controller's own version needs none."""
    (index / WHEEL).unlink()
    words = r"put PyPI's cffi-2\.0\.0-cp39-cp39-manylinux\*x86_64\.whl, .*, into .*/wheels, .*'python:' of"
    with pytest.raises(HostPythonError, match=words):
        backend_files("cp39")


@pytest.mark.parametrize("name", [WHEEL, "cffi-2.0.0-cp39-cp39-manylinux2014_x86_64.manylinux_2_17_x86_64.whl"])
def test_a_wheel_that_a_person_put_there_serves_under_its_own_name(index: Path, tmp_path: Path, name: str) -> None:
    """One of the same name and other content does not."""
    wheels = tmp_path / "home" / "wheels"
    wheels.mkdir(mode=0o700, parents=True)
    (wheels / "cffi-2.0.0-cp39-cp39-another.whl").write_bytes(b"damaged")
    (index / WHEEL).rename(wheels / name)

    assert backend_files("cp39")["cffi.libs/libffi.so.8"] == b"its library"


def test_a_place_that_cannot_keep_it_is_named(index: Path, tmp_path: Path) -> None:
    """As when the disk is full; here something else has that name."""
    (tmp_path / "home").mkdir(mode=0o700)
    (tmp_path / "home" / "wheels").touch()

    assert index.is_dir()
    with pytest.raises(HostPythonError, match=r"wheels: the cffi .* cannot be kept here: .*; free"):
        backend_files("cp39")


def test_a_python_without_a_wheel_is_named() -> None:
    """One from the future."""
    with pytest.raises(HostPythonError, match=r"no cffi for a Python cp399; .*'python:'"):
        backend_files("cp399")


def test_many_hosts_at_once_share_one_download(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has a thread of its own."""
    downloads: list[list[str]] = []
    run = subprocess.run

    def counted(command: list[str], **options: Any) -> subprocess.CompletedProcess[bytes]:
        downloads.append(command)
        return run(command, **options)

    monkeypatch.setattr(subprocess, "run", counted)
    found: list[dict[str, bytes]] = []
    threads = [threading.Thread(target=lambda: found.append(backend_files("cp39"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert index.is_dir()
    assert ["3.9"] == [command[command.index("--python-version") + 1] for command in downloads]
    assert len(found) == 8
