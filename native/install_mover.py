"""Puts the mover's library for C programs into a folder: header, shared and static library, and a pkg-config file."""

from __future__ import annotations

import json
import pathlib
import sys
import tempfile

import build

SONAME = "libpageswap_mover.so.0"
_PKG_CONFIG = """\
prefix=${{pcfiledir}}/../..
libdir=${{prefix}}/lib
includedir=${{prefix}}/include

Name: pageswap_mover
Description: Moves pages of memory the fastest way that a host has
Version: {version}
Cflags: -I${{includedir}}
Libs: -L${{libdir}} -lpageswap_mover
"""


def install(folder: pathlib.Path, version: str) -> list[str]:
    """Compile the library and put it below the folder; give the paths, in the order in which they appear there.

    Each file is there whole or as it was before. Raises BuildFailedError and OSError.
    """
    library = folder / "lib"
    (library / "pkgconfig").mkdir(parents=True, exist_ok=True)
    (folder / "include").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as made:
        place = pathlib.Path(made)
        objects = build.compile_mover()
        build.run([*build.compiler(), "-shared", f"-Wl,-soname,{SONAME}", *objects, "-o", str(place / SONAME)])
        archive(objects, place)
        (place / "libpageswap_mover.so").symlink_to(SONAME)
        (place / "pageswap_mover.pc").write_text(_PKG_CONFIG.format(version=version), encoding="utf-8")
        (place / "pageswap_mover.h").write_bytes(build.MOVER_HEADER.read_bytes())
        targets = [
            folder / "include" / "pageswap_mover.h",
            library / "libpageswap_mover.a",
            library / SONAME,
            library / "libpageswap_mover.so",
            library / "pkgconfig" / "pageswap_mover.pc",
        ]
        for target in targets:
            (place / target.name).replace(target)
    return [str(target) for target in targets]


def archive(objects: list[str], place: pathlib.Path) -> None:
    """Make the static library, of one object in which only what the header declares has a name for others."""
    whole = str(place / "pageswap_mover.o")
    build.run([*build.compiler(), "-r", "-nostdlib", *objects, "-o", whole])
    build.run(["objcopy", "--localize-hidden", whole])
    build.run(["ar", "rcsD", str(place / "libpageswap_mover.a"), whole])


if __name__ == "__main__":
    try:
        installed = install(pathlib.Path(sys.argv[1]).resolve(), sys.argv[2])
    except (build.BuildFailedError, OSError) as failure:
        sys.exit(f"error: the mover could not be installed\n{failure}")
    print(json.dumps(installed))  # noqa: T201 - its output
