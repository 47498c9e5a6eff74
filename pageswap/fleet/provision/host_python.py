"""What is known of a host before a bundle is there: its Python, its C library, its cache folder."""

from __future__ import annotations

import dataclasses
import re
from typing import Any, Final

from pageswap.agent.host_words import misfit
from pageswap.agent.journal.line_fields import PROBE
from pageswap.errors import HostBuildError, HostError, HostPythonError
from pageswap.fleet.provision.boot_program import NO_PYTHON, PYTHONS, SILENT, START_S
from pageswap.spec.quoting import printable

_OLDEST: Final = (3, 9)
_OWN_CURE = re.compile(r"(;| or) set PAGESWAP_HOME\b.*", re.DOTALL)


@dataclasses.dataclass(frozen=True)
class HostFacts:
    """`tag` names the Python as wheels do, `libc` is such as "glibc 2.31", `cache` is the folder that is ours.

    `machine` is the same for two names of one machine, "" where that is not known.
    """

    python: str
    version: str
    tag: str
    libc: str
    cache: str
    machine: str = ""


def facts_from(alias: str, answer: dict[str, Any], workdir: str | None = None) -> HostFacts:
    """Read the answer of the probe; raises HostError, HostPythonError or HostBuildError with the cure.

    `workdir` is what the inventory says of the host.
    """
    if "error" in answer:
        raise HostError(f"{alias}: {with_cure(answer['error'], workdir)}")
    problem = misfit(answer, PROBE)
    if problem or not (answer["cache"].startswith("/") and answer["python"].startswith("/")):
        raise HostError(f"{alias}: what it says of itself cannot be understood ({problem or 'no path'}); try again")
    numbers = tuple(answer["version"])
    version = ".".join(map(str, numbers))
    is_plain = answer["abi"] == ""
    if numbers < _OLDEST:
        raise _too_old(alias, None, [f"{answer['python']} {version}"])
    if answer["implementation"] != "cpython" or not is_plain:
        raise HostPythonError(
            f"{alias}: {answer['python']} is no plain CPython (found {answer['implementation']} {version}"
            f"{'' if is_plain else ', free-threaded or a debug build'}); give it a 'python:' in the inventory"
        )
    if answer["machine"] != "x86_64":
        raise HostBuildError(f"{alias}: its processor is {answer['machine']}; the methods are for x86_64 only")
    if not answer["libc"].startswith("glibc "):
        raise HostBuildError(f"{alias}: its C library is not glibc; measure on a distribution that has it")
    told = {name: answer[name] for name in ("python", "tag", "libc", "cache")}
    return HostFacts(**told, version=version, machine=answer.get("id", ""))


def with_cure(words: object, workdir: str | None) -> str:
    """Return a host's complaint about a folder with the cure that helps: with a `workdir` PAGESWAP_HOME does not."""
    complaint = f"{printable(str(words)):.1000}"
    if workdir is None:
        return f"{complaint}; or give it a 'workdir:' in the inventory"
    cured = _OWN_CURE.sub(r"\1 give the host another 'workdir:' in the inventory, or none", complaint)
    return cured if cured != complaint else f"{complaint}; or give the host another 'workdir:' in the inventory"


def slow_python(alias: str, python: str | None, waited_s: float) -> HostPythonError:
    """Return the error for a host whose shell, or the Python it was to start, said nothing for so long."""
    looked = python or PYTHONS[0]
    return HostPythonError(
        f"{alias}: no word from its Python within {waited_s:g} s; look at what 'ssh {alias} {looked} -V' waits for, and"
        f" at the host's load, or give it {_another(python)} in the inventory"
    )


def no_python(alias: str, python: str | None, lines: list[str], complaint: str = "") -> HostError:
    """Return the error for a host whose shell said these lines instead of starting a Python, and last complained so."""
    last = (complaint.splitlines() or [""])[-1].strip()
    words = f": {last:.500}" if last else ""
    if not lines or lines[-1] != NO_PYTHON:
        found = f" ({lines[0]:.80})" if lines else ""
        return HostPythonError(f"{alias}: its Python tells nothing of itself{found}{words}; give it {_another(python)}")
    silent = [line.rpartition(f" {SILENT}")[0] for line in lines if line.endswith(f" {SILENT}")]
    if silent:
        return HostPythonError(
            f"{alias}: {', '.join(silent[:5])}: did not start within {START_S} s and was killed; look at what"
            f" 'ssh {alias} {silent[0]} -V' waits for, or give the host {_another(python)} in the inventory"
        )
    if len(lines) > 1:
        return _too_old(alias, python, lines[:-1])
    if python:
        return HostPythonError(
            f"{alias}: {python}, its 'python:' in the inventory, cannot be started there{words}; install it, or give"
            " the host another one or none"
        )
    return HostPythonError(
        f"{alias}: there is no Python >= 3.9 (looked for {', '.join(PYTHONS)}){words}; install python3 there, or give"
        " it a 'python:' in the inventory"
    )


def _too_old(alias: str, python: str | None, found: list[str]) -> HostPythonError:
    shown = ", ".join(line[:200] for line in found[:5])
    return HostPythonError(
        f"{alias}: its Python is too old: found {shown}, expected >= 3.9; install a newer one, or give it"
        f" {_another(python)} in the inventory"
    )


def _another(python: str | None) -> str:
    return "another 'python:', or none," if python else "a 'python:'"
