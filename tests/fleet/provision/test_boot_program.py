"""What is run on a host means the same to any shell, whatever a user or a host calls its folders."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pageswap.errors import HostError
from pageswap.fleet.provision import boot_program

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
    for command in (boot_program.first_command(sys.executable), boot_program.command(sys.executable)):
        done = run(shell, command, boot_program.program("probe") + document)

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
    done = run("/bin/sh", boot_program.command(sys.executable), stdin)

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
        command = boot_program.agent_command("/bin/echo", path, "status")
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
        boot_program.first_command(python)


@settings(deadline=None)
@given(verb=st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20))
def test_a_verb_is_one_word(verb: str) -> None:
    """Although it is one of ours."""
    done = run("/bin/sh", boot_program.agent_command("/bin/echo", "/x", verb), b"")

    assert done.stdout.decode() == f"-I -S -B /x {verb}\n"


def script(path: Path, *lines: str) -> str:
    """Write an executable of the shell's and give its path."""
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)
    return str(path)


def is_alive(pid: str) -> bool:
    """Tell whether a process is there and no zombie, which waits for whoever has inherited it."""
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] not in ("Z", "X")


@pytest.mark.parametrize("shell", SHELLS)
def test_a_python_that_hangs_is_killed_with_what_it_started(
    shell: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And named; the next one serves."""
    monkeypatch.setattr(boot_program, "START_S", 1)
    hanging = script(tmp_path / "python3", f"echo $$ >> {tmp_path}/pids", "sleep 1000 &", "wait")
    done = run(shell, boot_program.first_command(hanging), boot_program.program("probe") + b'{"workdir": null}\n')

    assert done.stdout.split() == [hanging.encode(), *b"says nothing no python".split()]
    assert [pid for pid in (tmp_path / "pids").read_text().split() if is_alive(pid)] == []
    monkeypatch.setattr(boot_program, "PYTHONS", (hanging, sys.executable))
    document = json.dumps({"workdir": str(tmp_path / "home")}).encode() + b"\n"
    done = run(shell, boot_program.first_command(None), boot_program.program("probe") + document)

    assert json.loads(done.stdout)["cache"] == f"{tmp_path}/home"


def test_no_further_python_is_tried_when_nobody_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after Ctrl-C: an sshd kills nothing of root's."""
    monkeypatch.setattr(boot_program, "START_S", 1)
    hanging = script(tmp_path / "hanging", f"touch {tmp_path}/began", "sleep 1000")
    other = script(tmp_path / "other", f"touch {tmp_path}/tried")
    monkeypatch.setattr(boot_program, "PYTHONS", (hanging, other))
    command = ["/bin/sh", "-c", boot_program.first_command(None)]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as asked:
        assert asked.stdout is not None
        asked.stdout.close()

    assert (tmp_path / "began").exists()
    assert not (tmp_path / "tried").exists()
