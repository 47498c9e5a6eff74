"""Builds the C core and the mover: cffi's API mode with the limited API, so that one binary serves every Python."""

from __future__ import annotations

import concurrent.futures
import contextlib
import fcntl
import hashlib
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import sysconfig
from typing import TYPE_CHECKING, Any

import cffi

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
MODULE = "pageswap.native._core"
MOVER_MODULE = "pageswap.mover._mover"
MOVER_HEADER = HERE / "mover" / "pageswap_mover.h"
# What the mover takes of the core's files.
_OF_THE_CORE = ("clock.c", "cpu_features.c", "error.c", "give_back.c", "huge_pages.c")
FLAGS = (
    "-std=gnu17",
    "-O2",
    "-fPIC",
    "-fvisibility=hidden",
    "-pthread",
    "-D_GNU_SOURCE",
    f"-ffile-prefix-map={ROOT}=.",
)
WARNINGS = ("-Wall", "-Wextra", "-Wshadow", "-Wvla", "-Wstrict-prototypes", "-Wmissing-prototypes")
_INCLUDED = re.compile(rb'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-fno-omit-frame-pointer", "-g")


class BuildFailedError(Exception):
    """The compiler refused; the text is the command and what the compiler said."""


def sources() -> list[pathlib.Path]:
    """Give the core's C files, sorted so that every build links them in the same order."""
    return sorted(path for folder in (".", "methods", "mover", "workloads") for path in (HERE / folder).glob("*.c"))


def mover_sources() -> list[pathlib.Path]:
    """Give the mover's C files, which are the core's, too."""
    return sorted([*HERE.glob("mover/*.c"), *(HERE / name for name in _OF_THE_CORE)])


def ffi_builder() -> cffi.FFI:
    """Describe the core to cffi: its whole interface is api.cdef.h."""
    text = (HERE / "api.cdef.h").read_text(encoding="utf-8")
    return _describe(MODULE, text, '#include "pageswap.h"', sources())


def mover_ffi_builder() -> cffi.FFI:
    """Describe the mover to cffi: its whole interface is the header that C programs include, but for directives."""
    text = MOVER_HEADER.read_text(encoding="utf-8")
    text = re.sub(r"^#ifdef __cplusplus\n.*?^#endif\n|^#[^\n]*\n", "", text, flags=re.MULTILINE | re.DOTALL)
    return _describe(MOVER_MODULE, text, '#include "mover/pageswap_mover.h"', mover_sources())


def _describe(module: str, declarations: str, include: str, files: list[pathlib.Path]) -> cffi.FFI:
    ffi = cffi.FFI()
    ffi.cdef(declarations)
    ffi.set_source(
        module,
        include,
        sources=[os.path.relpath(path, ROOT) for path in files],
        include_dirs=["native"],
        extra_compile_args=list(FLAGS),
        py_limited_api=True,
    )
    return ffi


def compiler() -> list[str]:
    """Give the C compiler's command: $CC, or cc."""
    return shlex.split(os.environ.get("CC", "")) or ["cc"]


def source_hash(flags: tuple[str, ...], compiler_version: str) -> str:
    """Hash everything that decides the binary: sources, this file, flags, compiler, cffi.

    And nothing that does not: where Python's headers lie is no matter, as the limited API is the same in all of them.
    """
    digest = hashlib.sha256()
    headers = [*sorted(HERE.glob("*.h")), *sorted(HERE.glob("mover/*.h")), *sorted(HERE.glob("*.def"))]
    files = [*sources(), *headers, HERE / "build.py"]
    for path in files:
        digest.update(f"{path.relative_to(HERE)}\0".encode() + path.read_bytes() + b"\0")
    digest.update("\0".join([*_portable(flags), compiler_version, cffi.__version__]).encode())
    return digest.hexdigest()


def _portable(flags: tuple[str, ...]) -> list[str]:
    """Leave out what says where the checkout lies."""
    return [flag for flag in flags if not flag.startswith("-ffile-prefix-map")]


def run(command: list[str]) -> None:
    """Run a tool; raises BuildFailedError with what it said."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own argv
    if done.returncode:
        raise BuildFailedError(f"{shlex.join(command)}\n{done.stderr.strip()}")


def _compiler_version() -> str:
    try:
        done = subprocess.run([*compiler(), "--version"], capture_output=True, text=True, check=True)  # noqa: S603 - likewise
    except (OSError, subprocess.CalledProcessError) as error:
        raise BuildFailedError(f"no working C compiler: {shlex.join(compiler())} --version: {error}") from error
    return done.stdout.splitlines()[0]


def build(*, sanitize: bool = False) -> dict[str, Any]:
    """Build the core unless the one at hand is the same, and return its facts (see `pageswap.native.core_info`).

    With `sanitize` a second core with AddressSanitizer and UndefinedBehaviorSanitizer is built, with a copy of the
    Python side, under build/sanitized. Raises BuildFailedError with the compiler's words.
    """
    root = ROOT / "build" / "sanitized" if sanitize else ROOT
    folder = root / "pageswap" / "native"
    if sanitize:
        _copy_python_side(root)
    flags = (*FLAGS, *SANITIZERS) if sanitize else FLAGS
    version = _compiler_version()
    facts = {
        "source_hash": source_hash(flags, version),
        "compiler": version,
        "flags": " ".join(_portable(flags)),
    }
    with _objects(sanitize=sanitize) as objects:
        known = _facts_of(folder)
        if known is None or known["source_hash"] != facts["source_hash"]:
            _compile(root, objects, flags, version)
            core_hash = hashlib.sha256((folder / "_core.abi3.so").read_bytes()).hexdigest()
            known = {"core_hash": core_hash, **facts}
            part = folder / "_core.json.part"
            part.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
            part.replace(folder / "_core.json")
    return known


@contextlib.contextmanager
def _objects(*, sanitize: bool) -> Iterator[pathlib.Path]:
    """Give the folder of what files are compiled to, to one command at a time."""
    objects = ROOT / "build" / ("objects-sanitized" if sanitize else "objects")
    objects.mkdir(parents=True, exist_ok=True)
    with (objects / "lock").open("w") as lock:
        with contextlib.suppress(OSError):  # a file system without locks: then two commands at once build twice
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield objects


def _facts_of(folder: pathlib.Path) -> dict[str, Any] | None:
    """Give the facts of the core that lies there, or None when it is missing or not the one the facts describe."""
    try:
        facts: dict[str, Any] = json.loads((folder / "_core.json").read_text(encoding="utf-8"))
        binary = (folder / "_core.abi3.so").read_bytes()
    except (OSError, ValueError):
        return None
    if not (folder.parent / "mover" / "_mover.abi3.so").exists():
        return None
    return facts if hashlib.sha256(binary).hexdigest() == facts.get("core_hash") else None


def _copy_python_side(root: pathlib.Path) -> None:
    for path in [path for folder in (".", "native", "mover") for path in (ROOT / "pageswap" / folder).glob("*.py")]:
        target = root / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())


def write_glue(glue: pathlib.Path, builder: Callable[[], cffi.FFI] = ffi_builder) -> None:
    """Write the C file between the core, or what else is described, and Python, the same wherever it lies."""
    with contextlib.redirect_stdout(sys.stderr):  # cffi tells what it writes; standard output is for the facts
        builder().emit_c_code(str(glue))
    # The glue lies in a build folder; what it includes and what `__FILE__` says must not depend on where that is.
    text = re.sub(r'#line \d+ ".*"', "", glue.read_text(encoding="utf-8"))
    glue.write_text(text, encoding="utf-8")


def object_of(path: pathlib.Path, objects: pathlib.Path, flags: tuple[str, ...], compiler_version: str) -> pathlib.Path:
    """Give the place of what a C file is compiled to, named by all that decides it: one that is there is current."""
    digest = hashlib.sha256("\0".join([*_portable(flags), compiler_version]).encode())
    files = [path]
    for file in files:  # grows by what each one includes
        content = file.read_bytes()
        digest.update(b"\0" + content)
        for name in map(bytes.decode, _INCLUDED.findall(content)):
            places = [(folder / name).resolve() for folder in (file.parent, HERE)]
            place = next(filter(pathlib.Path.exists, places), path)
            files += [place] if place not in files else []
    return objects / f"{str(path.relative_to(ROOT)).replace('/', '.')}.{digest.hexdigest()[:16]}.o"


def compile_mover() -> list[str]:
    """Give the objects of the mover alone, for C programs: the core's where they are. Raises BuildFailedError."""
    flags, version = (*FLAGS, *WARNINGS), _compiler_version()
    with _objects(sanitize=False) as objects:
        products = {path: object_of(path, objects, flags, version) for path in mover_sources()}
        for path, product in products.items():
            _compile_file((path, flags), product)
    return [str(product) for product in products.values()]


def _compile(root: pathlib.Path, objects: pathlib.Path, flags: tuple[str, ...], compiler_version: str) -> None:
    glues = {objects / "_core_glue.c": ffi_builder, objects / "_mover_glue.c": mover_ffi_builder}
    for glue, builder in glues.items():
        write_glue(glue, builder)
    products = _compile_all(sources(), list(glues), objects, flags, compiler_version)
    core_glue, mover_glue = glues
    _link(root, MODULE, [products[path] for path in [*sources(), core_glue]], flags)
    _link(root, MOVER_MODULE, [products[path] for path in [*mover_sources(), mover_glue]], flags)


def _compile_all(
    files: list[pathlib.Path], glues: list[pathlib.Path], objects: pathlib.Path, flags: tuple[str, ...], version: str
) -> dict[pathlib.Path, pathlib.Path]:
    jobs = [(path, (*flags, *WARNINGS)) for path in files] + [(glue, flags) for glue in glues]
    products = [object_of(path, objects, of_file, version) for path, of_file in jobs]
    for old in set(objects.glob("*.o*")) - set(products):
        old.unlink()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(_compile_file, jobs, products))
    return dict(zip([path for path, _ in jobs], products, strict=True))


def _link(root: pathlib.Path, module: str, products: list[pathlib.Path], flags: tuple[str, ...]) -> None:
    made = root / (module.replace(".", "/") + ".abi3.so")
    made.parent.mkdir(parents=True, exist_ok=True)
    part = made.with_suffix(".so.part")
    sanitizers = [flag for flag in flags if flag.startswith("-fsanitize")]
    run([*compiler(), "-shared", "-pthread", *sanitizers, *map(str, products), "-o", str(part)])
    part.replace(made)


def _compile_file(job: tuple[pathlib.Path, tuple[str, ...]], product: pathlib.Path) -> None:
    path, flags = job
    if product.exists():
        return
    part = product.with_suffix(".o.part")
    includes = [f"-I{HERE}", f"-I{sysconfig.get_path('include')}", f"-I{sysconfig.get_path('platinclude')}"]
    run([*compiler(), *flags, *includes, "-c", str(path), "-o", str(part)])
    part.replace(product)


ffi = None if __name__ == "__main__" else ffi_builder()
mover_ffi = None if __name__ == "__main__" else mover_ffi_builder()

if __name__ == "__main__":
    try:
        built = build(sanitize="--sanitize" in sys.argv[1:])
    except BuildFailedError as failure:
        sys.exit(f"error: the C core could not be built\n{failure}")
    print(json.dumps(built))  # noqa: T201 - its output
