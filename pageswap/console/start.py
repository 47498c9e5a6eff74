"""Starts invoke for ./inv: hears Ctrl-C from the first line on, takes what people type, words what invoke refuses."""

from __future__ import annotations

import os
import signal
import sys


def _leave(*_: object) -> None:
    os.write(2, b"interrupted\n")
    os._exit(130)


# Until a command's body runs there is nothing to tidy up, and an exception in the middle of an import would end in a
# traceback. ./inv blocks the signal while the interpreter starts.
if __name__ == "__main__":
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, _leave)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))  # noqa: PTH100, PTH120 - pathlib is slower to import than all else here

import re  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import TYPE_CHECKING, Any  # noqa: E402

from invoke.config import Config  # noqa: E402
from invoke.exceptions import Exit, ParseError  # noqa: E402
from invoke.program import Program  # noqa: E402

from pageswap import __version__  # noqa: E402
from pageswap.console.commands import command_help  # noqa: E402
from pageswap.console.exits import ended  # noqa: E402
from pageswap.errors import UsageError  # noqa: E402
from pageswap.spec.quoting import guess  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from invoke.parser.argument import Argument
    from invoke.tasks import Task

ROOT = Path(__file__).resolve().parents[2]
ERROR_LOG = ROOT / "build" / "error.log"


class _NoUserConfig(Config):
    """Invoke's settings without /etc/invoke.yaml and ~/.invoke.yaml: no command here has any."""

    def load_base_conf_files(self) -> None:
        """Read nothing."""


class _Program(Program):
    def run(self, argv: list[str] | None = None, exit: bool = True) -> None:  # noqa: A002, ARG002, FBT001, FBT002 - invoke's signature
        """Do all that invoke does, and leave its exceptions to the caller."""
        self.create_config()
        self.parse_core(argv)
        self.parse_collection()
        self.core.unparsed = as_flags(self.core.unparsed, self.collection.tasks)
        self.parse_tasks()
        self.parse_cleanup()
        self.update_config()
        self.execute()

    def print_task_help(self, name: str) -> None:
        """Print what a command takes and how it may end."""
        print(command_help(self.collection[name]))


def run(arguments: list[str]) -> int:
    """Run the commands that the arguments name; return the exit code. Raises UsageError for what invoke refuses."""
    program = _Program(
        name="pageswap", binary="inv", binary_names=["inv"], version=__version__, config_class=_NoUserConfig
    )
    # tasks.py and invoke itself look at the arguments of the process.
    sys.argv = ["inv", "--search-root", str(ROOT), *as_invoke_starts(arguments)]
    try:
        program.run(sys.argv)
    except ParseError as error:
        raise UsageError(_with_cure(error, program)) from None
    except Exit as end:
        if end.message:
            sys.stderr.write(f"{end.message}\n")
        return int(end.code)
    return 0


def _with_cure(error: ParseError, program: Program) -> str:
    """Say what invoke could not make sense of, and where to look what there is."""
    task = error.context.name if error.context else None
    unknown = re.fullmatch(r"No idea what (['\"])(.*)\1 is!", str(error))
    if not unknown:
        where = f"inv --help {task}" if task else "inv --help"
        text = re.sub(r"<Argument: (\w+)[^>]*>", r"'--\1'", str(error)).rstrip("!")
        return f"{text}; '{where}' lists the arguments"
    word = unknown[2]
    if word.startswith("-"):
        kind, known = "argument", list(error.context.flags) if error.context else []
        there = f"'inv --help {task}' lists its arguments" if task else "'inv --help' lists the arguments"
    else:
        kind, known, there = "command", list(program.collection.task_names), "'inv' lists the commands"
    return f"unknown {kind} '{word}'{guess(word, map(str, known)) or ';'} {there}"


def as_invoke_starts(words: Sequence[str]) -> list[str]:
    """Return the arguments with ``help``, ``help NAME`` and ``version`` as the flags they mean."""
    if words[:1] == ["version"]:
        return ["--version", *words[1:]]
    if words[:1] == ["help"]:
        return ["--help", words[1]] if len(words) > 1 else []
    return list(words)


def as_flags(words: Sequence[str], commands: Mapping[str, Task[Any]]) -> list[str]:
    """Return a command's words with each value that stands by itself behind the flag it is for.

    ``run smoke.yaml --dry`` becomes ``run --spec=smoke.yaml --dry``; a flag that may be repeated takes all that follow.
    Raises UsageError for a value too many, and for a flag given twice that takes one value.
    """
    if list(words[:2]) == ["hosts", "clean"]:
        words = words[1:]
    task = commands.get(words[0]) if words else None
    places: tuple[str, ...] = getattr(task, "places", ())
    if task is None or not places:
        return list(words)
    known = {f"--{name.replace('_', '-')}": each for each in task.get_arguments() for name in each.names}
    made, given, rest = [words[0]], dict[str, str](), list(words[1:])
    while rest:
        word = rest.pop(0)
        if word.startswith("-") and word != "-":
            flag, is_joined, value = word.partition("=")
            made.append(word)
            if flag in known and known[flag].takes_value and not is_joined and rest:
                value = rest.pop(0)
                made.append(value)
        else:
            flag, value = _flag_for(word, words[0], places, given, known), word
            made.append(f"{flag}={word}")
        argument = known.get(flag)
        if argument and argument.takes_value and argument.kind is not list and given.get(flag, value) != value:
            raise UsageError(f"{flag} is given twice, {given[flag]!r} and {value!r}; it takes one value")
        given[flag] = value
    return made


def _flag_for(
    word: str, command: str, places: Sequence[str], given: Mapping[str, str], known: Mapping[str, Argument]
) -> str:
    """Name the flag that a value without one is for: the first that has none yet, or the last if it takes several."""
    flags = [f"--{place}" for place in places]
    free = [flag for flag in flags if flag not in given]
    if free:
        return free[0]
    if known[flags[-1]].kind is list:
        return flags[-1]
    expected = " ".join(place.upper() for place in places)
    raise UsageError(f"unexpected {word!r} after {given[flags[-1]]!r}; write: inv {command} {expected} [--options]")


if __name__ == "__main__":
    code = ended(lambda: run(sys.argv[1:]), ERROR_LOG)
    # The interpreter's own end gives handlers up before it is over, and then the signal would kill.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    sys.exit(code)
