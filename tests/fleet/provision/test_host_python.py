"""What is run on a host means the same to any shell, and what it says of itself is read with its cure."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from fleet.sshd import is_alive, wait_for

from pageswap.errors import HostError
from pageswap.fleet.provision import host_python
from pageswap.fleet.provision.host_python import facts_from, no_python
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
    for argv in (host_python.first_argv(sys.executable), host_python.program_argv(sys.executable)):
        done = run(shell, shell_text(argv), host_python.program("probe") + document)

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
    stdin = host_python.program(name) + json.dumps(document).encode() + b"\n"
    done = run("/bin/sh", shell_text(host_python.program_argv(sys.executable)), stdin)

    assert done.stderr == b""
    assert answered in json.loads(done.stdout)


def test_no_umask_of_a_session_shuts_us_out_of_our_folders(tmp_path: Path) -> None:
    """One of 777 takes the owner's rights away, too."""
    folder = tmp_path / "bundles" / "one"
    document = {"folder": str(folder), "hashes": {"a/b": hashlib.sha256(b"x").hexdigest()}}
    words = [json.dumps(word).encode() + b"\n" for word in (document, {"sizes": {"a/b": 1}})]
    stdin = host_python.program("folder") + b"".join(words) + b"x"
    subprocess.run(host_python.program_argv(sys.executable), input=stdin, umask=0o777, check=True, capture_output=True)

    modes = [path.stat().st_mode & 0o777 for path in (folder.parent, folder, folder / "a", folder / "a" / "b")]
    assert modes[:3] == [0o700] * 3
    assert modes[3] & 0o600 == 0o600


@pytest.mark.parametrize("path", ["a'b", "$(x)", "`x`", "a\nb", "a;b", "a\\b", "a!b", "", "x" * 4001])
def test_a_path_that_a_shell_could_misread_is_refused(path: str) -> None:
    """Rather than quoted for shells that nobody has listed; any other is given back."""
    with pytest.raises(HostError, match="all that a path on a host may hold"):
        host_python.safe_path(path)

    assert host_python.safe_path("/opt/päge .+@=:,~-") == "/opt/päge .+@=:,~-"


@pytest.mark.parametrize("python", ["/opt/my python/bin/python3", "$(touch canary)", "python3;touch canary", "a'b"])
def test_a_python_that_is_more_than_one_word_is_refused(python: str) -> None:
    """It would be several, or a command."""
    with pytest.raises(HostError, match="'python:'"):
        host_python.first_argv(python)


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
    monkeypatch.setattr(host_python, "START_S", 1)
    hanging = script(tmp_path / "python3", "sleep 1000 &", f"echo $$ $! >> {tmp_path}/pids", "wait")
    done = run(
        shell, shell_text(host_python.first_argv(hanging)), host_python.program("probe") + b'{"workdir": null}\n'
    )

    assert done.stdout.split() == [hanging.encode(), *b"says nothing no python".split()]
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    assert len(pids) == 2
    for pid in pids:
        wait_for(lambda pid=pid: not is_alive(pid))
    monkeypatch.setattr(host_python, "PYTHONS", (hanging, sys.executable))
    document = json.dumps({"workdir": str(tmp_path / "home")}).encode() + b"\n"
    done = run(shell, shell_text(host_python.first_argv(None)), host_python.program("probe") + document)

    assert json.loads(done.stdout)["cache"] == f"{tmp_path}/home"


def test_no_further_python_is_tried_when_nobody_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after Ctrl-C: an sshd kills nothing of root's."""
    monkeypatch.setattr(host_python, "START_S", 1)
    hanging = script(tmp_path / "hanging", f"touch {tmp_path}/began", "sleep 1000")
    other = script(tmp_path / "other", f"touch {tmp_path}/tried")
    monkeypatch.setattr(host_python, "PYTHONS", (hanging, other))
    command = host_python.first_argv(None)
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as asked:
        assert asked.stdout is not None
        asked.stdout.close()

    assert (tmp_path / "began").exists()
    assert not (tmp_path / "tried").exists()


def answer(**changes: object) -> dict[str, object]:
    """Return what a good host says of itself, with changes."""
    good = {"python": "/usr/bin/python3", "version": [3, 11, 2], "implementation": "cpython", "tag": "cp311", "abi": ""}
    return {**good, "machine": "x86_64", "libc": "glibc 2.36", "cache": "/c", **changes}


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"version": [3, 8, 1]}, r"too old: found /usr/bin/python3 3\.8\.1"),
        ({"implementation": "pypy"}, r"no plain CPython \(found pypy 3\.11\.2\); .*'python:'"),
        ({"abi": "t"}, r"free-threaded or a debug build"),
        ({"machine": "aarch64"}, "processor is aarch64"),
        ({"libc": ""}, "C library is not glibc"),
        ({"version": "x"}, "cannot be understood"),
        ({"version": None}, "cannot be understood"),
        ({"cache": "-x"}, "cannot be understood"),
        ({"error": "no place"}, "lab1: no place; or give it a 'workdir:'"),
    ],
)
def test_a_host_that_cannot_serve_is_told_why(changes: dict[str, object], text: str) -> None:
    """From what it says of itself, which may be anything."""
    with pytest.raises(HostError, match=text):
        facts_from("lab1", answer(**changes))
    assert facts_from("lab1", json.loads(json.dumps(answer()))).tag == "cp311"


@pytest.mark.parametrize(
    ("words", "workdir", "text"),
    [
        ("/c: full; set PAGESWAP_HOME", None, "lab1: /c: full; set PAGESWAP_HOME; or give it a 'workdir:' in"),
        (
            "/c: full; set PAGESWAP_HOME to x",
            "/c",
            "lab1: /c: full; give the host another 'workdir:' in the inventory, or",
        ),
        ("/c: full; free space or set PAGESWAP_HOME", "/c", "free space or give the host another 'workdir:'"),
        ("/c: full", "/c", "lab1: /c: full; or give the host another 'workdir:' in the inventory"),
    ],
)
def test_a_folder_that_does_not_serve_has_a_cure_that_helps(words: str, workdir: str | None, text: str) -> None:
    """The inventory's own folder is not mended by an environment variable."""
    with pytest.raises(HostError) as raised:
        facts_from("lab1", answer(error=words), workdir)

    assert text in str(raised.value)
    assert (workdir is None) == ("PAGESWAP_HOME" in str(raised.value))


@pytest.mark.parametrize(
    ("python", "lines", "text"),
    [
        (None, ["no python"], "looked for python3, python3.14, .* install python3 there, or give it a 'python:' in"),
        ("py", ["no python"], "py, its 'python:' in the inventory, cannot be started there; .* another one or none"),
        (None, ["python3 3.8.1", "no python"], "found python3 3.8.1, expected >= 3.9; .* give it a 'python:' in"),
        ("py", ["py 3.8.1", "no python"], "too old: found py 3.8.1, .* give it another 'python:', or none, in"),
        (None, ["python3 says nothing", "no python"], "python3: did not start within 15 s .*'ssh lab1 python3 -V'"),
        ("/a b", ["/a b says nothing", "no python"], "/a b: did not start .* another 'python:', or none"),
    ],
)
def test_why_there_is_no_python_is_told_with_a_cure_that_helps(python: str | None, lines: list[str], text: str) -> None:
    """One that the inventory names is not mended by installing another."""
    assert re.search(f"^lab1: .*{text}", str(no_python("lab1", python, lines)))
