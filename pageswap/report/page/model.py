"""The page's model: everything the templates show of a run, computed, bounded and in its order."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from pageswap.analysis.explanations.host_groups import grouped, host_groups
from pageswap.analysis.findings import Findings
from pageswap.analysis.findings import findings as find
from pageswap.analysis.summary import Summary, summarise
from pageswap.analysis.trials.table import frame
from pageswap.answers.answer import answer
from pageswap.answers.callcosts import is_of_costs
from pageswap.report.charts.selection import select
from pageswap.report.page.download import Download, download
from pageswap.report.sections.availability import availability_section
from pageswap.report.sections.cases import Table, table
from pageswap.report.sections.conditions import hashes, host_facts, inventory_of, run_facts
from pageswap.report.sections.costs import cost_section
from pageswap.report.sections.differences import difference_section
from pageswap.report.sections.drift import drift_section
from pageswap.report.sections.ledger import ledger_section
from pageswap.report.sections.noise import noise_section
from pageswap.report.sections.outliers import outlier_section
from pageswap.report.sections.overview import order_of, overview
from pageswap.report.sections.pooled import pooled_section
from pageswap.report.sections.ratios import ratio_plots
from pageswap.report.sections.reference_runs import ReferenceRuns, reference_runs
from pageswap.report.sections.section import Section
from pageswap.report.sections.touch import touch_section
from pageswap.report.sections.trends import trend_sections
from pageswap.statistics.intervals import MINIMUM_N
from pageswap.text.conditions import shown_command, spans
from pageswap.text.levels import level_text
from pageswap.text.lists import clipped, listed, plural

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    from pageswap.analysis.trials.run_data import RunData
    from pageswap.report.charts.vegalite import Plot

# More hosts than these are shown as groups of the same processor and kernel.
MOST_HOSTS = 16
_HOSTS_OPEN = 4
_HOSTS_NAMED = 4
_LONGEST_HOST = 80
_LONGEST_TITLE = 600
_LONGEST_DESCRIPTION = 300
_A_TREND = 3
_MOST_NOTES = 6
_AT_A_GLANCE = (
    "Each mark is one comparison with the baseline, the bar its 95 % confidence interval. A triangle that points up is "
    "faster than the baseline, one that points down slower, a disc not shown to differ, a diamond measured too few "
    "times to say."
)
_AT_A_GLANCE_OF_CALLS = (
    "Each mark is a call's time in multiples of the baseline's, the bar its 95 % confidence interval: further to the "
    "right is dearer. A triangle that points up costs less than the baseline, one that points down more, a disc not "
    "shown to differ, a diamond measured too few times to say."
)
_AT_THE_TOP = "The first of its charts stands at the top of the page."
_SIZES = ("page_size", "region_size", "iterations", "run_pages")


@dataclasses.dataclass(frozen=True)
class Model:
    """What the templates fill in; all text is as it came, and is escaped there."""

    summary: Summary
    title: str
    name: str
    description: str
    answer: list[str]
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


def model(run_data: RunData) -> Model:
    """Compute the page of a run."""
    trials = frame(run_data)
    every = summarise(run_data, trials)
    meta, environments = run_data.meta(), run_data.environments()
    groups = host_groups(every.hosts, environments)
    is_grouped = len(every.hosts) > MOST_HOSTS
    summary = grouped(every, groups) if is_grouped else every
    beside = reference_runs(run_data, every)
    findings = find(run_data, every, limit=beside.limit, calls=beside.calls)
    words = answer(every)
    sections = _sections(summary, every, findings, beside)
    picture, picture_note, sections = _picture(summary, sections)
    measured = spans(trials)
    by_group: dict[str, list[str]] = groups if is_grouped else {host: [host] for host in every.hosts}
    methods = list(dict.fromkeys(str(case.levels["method"]) for case in every.cases if "method" in case.levels))
    after = (
        availability_section(run_data, methods, by_group, every.cases),
        difference_section(environments, measured),
        ledger_section(run_data),
    )
    run_id = str(meta.get("run_id", ""))
    return Model(
        summary=summary,
        title=clipped(every.question or every.experiment, _LONGEST_TITLE),
        name=clipped(every.experiment, _LONGEST_TITLE),
        description=clipped(words[0] if words else "", _LONGEST_DESCRIPTION),
        answer=words,
        notes=_bounded(findings.notes),
        picture=picture,
        picture_note=picture_note,
        sections=tuple(section for section in sections if section),
        table=table(summary, () if is_grouped else findings.comparisons),
        fixed=[(name, level_text(name, value)) for name, value in every.fixed.items()],
        counted=_counted(every),
        grouped=is_grouped,
        hosts=_hosts(by_group, environments, inventory_of(meta), measured),
        hosts_open=len(by_group) <= _HOSTS_OPEN,
        after=tuple(section for section in after if section),
        run_facts=[*run_facts(meta), *hashes(meta, environments)],
        commands=_commands(meta),
        spec_text=str(meta.get("spec_text", "")),
        download=download(run_id, trials),
        export_command=f"./inv export --run {run_id} --to csv",
    )


def _bounded(notes: tuple[str, ...]) -> tuple[str, ...]:
    """Give the first few notes as sentences, and say how many more there are."""
    sentences = [f"{note[:1].upper()}{note[1:].rstrip('.')}." for note in notes[:_MOST_NOTES]]
    return (*sentences, *([f"And {len(notes) - _MOST_NOTES:,} more."] if len(notes) > _MOST_NOTES else []))


def _sections(summary: Summary, every: Summary, findings: Findings, beside: ReferenceRuns) -> list[Section]:
    is_grouped = summary is not every
    selection = select(summary, "host" if is_grouped else "block")
    plots = tuple(ratio_plots(summary, selection))
    dot = "one host" if is_grouped else "one block, in the order of time from top to bottom"
    notes = [
        f"The large mark is the median, the bar its 95 % confidence interval, each small dot below {dot}.",
    ]
    if summary.has_baseline:
        notes[0] += (
            " Each block compares a case with the baseline of the same block, so what slowed both cancels. A triangle "
            "that points up is faster than the baseline, one that points down slower, a disc not shown to differ, a "
            "diamond measured too few times to say."
        )
    notes += [selection.left_out] if selection.left_out else []
    title = "Speed against the baseline" if summary.has_baseline else "Time per operation"
    return [
        Section("ratios", title, tuple(notes), plots),
        pooled_section(every, findings),
        *trend_sections(summary, () if is_grouped else findings.crossovers),
        touch_section(summary),
        cost_section(every, findings, beside),
        drift_section(every, findings),
        noise_section(findings),
        outlier_section(every, findings),
    ]


def _picture(summary: Summary, sections: list[Section]) -> tuple[Plot | None, str, list[Section]]:
    """Choose what shows the answer: a size's trend, a call taken apart, all comparisons at a glance, or the ratios.

    Gives the chart, how to read it, and the sections without it.
    """
    for section in sections:
        trend = next((name for name in _SIZES if section.id == _IDS[name] and _levels(summary, name) >= _A_TREND), None)
        if trend and section.plots:
            rest = [_without_first(each) if each is section else each for each in sections]
            return section.plots[0], section.notes[0], rest
    calls = next((section for section in sections if section.id == "costs" and section.plots), None)
    if calls and summary.workload == "call":
        return calls.plots[0], calls.notes[0], [_without_first(each) if each is calls else each for each in sections]
    glance = overview(summary)
    if glance:
        how = _AT_A_GLANCE_OF_CALLS if is_of_costs(summary) else _AT_A_GLANCE
        return glance, f"{how} {order_of(summary)}".rstrip(), sections
    ratios = sections[0]
    if len(ratios.plots) == 1:
        picture = dataclasses.replace(ratios.plots[0], title=ratios.title)
        return picture, " ".join(ratios.notes), [_without_first(ratios), *sections[1:]]
    return None, "", sections


_IDS = {"page_size": "sizes", "region_size": "regions", "iterations": "batches", "run_pages": "runs"}


def _levels(summary: Summary, factor: str) -> int:
    return len({case.levels.get(factor) for case in summary.cases})


def _without_first(section: Section) -> Section:
    notes = (*section.notes, _AT_THE_TOP) if section.notes else ()
    return dataclasses.replace(section, notes=notes, plots=section.plots[1:])


def _hosts(
    groups: Mapping[str, list[str]],
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
