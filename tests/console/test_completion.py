"""Shells complete ./inv with what there is: commands, flags, experiments, runs, and words to choose from."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from requirement import require

import tasks
from pageswap.console import start
from pageswap.console.commands import script
from pageswap.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# What each shell does when a person presses Tab behind the words; zsh's own part needs a terminal: it is stood in for.
PRESS_TAB = {
    "bash": """source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); complete -p inv >&2
        _pageswap_inv; printf '%s\\n' "${COMPREPLY[@]}" """,
    "zsh": """compdef() { handler=$1 }; compadd() { print -l -- ${(M)found:#$words[CURRENT]*} }
        _files() { print files }; source "$1"; shift; words=("$@"); CURRENT=$#; $handler""",
    "fish": "source $argv[1]; complete --do-complete (string join -- ' ' $argv[2..])",
}


@pytest.fixture(params=PRESS_TAB)
def tab(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., list[str]]:
    """Return what a shell offers for the last of some words."""
    shell: str = request.param
    require(shell, shutil.which(shell), f"{shell} is not installed")
    file = tmp_path / "script"
    file.write_text(script(shell))
    before = {"bash": ["-c", PRESS_TAB["bash"], "bash"], "zsh": ["-fc", PRESS_TAB["zsh"], "zsh"]}

    def press(*words: str) -> list[str]:
        argv = [shell, *before.get(shell, ["--no-config", "-c", PRESS_TAB[shell]]), str(file), "./inv", *words]
        done = subprocess.run(argv, capture_output=True, text=True, check=True)
        return [line.partition("\t")[0] for line in done.stdout.splitlines()]

    return press


def test_a_shell_completes_commands_flags_and_experiments(tab: Callable[..., list[str]]) -> None:
    """Each in its place, as the real shell reads the script."""
    assert tab("do") == ["doctor"]
    assert tab("run", "smo") == ["smoke"]
    assert tab("run", "smoke", "--rep") == ["--repeats"]
    assert sorted(tab("run", "--core", "")) == ["auto", "controller", "host"]


def test_a_name_is_offered_and_not_obeyed(tmp_path: Path) -> None:
    """A file may be called as a command is written; what bash puts onto the line is quoted."""
    program, file, mark = tmp_path / "complete.py", tmp_path / "script", tmp_path / "obeyed"
    candidate = f"$(touch {mark}).yaml"
    program.write_text(f"print({candidate!r})\n")
    file.write_text(re.sub(r"-P \S+", f"-P {program}", script("bash")))
    argv = ["bash", "-c", PRESS_TAB["bash"], "bash", str(file), "./inv", "run", ""]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)

    assert done.stdout == f"\\$\\(touch\\ {mark}\\).yaml\n"
    assert not mark.exists()


def words(*typed: str) -> list[str]:
    """Return what may stand in place of the last word."""
    return tasks.complete(list(typed))


def test_runs_are_the_latest_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Wherever a command takes one, by position or behind its flag."""
    for run_id in ("20250101T000000Z-000000", "20260101T000000Z-000000"):
        (tmp_path / "smoke" / run_id).mkdir(parents=True)
        (tmp_path / "smoke" / run_id / "run.sqlite").touch()
    monkeypatch.setattr(tasks, "RESULTS", tmp_path)
    runs = ["latest", "20260101T000000Z-000000", "20250101T000000Z-000000"]

    assert words("report", "") == words("compare", "--new", "") == words("resume", "--run", "=", "") == runs


def test_every_command_and_flag_is_offered() -> None:
    """As the help lists them; behind help there are commands only."""
    assert {"run", "plan", "hosts", "help", "version"} <= set(words(""))
    assert "version" not in words("help", "")
    assert "--core=host" in words("run", "--core=")
    assert "-k" in words("test", "-")
    assert words("teleport", "") == words("export", "--out", "") == []


def test_the_program_prints_both(capsys: pytest.CaptureFixture[str]) -> None:
    """By flags that are no command's."""
    start.run(["--complete", "--", "report", "la"])
    start.run(["--print-completion-script", "bash"])
    said = capsys.readouterr().out.splitlines()

    assert said[0] == "latest"
    assert "complete -o default -F _pageswap_inv inv" in said
    with pytest.raises(UsageError, match="expected bash, fish, zsh, found 'tcsh'"):
        start.run(["--print-completion-script", "tcsh"])
