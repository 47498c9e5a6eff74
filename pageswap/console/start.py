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
from pageswap.console.commands import command_help, flags_of, script  # noqa: E402
from pageswap.console.exits import ended  # noqa: E402
from pageswap.errors import UsageError  # noqa: E402
from pageswap.spec.quoting import guess  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from invoke.parser.argument import Argument
    from invoke.tasks import Task

ROOT = Path(__file__).resolve().parents[2]
ERROR_LOG = ROOT / "build" / "error.log"

# Invoke has more, of which `--dry` and `--config` would be taken for a command's own.
_BEFORE_COMMANDS = {"--help", "--version", "-V"}


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
    if arguments[:1] in (["--complete"], ["--print-completion-script"]):
        _complete(*arguments)
        return 0
    program = _Program(
        name="pageswap", binary="inv", binary_names=["inv"], version=__version__, config_class=_NoUserConfig
    )
    # tasks.py and invoke itself look at the arguments of the process.
    words = as_invoke_starts(arguments)
    if "--" in words:
        raise UsageError("'--' has no meaning here; leave it out")
    if words and words[0].startswith("-") and words[0] not in _BEFORE_COMMANDS:
        raise UsageError(f"unknown argument '{words[0]}'; a command comes first, then its arguments; 'inv' lists them")
    sys.argv = ["inv", "--search-root", str(ROOT), *words]
    try:
        program.run(sys.argv)
    except ParseError as error:
        raise UsageError(_with_cure(error, program)) from None
    except Exit as end:
        if end.message:
            sys.stderr.write(f"{end.message}\n")
        return int(end.code)
    return 0


def _complete(flag: str, *words: str) -> None:
    """Print for a shell what completes its words, or the script with which it asks for that."""
    if flag == "--complete":
        import tasks

        lines = tasks.complete(list(words[1:]))
    else:
        lines = [script("".join(words))]
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def _with_cure(error: ParseError, program: Program) -> str:
    """Say what invoke could not make sense of, and where to look what there is."""
    task = error.context.name if error.context else None
    unknown = re.fullmatch(r"No idea what (['\"])(.*)\1 is!", str(error))
    if not unknown:
        where = f"inv --help {task}" if task else "inv --help"
        text = re.sub(r"<Argument: (\w+)[^>]*>", r"'--\1'", str(error)).rstrip("!")
        return f"{text}; '{where}' lists the arguments"
    word = unknown[2]
    kind, known = ("argument", ()) if word.startswith("-") else ("command", program.collection.task_names)
    return _unknown(kind, word, map(str, known), "'inv' lists the commands")


def _unknown(kind: str, word: str, known: Iterable[str], there: str) -> str:
    return f"unknown {kind} '{word}'{guess(word, known) or ';'} {there}"


def as_invoke_starts(words: Sequence[str]) -> list[str]:
    """Return the arguments with ``help``, ``list`` and ``version`` as people mean them, by word or by flag."""
    if words[:1] == ["version"]:
        return ["--version", *words[1:]]
    if words[:1] and words[0] in {"help", "--help", "-h", "list", "--list", "-l"}:
        return ["--help", words[1]] if len(words) > 1 else []
    return list(words)


def as_flags(words: Sequence[str], commands: Mapping[str, Task[Any]]) -> list[str]:
    """Return a command's words with each value that stands by itself behind the flag it is for.

    ``run smoke.yaml --dry`` becomes ``run --spec=smoke.yaml --dry``; a flag that may be repeated takes all that follow,
    and a command that hands its arguments on takes flags that it does not know, too. Raises UsageError for a value too
    many, and for a flag given twice that takes one value.
    """
    if list(words[:2]) == ["hosts", "clean"]:
        words = words[1:]
    task = commands.get(words[0]) if words else None
    if task is None:
        return list(words)
    places: tuple[str, ...] = getattr(task, "places", ())
    hands_on = places == ("args",)
    known = flags_of(task)
    made, given, rest = [words[0]], dict[str, str](), list(words[1:])
    while rest:
        word = rest.pop(0)
        if word in commands and not places:
            return [*made, *as_flags([word, *rest], commands)]
        if word in {"--help", "-h"}:
            return [words[0], word]
        is_own = not hands_on or word.partition("=")[0] in known or word[:2] in known
        if word.startswith("-") and word != "-" and is_own:
            flag, value, read = _flag_and_value(word, words[0], rest, known)
        else:
            flag, value = _flag_for(word, words[0], places, given, known), word
            read = [f"{flag}={word}"]
        if known[flag].kind is not list and given.get(flag, value) != value:
            raise UsageError(f"{flag} is given twice, {given[flag]!r} and {value!r}; it takes one value")
        if known[flag].kind is list or flag not in given:  # invoke takes a second one for another command
            made += read
        given[flag] = value
    return made


def _flag_and_value(
    word: str, command: str, rest: list[str], known: Mapping[str, Argument]
) -> tuple[str, str, list[str]]:
    """Return a flag, its value, and the words that they are, those after the first taken from `rest`."""
    short = word[:2]
    if short in known and known[short].takes_value and word[2:]:
        value = word[2:].removeprefix("=")
        return short, value, [f"{short}={value}"]
    flag, is_joined, value = word.partition("=")
    if flag not in known:
        raise UsageError(
            _in_the_file(flag, known)
            or _unknown("argument", flag, known, f"'inv --help {command}' lists its arguments")
        )
    if is_joined and not known[flag].takes_value:
        raise UsageError(f"{flag} takes no value, found {value!r}")
    if is_joined or not known[flag].takes_value:
        return flag, value, [word]
    if not rest:
        raise UsageError(f"{flag} needs a value; 'inv --help {command}' says which")
    return flag, rest[0], [word, rest.pop(0)]


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
    if free or (flags and known[flags[-1]].kind is list):
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
