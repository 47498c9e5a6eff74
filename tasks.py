"""The commands: thin invoke tasks, and the only file that knows what lies where in this repository."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json as json_
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from invoke.exceptions import Exit
from invoke.tasks import Task, task

sys.dont_write_bytecode = False  # invoke turns the cache off, and every command would compile pageswap anew

import devtasks  # noqa: E402 - after the line above
from pageswap.console.exits import guarded  # noqa: E402
from pageswap.errors import UsageError  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

    from invoke.context import Context

    from pageswap.campaign import Outcome
    from pageswap.fleet import Target
    from pageswap.fleet.inventory import Inventory, InventoryHost
    from pageswap.fleet.ssh import SshTarget
    from pageswap.plan import Plan
    from pageswap.store import Store

ROOT = Path(__file__).resolve().parent
EXPERIMENTS = ROOT / "experiments"
RESULTS = ROOT / "results"
ERROR_LOG = ROOT / "build" / "error.log"

HELP = {
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
GROUPS = {
    "Prepare": ("build", "check", "plan", "methods", "doctor", "hosts"),
    "Measure": ("run", "resume", "clean"),
    "Read": ("report", "export", "compare", "publish"),
    "Develop": ("test", "lint", "format", "bench"),
}


def command(**options: Any) -> Callable[[Callable[..., int | None]], Task[Any]]:
    """Make a task whose errors are one line on stderr and the documented exit code, never a traceback."""

    def decorate(body: Callable[..., int | None]) -> Task[Any]:
        @functools.wraps(body)
        def run_body(*args: Any, **kwargs: Any) -> None:
            code = guarded(functools.partial(body, *args, **kwargs), ERROR_LOG)
            if code:
                raise Exit(code=code)

        texts = {name: text for name, text in HELP.items() if name in _arguments(body)} | options.pop("help", {})
        return cast("Task[Any]", task(run_body, auto_shortflags=False, positional=[], help=texts, **options))

    return decorate


def _arguments(body: Callable[..., Any]) -> set[str]:
    return {name.rstrip("_") for name in body.__code__.co_varnames[: body.__code__.co_argcount]}


def _number(flag: str, text: str | None, least: int | None = None) -> int | None:
    if text is None:
        return None
    try:
        number = int(text)
    except ValueError:
        raise UsageError(f"{flag}: expected a whole number, found {text!r}") from None
    if least is not None and number < least:
        raise UsageError(f"{flag}: expected at least {least}, found {number}")
    return number


def _seconds(flag: str, text: str, least: float = 0.0) -> float:
    from pageswap.units import format_duration, parse_duration

    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise UsageError(f"{flag}: {error}") from None
    if seconds < least:
        raise UsageError(f"{flag}: expected at least {format_duration(least)}, found {text!r}")
    return seconds


def _one_of(flag: str, text: str, words: tuple[str, ...]) -> str:
    if text not in words:
        raise UsageError(f"{flag}: expected {', '.join(words[:-1])} or {words[-1]}, found {text!r}")
    return text


def _inventory(path: str) -> Inventory:
    from pageswap.fleet.inventory import Inventory

    return Inventory.load(Path(path) if path else None)


def _chosen(
    hosts: str, inventory: str, in_spec: tuple[str, ...] = (), where: str = "hosts"
) -> tuple[InventoryHost, ...]:
    """Give the hosts that --hosts names, or else the experiment, or else this machine."""
    known = _inventory(inventory)
    if hosts:
        return known.select([text.strip() for text in hosts.split(",")])
    return known.select(in_spec or ["local"], where)


def _existing(flag: str, path: str) -> str | None:
    if path and not Path(path).is_file():
        raise UsageError(f"{flag}: there is no file {path!r}")
    return str(Path(path).absolute()) if path else None


def _targets(chosen: tuple[InventoryHost, ...], ssh_config: str, accept_new: bool, core: str = "auto") -> list[Target]:
    from pageswap import campaign

    options = campaign.Options(
        core=_one_of("--core", core, campaign.CORES), ssh_config=_existing("--ssh-config", ssh_config)
    )
    return campaign.make_targets(chosen, options, accept_new=accept_new)


def _plan(spec: str, set_: list[str] | None, filter_: list[str] | None, repeats: str | None) -> Plan:
    from pageswap import plan as planning
    from pageswap.spec import load, resolve_spec_path

    path = resolve_spec_path(spec, EXPERIMENTS)
    devtasks.build_core()  # it knows the names of the methods
    blocks = _number("--repeats", repeats)
    return planning.make(load(path), set_=set_ or [], filter_=filter_ or [], repeats=blocks)


def _show_plan(made: Plan, as_json: bool, hosts: list[str] | None = None) -> None:
    from pageswap.console import terminal

    if as_json:
        _print_json(made.to_json() | ({"hosts": hosts} if hosts else {}))
        return
    terminal.show_plan(made)
    if hosts:
        print(f"on {', '.join(hosts)}" + (", side by side" if len(hosts) > 1 else ""))


def _typed() -> list[str]:
    """Give the arguments as they were typed, without what the wrapper put before them."""
    arguments = sys.argv[1:]
    return arguments[2:] if arguments[:1] == ["--search-root"] else arguments


def _conclude(outcome: Outcome, as_json: bool) -> int:
    """Print what a run found; the last line says where the report lies. Returns the exit code."""
    from pageswap.analysis.answer import answer
    from pageswap.analysis.summary import summarise
    from pageswap.console import terminal

    with _store(outcome.run_dir) as store:
        summary = summarise(store)
        found = (outcome, summary, answer(summary), terminal.troubles(store))
    if as_json:
        _print_json(terminal.conclusion_as_json(*found))
    else:
        terminal.show_conclusion(*found)
    return outcome.exit_code


def _store(folder: Path) -> Store:
    from pageswap.store import Store

    return Store.open(folder / "run.sqlite")


def _survey(targets: list[Target], question: Callable[[Target], dict[str, Any]]) -> dict[str, Any]:
    """Give each host's answer, or the error it has instead."""
    from pageswap.campaign import survey
    from pageswap.fleet import make_bundle

    devtasks.build_core()
    return survey.survey(targets, make_bundle(), question)


def _answers(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {host: answer for host, answer in found.items() if isinstance(answer, dict)}


def _print_json(document: object) -> None:
    # In one go: json.dump() writes each word by itself, which takes many times as long.
    sys.stdout.write(json_.dumps(document, indent=1, allow_nan=False) + "\n")


@command(default=True)
def tasks(_context: Context) -> None:
    """List the commands."""
    known = {made.name: made for made in globals().values() if isinstance(made, Task)}
    print("pageswap: the fastest way to move pages of virtual memory, measured\n")
    for group, names in GROUPS.items():
        print(group)
        for name in names:
            print(f"  {name:8} {(known[name].__doc__ or '').splitlines()[0]}")
        print()
    print("`inv --help NAME` explains one and its arguments")


@command()
def build(
    _context: Context,
    hosts: str = "",
    inventory: str = "",
    ssh_config: str = "",
    accept_new: bool = False,
    core: str = "auto",
    json: bool = False,
) -> int:
    """Build the C core, unless the one at hand is current; with --hosts also have all that a run needs on them."""
    facts = json_.loads(devtasks.build_core())
    found: dict[str, Any] = {}
    if hosts:
        from pageswap.campaign import survey

        found = _survey(_targets(_chosen(hosts, inventory), ssh_config, accept_new, core), survey.readiness)
    from pageswap.console import hosts as showing

    if json:
        _print_json({"core": facts, "hosts": showing.answers_as_json(found)})
    else:
        print(f"core {facts['core_hash'][:12]} by {facts['compiler']} with {facts['flags']}")
        showing.show_readiness(_answers(found))
    return showing.show_failures(found)


@command()
def check(_context: Context, spec: str = "") -> None:
    """Check an experiment file without running it."""
    plan = _plan(spec, None, None, None)
    print(f"{plan.experiment.path}: ok: {len(plan.cases):,} cases, {len(plan.trials):,} trials")


@command(iterable=["set_", "filter_"])
def plan(
    _context: Context,
    spec: str = "",
    set_: list[str] | None = None,
    filter_: list[str] | None = None,
    repeats: str | None = None,
    json: bool = False,
) -> None:
    """List what a run would measure, with its memory and time; run nothing."""
    _show_plan(_plan(spec, set_, filter_, repeats), json)


@command(iterable=["set_", "filter_"])
def run(
    _context: Context,
    spec: str = "",
    hosts: str = "",
    inventory: str = "",
    ssh_config: str = "",
    accept_new: bool = False,
    set_: list[str] | None = None,
    filter_: list[str] | None = None,
    repeats: str | None = None,
    tune: bool = False,
    wait: bool = False,
    strict: bool = False,
    core: str = "auto",
    at_once: str = "32",
    patience: str = "5min",
    lease: str = "60s",
    dry: bool = False,
    json: bool = False,
) -> int:
    """Measure an experiment, then write its report."""
    made = _plan(spec, set_, filter_, repeats)
    experiment = made.experiment
    chosen = _chosen(hosts, inventory, experiment.hosts, f"{experiment.path}:{experiment.lines.get('hosts', 1)}: hosts")
    from pageswap import campaign

    options = campaign.Options(
        tune=tune,
        wait=wait,
        strict=strict,
        core=_one_of("--core", core, campaign.CORES),
        at_once=_number("--at-once", at_once, 1) or 1,
        patience_s=_seconds("--patience", patience),
        lease_s=_seconds("--lease", lease, 1.0),
        ssh_config=_existing("--ssh-config", ssh_config),
        hosts=tuple(host.to_json() for host in chosen),
    )
    if dry:
        _show_plan(made, json, [host.name for host in chosen])
        return 0
    from pageswap.campaign.progress import shown

    with shown() as on_event:
        outcome = campaign.run(
            made,
            results_dir=RESULTS,
            options=options,
            targets=campaign.make_targets(chosen, options, accept_new=accept_new),
            provenance=campaign.provenance(ROOT, ["inv", *_typed()]),
            on_event=on_event,
        )
    return _conclude(outcome, json)


@command()
def resume(
    _context: Context,
    run: str = "",
    hosts: str = "",
    inventory: str = "",
    ssh_config: str = "",
    accept_new: bool = False,
    wait: bool = False,
    json: bool = False,
) -> int:
    """Finish what a run still lacks, on its hosts or those that --hosts picks out, then write its report."""
    from pageswap import campaign
    from pageswap.campaign.progress import shown

    folder = campaign.find_run(RESULTS, run)
    chosen = _chosen(hosts, inventory) if hosts else ()
    devtasks.build_core()
    with shown() as on_event:
        outcome = campaign.resume(
            folder,
            wait=wait or None,
            only=[host.name for host in chosen],
            inventory=_inventory(inventory) if inventory else None,
            ssh_config=_existing("--ssh-config", ssh_config),
            accept_new=accept_new,
            on_event=on_event,
        )
    return _conclude(outcome, json)


@command(help={"format": "html: the report beside the run, or md: a summary on stdout for a pull request or a README"})
def report(_context: Context, run: str = "", format: str = "html") -> None:
    """Write a run's report anew, from what is stored."""
    from pageswap.campaign import find_run

    if format not in {"html", "md"}:
        raise UsageError(f"--format {format}: expected html or md")
    folder = find_run(RESULTS, run)
    if format == "md":
        from pageswap.analysis.markdown import summary_as_markdown

        with _store(folder) as store:
            print(summary_as_markdown(store))
        return
    from pageswap.report import render  # only now: it is slow to import

    with _store(folder) as store:
        print(f"report: {render(store, folder / 'report.html')}")


@command()
def export(_context: Context, run: str = "", to: str = "csv", out: str = "") -> None:
    """Write every trial of a run to a CSV, Parquet or JSON file."""
    from pageswap.campaign import find_run

    folder = find_run(RESULTS, run)
    from pageswap.analysis import export as exporting  # only now: it is slow to import

    with _store(folder) as store:
        print(exporting.export(store, to, Path(out) if out else None))


@command(help={"format": "text: a table, or md: Markdown for a pull request"})
def compare(
    _context: Context,
    base: str = "",
    new: str = "",
    fail_above: str = "",
    by: str = "",
    json: bool = False,
    format: str = "text",
) -> int:
    """Compare two runs, hosts or commits, case by case."""
    from pageswap.campaign.references import resolve

    if format not in {"text", "md"}:
        raise UsageError(f"--format {format}: expected text or md")
    sides = resolve(RESULTS, base, new)
    from pageswap.analysis import compare as comparing  # only now: it is slow to import
    from pageswap.analysis.measured import Part

    limit = comparing.parse_limit(fail_above) if fail_above else None
    with _store(sides[0].folder) as ours, _store(sides[1].folder) as theirs:
        parts = [Part(store, side.host, side.text) for store, side in zip((ours, theirs), sides, strict=True)]
        found = comparing.compare(*parts, by=by or None, limit=limit)
    if json:
        _print_json(comparing.as_json(found))
    elif format == "md":
        from pageswap.analysis.markdown import comparison_as_markdown

        print(comparison_as_markdown(found))
    else:
        from pageswap.console.comparison import show_comparison

        show_comparison(found)
    return comparing.conclude(found)


@command(
    iterable=["run"],
    help={
        "run": "a run id, a path, `latest`, `all`, or a pattern such as 'remap_apis/*'; may be repeated",
        "to": "the site's folder, DIR here or HOST:DIR over SSH; new, empty, or a site published before",
        "title": "the site's heading; without it the one it has",
        "prune": "remove the runs from the site that --run does not name",
    },
)
def publish(
    _context: Context,
    run: list[str] | None = None,
    to: str = "",
    title: str = "",
    prune: bool = False,
    inventory: str = "",
    ssh_config: str = "",
    accept_new: bool = False,
    json: bool = False,
) -> None:
    """Put reports on a static site with an index, here or on another host; only what is new is sent."""
    from pageswap.campaign.references import select
    from pageswap.console import publishing as showing
    from pageswap.publish import Folder, RemoteFolder, destination
    from pageswap.publish import publish as put

    host, path = destination.split(to)
    runs = select(RESULTS, run or [])
    with contextlib.ExitStack() as stack:
        place: destination.Destination = Folder(path)
        if host not in {"", "local"}:
            (target,) = _targets(_chosen(host, inventory), ssh_config, accept_new)
            stack.callback(target.close)
            place = RemoteFolder(cast("SshTarget", target), path)
        found = put(runs, place, title=title, prune=prune, on_step=showing.show_step)
    if json:
        _print_json(dataclasses.asdict(found))
    else:
        showing.show_published(found)


@command()
def methods(
    _context: Context,
    hosts: str = "",
    inventory: str = "",
    ssh_config: str = "",
    accept_new: bool = False,
    json: bool = False,
) -> int:
    """List every way to move pages: available on each host, or why not."""
    from pageswap.campaign import survey

    found = _survey(_targets(_chosen(hosts, inventory), ssh_config, accept_new), survey.facts)
    from pageswap.console import hosts as showing

    there = {host: facts["methods"] for host, facts in _answers(found).items()}
    if json:
        _print_json(showing.answers_as_json(found, there))
    else:
        showing.show_method_matrix(there)
    return showing.show_failures(found)


@command()
def doctor(
    _context: Context,
    hosts: str = "",
    inventory: str = "",
    ssh_config: str = "",
    accept_new: bool = False,
    json: bool = False,
) -> int:
    """Say what on each host would spoil a measurement, each with its cure."""
    from pageswap.campaign import survey

    chosen = _chosen(hosts, inventory)
    question = functools.partial(survey.facts, cpus={host.name: host.cpu for host in chosen})
    found = _survey(_targets(chosen, ssh_config, accept_new), question)
    from pageswap.console import hosts as showing

    there = {host: {"checks": facts["doctor"], "lease": facts["lease"]} for host, facts in _answers(found).items()}
    if json:
        _print_json(showing.answers_as_json(found, there))
    else:
        showing.show_findings({host: answer["checks"] for host, answer in there.items()})
    return showing.show_failures(found)


@command(name="hosts")
def list_hosts(_context: Context, inventory: str = "", json: bool = False) -> None:
    """List the inventory: each host with its groups, tags and settings."""
    if _typed()[1:2] == ["clean"]:
        return  # `inv hosts clean` is two commands to invoke, and only the second is meant
    known = _inventory(inventory)
    from pageswap.console import hosts as showing

    if json:
        _print_json(showing.inventory_as_json(known))
    else:
        showing.show_inventory(known)


@command(help={"hosts": "a,b,@group,@tag: where to clean; default: all hosts of the inventory, else local"})
def clean(
    _context: Context,
    hosts: str = "",
    inventory: str = "",
    ssh_config: str = "",
    accept_new: bool = False,
    all_: bool = False,
    json: bool = False,
) -> int:
    """Remove what finished runs left on hosts (`inv hosts clean`); without --hosts on all of the inventory."""
    everywhere = "@all" if _inventory(inventory).hosts else "local"
    targets = _targets(_chosen(hosts or everywhere, inventory), ssh_config, accept_new)
    found = _survey(targets, lambda target: target.call("clean", {"runs": "all" if all_ else "finished"}))
    from pageswap.console import hosts as showing

    if json:
        _print_json(showing.answers_as_json(found))
    else:
        showing.show_cleaned(_answers(found))
    return showing.show_failures(found)


@command()
def test(_context: Context, args: str = "", k: str = "") -> int:
    """Run the tests, then the core's once more under ASan and UBSan."""
    return devtasks.test(args, k)


@command()
def lint(_context: Context) -> int:
    """Run every checker: ruff, mypy, import-linter, clang-format, gcc, cppcheck."""
    return devtasks.lint()


@command(name="format")
def format_code(_context: Context) -> int:
    """Format all Python and C in place."""
    return devtasks.format_code()


@command()
def bench(_context: Context, only: str = "") -> int:
    """Measure pageswap itself: the speed table."""
    return devtasks.bench(only)
