"""The folder an agent runs from: its modules, the C core and cffi's backend, named by the hash of what is in it."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import hashlib
import importlib.util
import json
import os
import py_compile
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pageswap
from pageswap.agent.workdir import private_folder
from pageswap.errors import BuildError, HostError

if TYPE_CHECKING:
    from collections.abc import Iterator

_PACKAGE: Final = Path(pageswap.__file__).parent
_SINGLE_FILES = ("__init__.py", "errors.py", "units.py")
_FOLDERS = ("native", "agent")
_SUFFIXES = (".py", ".so", ".json")
_MANIFEST = "manifest.json"
_MAIN = b'''\
"""Starts the agent with the verb that is its only argument."""

import sys

from pageswap.agent.cli import main

sys.exit(main())
'''


@dataclasses.dataclass(frozen=True)
class Bundle:
    """A bundle's content: relative POSIX path -> bytes, and the hash over all names and contents that names it."""

    files: dict[str, bytes]
    sha256: str

    def write_below(self, bundles: Path) -> Path:
        """Give `bundles`/<sha256> with this content, writing it first unless it is there, whole.

        It is written aside and renamed, so that kill -9 leaves no half one; of two controllers one waits for the other.
        Modules are compiled for this Python beforehand, as agents run with -B. Raises HostError when it cannot be.
        """
        folder = bundles / self.sha256
        try:
            if _is_whole(folder, self.files):
                return folder
            with _locked(private_folder(str(bundles))):
                if not _is_whole(folder, self.files):
                    self._write(folder)
        except OSError as error:
            raise HostError(
                f"{folder}: the agent's bundle cannot be written: {error.strerror}; free space or set PAGESWAP_HOME"
            ) from error
        return folder

    def _write(self, folder: Path) -> None:
        for left_over in folder.parent.glob(".new.*"):
            # By a controller that was killed: the lock is ours.
            shutil.rmtree(left_over, ignore_errors=True)
        new = Path(tempfile.mkdtemp(prefix=".new.", dir=folder.parent))
        try:
            self._fill(new)
            if folder.exists():
                # Damaged. A folder cannot be replaced by a rename unless it is empty.
                folder.rename(new / "damaged")
            new.rename(folder)
            shutil.rmtree(folder / "damaged", ignore_errors=True)
        except OSError:
            shutil.rmtree(new, ignore_errors=True)
            raise

    def _fill(self, folder: Path) -> None:
        for name, content in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            if path.suffix == ".py":
                # By hash, not by time: the cache then depends on nothing but the content.
                mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
                py_compile.compile(str(path), dfile=name, doraise=True, invalidation_mode=mode)
        written = [path for path in folder.rglob("*") if path.is_file()]
        hashes = {path.relative_to(folder).as_posix(): _sha256(path.read_bytes()) for path in written}
        (folder / _MANIFEST).write_text(json.dumps(hashes, indent=1), encoding="utf-8")


def make_bundle() -> Bundle:
    """Collect the bundle of this installation; raises BuildError when the core or cffi's backend is not there."""
    files = {"__main__.py": _MAIN}
    for path in [_PACKAGE / name for name in _SINGLE_FILES] + [
        path for folder in _FOLDERS for path in sorted((_PACKAGE / folder).iterdir()) if path.suffix in _SUFFIXES
    ]:
        files[f"pageswap/{path.relative_to(_PACKAGE).as_posix()}"] = path.read_bytes()
    if not any(name.startswith("pageswap/native/_core") and name.endswith(".so") for name in files):
        raise BuildError("the C core is not built; type 'inv build'")
    files.update(_cffi_backend())
    hashed = hashlib.sha256()
    # The compiled modules depend on the Python; agents of two Pythons must not share them.
    hashed.update(f"{sys.implementation.cache_tag}\n".encode())
    for name in sorted(files):
        hashed.update(f"{name}\n{len(files[name])}\n".encode())
        hashed.update(files[name])
    return Bundle(files, hashed.hexdigest())


def _cffi_backend() -> dict[str, bytes]:
    """Give the extension module that a core in cffi's API mode needs, and the libraries its wheel brought along."""
    spec = importlib.util.find_spec("_cffi_backend")
    if spec is None or spec.origin is None:
        raise BuildError("cffi is not installed for this Python; './inv' installs what is missing")
    origin = Path(spec.origin)
    files = {origin.name: origin.read_bytes()}
    # A wheel's backend looks for its libraries in $ORIGIN/cffi.libs, so they must keep that place beside it.
    for library in sorted((origin.parent / "cffi.libs").glob("*.so*")):
        files[f"cffi.libs/{library.name}"] = library.read_bytes()
    return files


def _is_whole(folder: Path, files: dict[str, bytes]) -> bool:
    """Tell whether a folder holds `files`, and every file its manifest lists is as it was written."""
    try:
        hashes = json.loads((folder / _MANIFEST).read_bytes())
        if any(hashes.get(name) != _sha256(content) for name, content in files.items()):
            return False
        return all(_sha256((folder / name).read_bytes()) == value for name, value in hashes.items())
    except (OSError, ValueError, AttributeError):
        return False


@contextlib.contextmanager
def _locked(folder: str) -> Iterator[None]:
    """Hold a folder's lock, which ends with its holder however that ends."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
