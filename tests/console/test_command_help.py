"""A command's help says how it is typed, what its arguments take, and how it may end."""

from __future__ import annotations

from typing import Any

import pytest
from invoke.tasks import Task

import tasks
from pageswap.console.command_help import command_help

COMMANDS: dict[str, Task[Any]] = {made.name: made for made in vars(tasks).values() if isinstance(made, Task)}


@pytest.mark.parametrize("name", sorted(COMMANDS.keys() - {"tasks", "lint", "format"}))
def test_every_command_shows_an_example(name: str) -> None:
    """One that begins as the command is typed."""
    typed = "hosts clean" if name == "clean" else name

    assert f"\nexample: inv {typed}" in command_help(COMMANDS[name])


def test_values_are_named_by_what_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """N is a count and FILE a file; nothing is a STRING; no line is wider than the terminal; codes stand below."""
    monkeypatch.setenv("COLUMNS", "80")
    text = command_help(COMMANDS["run"])

    assert text.startswith("inv run SPEC [--options]\n")
    assert "--repeats=N" in text
    assert "how many blocks" in text
    assert "STRING" not in text
    assert "4 a trial failed\nverification" in text or "4 a trial failed verification" in text
    assert max(map(len, text.splitlines())) <= 80
