"""What is run on a host means the same to any shell, whatever a user or a host calls its folders."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from fleet.sshd import is_alive, wait_for

from pageswap.errors import HostError
from pageswap.fleet.provision import boot_program
from pageswap.fleet.transport.transport import shell_text

if TYPE_CHECKING:
    from pathlib import Path

SHELLS = [
    found for found in map(shutil.which, ("sh", "dash", "bash", "zsh", "fish", "tcsh", "ksh", "busybox")) if found
]


def run(shell: str, command: str, stdin: bytes, cwd: Path | None = None) -> subprocess.CompletedProcess[bytes]:
    """Run a command as an sshd would have that login shell do."""
    applet = ["sh"] if shell.endswith("busybox") else []
    return subprocess.run([shell, *applet, "-c", command], input=stdin, capture_output=True, check=False, cwd=cwd)


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_starts_the_same_program(shell: str, tmp_path: Path) -> None:
    """The search for a Python, and the one that was found."""
    document = json.dumps({"workdir": str(tmp_path / "it's a $HOME")}).encode() + b"\n"
    for argv in (boot_program.first_argv(sys.executable), boot_program.program_argv(sys.executable)):
        done = run(shell, shell_text(argv), boot_program.program("probe") + document)

        assert done.stderr == b""
        assert json.loads(done.stdout)["cache"] == f"{tmp_path}/it's a $HOME"


@pytest.mark.parametrize(
    ("name", "document", "answered"),
    [
        ("probe", {"workdir": None}, "cache"),
        ("folder", {"folder": "not/absolute", "hashes": {"a": "0"}}, "error"),
        ("core", {"cores": "not/absolute", "hashes": {}, "flags": []}, "error"),
        ("site", {"verb": "look", "path": "/nowhere"}, "state"),
    ],
)
def test_every_program_brings_along_what_it_imports(name: str, document: dict[str, Any], answered: str) -> None:
    """It runs on a Python that has never heard of this package, in a folder without it."""
    stdin = boot_program.program(name) + json.dumps(document).encode() + b"\n"
    done = run("/bin/sh", shell_text(boot_program.program_argv(sys.executable)), stdin)

    assert done.stderr == b""
    assert answered in json.loads(done.stdout)


def test_no_umask_of_a_session_shuts_us_out_of_our_folders(tmp_path: Path) -> None:
    """One of 777 takes the owner's rights away, too."""
    folder = tmp_path / "bundles" / "one"
    document = {"folder": str(folder), "hashes": {"a/b": hashlib.sha256(b"x").hexdigest()}}
    words = [json.dumps(word).encode() + b"\n" for word in (document, {"sizes": {"a/b": 1}})]
    stdin = boot_program.program("folder") + b"".join(words) + b"x"
    subprocess.run(boot_program.program_argv(sys.executable), input=stdin, umask=0o777, check=True, capture_output=True)

    modes = [path.stat().st_mode & 0o777 for path in (folder.parent, folder, folder / "a", folder / "a" / "b")]
    assert modes[:3] == [0o700] * 3
    assert modes[3] & 0o600 == 0o600


@pytest.mark.parametrize("path", ["a'b", "$(x)", "`x`", "a\nb", "a;b", "a\\b", "a!b", "", "x" * 4001])
def test_a_path_that_a_shell_could_misread_is_refused(path: str) -> None:
    """Rather than quoted for shells that nobody has listed; any other is given back."""
    with pytest.raises(HostError, match="all that a path on a host may hold"):
        boot_program.safe_path(path)

    assert boot_program.safe_path("/opt/päge .+@=:,~-") == "/opt/päge .+@=:,~-"


@pytest.mark.parametrize("python", ["/opt/my python/bin/python3", "$(touch canary)", "python3;touch canary", "a'b"])
def test_a_python_that_is_more_than_one_word_is_refused(python: str) -> None:
    """It would be several, or a command."""
    with pytest.raises(HostError, match="'python:'"):
        boot_program.first_argv(python)


def script(path: Path, *lines: str) -> str:
    """Write an executable of the shell's and give its path."""
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize("shell", SHELLS)
def test_a_python_that_hangs_is_killed_with_what_it_started(
    shell: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And named; the next one serves."""
    monkeypatch.setattr(boot_program, "START_S", 1)
    hanging = script(tmp_path / "python3", "sleep 1000 &", f"echo $$ $! >> {tmp_path}/pids", "wait")
    done = run(
        shell, shell_text(boot_program.first_argv(hanging)), boot_program.program("probe") + b'{"workdir": null}\n'
    )

    assert done.stdout.split() == [hanging.encode(), *b"says nothing no python".split()]
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    assert len(pids) == 2
    for pid in pids:
        wait_for(lambda pid=pid: not is_alive(pid))
    monkeypatch.setattr(boot_program, "PYTHONS", (hanging, sys.executable))
    document = json.dumps({"workdir": str(tmp_path / "home")}).encode() + b"\n"
    done = run(shell, shell_text(boot_program.first_argv(None)), boot_program.program("probe") + document)

    assert json.loads(done.stdout)["cache"] == f"{tmp_path}/home"


def test_no_further_python_is_tried_when_nobody_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after Ctrl-C: an sshd kills nothing of root's."""
    monkeypatch.setattr(boot_program, "START_S", 1)
    hanging = script(tmp_path / "hanging", f"touch {tmp_path}/began", "sleep 1000")
    other = script(tmp_path / "other", f"touch {tmp_path}/tried")
    monkeypatch.setattr(boot_program, "PYTHONS", (hanging, other))
    command = boot_program.first_argv(None)
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as asked:
        assert asked.stdout is not None
        asked.stdout.close()

    assert (tmp_path / "began").exists()
    assert not (tmp_path / "tried").exists()
