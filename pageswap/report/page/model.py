"""The page's model: everything the templates show of a run, computed, bounded and in its order."""

from __future__ import annotations

import base64
import dataclasses
import gzip
import io
import re
from typing import TYPE_CHECKING, Any, Final

from pageswap.analysis.export import write_csv
from pageswap.analysis.trials.table import frame
from pageswap.answers.against_baseline import contender_name, is_mover
from pageswap.answers.build import build_answer
from pageswap.report.page.first_screen import first_rows, picture
from pageswap.report.sections import costs, hosts, profiles, ratios, readers, stability, trends
from pageswap.report.sections.cases import Table, table
from pageswap.report.sections.reported_run import ReportedRun, reported_run
from pageswap.text.words import shown_command

if TYPE_CHECKING:
    from collections.abc import Callable

    from pageswap.analysis.trials.run_data import RunData
    from pageswap.answers.record import Answer
    from pageswap.report.charts.vegalite import Plot
    from pageswap.report.page.first_screen import ContenderRow
    from pageswap.report.sections.section import Section

_PLAIN_BYTES = 128 << 10
MOST_BYTES = 1 << 20
MOST_TRIALS = 20_000
_LONGEST_NAME = 80

# What shows the parts of a run, in the page's order: each returns None where the run has nothing of it.
SECTIONS: Final[tuple[Callable[[ReportedRun], Section | None], ...]] = (
    ratios.section,
    ratios.over_all_hosts,
    *trends.SECTIONS,
    readers.section,
    costs.paid_later,
    costs.section,
    profiles.section,
    stability.drift,
    stability.noise,
    stability.outliers,
)
# The same below the table of every case: what concerns the hosts.
HOST_SECTIONS: Final[tuple[Callable[[ReportedRun], Section | None], ...]] = (
    hosts.availability,
    hosts.differences,
    hosts.ledger,
)


@dataclasses.dataclass(frozen=True)
class Download:
    """A file inside the page: its name, its address and its size in words."""

    name: str
    address: str
    size: str


@dataclasses.dataclass(frozen=True)
class Model:
    """What the templates fill in; all text is as it came, and is escaped there.

    Each of ``hosts`` has a title, and its facts as (label, text).
    """

    run: ReportedRun
    answer: Answer
    first_rows: list[ContenderRow]
    picture: Plot | None
    picture_notes: tuple[str, ...]
    sections: tuple[Section, ...]
    table: Table
    after: tuple[Section, ...]
    hosts: list[tuple[str, list[tuple[str, str]]]]
    run_facts: list[tuple[str, str]]
    command: str
    download: Download | None

    @property
    def plots(self) -> list[Plot]:
        """Every chart of the page, in its order."""
        first = [self.picture] if self.picture else []
        return first + [plot for section in (*self.sections, *self.after) for plot in section.plots]


def model(run_data: RunData) -> Model:
    """Compute the page of a run."""
    trials = frame(run_data)
    run = reported_run(run_data, trials)
    every, meta, environments = run.every, run_data.meta(), run_data.environments()
    answer = build_answer(every, run.findings, environments)
    staying = {contender_name(every, case) for case in every.cases if not is_mover(every, case)}
    shown, how, sections = picture(run, [each for make in SECTIONS if (each := make(run))])
    return Model(
        run=run,
        answer=answer,
        first_rows=first_rows(answer, staying),
        picture=shown,
        picture_notes=how,
        sections=tuple(sections),
        table=table(run.summary, {} if run.is_grouped else every.comparisons),
        after=tuple(each for make in HOST_SECTIONS if (each := make(run))),
        hosts=hosts.facts_of_hosts(run, environments),
        run_facts=hosts.run_facts(meta, environments),
        command=shown_command(meta.get("provenance") or {}),
        download=download(str(meta.get("run_id", "")), trials),
    )


def download(run_id: str, trials: Any) -> Download | None:  # noqa: ANN401 - pandas is analysis's
    """Return all trials as a CSV inside the page, compressed where long; None where they would swell the page."""
    if len(trials) > MOST_TRIALS:
        return None
    buffer = io.BytesIO()
    write_csv(trials, buffer)
    data, kind, suffix = buffer.getvalue(), "text/csv", "csv"
    if len(data) > _PLAIN_BYTES:
        # Without a time in it, so that the same run gives the same page.
        data, kind, suffix = gzip.compress(data, mtime=0), "application/gzip", "csv.gz"
    if len(data) > MOST_BYTES:
        return None
    address = f"data:{kind};base64,{base64.b64encode(data).decode()}"
    name = re.sub(r"[^A-Za-z0-9_-]", "", run_id[:_LONGEST_NAME]) or "trials"
    return Download(f"{name}.{suffix}", address, f"{max(1, round(len(data) / 1000)):,} kB")
