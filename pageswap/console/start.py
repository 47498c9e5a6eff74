"""Starts ./inv: hears Ctrl-C from the first line on, reads what people type, and calls the commands that it names."""

from __future__ import annotations

import os
import signal
import sys


def _leave(*_: object) -> None:
    # One that comes after the line, and before the end, has nothing to add.
    signal.signal(signal.SIGINT, lambda *_: None)
    os.write(2, b"interrupted\n")
    os._exit(130)


# Until a command's body runs there is nothing to tidy up, and an exception in the middle of an import would end in a
# traceback. ./inv blocks the signal while the interpreter starts.
if __name__ == "__main__":
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, _leave)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))  # noqa: PTH100, PTH120 - pathlib is slower to import than all else here

from pathlib import Path  # noqa: E402
from typing import TYPE_CHECKING, Any  # noqa: E402

from pageswap import __version__  # noqa: E402
from pageswap.console.commands import command_help, commands_of, flags_of, script  # noqa: E402
from pageswap.console.exits import ended, interruptible  # noqa: E402
from pageswap.errors import UsageError  # noqa: E402
from pageswap.spec.quoting import guess  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from invoke.parser.argument import Argument
    from invoke.tasks import Task

ERROR_LOG = Path(__file__).resolve().parents[2] / "build" / "error.log"


def run(arguments: list[str]) -> int | None:
    """Run the command that the arguments name; return its exit code. Raises UsageError for what cannot be meant."""
    import tasks

    words = as_meant(arguments)
    if arguments[:1] == ["--complete"]:
        sys.stdout.write("".join(f"{line}\n" for line in tasks.complete(arguments[2:])))
    elif arguments[:1] == ["--print-completion-script"]:
        print(script("".join(arguments[1:])))
    elif "--" in words:
        raise UsageError("'--' has no meaning here; leave it out")
    elif words[:1] == ["--version"]:
        print(f"pageswap {__version__}")
    elif words and words[0].startswith("-"):
        raise UsageError(f"unknown argument '{words[0]}'; a command comes first, then its arguments; 'inv' lists them")
    else:
        commands = commands_of(tasks)
        name, given = call(words or ["tasks"], commands)
        if given is not None:
            return interruptible(lambda: commands[name].body(None, **given))
        print(command_help(commands[name]))
    return 0


def _unknown(kind: str, word: str, known: Iterable[str], there: str) -> str:
    return f"unknown {kind} '{word}'{guess(word, known) or ';'} {there}"


def as_meant(words: Sequence[str]) -> list[str]:
    """Return the arguments with ``help``, ``list`` and ``version`` as people mean them, by word or by flag."""
    if words[:1] and words[0] in {"version", "-V"}:
        return ["--version"]
    if words[:1] and words[0] in {"help", "--help", "-h", "list", "--list", "-l"}:
        return [words[1], "--help"] if len(words) > 1 else []
    return list(words)


def call(words: Sequence[str], commands: Mapping[str, Task[Any]]) -> tuple[str, dict[str, Any] | None]:
    """Return the command that words name, with what to call it with: None where its help is asked for.

    A value that stands by itself is for the first of the command's places that has none yet: ``run smoke --dry`` is
    ``run --spec=smoke --dry``. An argument that may be repeated takes all that follow, and a command that hands on what
    it takes also takes flags that it does not know. Raises UsageError for what there is not, a value too many, and a
    flag given twice that takes one value.
    """
    name, *rest = words[1:] if list(words[:2]) == ["hosts", "clean"] else words
    if name not in commands:
        raise UsageError(_unknown("command", name, commands, "'inv' lists the commands"))
    places: tuple[str, ...] = getattr(commands[name], "places", ())
    known = flags_of(commands[name])
    typed, given = dict[str, str](), dict[str, Any]()
    while rest:
        word = rest.pop(0)
        if word in {"--help", "-h"}:
            return name, None
        is_own = places != ("args",) or word.partition("=")[0] in known or word[:2] in known
        if word.startswith("-") and word != "-" and is_own:
            flag, value = _flag_and_value(word, name, rest, known)
        else:
            flag, value = _flag_for(word, name, places, typed, known), word
        argument = known[flag]
        key = str(argument.name)
        if argument.kind is list:
            given[key] = [*given.get(key, ()), value]
        elif typed.get(flag, value) != value:
            raise UsageError(f"{flag} is given twice, {typed[flag]!r} and {value!r}; it takes one value")
        else:
            given[key] = value if argument.takes_value else True
        typed[flag] = value
    return name, given


def _flag_and_value(word: str, command: str, rest: list[str], known: Mapping[str, Argument]) -> tuple[str, str]:
    """Return a flag and its value, which is taken from `rest` where it is a word of its own."""
    short = word[:2]
    if short in known and known[short].takes_value and word[2:]:
        return short, word[2:].removeprefix("=")
    flag, is_joined, value = word.partition("=")
    if flag not in known:
        raise UsageError(
            _in_the_file(flag, known)
            or _unknown("argument", flag, known, f"'inv --help {command}' lists its arguments")
        )
    if is_joined and not known[flag].takes_value:
        raise UsageError(f"{flag} takes no value, found {value!r}")
    if is_joined or not known[flag].takes_value:
        return flag, value
    if not rest:
        raise UsageError(f"{flag} needs a value; 'inv --help {command}' says which")
    return flag, rest.pop(0)


def _in_the_file(flag: str, known: Mapping[str, Argument]) -> str:
    """Say how a key of the experiment file is changed that was typed as a flag, nothing of any other flag."""
    from pageswap.spec.factors import FACTORS
    from pageswap.spec.loader import OTHER_KEYS

    name = flag.lstrip("-").replace("-", "_")
    if "--set" not in known or len(name) == 1:
        return ""
    if name in FACTORS:
        return f"{flag} is a factor of the experiment; write --set {name}=LEVEL,LEVEL"
    return f"{flag} is a key of the experiment's file; change it there" if name in OTHER_KEYS else ""


def _flag_for(
    word: str, command: str, places: Sequence[str], given: Mapping[str, str], known: Mapping[str, Argument]
) -> str:
    """Name the flag that a value without one is for: the first that has none yet, or the last if it takes several."""
    flags = [f"--{place}" for place in places]
    free = [flag for flag in flags if flag not in given]
    # A percent sign by itself belongs to the number before it.
    if free or (flags and known[flags[-1]].kind is list and word != "%"):
        return (free or flags[-1:])[0]
    last = ["", *given][-1]
    if last and last not in flags and known[last].takes_value:
        cure = "a value is one word, with commas between those of a list and quotes around blanks"
        raise UsageError(f"unexpected {word!r} after {last} {given[last]!r}; {cure}")
    if not places:
        hosts = "hosts are named by --hosts; " if "--hosts" in known else ""
        raise UsageError(f"unexpected {word!r}; {hosts}'inv --help {command}' lists what {command} takes")
    expected = " ".join(place.upper() for place in places)
    raise UsageError(f"unexpected {word!r} after {given[flags[-1]]!r}; write: 'inv {command} {expected} [--options]'")


if __name__ == "__main__":
    code = ended(lambda: run(sys.argv[1:]), ERROR_LOG)
    # The interpreter's own end gives handlers up before it is over, and then the signal would kill. Of one that comes
    # while its handler is given up only this hook would hear, and print a traceback.
    sys.unraisablehook = lambda _lost: None
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    sys.unraisablehook = sys.__unraisablehook__
    sys.exit(code)
