"""Each Python gets the backend that the lock file pins, downloaded once and checked."""

from __future__ import annotations

import hashlib
import re
import subprocess
import threading
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pageswap.errors import HostPythonError
from pageswap.fleet.provision import cffi_backend
from pageswap.fleet.provision.cffi_backend import LOCAL_TAG, WHEELS, backend_files, is_backend

if TYPE_CHECKING:
    from collections.abc import Iterator

WHEEL = "cffi-2.0.0-cp39-cp39-manylinux2014_x86_64.whl"
LOCK = Path(__file__).parents[3] / "requirements.lock"


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
        cffi_backend.backend_files("cp399")


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
