"""What is run on a host: a constant command whose Python reads our programs from its standard input."""

from __future__ import annotations

import functools
import importlib.util
import re
from pathlib import Path
from typing import Final

from pageswap.errors import HostError
from pageswap.fleet.provision.bundle import WHEELS

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

# What no shell, however odd, reads as more than a word when it stands between single quotes.
SAFE_PATH: Final = re.compile(r"[\w./+@=:,~ -]{1,4000}")
SAFE_WORDS: Final = "letters, digits, spaces and ./+@=:,~_-"


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
    parts = [_LOADER, *(f"load({module!r}, {_source(module)!r})" for module in dict.fromkeys((*_NEEDED, main)))]
    text = "\n".join([*parts, f"sys.modules[{main!r}].main(i)"]).encode()
    return b"%d\n%s" % (len(text), text)


def _source(module: str) -> str:
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise HostError(f"{module}: this installation is incomplete; install it again")
    return Path(spec.origin).read_text(encoding="utf-8")
