"""The commands: thin invoke tasks, which know where experiments and runs lie in this repository."""

from __future__ import annotations

import functools
import json as json_
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import devtasks
from pageswap.console import arguments, commands
from pageswap.console.commands import command

if TYPE_CHECKING:
    from collections.abc import Callable

    from invoke.context import Context

    from pageswap.console.arguments import HostAccess
    from pageswap.fleet.inventory import InventoryHost
    from pageswap.fleet.target import Target
    from pageswap.plan.plan import Plan

ROOT = Path(__file__).resolve().parent
EXPERIMENTS = ROOT / "experiments"
RESULTS = ROOT / "results"

GROUPS = {
    "Prepare": ("build", "module", "check", "plan", "methods", "doctor", "hosts"),
    "Measure": ("run", "resume", "merge", "clean"),
    "Move": ("mover",),
    "Read": ("runs", "report", "export", "query", "compare", "history", "publish"),
    "Develop": ("test", "lint", "format", "bench"),
}


def _plan(
    spec: str,
    set_: list[str] | None = None,
    filter_: list[str] | None = None,
    repeats: str | None = None,
    until: str | None = None,
) -> Plan:
    from pageswap.plan import plan as planning
    from pageswap.spec.loader import load
    from pageswap.spec.overrides import override
    from pageswap.spec.source import resolve_spec_path

    path = resolve_spec_path(spec, EXPERIMENTS)
    devtasks.build_core()  # it knows the names of the methods
    blocks = arguments.number("--repeats", repeats)
    return planning.make(override(load(path), set_=set_ or [], filter_=filter_ or [], repeats=blocks, until=until))


def _ask(targets: list[Target], question: Callable[[Target], dict[str, Any]], **how: Any) -> dict[str, Any]:  # noqa: ANN401 - ask_each's
    """Return each host's answer, or the error it has instead; `how` is what `ask_each` takes."""
    from pageswap.campaign import ask_hosts
    from pageswap.console import exits
    from pageswap.fleet.provision.bundle import make_bundle

    devtasks.build_core()
    return ask_hosts.ask_each(targets, make_bundle(), question, tell=exits.tell, **how)


def _look_ahead(
    plan: Plan,
    hosts: tuple[InventoryHost, ...],
    targets: list[Target],
    *,
    tune: bool = False,
    **how: Any,  # noqa: ANN401 - ask_each's
) -> dict[str, Any]:
    """Ask each host what it cannot do of a plan, or whose second name it is; `how` is what `ask_each` takes."""
    from pageswap.campaign import ask_hosts, unmeasured

    questions = unmeasured.questions(plan, hosts, tune=tune)
    answers = _ask(targets, functools.partial(ask_hosts.facts, questions=questions), **how)
    return answers | ask_hosts.names_too_many(targets)


def complete(words: list[str]) -> list[str]:
    """Return what may stand in place of the last of the words, which a shell asks for."""
    from pageswap.campaign.run_folders import stored_runs

    runs = ["latest", *(folder.name for folder in reversed(stored_runs(RESULTS)))]
    known = {"spec": sorted(path.stem for path in EXPERIMENTS.glob("*.yaml"))} | dict.fromkeys(
        ("run", "base", "new"), runs
    )
    known["experiment"] = sorted({folder.parent.name for folder in stored_runs(RESULTS)})
    return commands.candidates(words, commands.commands_of(sys.modules[__name__]), known)


@command(default=True)
def tasks(_context: Context) -> None:
    """List the commands."""
    commands.show_commands(commands.commands_of(sys.modules[__name__]), GROUPS)


@command(example="inv build --hosts lab1,@rack")
def build(
    _context: Context, access: HostAccess, hosts: str | None = None, core: str = "auto", json: bool = False
) -> int:
    """Build the C core, unless the one at hand is current; with --hosts also have all that a run needs on them."""
    facts = json_.loads(devtasks.build_core())
    found: dict[str, Any] = {}
    if hosts is not None:
        from pageswap.campaign import ask_hosts

        found = _ask(access.targets(access.machines(hosts), core), ask_hosts.readiness)
    from pageswap.console import host_views

    return host_views.conclude_build(facts, found, as_json=json)


@command(
    name="module",
    help={"build": "build it for this kernel, with its headers, below build/module; nothing is loaded"},
    example="inv module --build",
)
def kernel_module(_context: Context, build: bool = False, json: bool = False) -> None:
    """Say whether the kernel module of module_swap can be used here; with --build build it, and load nothing."""
    built = json_.loads(devtasks.build_module()) if build else None
    devtasks.build_core()
    from pageswap.console import module_view

    module_view.tell_module(built, as_json=json)


@command(["spec"], example="inv check mremap_vs_copy")
def check(_context: Context, spec: str = "", inventory: str = "") -> None:
    """Check an experiment file without running it."""
    plan = _plan(spec)
    arguments.HostAccess(inventory).hosts(None, plan.experiment)
    print(f"{plan.experiment.path}: ok: {len(plan.cases):,} cases, {len(plan.trials):,} trials")


@command(["spec"], iterable=["set_", "filter_"], example="inv plan smoke --set page_size=4KiB,64KiB")
def plan(
    _context: Context,
    access: HostAccess,
    spec: str = "",
    hosts: str | None = None,
    set_: list[str] | None = None,
    filter_: list[str] | None = None,
    repeats: str | None = None,
    until: str | None = None,
    json: bool = False,
) -> int:
    """List what a run would measure, with its memory and time, and what its hosts cannot do; run nothing."""
    made = _plan(spec, set_, filter_, repeats, until)
    chosen = access.machines(hosts, made.experiment)
    from pageswap.console import plan_view

    return plan_view.tell_plan(made, _look_ahead(made, chosen, access.targets(chosen)), as_json=json)


@command(
    ["spec"], iterable=["set_", "filter_", "tag"], example="inv run mremap_vs_copy --hosts lab1,@rack --repeats 20"
)
def run(
    _context: Context,
    access: HostAccess,
    spec: str = "",
    hosts: str | None = None,
    set_: list[str] | None = None,
    filter_: list[str] | None = None,
    repeats: str | None = None,
    until: str | None = None,
    tag: list[str] | None = None,
    note: str = "",
    profile: str = "",
    tune: bool = False,
    wait: bool = False,
    ignore_lease: bool = False,
    strict: bool = False,
    core: str = "auto",
    at_once: str = "32",
    patience: str = "5min",
    lease: str = "60s",
    dry: bool = False,
    json: bool = False,
) -> int:
    """Measure an experiment, then write its report."""
    said = arguments.said(tag or [], note)
    made = _plan(spec, set_, filter_, repeats, until)
    chosen = access.machines(hosts, made.experiment)
    from pageswap.campaign import ask_hosts, run_and_resume
    from pageswap.campaign.options import CORES, PROFILERS, Options, make_targets
    from pageswap.console import exits, plan_view, run_view

    options = Options(
        tune=tune,
        wait=wait,
        ignore_lease=ignore_lease,
        strict=strict,
        profile=arguments.one_of("--profile", profile, PROFILERS) if profile else "",
        core=arguments.one_of("--core", core, CORES),
        at_once=arguments.number("--at-once", at_once, 1) or 1,
        patience_s=arguments.seconds("--patience", patience),
        lease_s=arguments.seconds("--lease", lease, 1.0),
        ssh_config=access.ssh_config_file(),
        hosts=tuple(host.to_json() for host in chosen),
    )
    targets = make_targets(chosen, options, accept_new=access.accept_new)
    measure = functools.partial(
        run_and_resume.run,
        made,
        results_dir=RESULTS,
        options=options,
        targets=targets,
        provenance=run_and_resume.provenance(ROOT, ["inv", *sys.argv[1:]]) | said,
    )
    # What waits for its turn is not made to wait twice.
    ready = targets if dry else [target for target in targets if not target.is_queued]
    look = functools.partial(_look_ahead, made, chosen, ready, tune=tune, at_once=options.at_once, keep=True)
    with ask_hosts.closing_each(targets):
        if dry:
            return plan_view.tell_plan(made, look(), as_json=json)
        for line in plan_view.obstacles(made, look(wait_s=ask_hosts.BEFORE_RUN_S)):
            exits.tell(line)
        return run_view.measured(measure, as_json=json)


@command(
    ["run"],
    help={"repeats": "how many blocks there are to be in all, or +N for so many more; also of a finished run"},
    example="inv resume latest --repeats +5",
)
def resume(
    _context: Context,
    access: HostAccess,
    run: str = "",
    hosts: str | None = None,
    repeats: str | None = None,
    wait: bool = False,
    ignore_lease: bool = False,
    json: bool = False,
) -> int:
    """Finish what a run still lacks, on its hosts or those that --hosts picks out, then write its report."""
    from pageswap.campaign import run_and_resume
    from pageswap.campaign.run_folders import find_run
    from pageswap.console import run_view

    folder = find_run(RESULTS, run)
    chosen = () if hosts is None else access.hosts(hosts)
    devtasks.build_core()
    measure = functools.partial(
        run_and_resume.resume,
        folder,
        wait=wait or None,
        ignore_lease=ignore_lease or None,
        only=[host.name for host in chosen],
        inventory=access.known() if access.inventory else None,
        ssh_config=access.ssh_config_file(),
        accept_new=access.accept_new,
        repeats=None if repeats is None else functools.partial(arguments.blocks, "--repeats", repeats),
    )
    return run_view.measured(measure, as_json=json)


@command(
    ["run"],
    iterable=["run"],
    help={"run": "the runs to put together: ids, paths or patterns, two or more; they stay as they are"},
    example="inv merge 20261122T123201Z-eb9c2a 20261123T080000Z-0a1b2c",
)
def merge(_context: Context, run: list[str] | None = None, json: bool = False) -> None:
    """Put runs of one experiment, host and core together as one run, unless their conditions differ."""
    from pageswap.campaign.merging import merge as put
    from pageswap.campaign.run_references import select
    from pageswap.console import run_view

    run_view.tell_merged(put(RESULTS, select(RESULTS, run or [])), as_json=json)


@command(
    iterable=["tag"],
    help={
        "experiment": "only runs of this experiment",
        "host": "only runs of this host",
        "tag": "key=value: only runs that `run --tag` gave this; may be repeated",
        "note": "only runs whose note has this in it",
        "since": "only runs that began then or later: 2026-11-22, 2026-11-22T18:30 in UTC, or 7d",
    },
    example="inv runs --experiment remap_apis --since 7d",
)
def runs(
    _context: Context,
    experiment: str = "",
    host: str = "",
    tag: list[str] | None = None,
    note: str = "",
    since: str = "",
    json: bool = False,
) -> None:
    """List the stored runs with their hosts, kernels, tags and state, the newest first."""
    from pageswap.catalogue.entry import Wanted

    wanted = Wanted(experiment, host, arguments.tags("--tag", tag or []), note, arguments.time_since("--since", since))
    from pageswap.console import catalogue_view

    catalogue_view.list_runs(RESULTS, wanted, as_json=json)


@command(
    ["sql"],
    help={
        "sql": "one SELECT over the views trials, runs and cases, in quotes",
        "format": "text: a table, csv, or json: one array",
    },
    example="inv query 'SELECT cpu_model, kernel, median(ns_per_op) FROM cases GROUP BY ALL'",
)
def query(_context: Context, sql: str = "", format: str = "text", json: bool = False) -> None:
    """Answer a question in SQL over all runs' trials and facts; it can change nothing."""
    from pageswap.console import catalogue_view, exits

    arguments.one_of("--format", format, catalogue_view.FORMATS)
    from pageswap.catalogue.query import query as ask

    catalogue_view.tell_answer(ask(RESULTS, sql, exits.tell), "json" if json else format)


@command(
    ["run"],
    help={"format": "html: the report beside the run; on stdout md: a summary for a pull request, json: the answer"},
    example="inv report latest --format md",
)
def report(_context: Context, run: str = "", format: str = "html") -> None:
    """Write a run's report anew, from what is stored."""
    from pageswap.campaign.run_folders import find_run
    from pageswap.console import run_view

    arguments.one_of("--format", format, ("html", "md", "json"))
    run_view.report(find_run(RESULTS, run), format)


@command(
    ["run"],
    iterable=["run"],
    help={
        "run": "a run id, a path, `latest`, `all`, or a pattern such as 'remap_apis/*'; may be repeated",
        "out": "the file to write, or a folder for it, instead of the run's own folder; needed for several runs",
    },
    example="inv export latest --to parquet --out trials.parquet",
)
def export(_context: Context, run: list[str] | None = None, to: str = "csv", out: str = "") -> None:
    """Write every trial of a run, or of several, to a CSV, Parquet or JSON file."""
    from pageswap.campaign.run_references import select
    from pageswap.console import run_view

    folders = select(RESULTS, run or [])
    run_view.export(folders, to, arguments.destination("--out", out) if out else None)


@command(
    ["base", "new"],
    iterable=["new"],
    help={
        "new": "what to compare, named as --base is; may be repeated",
        "runs": "take so many of the newest runs of each commit, kernel or tag (all; of a commit 1)",
        "format": "text: tables; md: for a pull request; html: one self-contained page; junit; or json",
        "out": "the file to write, instead of standard output",
    },
    example="inv compare kernel:6.1 kernel:6.6 kernel:6.12 --format html --out kernels.html",
)
def compare(
    _context: Context,
    base: str = "",
    new: list[str] | None = None,
    runs: str | None = None,
    fail_above: str = "",
    by: str = "",
    json: bool = False,
    format: str = "text",
    out: str = "",
) -> int:
    """Compare runs, hosts, commits, kernels or tags with a base, case by case."""
    from pageswap.campaign.run_references import earlier_runs, resolve

    arguments.one_of("--format", format, ("text", "md", "html", "junit", "json"))
    most = arguments.number("--runs", runs, least=1)
    place = arguments.destination("--out", out) if out else None
    sides = resolve(RESULTS, base, [new] if isinstance(new, str) else new or [], most)
    from pageswap.console import comparison_view

    form = "json" if json else format
    earlier = earlier_runs(RESULTS, sides)
    return comparison_view.compare(sides, earlier, by=by, fail_above=fail_above, form=form, out=place)


@command(
    ["experiment"],
    help={
        "by": "the order of the runs: time, or kernel, commit or core and then time",
        "format": "text: a line a case, html: one self-contained page, json: all that was found",
        "out": "with --format html: the file to write, instead of standard output",
    },
    takes={"by": "time|kernel|commit|core", "format": "text|html|json"},
    example="inv history remap_apis --by kernel",
)
def history(
    _context: Context,
    experiment: str = "",
    host: str = "",
    by: str = "time",
    quantity: str = "",
    format: str = "text",
    out: str = "",
) -> None:
    """Show how an experiment's cases went over its runs, and since which run one is faster or slower."""
    from pageswap.campaign.run_folders import stored_runs
    from pageswap.console import history_view

    arguments.one_of("--format", format, history_view.FORMATS)
    place = arguments.destination("--out", out) if out else None
    history_view.history_of(
        stored_runs(RESULTS), experiment, by=by, quantity=quantity, host=host, form=format, out=place
    )


@command(
    ["run"],
    iterable=["run", "comparison"],
    help={
        "run": "a run id, a path, `latest`, `all`, or a pattern such as 'remap_apis/*'; may be repeated",
        "to": "the site's folder, DIR here or HOST:DIR over SSH; new, empty, or a site published before",
        "title": "the site's heading; without it the one it has",
        "prune": "remove the runs from the site that --run does not name, and the comparisons not given",
        "comparison": "a page that `inv compare --format html` wrote; may be repeated",
    },
    example="inv publish all --to site",
)
def publish(
    _context: Context,
    access: HostAccess,
    run: list[str] | None = None,
    to: str = "",
    title: str = "",
    prune: bool = False,
    comparison: list[str] | None = None,
    json: bool = False,
) -> None:
    """Put reports on a static site with histories and an atlas, here or on another host; only what is new is sent."""
    from pageswap.campaign.run_references import select
    from pageswap.console import exits, run_view

    with access.site(to) as place:
        from pageswap.publish.publishing import publish as put  # while the place is looked at

        found = put(
            select(RESULTS, run or []),
            place,
            title=title,
            prune=prune,
            comparisons=[Path(text) for text in comparison or []],
            on_step=exits.tell,
        )
    run_view.tell_published(found, as_json=json)


@command(example="inv methods --json")
def methods(_context: Context, access: HostAccess, hosts: str | None = None, json: bool = False) -> int:
    """List every way to move pages: available on each host, or why not."""
    from pageswap.campaign import ask_hosts
    from pageswap.console import host_views

    found = _ask(access.targets(access.machines(hosts)), ask_hosts.facts)
    return host_views.conclude(found, host_views.show_method_matrix, as_json=json, part=lambda facts: facts["methods"])


@command(example="inv doctor --hosts lab1,@rack")
def doctor(_context: Context, access: HostAccess, hosts: str | None = None, json: bool = False) -> int:
    """Say what on each host would spoil a measurement, each with its cure; exit 2 where a line is bad."""
    from pageswap.campaign import ask_hosts
    from pageswap.console import host_views

    chosen = access.machines(hosts)
    questions = {host.name: {"cpu": host.cpu} for host in chosen}
    found = _ask(access.targets(chosen), functools.partial(ask_hosts.facts, questions=questions))
    code = host_views.conclude(found, host_views.show_findings, as_json=json, part=host_views.findings)
    return code or host_views.findings_code(found)


@command(
    help={
        "calibrate": "measure this host's profile, in some seconds, whatever there is of one",
        "install": "build the C library, and put header, libraries and pkg-config file below this folder",
    },
    takes={"install": "DIR"},
    example="inv mover --install /usr/local",
)
def mover(_context: Context, calibrate: bool = False, install: str = "", json: bool = False) -> None:
    """Show this host's profile for the mover, the library that moves pages for programs; or make it, or install it."""
    devtasks.build_core()
    from pageswap.console import mover_view

    installed = devtasks.install_mover(Path(install).absolute()) if install else []
    if calibrate:
        mover_view.make_profile()
    mover_view.tell(installed, as_json=json)


@command(name="hosts", example="inv hosts --json")
def list_hosts(_context: Context, inventory: str = "", json: bool = False) -> None:
    """List the inventory: each host with its groups, tags and settings."""
    known = arguments.HostAccess(inventory).known()
    from pageswap.console import host_views

    host_views.tell_inventory(known, as_json=json)


@command(
    help={"hosts": "a,b,@group,@tag: where to clean; default: all hosts of the inventory, else local"},
    example="inv hosts clean --hosts lab1",
)
def clean(
    _context: Context, access: HostAccess, hosts: str | None = None, all_: bool = False, json: bool = False
) -> int:
    """Remove what finished runs left on hosts (`inv hosts clean`); without --hosts on all of the inventory."""
    from pageswap.campaign import ask_hosts
    from pageswap.console import host_views

    if hosts is None:
        hosts = "@all" if access.known().hosts else "local"
    targets = access.targets(access.hosts(hosts))
    found = _ask(
        targets, functools.partial(ask_hosts.ask, verb="clean", document={"runs": "all" if all_ else "finished"})
    )
    return host_views.conclude(found, host_views.show_cleaned, as_json=json)


@command(
    ["args"],
    iterable=["args"],
    example="inv test tests/spec -x",
    help={"all": "also what needs a lab of hosts or takes long, and the sanitizers"},
)
def test(_context: Context, args: list[str] | None = None, k: str = "", all_: bool = False) -> int:
    """Run the quick tests; with --all every test, and the core's again under ASan and UBSan; exit 1 if one fails."""
    return devtasks.test([*(args or []), *(["-k", k] if k else [])], whole=all_)


@command()
def lint(_context: Context) -> int:
    """Run every checker: ruff, mypy, import-linter, clang-format, gcc, cppcheck."""
    return devtasks.lint()


@command(name="format")
def format_code(_context: Context) -> int:
    """Format all Python and C in place."""
    return devtasks.format_code()


@command(["only"], example="inv bench targets")
def bench(_context: Context, only: str = "") -> int:
    """Measure pageswap itself: the speed table."""
    return devtasks.bench(only)
