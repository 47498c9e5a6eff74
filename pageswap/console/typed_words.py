"""Turns what people type into what invoke parses: values by position, `help` and `version`, one command at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pageswap.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from invoke.parser.argument import Argument
    from invoke.tasks import Task


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
