"""The Python of a host: how it is found and runs our programs, and what it tells of itself and of the host."""

from __future__ import annotations

import dataclasses
import functools
import re
from typing import Any, Final

from pageswap.agent.host_words import misfit
from pageswap.agent.journal.line_fields import PROBE
from pageswap.errors import HostBuildError, HostError, HostPythonError
from pageswap.fleet.provision.bundle import PACKAGE, WHEELS
from pageswap.spec.quoting import printable

# Reads a line with a length and runs the program that follows. No quote, dollar or backslash: it survives any shell.
BOOT: Final = "import sys;i=sys.stdin.buffer;exec(i.read(int(i.readline())))"
OPTIONS: Final = ("-I", "-S", "-B")
_TOO_OLD: Final = "import sys;sys.exit(sys.version_info<(3,9))"
_VERSION: Final = "import sys;print(sys.version.split()[0])"
NO_PYTHON: Final = "no python"
SILENT: Final = "says nothing"
# A Python starts within a second; from a slow network's file system, on a busy host, within some more.
START_S: Final = 15

# In the order they are tried; the last is the oldest that serves.
PYTHONS: Final = ("python3", *(f"python3.{tag[3:]}" for tag in reversed(WHEELS)))

# A umask that takes this user's own rights away would leave folders that not even we may enter.
_LOADER: Final = """
import os, sys, types
os.umask(os.umask(0o077) & 0o077)
def load(name, source):
    parts = name.split(".")
    for count in range(1, len(parts)):
        parent = ".".join(parts[:count])
        if parent not in sys.modules:
            sys.modules[parent] = types.ModuleType(parent)
            sys.modules[parent].__path__ = []
    module = sys.modules[name] = types.ModuleType(name)
    exec(compile(source, name, "exec"), module.__dict__)
"""
_ON_HOST: Final = "pageswap.fleet.onhost"
# What programs import, in the order that they import each other.
_NEEDED: Final = ("pageswap.errors", "pageswap.agent.workspace.work_folder", f"{_ON_HOST}.folder")
_ALSO_NEEDED: Final = {"site": (f"{_ON_HOST}.site_places",)}

# What no shell, however odd, reads as more than a word when it stands between single quotes.
SAFE_PATH: Final = re.compile(r"[\w./+@=:,~ -]{1,4000}")
SAFE_WORDS: Final = "letters, digits, spaces and ./+@=:,~_-"
_OLDEST: Final = (3, 9)
_OWN_CURE = re.compile(r"(;| or) set PAGESWAP_HOME\b.*", re.DOTALL)


def first_argv(python: str | None) -> tuple[str, ...]:
    """Return what runs a program on the host's first Python >= 3.9, or on the inventory's `python`.

    Without one it prints "NAME VERSION" for each older one, "NAME SILENT" for each that did not start within `START_S`
    and was killed, and then `NO_PYTHON`; why one does not start is on its standard error. Raises HostError for a path
    that could mean something to a shell.
    """
    if python and " " in python:
        raise HostError(f"{python!r:.200}: a Python's path may hold no space; give the host another 'python:'")
    names = safe_path(python) if python else " ".join(PYTHONS)
    # An sshd kills nothing of root's when its client has gone. So what hangs is killed here, and an empty line, which
    # kills the shell when nobody is there to read it, comes before the next name is tried. Busybox's timeout(1) kills
    # one process only, so what that has started is found by the session that it was given.
    options = " ".join(OPTIONS)
    quiet = "2>/dev/null </dev/null"
    script = (
        f't() {{ "$@"; }}; g="timeout -s KILL {START_S} setsid"; $g true {quiet} &&'
        ' t() { { k=$($g sh -c "$0" sh "$@" 3>&1 >&4 4>&-); } 4>&1;'
        " c=$?; case $c in 124|137) kill -9 -$k 2>/dev/null;; esac; return $c; };"
        f' for p in {names}; do t "$p" {options} -c "{_TOO_OLD}" {quiet};'
        f' case $? in 0) exec "$p" {options} -c "{BOOT}";;'
        f' 124|137) set -- "$@" "$p {SILENT}"; echo || exit;;'
        f' *) v=$(t "$p" -c "{_VERSION}" </dev/null) && set -- "$@" "$p $v";; esac;'
        f' done; for l; do echo "$l"; done; echo {NO_PYTHON}'
    )
    return ("/bin/sh", "-c", script, 'echo $$ >&3; exec "$@" 3>&-')


def program_argv(python: str) -> tuple[str, ...]:
    """Return what runs one of our programs, read from its standard input, on a host's known Python."""
    return (python, *OPTIONS, "-c", BOOT)


def safe_path(path: str) -> str:
    """Return a path that means only itself to a shell; raises HostError for any other."""
    if not SAFE_PATH.fullmatch(path):
        raise HostError(
            f"{path!r:.200}: {SAFE_WORDS} are all that a path on a host may hold; give it a"
            " 'workdir:' or 'python:' of such in the inventory"
        )
    return path


@functools.cache
def program(name: str) -> bytes:
    """Return one of the programs in onhost/ as the standard input of `program_argv`; its own input follows."""
    main = f"{_ON_HOST}.{name}"
    needed = (*_NEEDED, *_ALSO_NEEDED.get(name, ()), main)
    sources = {name: PACKAGE.parent / f"{name.replace('.', '/')}.py" for name in needed}
    parts = [_LOADER, *(f"load({name!r}, {path.read_text('utf-8')!r})" for name, path in sources.items())]
    text = "\n".join([*parts, f"sys.modules[{main!r}].main(i)"]).encode()
    return b"%d\n%s" % (len(text), text)


@dataclasses.dataclass(frozen=True)
class HostFacts:
    """`tag` names the Python as wheels do, `libc` is such as "glibc 2.31", `cache` is the folder that is ours.

    `machine` is the same for two names of one machine, "" where that is not known.
    """

    python: str
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
    return HostFacts(answer["python"], answer["tag"], answer["libc"], answer["cache"], answer.get("id", ""))


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
