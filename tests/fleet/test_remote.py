"""What is run on a host means the same to any shell, whatever a user or a host calls its folders."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pageswap.errors import HostError
from pageswap.fleet import remote

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
    for command in (remote.first_command(sys.executable), remote.command(sys.executable)):
        done = run(shell, command, remote.program("probe") + document)

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
    stdin = remote.program(name) + json.dumps(document).encode() + b"\n"
    done = run("/bin/sh", remote.command(sys.executable), stdin)

    assert done.stderr == b""
    assert answered in json.loads(done.stdout)


@settings(deadline=None)
@given(path=st.text(min_size=1, max_size=40))
@example("a' touch canary '")
@example("$(touch canary)")
@example("`touch canary`")
@example("a\ntouch canary\n")
@example("päge .+@=:,~-")
def test_a_path_is_refused_or_one_word(path: str) -> None:
    """Whatever is in it: the shell gives it back as it is, and does nothing else."""
    try:
        command = remote.agent_command("/bin/echo", path, "status")
    except HostError as error:
        assert "all that a path on a host may hold" in str(error)  # noqa: PT017 - either way is right
        return

    done = run("/bin/sh", command, b"")
    assert done.stdout.decode() == f"-I -S -B {path} status\n"
    assert done.stderr == b""


@pytest.mark.parametrize("python", ["/opt/my python/bin/python3", "$(touch canary)", "python3;touch canary", "a'b"])
def test_a_python_that_is_more_than_one_word_is_refused(python: str) -> None:
    """It would be several, or a command."""
    with pytest.raises(HostError, match="'python:'"):
        remote.first_command(python)


@settings(deadline=None)
@given(verb=st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20))
def test_a_verb_is_one_word(verb: str) -> None:
    """Although it is one of ours."""
    done = run("/bin/sh", remote.agent_command("/bin/echo", "/x", verb), b"")

    assert done.stdout.decode() == f"-I -S -B /x {verb}\n"
