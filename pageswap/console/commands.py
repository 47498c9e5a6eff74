"""Makes commands of functions: their arguments, of which several are shared, their help, completion, and end."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import shutil
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from invoke.tasks import Task

from pageswap.console.arguments import HostAccess
from pageswap.errors import UsageError
from pageswap.spec.quoting import as_called

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import ModuleType

    from invoke.parser.argument import Argument

# What an argument takes, "" for a flag, and its help.
ARGUMENTS: Final = {
    "spec": ("SPEC", "the experiment: a path, or a file name in experiments/"),
    "run": ("RUN", "the run: its id, a path, or `latest`"),
    "hosts": (
        "NAMES",
        "aliases as ssh takes them, cluster/NODE, @group, @tag, @all, `local`; default: the experiment's, else local",
    ),
    "inventory": ("FILE", "the file that knows the hosts, instead of ./hosts.yaml"),
    "ssh_config": ("FILE", "the file that says how hosts are reached, instead of ~/.ssh/config"),
    "accept_new": ("", "trust the key that a host not known so far shows, and keep it"),
    "at_once": ("N", "measure on so many hosts at a time (32)"),
    "patience": ("DURATION", "how long to try to reach a host again whose link broke, such as 30s (5min)"),
    "lease": ("DURATION", "an agent that nobody follows for so long stops after its trial, such as 10min (60s)"),
    "core": (
        "controller|host|auto",
        "whose C core measures; auto: the host's, where the controller's does not load",
    ),
    "set": ("FACTOR=V,...", "factor=v1,v2: measure these levels instead of the file's; may be repeated"),
    "filter": ("FACTOR=V,...", "factor=v: keep only the cases with this level; may be repeated"),
    "repeats": ("N", "how many blocks, instead of the file's `repeats`"),
    "tag": ("KEY=VALUE", "what `runs` finds the run by, such as purpose=nightly; may be repeated"),
    "note": ("TEXT", "what is to be known of the run, shown beside it"),
    "until": ("PERCENT", "measure on until all intervals are within this, such as 2%, up to --repeats blocks (40)"),
    "profile": ("perf", "look into one more trial of each case after all others; its top functions are in the report"),
    "json": ("", "print one JSON document on stdout and nothing else there"),
    "tune": ("", "as root: set governor, boost, huge pages and limits for measuring, and restore them after"),
    "dry": ("", "show the plan and run nothing"),
    "to": ("TO", "csv, parquet, json, or pyperf: the results as pyperf reads them"),
    "out": ("FILE", "the file to write, or a folder for it, instead of the run's own folder"),
    "only": ("NAME", "one figure's name, instead of all"),
    "all": ("", "also of runs that are not finished, which a resume could still have collected"),
    "args": ("PYTEST", "what pytest takes: files, folders, its own flags such as -x"),
    "k": ("WORDS", "only tests whose name matches, as pytest's -k"),
    "strict": ("", "exit 2 when a trial was unavailable or skipped, too"),
    "base": (
        "RUN",
        "what to compare with: RUN[:HOST], RUN,RUN, or commit:HASH, kernel:RELEASE, tag:K=V[/EXPERIMENT][:HOST]",
    ),
    "new": ("RUN", "what to compare, named as --base is"),
    "fail_above": (
        "PERCENT",
        "exit 5 when a case is surely slower by more than this, such as 5%; exit 1 when nothing can be decided",
    ),
    "runs": ("N", "how many runs of a side"),
    "by": (
        "ratio|time",
        "compare ratios to the run's own baseline, or times; default: ratios, where that can be",
    ),
    "experiment": ("NAME", "the experiment whose runs are looked at"),
    "host": ("NAME", "only this host, as the runs name it; default: all"),
    "quantity": ("ratio|time", "speed as a multiple of the baseline's, or time; default: ratios, where there are any"),
    "comparison": ("FILE", ""),
    "wait": ("", "wait while another measurement holds the host, rather than give up"),
    "ignore_lease": ("", "as root: measure although another process, which is no agent's, keeps the host's lease"),
}
EXITS: Final = (
    "0 done; 1 wrong usage or experiment file; 2 some trials or checks ended badly; 3 a host could not be used; "
    "4 a trial failed verification; 5 a gate tripped (one that decides nothing: 1); 70 a bug in pageswap; "
    "74 a run's files could not be read or written; 130 interrupted"
)
_NARROWEST, _WIDEST, _FLAG_COLUMNS = 60, 100, 26

_COMPLETION: Final = Path(__file__).resolve().parents[2] / "templates" / "completion"

_ACCESS: Final = "access"
_OF_ACCESS: Final = [
    inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default)
    for field in dataclasses.fields(HostAccess)
]


def command(
    places: Sequence[str] = (),
    example: str = "",
    takes: Mapping[str, str] | None = None,
    **options: Any,  # noqa: ANN401 - invoke's
) -> Callable[[Callable[..., int | None]], Task[Any]]:
    """Make a task that returns its exit code; None is 0.

    Where the function has a parameter `access`, the command has the arguments that `HostAccess` consists of. `options`
    are invoke's own; its `help`, and what an argument `takes`, are needed only for those that mean something else than
    those of ARGUMENTS.
    """

    def decorate(body: Callable[..., int | None]) -> Task[Any]:
        signature = inspect.signature(body)
        takes_access = _ACCESS in signature.parameters

        @functools.wraps(body)
        def run_body(context: Any, **given: Any) -> int | None:  # noqa: ANN401 - what was typed
            if takes_access:
                typed = {each.name: given.pop(each.name) for each in _OF_ACCESS if each.name in given}
                given[_ACCESS] = HostAccess(**typed)
            return body(context, **given)

        # What invoke reads the arguments from.
        parameters = [each for name, each in signature.parameters.items() if name != _ACCESS]
        whole = signature.replace(parameters=[*parameters, *(_OF_ACCESS if takes_access else [])])
        run_body.__signature__ = whole  # type: ignore[attr-defined]
        # A trailing underscore keeps a name from being Python's own; invoke drops it.
        names = {name.rstrip("_") for name in whole.parameters}
        texts = {name: text for name, (_, text) in ARGUMENTS.items() if name in names} | options.pop("help", {})
        made: Task[Any] = Task(run_body, auto_shortflags=False, positional=[], help=dict(texts), **options)
        made.places = tuple(places)  # type: ignore[attr-defined] # read by start
        made.texts = texts  # type: ignore[attr-defined] # read by command_help: invoke uses its copy up
        made.takes = dict(takes or {})  # type: ignore[attr-defined] # read by command_help, and where choices are asked for
        made.example = example  # type: ignore[attr-defined] # read by command_help
        return made

    return decorate


def commands_of(module: ModuleType) -> dict[str, Task[Any]]:
    """Return the commands that a module makes, by name."""
    return {made.name: made for made in vars(module).values() if isinstance(made, Task)}


def flags_of(task: Task[Any]) -> dict[str, Argument]:
    """Return a command's arguments by the flags that they are typed as."""
    return {f"{'-' * min(len(name), 2)}{name.replace('_', '-')}": a for a in task.get_arguments() for name in a.names}


def command_help(task: Task[Any]) -> str:
    """Return the help of one command as text of the terminal's width."""
    width = max(_NARROWEST, min(shutil.get_terminal_size().columns, _WIDEST))
    places = "".join(f" {place.upper()}" for place in getattr(task, "places", ()))
    texts: dict[str, str] = getattr(task, "texts", {})
    arguments = sorted(task.get_arguments(), key=lambda each: str(each.name))
    options = [_option(argument, texts, getattr(task, "takes", {}), width) for argument in arguments]
    example = getattr(task, "example", "")
    parts = [
        as_called(f"inv {task.name}{places}{' [--options]' if options else ''}"),
        textwrap.fill(as_called((task.__doc__ or "").strip()), width),
        "\n".join(options),
        f"example: {as_called(example)}" if example else "",
        textwrap.fill(f"exit codes: {EXITS}", width),
    ]
    return "\n\n".join(part for part in parts if part)


def _option(argument: Argument, texts: Mapping[str, str], own: Mapping[str, str], width: int) -> str:
    name = str(argument.name).rstrip("_").replace("-", "_")
    takes = f"={own.get(name) or ARGUMENTS.get(name, (name.upper(),))[0]}" if argument.takes_value else ""
    flag = f"  --{name.replace('_', '-')}{takes}"
    text = textwrap.wrap(texts.get(name, ""), width - _FLAG_COLUMNS)
    first = [f"{flag:{_FLAG_COLUMNS - 1}} {text.pop(0)}"] if len(flag) < _FLAG_COLUMNS and text else [flag]
    return "\n".join([*first, *(" " * _FLAG_COLUMNS + line for line in text)])


def show_commands(known: Mapping[str, Task[Any]], groups: Mapping[str, Sequence[str]]) -> None:
    """Print the commands in their groups, a line each."""
    print("pageswap: the fastest way to move pages of virtual memory, measured\n")
    for group, names in groups.items():
        print(group)
        for name in names:
            print(f"  {name:8} {as_called((known[name].__doc__ or '').splitlines()[0])}")
        print()
    print(as_called("`inv --help NAME` explains one and its arguments"))


def script(shell: str) -> str:
    """Return what a shell reads to complete ./inv, wherever it is called from; raises UsageError for an unknown one."""
    shells = {path.suffix[1:]: path for path in _COMPLETION.iterdir()}
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
        return [f"{flag}={value}" for value in _values(flag, task, known)]
    if before[-1] in flags and flags[before[-1]].takes_value:
        return _values(before[-1], task, known)
    if last.startswith("-"):
        return [*flags, "--help"]
    return [value for place in getattr(task, "places", ()) for value in _values(place, task, known)]


def _values(flag: str, task: Task[Any], known: Mapping[str, Sequence[str]]) -> list[str]:
    name = flag.lstrip("-").replace("-", "_")
    takes: Mapping[str, str] = getattr(task, "takes", {})
    choices = (takes.get(name) or ARGUMENTS.get(name, ("",))[0]).split("|")
    return list(dict.fromkeys(known.get(name) or (choices if len(choices) > 1 else ())))
