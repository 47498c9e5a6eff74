"""Makes commands of functions: the help of their arguments, those that several of them share, and how they end."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from typing import TYPE_CHECKING, Any, Final, cast

from invoke.exceptions import Exit
from invoke.tasks import Task, task

from pageswap.console.arguments import HostAccess
from pageswap.console.exits import guarded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

HELP: Final = {
    "spec": "the experiment: a path, or a file name in experiments/",
    "run": "the run: its id, a path, or `latest`",
    "hosts": "a,b,@group,@tag,@all: aliases as ssh takes them, or `local`; default: the experiment's, else local",
    "inventory": "the file that knows the hosts, instead of ./hosts.yaml",
    "ssh_config": "the file that says how hosts are reached, instead of ~/.ssh/config",
    "accept_new": "trust the key that a host not known so far shows, and keep it",
    "at_once": "measure on so many hosts at a time (32)",
    "patience": "how long to try to reach a host again whose link broke, such as 30s (5min)",
    "lease": "an agent that nobody follows for so long stops after its trial, such as 10min (60s)",
    "core": "whose build of the C core measures: controller, host, or auto: the host's where the other does not load",
    "set": "factor=v1,v2: measure these levels instead of the file's; may be repeated",
    "filter": "factor=v: keep only the cases with this level; may be repeated",
    "repeats": "how many blocks, instead of the file's `repeats`",
    "json": "print one JSON document on stdout and nothing else there",
    "tune": "as root: raise vm.max_map_count while measuring, and restore it after",
    "dry": "show the plan and run nothing",
    "to": "csv, parquet, json, or pyperf: the results as pyperf reads them",
    "out": "the file to write, or a folder for it, instead of the run's own folder",
    "only": "one figure's name, instead of all",
    "all": "also of runs that are not finished, which a resume could still have collected",
    "args": "what to hand to pytest, instead of all tests, such as 'tests/spec -x'",
    "k": "only tests whose name matches, as pytest's -k",
    "strict": "exit 2 when a trial was unavailable or skipped, too",
    "base": "what to compare with: RUN, RUN:HOST, or commit:HASH[/EXPERIMENT][:HOST]",
    "new": "what to compare, named as --base is",
    "fail_above": "exit 5 when a case is surely slower by more than this, such as 5%",
    "by": "compare `ratio`, relative to the run's own baseline, or `time`; without it ratio, where that can be",
    "wait": "wait while another measurement holds the host, rather than give up",
}

_ACCESS: Final = "access"
_OF_ACCESS: Final = [
    inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default)
    for field in dataclasses.fields(HostAccess)
]


def command(
    error_log: Path,
    places: Sequence[str] = (),
    example: str = "",
    **options: Any,  # noqa: ANN401 - invoke's
) -> Callable[[Callable[..., int | None]], Task[Any]]:
    """Make a task whose errors are one line on stderr and the documented exit code, never a traceback.

    Where the function has a parameter `access`, the command has the arguments that `HostAccess` consists of. `options`
    are invoke's own; its `help` is needed only for arguments that mean something else than those of HELP.
    """

    def decorate(body: Callable[..., int | None]) -> Task[Any]:
        signature = inspect.signature(body)
        takes_access = _ACCESS in signature.parameters

        @functools.wraps(body)
        def run_body(context: Any, **given: Any) -> None:  # noqa: ANN401 - what was typed
            if takes_access:
                typed = {each.name: given.pop(each.name) for each in _OF_ACCESS if each.name in given}
                given[_ACCESS] = HostAccess(**typed)
            code = guarded(functools.partial(body, context, **given), error_log)
            if code:
                raise Exit(code=code)

        # What invoke reads the arguments from.
        parameters = [each for name, each in signature.parameters.items() if name != _ACCESS]
        whole = signature.replace(parameters=[*parameters, *(_OF_ACCESS if takes_access else [])])
        run_body.__signature__ = whole  # type: ignore[attr-defined]
        # A trailing underscore keeps a name from being Python's own; invoke drops it.
        names = {name.rstrip("_") for name in whole.parameters}
        texts = {name: text for name, text in HELP.items() if name in names} | options.pop("help", {})
        made = cast("Task[Any]", task(run_body, auto_shortflags=False, positional=[], help=dict(texts), **options))
        made.places = tuple(places)  # type: ignore[attr-defined] # read by typed_words
        made.texts = texts  # type: ignore[attr-defined] # read by command_help: invoke uses its copy up
        made.example = example  # type: ignore[attr-defined] # read by command_help
        return made

    return decorate


def show_commands(known: Mapping[str, Task[Any]], groups: Mapping[str, Sequence[str]]) -> None:
    """Print the commands in their groups, a line each."""
    print("pageswap: the fastest way to move pages of virtual memory, measured\n")
    for group, names in groups.items():
        print(group)
        for name in names:
            print(f"  {name:8} {(known[name].__doc__ or '').splitlines()[0]}")
        print()
    print("`inv --help NAME` explains one and its arguments")
