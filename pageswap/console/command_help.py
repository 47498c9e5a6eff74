"""What `inv help NAME` prints: how a command is typed, with an example, what its arguments take, and how it may end."""

from __future__ import annotations

import shutil
import textwrap
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from invoke.parser.argument import Argument
    from invoke.tasks import Task

# What an argument takes, where its own name in capitals does not say it.
_TAKES: Final = {
    "at_once": "N",
    "base": "RUN",
    "new": "RUN",
    "filter": "FACTOR=V,...",
    "set": "FACTOR=V,...",
    "repeats": "N",
    "inventory": "FILE",
    "ssh_config": "FILE",
    "out": "FILE",
    "patience": "DURATION",
    "lease": "DURATION",
    "fail_above": "PERCENT",
    "k": "WORDS",
    "only": "NAME",
    "args": "PYTEST",
    "title": "TEXT",
    "hosts": "NAMES",
    "core": "controller|host|auto",
    "by": "ratio|time",
}
_EXITS: Final = (
    "0 done; 1 wrong usage or experiment file; 2 some trials or checks ended badly; 3 a host could not be used; "
    "4 a trial failed verification; 5 a gate tripped; 130 interrupted"
)
_NARROWEST, _WIDEST, _FLAG_COLUMNS = 60, 100, 26


def command_help(task: Task[Any]) -> str:
    """Return the help of one command as text of the terminal's width."""
    width = max(_NARROWEST, min(shutil.get_terminal_size().columns, _WIDEST))
    places = "".join(f" {place.upper()}" for place in getattr(task, "places", ()))
    texts: dict[str, str] = getattr(task, "texts", {})
    arguments = sorted(task.get_arguments(), key=lambda each: str(each.name))
    options = [_option(argument, texts, width) for argument in arguments]
    example = getattr(task, "example", "")
    parts = [
        f"inv {task.name}{places}{' [--options]' if options else ''}",
        textwrap.fill((task.__doc__ or "").strip(), width),
        "\n".join(options),
        f"example: {example}" if example else "",
        textwrap.fill(f"exit codes: {_EXITS}", width),
    ]
    return "\n\n".join(part for part in parts if part)


def _option(argument: Argument, texts: Mapping[str, str], width: int) -> str:
    name = str(argument.name).rstrip("_").replace("-", "_")
    takes = f"={_TAKES.get(name, name.upper())}" if argument.takes_value else ""
    flag = f"  --{name.replace('_', '-')}{takes}"
    text = textwrap.wrap(texts.get(name, ""), width - _FLAG_COLUMNS)
    first = [f"{flag:{_FLAG_COLUMNS - 1}} {text.pop(0)}"] if len(flag) < _FLAG_COLUMNS and text else [flag]
    return "\n".join([*first, *(" " * _FLAG_COLUMNS + line for line in text)])
