"""The table has every case, only the columns that tell cases apart, and an interval below each figure."""

from __future__ import annotations

from pageswap.analysis.summary import summarise
from pageswap.report.sections.cases import Table, table
from pageswap.report.sections.section import kind_of, notes
from tests.fake_run import FakeRun, make_run


def made(run: FakeRun) -> Table:
    """Make the table of a run."""
    summary = summarise(run)
    return table(summary, summary.comparisons)


def test_what_is_the_same_in_every_case_is_said_once() -> None:
    """Counts that do not differ are no column; those that do are."""
    found = made(make_run())
    titles = [column.title for column in found.columns]

    assert ("minor faults", "32,800") in found.constant
    assert "Minor faults" not in titles
    assert "Mappings" in titles


def test_figures_have_their_intervals_below_them() -> None:
    """The ratio, the time, the smallest difference with its p, and the rate in both units."""
    found = made(make_run(region_size=[1 << 27], touch=["none"]))
    row = dict(zip([column.title for column in found.columns], found.rows[0].cells, strict=True))

    assert row["Finding"].text == "slower"
    assert row["Speed"].text.endswith("x")
    assert " to " in row["Speed"].below
    assert " to " in row["Median time"].below
    assert row["Detectable"].text.endswith(" %")
    assert row["Detectable"].below.startswith("p ")
    assert row["Rate"].below.endswith("B/s")


def test_a_run_that_could_tell_nothing_says_so() -> None:
    """The smallest difference that it could have found is no figure beyond tenfold."""
    found = made(make_run(region_size=[1 << 27], touch=["none"], noise=3.0))
    row = dict(zip([column.title for column in found.columns], found.rows[0].cells, strict=True))

    assert row["Detectable"].text == "too wide"


def test_a_case_without_figures_has_its_reasons_in_their_place() -> None:
    """And only the cells that name it."""
    run = make_run(region_size=[1 << 27], touch=["none"])
    run.end("unavailable", "no such call", method="mremap_fixed")
    found = made(run)
    (row,) = [row for row in found.rows if not row.case.n]

    assert len(row.cells) == found.head
    assert kind_of(row.case.verdict) == "absent"
    assert notes("reasons", row.case, found.longest) == ("unavailable (7 trials): no such call",)


def test_a_run_without_a_baseline_has_no_columns_about_one() -> None:
    """No speed, no smallest difference, no finding."""
    titles = [column.title for column in made(make_run(baseline={})).columns]

    assert {"Speed", "Detectable", "Finding"}.isdisjoint(titles)
