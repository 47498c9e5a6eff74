"""The folder an agent runs from: its modules, the C core and cffi's backend, named by the hash of what is in it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Final

import pageswap
from pageswap.errors import BuildError
from pageswap.fleet.onhost import folder as on_host
from pageswap.fleet.provision.cffi_backend import LOCAL_TAG, backend_files, is_backend

PACKAGE: Final = Path(pageswap.__file__).parent
_SINGLE_FILES = ("__init__.py", "errors.py", "units.py")
_FOLDERS = ("native", "agent")
_SUFFIXES = (".py", ".so", ".json")
_CORE: Final = "pageswap/native/_core.abi3.so"
_CORE_FACTS: Final = "pageswap/native/_core.json"
_BUILD: Final = "pageswap/native/build.json"
_MAIN = b'''\
"""Starts the agent with the verb that is its only argument."""

import sys

from pageswap.agent.cli import main

sys.exit(main())
'''


@dataclasses.dataclass(frozen=True)
class Core:
    """A built core: the binary, what `core_info` tells of it, and whether the controller or the host built it."""

    binary: bytes
    facts: bytes
    build: str


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
        on_host.install(folder, on_host.hashes_of(self.files), lambda: self.files)
        return folder

    def for_python(self, tag: str) -> Bundle:
        """Return the same bundle with the backend for another Python, such as "cp39"; raises HostPythonError."""
        if tag == self.tag:
            return self
        kept = {name: content for name, content in self.files.items() if not is_backend(name)}
        return Bundle.of({**kept, **backend_files(tag)}, tag)

    def with_core(self, core: Core) -> Bundle:
        """Return the same bundle with another core."""
        build = json.dumps({"build": core.build}).encode()
        return Bundle.of({**self.files, _CORE: core.binary, _CORE_FACTS: core.facts, _BUILD: build}, self.tag)


def make_bundle(tag: str = LOCAL_TAG, core: Core | None = None) -> Bundle:
    """Collect a bundle for a Python, with the core of this installation or the one given.

    Raises BuildError when the core or cffi's backend is not there, HostPythonError when a backend cannot be had.
    """
    files = {"__main__.py": _MAIN, _BUILD: json.dumps({"build": "controller"}).encode()}
    for path in [PACKAGE / name for name in _SINGLE_FILES] + [
        path for folder in _FOLDERS for path in sorted((PACKAGE / folder).rglob("*")) if path.suffix in _SUFFIXES
    ]:
        files[f"pageswap/{path.relative_to(PACKAGE).as_posix()}"] = path.read_bytes()
    if core is None and _CORE not in files:
        raise BuildError("the C core is not built; type 'inv build'")
    files.update(backend_files(tag))
    made = Bundle.of(files, tag)
    return made if core is None else made.with_core(core)
