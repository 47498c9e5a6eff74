"""What is known of a host before a bundle is there: its Python, its C library, its cache folder."""

from __future__ import annotations

import dataclasses
from typing import Any, Final

from pageswap.errors import HostBuildError, HostError, HostPythonError
from pageswap.fleet.remote import NO_PYTHON, PYTHONS

_OLDEST: Final = (3, 9)


@dataclasses.dataclass(frozen=True)
class HostFacts:
    """`tag` names the Python as wheels do, `libc` is such as "glibc 2.31", `cache` is the folder that is ours."""

    python: str
    version: str
    tag: str
    libc: str
    cache: str


def facts_from(alias: str, answer: dict[str, Any]) -> HostFacts:
    """Read the answer of the probe; raises HostError, HostPythonError or HostBuildError with the cure."""
    if "error" in answer:
        raise HostError(f"{alias}: {answer['error']!s:.1000}; or give it a 'workdir:' in the inventory")
    try:
        numbers = tuple(int(number) for number in answer["version"])
        version = ".".join(map(str, numbers))
        texts = {name: str(answer[name]) for name in ("python", "tag", "libc", "cache", "machine", "implementation")}
        is_plain = answer["abi"] == ""
        is_sane = texts["cache"].startswith("/") and texts["python"].startswith("/")
    except (KeyError, TypeError, ValueError):
        is_sane = False
    if not is_sane:
        raise HostError(f"{alias}: what it says of itself cannot be understood; try again")
    if numbers < _OLDEST:
        raise _too_old(alias, [f"{texts['python']} {version}"])
    if texts["implementation"] != "cpython" or not is_plain:
        raise HostPythonError(
            f"{alias}: {texts['python']} is no plain CPython (found {texts['implementation']} {version}"
            f"{'' if is_plain else ', free-threaded or a debug build'}); give it a 'python:' in the inventory"
        )
    if texts["machine"] != "x86_64":
        raise HostBuildError(f"{alias}: its processor is {texts['machine']}; the methods are for x86_64 only")
    if not texts["libc"].startswith("glibc "):
        raise HostBuildError(f"{alias}: its C library is not glibc; measure on a distribution that has it")
    return HostFacts(texts["python"], version, texts["tag"], texts["libc"], texts["cache"])


def no_python(alias: str, python: str | None, lines: list[str]) -> HostError:
    """Give the error for a host whose shell said these lines instead of starting a Python."""
    if not lines:
        return HostError(f"{alias}: its login shell started nothing; 'ssh {alias} true' must work there")
    if lines[-1] != NO_PYTHON:
        return HostError(
            f"{alias}: its login shell prints text ({lines[0][:80]!r}); let ~/.bashrc and the like be silent unless a"
            " terminal is there"
        )
    if len(lines) > 1:
        return _too_old(alias, lines[:-1])
    looked = python or ", ".join(PYTHONS)
    return HostPythonError(
        f"{alias}: there is no Python >= 3.9 (looked for {looked}); install python3 there, or give it a 'python:' in"
        " the inventory"
    )


def _too_old(alias: str, found: list[str]) -> HostPythonError:
    shown = ", ".join(line[:60] for line in found[:5])
    return HostPythonError(
        f"{alias}: its Python is too old: found {shown}, expected >= 3.9; install a newer one, or give it a 'python:'"
        " in the inventory"
    )
