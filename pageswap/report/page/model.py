"""The page's model: everything the templates show of a run, computed, bounded and in its order."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

from pageswap.analysis.explanations.host_groups import grouped, host_groups
from pageswap.analysis.findings import findings as find
from pageswap.analysis.summary import Summary, summarise
from pageswap.analysis.trials.table import frame
from pageswap.answers.against_baseline import contender_name, is_mover
from pageswap.answers.build import build_answer
from pageswap.report.page.download import Download, download
from pageswap.report.page.first_screen import FirstRows, first_rows, measured_on
from pageswap.report.page.picture import picture
from pageswap.report.sections import (
    availability,
    costs,
    differences,
    drift,
    ledger,
    noise,
    outliers,
    pooled,
    ratios,
    touch,
    trends,
)
from pageswap.report.sections.cases import Table, table
from pageswap.report.sections.conditions import hashes, host_facts, inventory_of, run_facts
from pageswap.report.sections.reference_runs import reference_runs
from pageswap.report.sections.section import ReportedRun, Section
from pageswap.statistics.intervals import MINIMUM_N
from pageswap.text.conditions import shown_command, spans
from pageswap.text.levels import level_text
from pageswap.text.lists import clipped, listed, plural

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Mapping, Sequence

    from pageswap.analysis.trials.run_data import RunData
    from pageswap.answers.record import Answer
    from pageswap.report.charts.vegalite import Plot

# More hosts than these are shown as groups of the same processor and kernel.
MOST_HOSTS = 16
_HOSTS_OPEN = 4
_HOSTS_NAMED = 4
_LONGEST_HOST = 80
_LONGEST_TITLE = 600
_MOST_NOTES = 6

# What shows the parts of a run, in the page's order: each returns None where the run has nothing of it.
SECTIONS: Final[tuple[Callable[[ReportedRun], Section | None], ...]] = (
    ratios.section,
    pooled.section,
    *trends.sections(),
    touch.section,
    costs.section,
    drift.section,
    noise.section,
    outliers.section,
)
# The same below the table of every case: what concerns the hosts.
HOST_SECTIONS: Final[tuple[Callable[[ReportedRun], Section | None], ...]] = (
    availability.section,
    differences.section,
    ledger.section,
)


@dataclasses.dataclass(frozen=True)
class Model:
    """What the templates fill in; all text is as it came, and is escaped there."""

    summary: Summary
    title: str
    name: str
    description: str
    answer: Answer
    first_rows: FirstRows
    measured_on: list[tuple[str, str]]
    notes: tuple[str, ...]
    picture: Plot | None
    picture_note: str
    sections: tuple[Section, ...]
    table: Table
    fixed: list[tuple[str, str]]
    counted: str
    grouped: bool
    hosts: list[tuple[str, list[tuple[str, str]], bool]]
    hosts_open: bool
    after: tuple[Section, ...]
    run_facts: list[tuple[str, str]]
    commands: list[str]
    spec_text: str
    download: Download | None
    export_command: str
    minimum_n: int = MINIMUM_N

    @property
    def plots(self) -> list[Plot]:
        """Every chart of the page, in its order."""
        first = [self.picture] if self.picture else []
        return first + [plot for section in (*self.sections, *self.after) for plot in section.plots]

    @property
    def contents(self) -> list[tuple[str, str]]:
        """Each part's link and title, in the page's order."""
        own = [("cases", "Every case"), *((each.id, each.title) for each in self.after)]
        return [
            *((each.id, each.title) for each in self.sections),
            *own,
            ("conditions", "Conditions"),
            ("reproduce", "How to reproduce"),
        ]


def reported_run(run_data: RunData, trials: Any) -> ReportedRun:  # noqa: ANN401 - pandas is analysis's
    """Compute what the page's parts are made from."""
    every = summarise(run_data, trials)
    groups = host_groups(every.hosts, run_data.environments())
    is_grouped = len(every.hosts) > MOST_HOSTS
    references = reference_runs(run_data, every)
    return ReportedRun(
        run_data=run_data,
        summary=grouped(every, groups) if is_grouped else every,
        every=every,
        findings=find(run_data, every, limit=references.limit, calls=references.calls),
        references=references,
        groups=groups if is_grouped else {host: [host] for host in every.hosts},
        spans=spans(trials),
    )


def model(run_data: RunData) -> Model:
    """Compute the page of a run."""
    trials = frame(run_data)
    run = reported_run(run_data, trials)
    every = run.every
    meta, environments = run_data.meta(), run_data.environments()
    answer = build_answer(every, run.findings, environments)
    shown, note, sections = picture(run, [each for make in SECTIONS if (each := make(run))])
    run_id = str(meta.get("run_id", ""))
    return Model(
        summary=run.summary,
        title=clipped(every.question or every.experiment, _LONGEST_TITLE),
        name=clipped(every.experiment, _LONGEST_TITLE),
        description=answer.headline,
        answer=answer,
        first_rows=first_rows(answer, _staying(every)),
        measured_on=measured_on(every.hosts, environments, run.spans),
        notes=_bounded(run.findings.notes),
        picture=shown,
        picture_note=note,
        sections=tuple(sections),
        table=table(run.summary, () if run.is_grouped else run.findings.comparisons),
        fixed=[(name, level_text(name, value)) for name, value in every.fixed.items()],
        counted=_counted(every),
        grouped=run.is_grouped,
        hosts=_hosts(run.groups, environments, inventory_of(meta), run.spans),
        hosts_open=len(run.groups) <= _HOSTS_OPEN,
        after=tuple(each for make in HOST_SECTIONS if (each := make(run))),
        run_facts=[*run_facts(meta), *hashes(meta, environments)],
        commands=_commands(meta),
        spec_text=str(meta.get("spec_text", "")),
        download=download(run_id, trials),
        export_command=f"./inv export --run {run_id} --to csv",
    )


def _staying(summary: Summary) -> frozenset[str]:
    return frozenset(contender_name(summary, case) for case in summary.cases if not is_mover(summary, case))


def _bounded(notes: tuple[str, ...]) -> tuple[str, ...]:
    """Give the first few notes as sentences, and say how many more there are."""
    sentences = [f"{note[:1].upper()}{note[1:].rstrip('.')}." for note in notes[:_MOST_NOTES]]
    return (*sentences, *([f"And {len(notes) - _MOST_NOTES:,} more."] if len(notes) > _MOST_NOTES else []))


def _hosts(
    groups: Mapping[str, Sequence[str]],
    environments: Mapping[str, Mapping[str, Any]],
    inventory: Mapping[str, Mapping[str, Any]],
    measured: Mapping[str, tuple[dt.datetime, dt.datetime]],
) -> list[tuple[str, list[tuple[str, str]], bool]]:
    """Give each host's facts, or for a group those of its first host under the group's name."""
    found = []
    for title, hosts in groups.items():
        known = next((host for host in hosts if host in environments), None)
        name = f"{title}: {clipped(str(known), 80)}, one of {plural(len(hosts), 'host')}" if len(hosts) > 1 else title
        facts = host_facts(environments[known], inventory.get(known), measured.get(known)) if known else []
        found.append((name, facts, known is not None))
    return found


def _counted(summary: Summary) -> str:
    statuses = ", ".join(f"{count:,} {status}" for status, count in summary.statuses.items())
    silent = summary.silent
    where = plural(len(summary.hosts), "host")
    if silent and len(silent) < len(summary.hosts):
        named = [clipped(host, _LONGEST_HOST) for host in silent[:_HOSTS_NAMED]]
        more = len(silent) - len(named)
        none = listed([*named, *([plural(more, "more")] if more else [])])
        where = f"{len(summary.hosts) - len(silent):,} of {where} (nothing came from {none})"
    cases = len(summary.cases) // max(1, len(summary.hosts))
    text = f"{plural(cases, 'case')} on {where}, {plural(summary.trials, 'measured trial')}"
    return f"{text}{f' ({statuses})' if statuses else ''} and {plural(summary.warmups, 'warm-up trial')}"


def _commands(meta: Mapping[str, Any]) -> list[str]:
    provenance = meta.get("provenance") or {}
    commit, command = provenance.get("commit"), shown_command(provenance)
    commands = [f"git checkout {commit}"] if commit else []
    commands += [f"./{command}" if command.startswith("inv ") else command] if command else []
    return [*commands, f"./inv export --run {meta.get('run_id', '')} --to csv"]
