"""The folder an agent runs from: its modules, the C core and cffi's backend, named by the hash of what is in it."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import importlib.util
import io
import subprocess
import sys
import tempfile
import threading
import zipfile
from pathlib import Path
from typing import Final

import pageswap
from pageswap.agent.workspace.work_folder import cache_root
from pageswap.errors import BuildError, HostPythonError
from pageswap.fleet.onhost.folder import hashes_of, install, last_line, sha256

PACKAGE: Final = Path(pageswap.__file__).parent
_SINGLE_FILES = ("__init__.py", "errors.py", "units.py")
_FOLDERS = ("native", "agent")
_SUFFIXES = (".py", ".so", ".json")
# The core, what `core_info` tells of it, and whether the controller or the host built it.
CORE: Final = "pageswap/native/_core.abi3.so"
CORE_FACTS: Final = "pageswap/native/_core.json"
BUILD: Final = "pageswap/native/build.json"

_PLATFORM = "manylinux2014_x86_64"
_DOWNLOAD_S = 120.0

# Python tag -> cffi's version and its wheel's sha256. They are those of requirements.lock, but for Python 3.9, which
# the last cffi with a wheel for it serves: a backend of either version loads a core that the other one described.
WHEELS: Final = {
    "cp39": ("2.0.0", "61d028e90346df14fedc3d1e5441df818d095f3b87d286825dfcbd6459b7ef63"),
    "cp310": ("2.1.1", "194cffa889098ced9976c3fc6340305e43f6303657d298da55366907c05c22d6"),
    "cp311": ("2.1.1", "34e261f78cb6ceaaa36f42f2613f4380d94d9c759a9c73c769ee6e0247364632"),
    "cp312": ("2.1.1", "c1453022f490d2459a11819d83ad1d586e9ff65a12ac3e705ffebd46d3685dcf"),
    "cp313": ("2.1.1", "a931079504ecc49efed7744c476a5c343a92fabf66dec2db95edb1b2fdc770e2"),
    "cp314": ("2.1.1", "b0431303acaea1089ad4b3e9ce4e6518193def1118d4073ca848635ee4ea2e96"),
}
LOCAL_TAG: Final = f"cp{sys.version_info[0]}{sys.version_info[1]}"
_GETTING = threading.Lock()
_MAIN = b'''\
"""Starts the agent with the verb that is its only argument."""

import sys

from pageswap.agent.cli import main

sys.exit(main())
'''


@dataclasses.dataclass(frozen=True)
class Bundle:
    """A bundle's content: relative POSIX path -> bytes; the hash over all names and contents names it."""

    files: dict[str, bytes]
    sha256: str
    tag: str = LOCAL_TAG

    @classmethod
    def of(cls, files: dict[str, bytes], tag: str) -> Bundle:
        """Name a content. The modules get compiled: agents of two Pythons must not share them."""
        hashed = hashlib.sha256(f"{tag}\n".encode())
        for name in sorted(files):
            hashed.update(f"{name}\n{len(files[name])}\n".encode())
            hashed.update(files[name])
        return cls(files, hashed.hexdigest(), tag)

    def write_below(self, bundles: Path) -> Path:
        """Return `bundles`/<sha256> with this content, writing it first unless it is there, whole; raises HostError."""
        folder = bundles / self.sha256
        install(folder, hashes_of(self.files), lambda: self.files)
        return folder

    def for_python(self, tag: str) -> Bundle:
        """Return the same bundle with the backend for another Python, such as "cp39"; raises HostPythonError."""
        kept = {name: content for name, content in self.files.items() if not is_backend(name)}
        return Bundle.of({**kept, **backend_files(tag)}, tag)


def make_bundle() -> Bundle:
    """Collect this installation's bundle for this Python; raises BuildError without the core or cffi's backend."""
    files = {"__main__.py": _MAIN, BUILD: b'{"build": "controller"}'}
    for path in [PACKAGE / name for name in _SINGLE_FILES] + [
        path for folder in _FOLDERS for path in sorted((PACKAGE / folder).rglob("*")) if path.suffix in _SUFFIXES
    ]:
        files[f"pageswap/{path.relative_to(PACKAGE).as_posix()}"] = path.read_bytes()
    if CORE not in files:
        raise BuildError("the C core is not built; type 'inv build'")
    return Bundle.of({**files, **backend_files(LOCAL_TAG)}, LOCAL_TAG)


@functools.lru_cache(maxsize=len(WHEELS))
def backend_files(tag: str) -> dict[str, bytes]:
    """Return the backend for a Python such as "cp39", and the libraries its wheel brought along, as a bundle has them.

    This Python's is the one that is installed; another's is downloaded once. Raises BuildError when cffi is not
    installed, HostPythonError when there is no backend for that Python or it could not be downloaded.
    """
    with _GETTING:  # of many hosts that want the same wheel the first downloads it
        if tag == LOCAL_TAG:
            return _installed()
        with zipfile.ZipFile(io.BytesIO(_wheel(tag))) as archive:
            return {name: archive.read(name) for name in sorted(archive.namelist()) if is_backend(name)}


def is_backend(name: str) -> bool:
    """Tell whether a bundle's file is part of the backend."""
    return name.startswith(("_cffi_backend.", "cffi.libs/"))


def _installed() -> dict[str, bytes]:
    spec = importlib.util.find_spec("_cffi_backend")
    if spec is None or spec.origin is None:
        raise BuildError("cffi is not installed for this Python; './inv' installs what is missing")
    origin = Path(spec.origin)
    files = {origin.name: origin.read_bytes()}
    # A wheel's backend looks for its libraries in $ORIGIN/cffi.libs, so they must keep that place beside it.
    for library in sorted((origin.parent / "cffi.libs").glob("*.so*")):
        files[f"cffi.libs/{library.name}"] = library.read_bytes()
    return files


def _wheel(tag: str) -> bytes:
    if tag not in WHEELS:
        raise HostPythonError(
            f"there is no cffi for a Python {tag}; give the host a 'python:' from 3.9 to 3.14 in the inventory"
        )
    version, wanted = WHEELS[tag]
    kept = Path(cache_root()) / "wheels"
    try:
        # By its content, whatever a person or an index has called it.
        found = next((path for path in kept.glob(f"cffi-{version}-{tag}-*.whl") if _is_right(path, wanted)), None)
        return (found or _download(tag, version, wanted, kept)).read_bytes()
    except OSError as error:
        raise HostPythonError(
            f"{kept}: the cffi that a host needs cannot be kept here: {error.strerror}; free space or set PAGESWAP_HOME"
        ) from error


def _is_right(path: Path, wanted: str) -> bool:
    try:
        return sha256(path.read_bytes()) == wanted
    except OSError:
        return False


def _download(tag: str, version: str, wanted: str, kept: Path) -> Path:
    """Have pip get exactly that wheel, and keep it in the folder `kept` under the name it came with."""
    kept.mkdir(mode=0o700, parents=True, exist_ok=True)
    python = f"{tag[2]}.{tag[3:]}"
    with tempfile.TemporaryDirectory(dir=kept) as folder:
        listed = Path(folder) / "wanted.txt"
        listed.write_text(f"cffi=={version} --hash=sha256:{wanted}\n", encoding="utf-8")
        options = "--quiet --no-input --disable-pip-version-check --only-binary=:all: --no-deps --require-hashes"
        command = [sys.executable, "-I", "-m", "pip", "download", *options.split(), "--implementation", "cp"]
        command += ["--python-version", python, "--platform", _PLATFORM, "--dest", folder, "--requirement", str(listed)]
        try:
            done = subprocess.run(  # noqa: S603 - our own argv
                command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_DOWNLOAD_S, check=False
            )
            said = last_line(done.stderr, "no wheel came")
        except subprocess.TimeoutExpired:
            said = f"no answer within {_DOWNLOAD_S:g} s"
        wheel = next(Path(folder).glob("*.whl"), None)
        if wheel is None or not _is_right(wheel, wanted):
            raise HostPythonError(
                f"cffi {version} for Python {python} could not be downloaded ({said});"
                f" put PyPI's cffi-{version}-{tag}-{tag}-manylinux*x86_64.whl, whose sha256 begins with {wanted[:12]},"
                f" into {kept}, let pip reach an index, or give the host a 'python:' of version"
                f" {sys.version_info[0]}.{sys.version_info[1]} in the inventory"
            )
        return wheel.replace(kept / wheel.name)
