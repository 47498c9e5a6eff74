"""Asks and measures hosts of which all but one lie, makes every output of it, and collects what is wrong anywhere."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import io
import sys
import time
from typing import TYPE_CHECKING, Any

from pageswap.analysis import export
from pageswap.campaign import ask_hosts, run_and_resume, unmeasured
from pageswap.campaign.options import Options
from pageswap.campaign.progress import Lines
from pageswap.campaign.run_folders import open_run, stored_runs
from pageswap.campaign.run_references import Reference
from pageswap.catalogue.entry import Wanted
from pageswap.catalogue.query import query
from pageswap.comparison.tables import summary_as_markdown
from pageswap.console import catalogue_view, comparison_view, history_view, host_views, plan_view, run_view
from pageswap.console.exits import INTERNAL_ERROR, ended
from pageswap.fleet.inventory import InventoryHost
from pageswap.fleet.provision.bundle import make_bundle
from pageswap.fleet.target import make_target
from pageswap.plan import plan as planning
from pageswap.publish.destination import Destination
from pageswap.publish.publishing import publish
from pageswap.spec.loader import loads
from tests.hostile import outputs
from tests.hostile.host import HostileTransport, facts, hostile_target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from pageswap.campaign.outcome import Outcome
    from pageswap.fleet.target import Target

SPEC = """
name: told
question: Is remapping a page faster than copying it?
method: [memcpy, mremap_fixed, copy_words]
region_size: [1MiB, 2MiB]
iterations: 1000
baseline: {method: memcpy}
repeats: 4
warmups: 1
"""
HONEST = "honest"
_COMPARED = {
    "text": outputs.in_terminal,
    "md": outputs.in_markdown,
    "json": outputs.in_json,
    "html": outputs.in_page,
    "junit": outputs.in_feed,
}
_ANSWERED = {"text": outputs.in_terminal, "csv": outputs.in_csv, "json": outputs.in_json}


@dataclasses.dataclass
class Round:
    """What one round found: how many answers were lies, and what was wrong, each with the seed that shows it again."""

    seed: str
    folder: Path
    told: int = 0
    faults: list[str] = dataclasses.field(default_factory=list)

    def note(self, what: str, faults: Iterable[str]) -> None:
        """Keep what is wrong in an output."""
        self.faults += [f"seed {self.seed}: {what}: {fault}" for fault in faults]

    def command(self, what: str, body: Callable[[], int | None], check: Callable[[str], Iterable[str]]) -> int:
        """Run a command's body as the command line does, and check what it prints and how it ends."""
        out, err, log = _Terminal(), _Terminal(), self.folder / "error.log"
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = ended(body, log)
        if code == INTERNAL_ERROR:
            self.note(what, ["\n".join(log.read_text(encoding="utf-8").splitlines()[-12:])])
        else:
            self.note(what, check(out.getvalue()))
        self.note(f"{what}, standard error", outputs.in_terminal(err.getvalue()))
        return code


class _Terminal(io.StringIO):
    """A terminal: what is printed there is styled and folded."""

    def isatty(self) -> bool:
        """Return that it is one."""
        return True


def ask_round(seed: str, folder: Path, *, hosts: int) -> Round:
    """Ask hosts what the commands ask that measure nothing, and print the answers both ways."""
    found = Round(seed, folder)
    plan = planning.make(loads(SPEC, "hostile.yaml"))
    bundle = make_bundle()
    questions = unmeasured.questions(plan, [InventoryHost(name) for name in _names(hosts)], tune=False)
    everything = functools.partial(ask_hosts.facts, questions=questions)

    def asked(question: Callable[[Target], Any], name: str) -> dict[str, Any]:
        targets = _targets(folder, f"{seed} {name}", hosts)
        with contextlib.redirect_stderr(io.StringIO()):
            answers = ask_hosts.ask_each(targets, bundle, question)
        found.told += _told(targets)
        return answers

    for as_json, check in ((False, outputs.in_terminal), (True, outputs.in_json)):
        for name, question, show in (
            ("plan", everything, functools.partial(plan_view.tell_plan, plan, as_json=as_json)),
            (
                "methods",
                ask_hosts.facts,
                functools.partial(_conclude, host_views.show_method_matrix, "methods", as_json),
            ),
            ("doctor", ask_hosts.facts, functools.partial(_findings, as_json)),
            ("build", ask_hosts.readiness, functools.partial(_conclude, host_views.show_readiness, "", as_json)),
            (
                "clean",
                functools.partial(ask_hosts.ask, verb="clean", document={"runs": "all"}),
                functools.partial(_conclude, host_views.show_cleaned, "", as_json),
            ),
        ):
            found.command(name, lambda name=name, question=question, show=show: show(asked(question, name)), check)  # type: ignore[misc] # a lambda's defaults
    return found


def _conclude(show: Callable[[Any], None], part: str, as_json: bool, answers: dict[str, Any]) -> int:
    return host_views.conclude(answers, show, as_json=as_json, part=lambda answer: answer[part] if part else answer)


def _findings(as_json: bool, answers: dict[str, Any]) -> int:
    return host_views.conclude(answers, host_views.show_findings, as_json=as_json, part=host_views.findings)


def run_round(seed: str, folder: Path, *, hosts: int) -> Round:
    """Measure on lying hosts and an honest one, and read every output of the run as its readers do."""
    found = Round(seed, folder)
    plan = planning.make(loads(SPEC, "hostile.yaml"))
    targets = _targets(folder, seed, hosts)
    outcomes: list[Outcome] = []

    def measure() -> int:
        said = _Terminal()
        try:
            options = Options(wait=True)
            outcomes.append(
                run_and_resume.run(
                    plan,
                    results_dir=folder,
                    options=options,
                    targets=targets,
                    provenance=run_and_resume.provenance(folder, ["inv", "run"]),
                    on_event=Lines(said),
                )
            )
        finally:
            found.note("progress", outputs.in_terminal(said.getvalue()))
        return 0

    found.command("run", measure, outputs.in_terminal)
    found.told += _told(targets)
    if not outcomes:
        return found
    outcome = outcomes[0]
    honest = next(host for host in outcome.hosts if host.host == HONEST)
    if honest.missing or honest.problem:
        found.note("run", [f"the honest host has {honest.rows} rows, {honest.missing} missing: {honest.problem}"])
    _read_outputs(found, outcome, folder, [target.name for target in targets])
    return found


def _read_outputs(found: Round, outcome: Outcome, folder: Path, hosts: Sequence[str]) -> None:
    found.command("result", lambda: run_view.conclude(outcome, as_json=False) and 0, outputs.in_terminal)
    found.command("result as JSON", lambda: run_view.conclude(outcome, as_json=True) and 0, outputs.in_json)
    if outcome.report_path:
        found.note("page", outputs.in_page(outcome.report_path.read_text(encoding="utf-8")))
    run_dir = outcome.run_dir

    def markdown() -> None:
        with open_run(run_dir) as store:
            sys.stdout.write(summary_as_markdown(store))

    found.command("summary", markdown, outputs.in_markdown)
    for form, check in (("csv", outputs.in_csv), ("json", outputs.in_json), ("pyperf", outputs.in_json)):
        path = folder / f"trials.{form}"
        found.command(form, functools.partial(_export, run_dir, form, path), outputs.in_terminal)
        if path.exists():
            found.note(form, check(path.read_text(encoding="utf-8")))
    found.command("parquet", functools.partial(_export, run_dir, "parquet", folder / "t.parquet"), outputs.in_terminal)
    found.note("parquet", outputs.in_parquet(folder / "t.parquet"))
    with_rows = [host.host for host in outcome.hosts if host.rows]
    other = next((name for name in with_rows if name != HONEST), HONEST)
    sides = [(Reference(run_dir, host, host),) for host in (HONEST, other)]
    for form, check in _COMPARED.items():
        how = {"by": "", "fail_above": "", "form": form, "out": None}
        compare = functools.partial(comparison_view.compare, sides, [], **how)
        found.command(f"compare, {form}", compare, check)
    _read_many(found, folder)

    def put() -> None:
        site = Destination(make_target(InventoryHost("local")), str(folder / "site"))
        run_view.tell_published(publish([run_dir], site), as_json=False)

    found.command("publish", put, outputs.in_terminal)
    checks = {"index.html": outputs.in_page, "index.json": outputs.in_json, "feed.xml": outputs.in_feed}
    for name, check in checks.items():
        found.note(name, check((folder / "site" / name).read_text(encoding="utf-8")))
    lying = hostile_target(hosts[0], folder, f"{found.seed} site")

    def put_there() -> None:
        publish([run_dir], Destination(lying, "/h/site"))

    found.command("publish to a hostile host", put_there, outputs.in_terminal)
    found.told += _told([lying])


def _read_many(found: Round, folder: Path) -> None:
    """Read what is told of many runs, by commands that take the whole folder."""
    for as_json, check in ((False, outputs.in_terminal), (True, outputs.in_json)):
        listed = functools.partial(catalogue_view.list_runs, folder, Wanted(), as_json=as_json)
        found.command(f"runs, {as_json=}", listed, check)
    for form, check in _ANSWERED.items():
        for view in ("trials", "runs", "cases"):
            asked = functools.partial(_ask, folder, f"SELECT * FROM {view}", form)  # noqa: S608 - our own names
            found.command(f"query of {view}, {form}", asked, check)
    page = folder / "history.html"
    for form, check in (("text", outputs.in_terminal), ("json", outputs.in_json), ("html", outputs.in_terminal)):
        how: dict[str, Any] = {"by": "time", "quantity": "", "host": "", "form": form, "out": page}
        told = functools.partial(history_view.history_of, stored_runs(folder), "told", **how)
        found.command(f"history, {form}", told, check)
    found.note("history's page", outputs.in_page(page.read_text(encoding="utf-8")))


def _ask(folder: Path, sql: str, form: str) -> None:
    catalogue_view.tell_answer(query(folder, sql), form)


def _export(run_dir: Path, form: str, path: Path) -> None:
    with open_run(run_dir) as store:
        export.export([store], form, path)


def _names(hosts: int) -> list[str]:
    return [HONEST, *(f"h{number:02d}" for number in range(hosts))]


def _targets(folder: Path, seed: str, hosts: int) -> list[Target]:
    answers = folder / f"answers-{time.monotonic_ns()}"
    answers.mkdir(parents=True)
    facts()  # once, before threads ask for it
    return [hostile_target(name, answers, seed, lies=float(name != HONEST)) for name in _names(hosts)]


def _told(targets: Sequence[Target]) -> int:
    return sum(target.transport.told for target in targets if isinstance(target.transport, HostileTransport))
