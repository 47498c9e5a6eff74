"""The page as a whole: its parts in their order, none without data, bounded for many hosts."""

from __future__ import annotations

import base64
import gzip

import pytest

from pageswap.analysis.explanations.costs import NOT_NESTED, TOO_FEW_BLOCKS, CostStack
from pageswap.analysis.summary import summarise
from pageswap.analysis.trials.table import frame
from pageswap.report.page.model import HOST_SECTIONS, SECTIONS, download, model
from pageswap.report.sections.section import note, notes
from tests.fake_run import FakeRun, make_run
from tests.report.reported import NOTHING, reported


def doubtful() -> FakeRun:
    """Return a run of 80 equal methods: some intervals exclude 1 by chance."""
    names = {f"m{number}": 800.0 for number in range(80)}
    one = {"region_size": [128 << 20, 256 << 20], "touch": ["none"]}
    return make_run(method=["memcpy", *names], speeds=names, noise=0.02, blocks=20, **one)


def test_a_host_that_gave_nothing_has_no_charts() -> None:
    """The charts have room for the others, and the count of hosts is of those that were measured."""
    run = make_run(hosts=("dead", "alive"), region_size=[(index + 1) << 20 for index in range(12)], touch=["none"])
    run.outcomes = run.of(host="alive")
    page = model(run)

    assert [plot.title.partition(",")[0] for plot in page.sections[0].plots] == ["alive"] * 12
    assert note("counted", page.run.every).startswith(
        "36 cases on 1 of 2 hosts (nothing came from dead), 252 measured trials"
    )
    assert "Nothing came from dead." in [caveat.text for caveat in page.answer.caveats]
    assert not any("The charts show" in note for note in page.sections[0].notes)


def test_no_word_stands_against_its_interval_without_the_reason() -> None:
    """In the answer, in tooltips and descriptions, in the table."""
    run = doubtful()
    summary = summarise(run)
    held = [case for case in summary.cases if case.held]
    page = model(run)
    told = {mark["Verdict"] for plot in page.plots for mark in plot.spec["datasets"].get("measured", ())}
    findings_of = {cell.text for row in page.table.rows for cell in row.cells if "no difference" in cell.text}
    reason = "after correction for 160 comparisons"

    assert held
    assert all(case.ratio_ci and not case.ratio_ci.low <= 1 <= case.ratio_ci.high for case in held)
    assert findings_of == {"no difference found", f"no difference found: {reason}"}
    assert f"no difference found: {reason}" in told
    assert any(reason in plot.description for plot in page.plots)
    assert any(reason in finding.why for finding in page.answer.findings)


def test_what_could_not_be_found_is_told_with_what_it_takes() -> None:
    """Pairs for a noise floor, a run of the limit, blocks enough for a call taken apart."""
    summary = summarise(make_run(region_size=[128 << 20], touch=["none"]))
    obstacles = {"mremap_fixed": TOO_FEW_BLOCKS, "moved": NOT_NESTED}
    stacks = [CostStack("local", name, {}, 100.0, (), 100.0, why) for name, why in obstacles.items()] * 2
    told = notes("lacking", summary, None, stacks)

    assert told == (
        "local: no noise floor: no block has its baseline measured twice",
        "shares of the physical limit need a run of workload 'limit' on the same hosts",
        "mremap_fixed is not taken apart: that takes 6 blocks or more",
        "moved is not taken apart: a call inside it took longer than the one around it",
    )
    assert notes("lacking", summary, summary, ()) == told[:1]


def test_parts_without_data_are_not_there() -> None:
    """No heading above nothing."""
    run = make_run(region_size=[1 << 27], touch=["none"])
    made = [each.id for make in (*SECTIONS, *HOST_SECTIONS) if (each := make(reported(run, findings=NOTHING)))]

    assert made == ["ratios"]


def test_many_hosts_are_shown_by_kind() -> None:
    """A thousand hosts of two kinds are two rows a case, with how many hosts each stands for."""
    run = make_run(
        hosts=tuple(f"h{index:04d}" for index in range(1_000)), blocks=2, region_size=[1 << 27], touch=["none"]
    )
    for number, host in enumerate(run.hosts):
        run.facts[host]["kernel"] = "6.18.5" if number % 4 else "6.1.0"
    page = model(run)

    assert page.run.is_grouped
    assert [row.cells[0].text for row in page.table.rows[::3]] == [
        "AMD EPYC 9R45, Linux 6.18.5 (750 hosts)",
        "AMD EPYC 9R45, Linux 6.1.0 (250 hosts)",
    ]
    assert len(page.table.rows) == 6
    assert len(page.hosts) == 2
    assert [case.n for case in page.run.summary.cases] == [750] * 3 + [250] * 3
    assert all(case.ratio_ci for case in page.run.summary.cases if case.ratio)


def test_few_trials_are_plain_csv() -> None:
    """A file that opens as it is."""
    run = make_run(blocks=2)
    found = download("20260102T030405Z-abcdef", frame(run))

    assert found is not None
    assert found.name == "20260102T030405Z-abcdef.csv"
    assert found.address.startswith("data:text/csv;base64,")
    lines = base64.b64decode(found.address.partition(",")[2]).decode().splitlines()
    assert len(lines) == 1 + len(run.outcomes)


def test_many_trials_are_compressed_and_the_same_each_time() -> None:
    """Nothing of when they were packed is in them."""
    trials = frame(make_run(blocks=60))
    found = download("run", trials)

    assert found is not None
    assert found == download("run", trials)
    assert found.name == "run.csv.gz"
    assert gzip.decompress(base64.b64decode(found.address.partition(",")[2])).count(b"\n") == 1 + len(trials)


@pytest.mark.parametrize("limit", ["MOST_TRIALS", "MOST_BYTES"])
def test_too_many_trials_are_left_out(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By their number, or by their size."""
    monkeypatch.setattr(f"pageswap.report.page.model.{limit}", 100)

    assert download("run", frame(make_run(blocks=60))) is None


def test_a_hostile_run_id_names_a_plain_file() -> None:
    """No folder, no mark, no ending of its own."""
    found = download("../\u202e<b>.exe", frame(make_run(blocks=1)))

    assert found is not None
    assert found.name == "bexe.csv"
