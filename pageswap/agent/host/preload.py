"""What takes the place of the C library's functions in this process and its trials: libraries loaded before it.

malloc, realloc and memcpy are measured. A library that the environment or /etc/ld.so.preload puts before the C library
would be measured in their place, unnoticed.
"""

from __future__ import annotations

import contextlib
import os
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pageswap.agent.host.host_files import HostFiles

SYSTEM_FILE = "/etc/ld.so.preload"
FUNCTIONS = ("malloc", "realloc", "memcpy")
_VARIABLES = ("LD_PRELOAD", "LD_AUDIT", "GLIBC_TUNABLES")
_PREFIX = "MALLOC_"
_SANITIZER = re.compile(r"(?:.*/)?lib[^/.]*san(?:\.[^/]*)?")
_MAPS = "/proc/self/maps"
# dladdr1(3): it wants the symbol, an Elf64_Sym, whose st_shndx is so many bytes from its begin.
_SYMBOL, _SECTION_AT = 1, 6


def leave_behind(environ: Mapping[str, str] = os.environ) -> None:
    """Execute this program anew without what its environment preloads or tunes; return where there is nothing such.

    Before anything is read from standard input. A program that cannot be executed goes on as it is: `in_force` tells.
    """
    clean = cleaned(environ)
    if clean == dict(environ):
        return
    with contextlib.suppress(OSError):
        with open("/proc/self/cmdline", "rb") as file:
            arguments = file.read().split(b"\0")[:-1]
        # The interpreter itself, not its name: a wrapper of that name would set the same again.
        os.execve("/proc/self/exe", arguments, clean)  # noqa: S606 - this program's own command line


def cleaned(environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without what preloads libraries or tunes the C library's malloc.

    A sanitizer's runtime stays: a core that is built with one does not load without it.
    """
    clean = {name: value for name, value in environ.items() if not _is_cut(name)}
    sanitizers = [
        path for path in environ.get("LD_PRELOAD", "").replace(":", " ").split() if _SANITIZER.fullmatch(path)
    ]
    if sanitizers:
        clean["LD_PRELOAD"] = " ".join(sanitizers)
    return clean


def in_force(files: HostFiles, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Map whatever preloads libraries into this process or tunes its malloc to its value; empty where nothing does."""
    found = {name: environ[name] for name in sorted(environ) if _is_cut(name)}
    system = " ".join((files.text(SYSTEM_FILE) or "").split())
    return {**found, SYSTEM_FILE: system} if system else found


def providers(files: HostFiles) -> dict[str, str | None]:
    """Map each of FUNCTIONS to the file name of the library that serves it in this process; None where unknown.

    A program at a fixed address, as Debian's Python is one, has an entry of its own for a function whose address it
    takes, and dlsym(3) finds that first: what it leads to is the next definition in the order of loading.
    """
    try:
        import ctypes  # not in every distribution's smallest Python
    except ImportError:
        return dict.fromkeys(FUNCTIONS)

    def address_in(path: str | None, name: str) -> int:
        with contextlib.suppress(OSError, AttributeError):
            return ctypes.cast(getattr(ctypes.CDLL(path), name), ctypes.c_void_p).value or 0
        return 0

    def is_defined(address: int) -> bool:
        """Tell whether what begins there is the function, not a way to it: its symbol has a section (elf(5))."""
        symbol, info = ctypes.c_void_p(), (ctypes.c_void_p * 4)()
        with contextlib.suppress(AttributeError):
            ctypes.CDLL(None).dladdr1(ctypes.c_void_p(address), info, ctypes.byref(symbol), _SYMBOL)
        return not symbol.value or ctypes.c_uint16.from_address(symbol.value + _SECTION_AT).value != 0

    # dlopen(3)'s handle is a struct link_map: address, name, dynamic section, next.
    loaded: list[str | None] = [None]
    link: int | None = ctypes.CDLL(None)._handle  # noqa: SLF001 - ctypes has no other name for it
    while link:
        _, called, _, link = (ctypes.c_void_p * 4).from_address(link)
        text = ctypes.string_at(called) if called else b""
        loaded += [os.fsdecode(text)] if text else []
    mappings = _mapped_files(files)
    found: dict[str, str | None] = {}
    for name in FUNCTIONS:
        found[name] = None
        for path in loaded:
            address = address_in(path, name)
            file = next((file for start, end, file in mappings if start <= address < end), "")
            # A library's handle finds what its own libraries define, too.
            if file and (path is None or os.path.realpath(path) == file) and is_defined(address):
                found[name] = os.path.basename(file)
                break
    return found


def foreign_providers(providers_of: dict[str, str | None]) -> str:
    """Say which functions that are timed another library than the C library serves."""
    served = {name: library for name, library in providers_of.items() if library}
    foreign = [f"{name} by {of}" for name, of in served.items() if not of.startswith(("libc.", "libc-", "ld-musl"))]
    return f"not served by the C library: {', '.join(foreign)}" if foreign else ""


def libraries(files: HostFiles) -> list[str]:
    """List the file names of the shared libraries in this process, and so in its trials, but for Python's modules."""
    names = {os.path.basename(path) for _, _, path in _mapped_files(files)}
    return sorted(name for name in names if ".so" in name and ".cpython-" not in name and ".abi3." not in name)


def _is_cut(name: str) -> bool:
    return name in _VARIABLES or name.startswith(_PREFIX)


def _mapped_files(files: HostFiles) -> list[tuple[int, int, str]]:
    """List this process's mappings of files as (start, end, path)."""
    found = []
    for line in (files.text(_MAPS) or "").splitlines():
        fields = line.split(None, 5)
        if len(fields) == 6 and fields[5].startswith("/"):  # noqa: PLR2004 - proc_pid_maps(5): a mapping of a file
            start, _, end = fields[0].partition("-")
            found.append((int(start, 16), int(end, 16), fields[5].replace(" (deleted)", "")))
    return found
