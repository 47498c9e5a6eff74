"""Tells a shell what may stand in a command's last word: commands, flags, experiments, runs, words to choose from."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pageswap.console.commands import ARGUMENTS, flags_of
from pageswap.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from invoke.tasks import Task

_ROOT: Final = Path(__file__).resolve().parents[2]
_SCRIPTS: Final = _ROOT / "templates" / "completion"


def script(shell: str) -> str:
    """Return what a shell reads to complete ./inv, wherever it is called from; raises UsageError for an unknown one."""
    shells = {path.suffix[1:]: path for path in _SCRIPTS.iterdir()}
    if shell not in shells:
        raise UsageError(f"--print-completion-script: expected {', '.join(sorted(shells))}, found {shell!r}")
    text = shells[shell].read_text(encoding="utf-8")
    # Not ./inv, which would make an environment where there is none.
    python, start = Path(sys.prefix) / "bin" / "python", Path(__file__).with_name("start.py")
    return text.replace("@PYTHON@", str(python)).replace("@START@", str(start))


def candidates(words: Sequence[str], tasks: Mapping[str, Task[Any]], known: Mapping[str, Sequence[str]]) -> list[str]:
    """Return what may stand in place of the last of some words that were typed after ``inv``.

    `known` has by an argument's name what there is, such as experiments; no candidates leave it to the shell's own.
    """
    # bash parts --spec=smoke at the sign.
    *before, last = [word for word in words if word != "="] or [""]
    if not before or before == ["help"]:
        return [*tasks, *(() if before else ("help", "version"))]
    if before[0] not in tasks:
        return []
    task = tasks[before[0]]
    flags = flags_of(task)
    flag, is_joined, _ = last.partition("=")
    if is_joined:
        return [f"{flag}={value}" for value in _values(flag, known)]
    if before[-1] in flags and flags[before[-1]].takes_value:
        return _values(before[-1], known)
    if last.startswith("-"):
        return [*flags, "--help"]
    return [value for place in getattr(task, "places", ()) for value in _values(place, known)]


def _values(flag: str, known: Mapping[str, Sequence[str]]) -> list[str]:
    name = flag.lstrip("-").replace("-", "_")
    choices = ARGUMENTS.get(name, ("",))[0].split("|")
    return list(dict.fromkeys(known.get(name) or (choices if len(choices) > 1 else ())))
