"""Commands as ./inv starts them, where everything around them is hostile: one line and the documented code, always."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import tasks
from pageswap.console.commands import commands_of
from pageswap.console.start import as_meant, call
from tests.stored_run import store_run

ROOT = Path(__file__).resolve().parents[2]
START = (sys.executable, "-P", str(ROOT / "pageswap/console/start.py"))
SMOKE = ("plan", "--spec", "smoke")


def inv(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command as ./inv does."""
    options = {"cwd": ROOT, "stdout": subprocess.PIPE, **options}
    return subprocess.run([*START, *arguments], stderr=subprocess.PIPE, text=True, check=False, **options)


def interrupted(wait_s: float, *arguments: str, env: dict[str, str] | None = None) -> tuple[int, str]:
    """Press Ctrl-C so long after a command's start; the signal waits as ./inv lets it. Return the code and stderr."""
    process = subprocess.Popen(
        [*START, *arguments],
        cwd=ROOT,
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}),  # noqa: PLW1509 - no threads here
    )
    time.sleep(wait_s)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    return process.returncode, errors


def make_shim(folder: Path, source: str) -> Path:
    """Compile what a program is to load before its C library; return the file."""
    (folder / "shim.c").write_text(source)
    shim = folder / "shim.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", shim, folder / "shim.c", "-ldl"], check=True)
    return shim


@pytest.mark.parametrize("wait_ms", [0, 5, 10, 20, 30, 45, 60, 80, 100, 125, 150])
def test_ctrl_c_is_one_line_from_the_first_moment(wait_ms: int) -> None:
    """While the interpreter starts, the imports run, or the command works."""
    ended = interrupted(wait_ms / 1000, *SMOKE)

    assert ended in {(130, "interrupted\n"), (0, "")}
    assert ended[0] == 130 or wait_ms > 0


@pytest.mark.slow
def test_ctrl_c_is_one_line_at_any_moment(tmp_path: Path) -> None:
    """Twelve times while a command imports all that computes, and until it has ended."""
    store_run(tmp_path, blocks=6)
    (run,) = tmp_path.glob("*/*/run.sqlite")
    report = ("report", str(run), "--format", "json")
    began = time.monotonic()
    assert inv(*report).returncode == 0
    whole_s = time.monotonic() - began
    ends = [interrupted(whole_s * part / 10, *report) for part in range(12)]

    assert set(ends) <= {(130, "interrupted\n"), (0, "")}
    assert (130, "interrupted\n") in ends


def test_a_second_ctrl_c_beside_the_first_says_nothing_more(tmp_path: Path) -> None:
    """Before any command is there that could hear it."""
    shim = make_shim(tmp_path, AGAIN)
    ended = interrupted(0, *SMOKE, env={**os.environ, "LD_PRELOAD": str(shim)})

    assert (130, "interrupted\n") == ended


# Whoever says that it was interrupted is interrupted again.
AGAIN = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <string.h>
#include <sys/types.h>
ssize_t write(int descriptor, const void *text, size_t size)
{
    ssize_t (*next)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");
    ssize_t written = next(descriptor, text, size);
    if (size >= 11 && !memcmp(text, "interrupted", 11))
        raise(SIGINT);
    return written;
}
"""

# The last that a command does with signals is to ignore them.
LATE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
int sigaction(int number, const struct sigaction *action, struct sigaction *former)
{
    int (*next)(int, const struct sigaction *, struct sigaction *) = dlsym(RTLD_NEXT, "sigaction");
    if (number == SIGINT && action && action->sa_handler == SIG_IGN)
        raise(SIGINT);
    return next(number, action, former);
}
"""


def test_ctrl_c_while_its_handler_is_given_up_is_no_complaint(tmp_path: Path) -> None:
    """All is done then; Python would print that the signal was ignored."""
    shim = make_shim(tmp_path, LATE)
    done = inv(*SMOKE, env={**os.environ, "LD_PRELOAD": str(shim)})

    assert (0, "") == (done.returncode, done.stderr)


def test_who_ignores_ctrl_c_is_not_interrupted() -> None:
    """A shell lets what it begins in the background ignore it."""
    process = subprocess.Popen(
        [*START, *SMOKE],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),  # noqa: PLW1509 - no threads here
    )
    for _ in range(5):
        time.sleep(0.02)
        process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)

    assert (process.returncode, errors) == (0, "")


@pytest.mark.parametrize("arguments", [("--list",), ("--help",), ("--help", "plan"), (), SMOKE, (*SMOKE, "--json")])
def test_an_output_that_is_full_is_an_error_of_its_own(arguments: tuple[str, ...]) -> None:
    """It says what to do, and is not called a bug."""
    with Path("/dev/full").open("w") as full:
        done = inv(*arguments, stdout=full)

    text = "error: standard output cannot be written: No space left on device; make room there, or send it elsewhere\n"
    assert (1, text) == (done.returncode, done.stderr)


@pytest.mark.parametrize("arguments", [("--list",), ("--help",), (), (*SMOKE, "--json")])
def test_a_reader_that_went_away_is_no_error(arguments: tuple[str, ...]) -> None:
    """`./inv --help | head -1` prints no complaint."""
    read, write = os.pipe()
    os.close(read)
    done = inv(*arguments, stdout=write)
    os.close(write)

    assert (0, "") == (done.returncode, done.stderr)


@pytest.mark.parametrize("home", ["broken settings", "settings that are a folder", "no such folder", "a file"])
def test_a_strange_home_changes_nothing(tmp_path: Path, home: str) -> None:
    """No command reads settings of invoke's there."""
    folder = tmp_path / "home"
    if home == "a file":
        folder.write_text("")
    elif home != "no such folder":
        folder.mkdir()
    if home == "broken settings":
        (folder / ".invoke.yaml").write_text("{a: [")
    elif home == "settings that are a folder":
        (folder / ".invoke.yaml").mkdir()
    done = inv("check", "--spec", "smoke", env={**os.environ, "HOME": str(folder)})

    assert (0, "") == (done.returncode, done.stderr)


def test_what_the_outputs_encoding_lacks_is_replaced(tmp_path: Path) -> None:
    """An ASCII terminal shows a name that it cannot print as well as it can."""
    shutil.copy(ROOT / "experiments/smoke.yaml", tmp_path / "caf\u00e9.yaml")
    plain = {**os.environ, "LC_ALL": "C", "PYTHONIOENCODING": "ascii"}
    done = inv("check", "--spec", "caf\u00e9.yaml", cwd=tmp_path, env=plain)

    assert (0, "") == (done.returncode, done.stderr)
    assert "caf?.yaml: ok" in done.stdout


COMMANDS = commands_of(tasks)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("run smoke.yaml --dry", ("run", {"spec": "smoke.yaml", "dry": True})),
        (
            "run --dry smoke.yaml --set a=1 --set b=2",
            ("run", {"dry": True, "spec": "smoke.yaml", "set_": ["a=1", "b=2"]}),
        ),
        ("plan --set page_size=4KiB smoke", ("plan", {"set_": ["page_size=4KiB"], "spec": "smoke"})),
        ("compare a b --json", ("compare", {"base": "a", "new": ["b"], "json": True})),
        ("compare --base a b", ("compare", {"base": "a", "new": ["b"]})),
        ("compare --new=b a", ("compare", {"new": ["b"], "base": "a"})),
        ("publish a b --to site c", ("publish", {"run": ["a", "b", "c"], "to": "site"})),
        ("publish --run a --run b --to site", ("publish", {"run": ["a", "b"], "to": "site"})),
        ("export latest --out -", ("export", {"run": ["latest"], "out": "-"})),
        ("hosts clean --hosts a", ("clean", {"hosts": "a"})),
        ("hosts --json", ("hosts", {"json": True})),
        ("test tests/spec", ("test", {"args": ["tests/spec"]})),
        ("test -k words tests/spec", ("test", {"k": "words", "args": ["tests/spec"]})),
        ("test -kwords tests/spec", ("test", {"k": "words", "args": ["tests/spec"]})),
        ("test -k=words", ("test", {"k": "words"})),
        ("test -x -n 4 tests/spec", ("test", {"args": ["-x", "-n", "4", "tests/spec"]})),
        ("test --maxfail=1 --all", ("test", {"args": ["--maxfail=1"], "all_": True})),
        ("run smoke --spec smoke --dry --dry", ("run", {"spec": "smoke", "dry": True})),
        ("run smoke --ignore-lease --at-once 2", ("run", {"spec": "smoke", "ignore_lease": True, "at_once": "2"})),
        ("run smoke --set a=1 --help", ("run", None)),
        ("lint", ("lint", {})),
        ("hosts clean --all -h", ("clean", None)),
    ],
)
def test_values_find_their_arguments(typed: str, meant: tuple[str, dict[str, Any] | None]) -> None:
    """By position or by flag, in any order."""
    assert meant == call(typed.split(), COMMANDS)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("help run", "run --help"),
        ("help", ""),
        ("--help", ""),
        ("-h", ""),
        ("list", ""),
        ("version", "--version"),
        ("-V", "--version"),
        ("run --help", "run --help"),
        ("run version", "run version"),
        ("", ""),
    ],
)
def test_help_and_version_are_words_too(typed: str, meant: str) -> None:
    """As in git and pip."""
    assert meant.split() == as_meant(typed.split())
