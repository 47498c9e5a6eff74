"""A function becomes a command: the arguments it names, those it shares with others, and how it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from invoke.context import Context

import tasks
from pageswap.console.arguments import HostAccess
from pageswap.console.commands import ARGUMENTS, command, command_help, commands_of, show_commands
from pageswap.console.exits import ended
from pageswap.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from invoke.tasks import Task


COMMANDS = commands_of(tasks)


def make() -> tuple[Task[Any], list[object]]:
    """Make a command that reaches hosts; gives it and where it notes what it was called with."""
    seen: list[object] = []

    @command(help={"hosts": "mine"})
    def look(_context: Context, access: HostAccess, hosts: str = "", all_: bool = False) -> int:
        """Look."""
        seen.extend((access, hosts, all_))
        if hosts == "none":
            raise UsageError("--hosts: no")
        return 5 if all_ else 0

    return look, seen


def test_arguments_that_commands_share_are_the_commands_own() -> None:
    """Each with its help, its own text before the common one."""
    look, _ = make()
    found = {argument.name.rstrip("_"): (argument.kind, argument.help) for argument in look.get_arguments()}

    assert found == {
        "hosts": (str, "mine"),
        "all": (bool, ARGUMENTS["all"][1]),
        "inventory": (str, ARGUMENTS["inventory"][1]),
        "ssh_config": (str, ARGUMENTS["ssh_config"][1]),
        "accept_new": (bool, ARGUMENTS["accept_new"][1]),
    }


def test_the_function_gets_them_as_one() -> None:
    """Whether typed or not."""
    look, seen = make()
    look.body(Context())
    look.body(Context(), hosts="a", inventory="i", ssh_config="s", accept_new=True)

    assert seen == [HostAccess(), "", False, HostAccess("i", "s", accept_new=True), "a", False]


def test_its_end_is_an_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The one it returns, or its error's, which is one line."""
    look, _ = make()

    typed: list[dict[str, object]] = [{}, {"all_": True}, {"hosts": "none"}]

    assert [0, 5, 1] == [ended(lambda each=each: look.body(Context(), **each), tmp_path / "log") for each in typed]  # type: ignore[misc]
    assert capsys.readouterr().err == "error: --hosts: no\n"


def test_commands_are_listed_in_their_groups(capsys: pytest.CaptureFixture[str]) -> None:
    """The first line of each one's text."""
    look, _ = make()
    show_commands({"look": look}, {"Watch": ("look",)})

    assert "\nWatch\n  look     Look.\n\n" in capsys.readouterr().out


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


def test_help_names_the_command_as_it_was_called(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What it shows can be typed: usage, example, and what is quoted."""
    monkeypatch.setenv("PAGESWAP_INV", "./inv")
    show_commands(COMMANDS, tasks.GROUPS)
    text = command_help(COMMANDS["clean"]) + capsys.readouterr().out

    assert text.startswith("./inv clean [--options]\n")
    assert "\nexample: ./inv hosts clean" in text
    assert text.endswith("`./inv --help NAME` explains one and its arguments\n")
    assert "inv " not in text.replace("./inv ", "")
