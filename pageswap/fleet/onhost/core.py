"""Builds the C core on this host from what the controller sends, for a C library that its own core is too new for."""

from __future__ import annotations

import base64
import concurrent.futures
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from pageswap.errors import HostError
from pageswap.fleet.onhost.folder import PATIENCE_S, install, receive, sha256

if TYPE_CHECKING:
    from collections.abc import Mapping

_COMPILERS = ("cc", "gcc", "clang")
_COMPILE_S = 300.0
_SAID_BYTES = 2000
_BINARY = "core.so"
_FACTS = "core.json"


def main(stdin: IO[bytes]) -> None:
    """Read {"cores": folder, "hashes", "flags"}; unless that core was built already, say {"wanted"} and read its files.

    The last word is {"facts": as `core_info` has them, "binary": base64}, {"no_compiler": true} or {"error": text}.
    """
    signal.alarm(PATIENCE_S)
    document = json.loads(stdin.readline())
    try:
        compiler = next((found for found in map(shutil.which, _COMPILERS) if found), None)
        if compiler is None:
            answer: dict[str, Any] = {"no_compiler": True}
        else:
            folder = _built(document, compiler, stdin)
            binary = base64.b64encode((folder / _BINARY).read_bytes()).decode()
            answer = {"facts": json.loads((folder / _FACTS).read_bytes()), "binary": binary}
    except HostError as error:
        answer = {"error": str(error)}
    except OSError as error:
        answer = {"error": f"{document['cores']}: the core cannot be built there: {error.strerror}"}
    print(json.dumps(answer), flush=True)  # noqa: T201 - the answer


def _built(document: Mapping[str, Any], compiler: str, stdin: IO[bytes]) -> Path:
    """Return the folder with the core for these sources, flags and compiler, which name it."""
    hashes, flags = document["hashes"], document["flags"]
    version = _run([compiler, "--version"], "/").splitlines()[0]
    parts = [*(f"{name} {value}" for name, value in sorted(hashes.items())), *flags, compiler, version]
    source_hash = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    folder = Path(document["cores"]) / source_hash

    def compiled() -> dict[str, bytes]:
        files = receive(stdin, hashes)
        with tempfile.TemporaryDirectory() as name:
            binary = _compile(Path(name), files, flags, compiler)
        facts = {
            "core_hash": sha256(binary),
            "source_hash": source_hash,
            "compiler": version,
            "flags": " ".join(flags),
        }
        return {_BINARY: binary, _FACTS: json.dumps(facts, indent=1).encode()}

    install(folder, {}, compiled)
    return folder


def _compile(folder: Path, files: Mapping[str, bytes], flags: list[str], compiler: str) -> bytes:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_bytes(content)
    sources = [name for name in files if name.endswith(".c")]
    products = [f"{number}.o" for number in range(len(sources))]
    common = [compiler, *flags, f"-ffile-prefix-map={folder}=.", "-Inative", "-Ipython"]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        commands = [[*common, "-c", source, "-o", product] for source, product in zip(sources, products)]
        list(pool.map(lambda command: _run(command, str(folder)), commands))
    _run([compiler, "-shared", "-pthread", *products, "-o", _BINARY], str(folder))
    return (folder / _BINARY).read_bytes()


def _run(command: list[str], folder: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - the host's own compiler
            command,
            cwd=folder,
            env={**os.environ, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_COMPILE_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise HostError(f"{command[0]}: did not end within {_COMPILE_S:g} s") from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").splitlines()
        first = next((line for line in said if "error" in line), said[0] if said else f"status {done.returncode}")
        raise HostError(f"{command[0]} could not compile the core: {first[:_SAID_BYTES]}")
    return done.stdout.decode(sys.getfilesystemencoding(), "replace")
