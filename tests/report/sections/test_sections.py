"""Each part of the page shows what was found, is valid Vega-Lite, and is not there when nothing was."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

from pageswap.analysis.checks.crossovers import Crossover
from pageswap.analysis.checks.drift import Drift
from pageswap.analysis.checks.pooled_hosts import Pooled
from pageswap.analysis.explanations.cost_stacks import CostPart, CostStack
from pageswap.analysis.explanations.limit_shares import Share
from pageswap.analysis.findings import Findings, findings
from pageswap.analysis.summary import Summary, summarise
from pageswap.report.page.model import model
from pageswap.report.sections.availability import availability_section
from pageswap.report.sections.costs import cost_section
from pageswap.report.sections.differences import difference_section
from pageswap.report.sections.drift import drift_section
from pageswap.report.sections.ledger import ledger_section
from pageswap.report.sections.noise import noise_section
from pageswap.report.sections.outliers import MOST_LISTED, outlier_section
from pageswap.report.sections.overview import order_of, overview
from pageswap.report.sections.pooled import pooled_section
from pageswap.report.sections.reference_runs import ReferenceRuns
from pageswap.report.sections.touch import touch_section
from pageswap.report.sections.trends import MOST_LEVELS, MOST_PANELS, trend_sections
from pageswap.statistics.intervals import Interval
from tests.fake_run import ENVIRONMENT, FakeRun, make_run
from tests.report.schema import assert_valid

if TYPE_CHECKING:
    from pageswap.report.charts.vegalite import Plot
    from pageswap.report.sections.section import Section

NOTHING = Findings({}, (), (), (), (), (), (), {}, (), (), ())
SIZES = [4096, 16384, 65536, 262144]


def rows(plot: Plot, dataset: str) -> list[dict[str, Any]]:
    """Give what a chart draws."""
    found: list[dict[str, Any]] = plot.spec["datasets"][dataset]
    return found


def sized(**more: Any) -> FakeRun:
    """Give a run over page sizes, in which the time of a copy grows with the page and that of a remap does not."""
    run = make_run(page_size=SIZES, region_size=[1 << 27], touch=["none"], **more)
    for outcome in run.outcomes:
        if outcome["method"] != "mremap_fixed":
            outcome["elapsed_ns"] = outcome["elapsed_ns"] * outcome["page_size"] // 4096
    return run


def test_the_rate_is_drawn_against_the_page_size() -> None:
    """One line a method, in bytes a second, each mark with its time and size in words."""
    (section,) = trend_sections(summarise(sized()), ())
    (plot,) = section.plots
    points = rows(plot, "points")

    assert_valid(section.plots)
    assert section.id == "sizes"
    assert {point["series"] for point in points} == {"copy_words", "memcpy", "mremap_fixed"}
    assert [point["At"] for point in points if point["series"] == "memcpy"] == ["4KiB", "16KiB", "64KiB", "256KiB"]
    remap = [point["y"] for point in points if point["series"] == "mremap_fixed"]
    assert remap[-1] / remap[0] == pytest.approx(64, rel=0.1)


def test_a_crossover_is_marked_and_told() -> None:
    """Where the lines cross there is a rule with its interval, and a row that says it in words."""
    summary = summarise(sized())
    found = findings(sized(), summary).crossovers
    (section,) = trend_sections(summary, found)
    marks = rows(section.plots[0], "crossovers")

    assert_valid(section.plots)
    assert len(marks) == sum(each.is_shown for each in found) > 0
    assert all(mark["low"] <= mark["at"] <= mark["high"] for mark in marks)
    assert [row[-1] for row in section.grids[0].rows] == [each.text for each in found if each.is_shown]
    assert [row[-1] for row in section.grids[1].rows] == [
        each.text.removeprefix("none: ") for each in found if not each.is_shown
    ]
    assert "the grey band around it the 95 % confidence interval of that size" in section.notes[0]


def test_crossovers_come_first_and_what_is_left_out_is_told() -> None:
    """Those of the charts drawn before those of others; pairs that do not change places are summed up by pair."""
    hosts = tuple(f"h{number:02d}" for number in range(70))
    (known, *_) = findings(sized(), summarise(sized())).crossovers
    crossed = [
        dataclasses.replace(
            known, host=host, a="memcpy", b="mremap_fixed", at_bytes=7e4, text="t", found=("memcpy", "mremap_fixed")
        )
        for host in hosts
    ]
    level = dataclasses.replace(known, a="copy_words", b="memcpy", at_bytes=None, text="no difference", found=("",) * 4)
    ahead = dataclasses.replace(level, found=("memcpy",) * 4)
    others = [dataclasses.replace(ahead if number > 8 else level, host=host) for number, host in enumerate(hosts)]
    (section,) = trend_sections(summarise(sized(hosts=hosts, blocks=1)), [*others, *crossed])
    drawn = [plot.title.rpartition(": ")[2] for plot in section.plots]
    first, second = section.grids

    assert first.caption == "Where the faster one changes: 60 of 70, the charts above come first"
    assert [row[0] for row in first.rows[: len(drawn)]] == drawn
    assert len(first.rows) == 60
    (row,) = second.rows
    assert row[:2] == ("copy_words", "memcpy")
    assert row[2].split("; ") == [
        "memcpy faster at every size in 61 of 70 sets of cases",
        "no difference found at any size in 9 of 70 sets of cases",
    ]


def test_medians_that_cross_are_not_drawn_as_a_crossover() -> None:
    """Where no difference was found nothing is dashed."""
    crossing = Crossover("local", "memcpy", "mremap_fixed", {}, 4096, 262144, 7e4, 1e4, 9e4, "mremap_fixed", "t")
    levels = findings(sized(), summarise(sized())).crossovers[0].levels
    (section,) = trend_sections(summarise(sized()), [dataclasses.replace(crossing, levels=levels, found=("",) * 4)])

    assert rows(section.plots[0], "crossovers") == []
    assert "dashed" not in section.notes[0]


def test_a_crossover_without_ends_is_marked_where_it_is() -> None:
    """An end that lies outside the sizes measured is not made up."""
    levels = findings(sized(), summarise(sized())).crossovers[0].levels
    ends = (4096, 262144, 70_000.0, None, None)
    crossing = Crossover("local", "memcpy", "mremap_fixed", levels, *ends, "mremap_fixed", "t")
    (section,) = trend_sections(summarise(sized()), [crossing])

    assert rows(section.plots[0], "crossovers") == [
        {"at": 70_000.0, "low": 70_000.0, "high": 70_000.0, "Crossover": "t"}
    ]


@pytest.mark.parametrize(
    ("factor", "levels", "ident"),
    [("threads", [1, 2, 4], "threads"), ("iterations", [100, 1_000], "iterations"), ("run_pages", [1, 8], "runs")],
)
def test_other_counts_have_their_charts(factor: str, levels: list[int], ident: str) -> None:
    """Threads, batches and runs of pages as sizes do."""
    run = make_run(region_size=[1 << 27], touch=["none"], **{factor: levels})
    if factor == "run_pages":
        for case in run.case_list:
            case["workload"] = "move"
    (section,) = trend_sections(summarise(run), ())

    assert_valid(section.plots)
    assert section.id == ident


def test_a_method_looks_alike_in_every_chart() -> None:
    """Its colour and its shape, also where others are missing; and all charts have the same axis."""
    run = make_run(hosts=("a", "b"), page_size=SIZES, region_size=[1 << 27], touch=["none"])
    run.end("unavailable", "", method="copy_words", host="b")
    (section,) = trend_sections(summarise(run), ())
    looks = [
        {
            channel: dict(zip(scale["domain"], scale["range"], strict=True))["memcpy"]
            for channel in ("color", "shape")
            for scale in [plot.spec["layer"][-1]["encoding"][channel]["scale"]]
        }
        for plot in section.plots
    ]
    axes = [plot.spec["layer"][-1]["encoding"]["y"]["scale"]["domain"] for plot in section.plots]

    assert len(looks) == 2
    assert looks[0] == looks[1]
    assert axes[0] == axes[1]


def test_trends_are_bounded() -> None:
    """Panels, levels and lines, and each is said."""
    speeds = {f"m{index}": 100.0 + index for index in range(12)}
    run = make_run(
        region_size=[(index + 1) << 20 for index in range(40)],
        method=["memcpy", *speeds],
        speeds=speeds,
        blocks=1,
        hosts=tuple("abcdefgh"),
        touch=["none"],
    )
    (section,) = trend_sections(summarise(run), ())

    assert len(section.plots) == MOST_PANELS
    assert len({point["x"] for point in rows(section.plots[0], "points")}) == MOST_LEVELS
    assert len({point["series"] for point in rows(section.plots[0], "points")}) == 8
    assert any("8 fastest of 13" in note for note in section.notes)
    assert any("6 of 8 charts" in note for note in section.notes)


def test_what_is_paid_later_stands_beside_what_is_not() -> None:
    """Each pair of touch none and moved, and by how much it differs."""
    run = make_run(region_size=[1 << 27], noise=0.0, block_noise=0.0)
    for outcome in run.of(method="mremap_fixed", touch="moved"):
        outcome["elapsed_ns"] = outcome["elapsed_ns"] * 3 // 2
    section = touch_section(summarise(run))
    marks = rows(section.plots[0], "marks")

    assert_valid(section.plots)
    assert {mark["Case"]: mark["More"] for mark in marks} == {
        "copy_words": "no change",
        "memcpy": "no change",
        "mremap_fixed": "+50 %",
    }


def test_the_picture_shows_each_contender_once() -> None:
    """One row a contender, one mark a comparison; a single chart of ratios needs no other."""
    picture = overview(summarise(make_run()))

    assert picture is not None
    assert_valid([picture])
    assert len(rows(picture, "marks")) == 8
    assert len({row["row"] for row in rows(picture, "marks")}) == 2
    assert overview(summarise(make_run(region_size=[1 << 27], touch=["none"]))) is None
    assert overview(summarise(make_run(baseline={}))) is None


def test_a_swap_is_shown_as_its_calls() -> None:
    """The parts lie end to end, and what they leave is drawn too."""
    stack = CostStack(
        "local",
        "c0002",
        "mremap_fixed",
        {"region_size": 1 << 27, "method": "mremap_fixed"},
        1_000.0,
        (CostPart("trips", "3 x getpid", 3, 300.0), CostPart("mappings", "3 x mremap_untouched", 3, 450.0)),
        250.0,
    )
    section = cost_section(summarise(make_run()), dataclasses.replace(NOTHING, costs=(stack,)), ReferenceRuns())
    parts = rows(section.plots[0], "parts")

    assert_valid(section.plots)
    assert [(part["Part"], part["from"], part["to"]) for part in parts] == [
        ("trips", 0.0, 300.0),
        ("mappings", 300.0, 750.0),
        ("not explained", 750.0, 1_000.0),
    ]


def test_shares_of_the_limit_are_a_table() -> None:
    """The nearest to the limit first."""
    shares = {
        ("local", "c0000"): Share("local", "c0000", 0.25, 1e10, "stream_copy"),
        ("local", "c0004"): Share("local", "c0004", 0.5, 1e10, "stream_copy"),
    }
    section = cost_section(summarise(make_run()), dataclasses.replace(NOTHING, shares=shares), ReferenceRuns())

    assert [row[1] for row in section.grids[0].rows] == ["50%", "25%"]
    assert section.grids[0].rows[0][0].startswith("memcpy")


def test_the_noise_floor_is_drawn_for_each_host() -> None:
    """Every A/A pair is a dot, the floor a band."""
    run = make_run(hosts=("a", "b"), replicas=True)
    found = findings(run, summarise(run))
    section = noise_section(found)
    plot = section.plots[0]

    assert_valid(section.plots)
    assert len(rows(plot, "pairs")) == sum(len(floor.pairs) for floor in found.noise.values()) > 0
    assert {band["Host"] for band in rows(plot, "bands")} == {"a", "b"}


def test_drift_that_was_found_stands_out() -> None:
    """Flagged lines are told from the others by width and shape, not by colour alone."""
    drifts = (
        Drift("local", "", "blocks", 7, 0.2, 0.001, 0.001, is_flagged=True, profile=(1.0, 1.1, None, 1.2)),
        Drift("local", "c0000", "rounds", 7, 0.0, 0.9, 1.0, is_flagged=False, profile=(1.0, 1.0)),
    )
    section = drift_section(summarise(make_run()), dataclasses.replace(NOTHING, drift=drifts))

    assert_valid(section.plots)
    assert [plot.title for plot in section.plots] == ["Over the run", "Inside the trials"]
    assert [(row["x"], row["kind"]) for row in rows(section.plots[0], "rows")] == [
        (1, "drifts"),
        (2, "drifts"),
        (4, "drifts"),
    ]
    assert "Over the run: 1 of 1 host drifted, drawn thick." in section.notes


def test_outliers_are_listed_worst_first() -> None:
    """And no more than can be read."""
    run = make_run(blocks=40, noise=0.001)
    for number, outcome in enumerate(run.of(warmup=0, method="memcpy", touch="none")[: MOST_LISTED + 5]):
        outcome["elapsed_ns"] *= 2 + number
    section = outlier_section(summarise(run), findings(run, summarise(run)))
    scores = [abs(float(row[-1])) for row in section.grids[0].rows]

    assert scores == sorted(scores, reverse=True)
    assert len(scores) == MOST_LISTED
    assert section.grids[0].caption == "Outliers: 35, of which the farthest 30 are shown; the trials' CSV has all"
    assert section.grids[0].is_folded


def test_hosts_together_are_drawn_with_their_ends() -> None:
    """The mean over hosts, and the hosts between which it lies."""
    pooled = Pooled(
        "c0002", {"method": "mremap_fixed"}, 8, 0.05, Interval(0.04, 0.06), ("a", 0.03), ("b", 0.07), "slower"
    )
    section = pooled_section(summarise(make_run()), dataclasses.replace(NOTHING, pooled=(pooled,)))
    (row,) = rows(section.plots[0], "rows")

    assert_valid(section.plots)
    assert (row["lowest"], row["low"], row["value"], row["high"], row["highest"]) == (0.03, 0.04, 0.05, 0.06, 0.07)
    assert row["Lowest"] == "0.030x on a"
    assert "The bar is its 95 % interval" in section.notes[0]


def test_few_hosts_together_have_no_bar_to_explain() -> None:
    """What is not drawn is not explained; why it is not there is said."""
    pooled = Pooled("c0002", {"method": "mremap_fixed"}, 4, 0.05, None, ("a", 0.03), ("b", 0.07), "too few", "4 of 6")
    notes = pooled_section(summarise(make_run()), dataclasses.replace(NOTHING, pooled=(pooled,))).notes

    assert "bar" not in notes[0]
    assert notes[1] == (
        "What 4 hosts have in common has no interval and no verdict: that takes 6 hosts or more, as fewer may all be "
        "of one kind."
    )


def with_methods(run: FakeRun, lacking: dict[str, str]) -> FakeRun:
    """Let the second host lack methods, with reasons."""

    def methods() -> dict[str, list[dict[str, Any]]]:
        return {
            host: [
                {
                    "name": name,
                    "family": "copy",
                    "available": not (number and name in lacking),
                    "reason": lacking.get(name, ""),
                }
                for name in ("memcpy", "mremap_fixed")
            ]
            for number, host in enumerate(run.hosts)
        }

    run.methods = methods  # type: ignore[method-assign]
    return run


def test_the_availability_matrix_gives_reasons() -> None:
    """Methods by hosts, and below why not."""
    run = with_methods(make_run(hosts=("a", "b")), {"mremap_fixed": "no such call"})
    section = availability_section(run, ["memcpy", "mremap_fixed"], {"a": ["a"], "b": ["b"]})
    matrix, reasons = section.grids

    assert matrix.rows == (("memcpy", "✓", "✓"), ("mremap_fixed", "✓", "✗"))
    assert reasons.rows == (("mremap_fixed", "no such call", "1"),)


def test_hosts_of_a_kind_share_a_column() -> None:
    """And it says how many of them have a method."""
    run = with_methods(make_run(hosts=("a", "b", "c")), {"mremap_fixed": "no such call"})
    section = availability_section(run, ["mremap_fixed"], {"kind": ["a", "b", "c"]})

    assert section.grids[0].rows == (("mremap_fixed", "✓ 1 of 3"),)
    assert section.grids[1].rows == (("mremap_fixed", "no such call", "2"),)


def test_a_method_that_no_case_could_use_is_not_shown_as_available() -> None:
    """The host has it, and every trial of it was unavailable: the trials' reason stands below."""
    run = with_methods(make_run(hosts=("a", "b"), blocks=2, method=["memcpy", "mremap_fixed"]), {})
    run.end("unavailable", "it does not work on shared_anon", method="mremap_fixed", host="b")
    run.end("unavailable", "too little room", method="memcpy", touch="moved", host="b")
    groups = {"a": ["a"], "b": ["b"]}
    section = availability_section(run, ["memcpy", "mremap_fixed"], groups, summarise(run).cases)
    matrix, reasons = section.grids

    assert matrix.rows == (("memcpy", "✓", "✓"), ("mremap_fixed", "✓", "✗ not in these cases"))
    assert reasons.rows == (("mremap_fixed", "it does not work on shared_anon", "1"),)
    assert "none of the run's cases can use it" in matrix.caption


def test_a_host_that_told_nothing_is_named_beside_the_matrix() -> None:
    """It has no column, and the reason is given."""
    run = with_methods(make_run(hosts=("a", "b")), {})
    run.troubles = {"b": "no such host name"}
    known = run.methods()
    run.methods = lambda: {"a": known["a"]}  # type: ignore[method-assign]
    section = availability_section(run, ["memcpy"], {"a": ["a"], "b": ["b"]})

    assert [column.title for column in section.grids[0].columns] == ["Method", "a"]
    assert section.notes == ("Not known of b (no such host name).",)


def test_a_host_that_gave_nothing_has_no_charts() -> None:
    """The charts have room for the others, and the count of hosts is of those that were measured."""
    run = make_run(hosts=("dead", "alive"), region_size=[(index + 1) << 20 for index in range(12)], touch=["none"])
    run.outcomes = run.of(host="alive")
    page = model(run)

    assert [plot.title.partition(",")[0] for plot in page.sections[0].plots] == ["alive"] * 12
    assert page.counted.startswith("36 cases on 1 of 2 hosts (nothing came from dead), 252 measured trials")
    assert "Nothing has come from dead." in page.answer
    assert not any("The charts show" in note for note in page.sections[0].notes)


def test_hosts_are_told_apart_in_the_chart_of_drift() -> None:
    """By colour and shape, with a legend, as long as there are enough of both."""
    drifts = [
        Drift(host, "", "blocks", 7, 0.0, 0.9, 1.0, is_flagged=host == "b", profile=(1.0, 1.1)) for host in ("b", "a")
    ]
    summary = summarise(make_run(hosts=("a", "b")))
    section = drift_section(summary, dataclasses.replace(NOTHING, drift=tuple(drifts)))
    many = [dataclasses.replace(drifts[0], host=f"h{number}") for number in range(9)]
    crowded = drift_section(
        summarise(make_run(hosts=tuple(each.host for each in many), blocks=1)),
        dataclasses.replace(NOTHING, drift=tuple(many)),
    )
    for channel in ("color", "shape"):
        scale = section.plots[0].spec["layer"][1]["encoding"][channel]["scale"]
        assert scale["domain"] == ["a", "b"]
        assert len(set(scale["range"])) == 2

    assert_valid([*section.plots, *crowded.plots])
    assert "The pointer names the host of a line." in crowded.notes[-1]


def test_no_tick_has_a_signed_zero() -> None:
    """The middle of an axis of percents is 0 %, neither above nor below."""
    run = make_run(replicas=True)
    axis = noise_section(findings(run, summarise(run))).plots[0].spec["layer"][0]["encoding"]["x"]["axis"]

    assert axis["labelExpr"].startswith("abs(datum.value - 1) < 1e-9 ? '0 %'")


def test_the_marks_of_a_row_are_named() -> None:
    """What tells them apart, from top to bottom where they are few."""
    many = make_run(region_size=[(index + 1) << 20 for index in range(9)], blocks=1)
    alone = make_run(region_size=[1 << 20], touch=["none"], blocks=1)

    assert model(make_run()).picture_note.endswith(
        "The marks of a row are, from top to bottom: a 128MiB region, touch none; a 128MiB region, touch moved; "
        "a 256MiB region, touch none; a 256MiB region, touch moved."
    )
    assert order_of(summarise(many)).startswith("The marks of a row differ in region size and touch, ")
    assert order_of(summarise(alone)) == ""


def doubtful() -> FakeRun:
    """Give a run of 80 equal methods: some intervals exclude 1 by chance."""
    names = {f"m{number}": 800.0 for number in range(80)}
    one = {"region_size": [128 << 20, 256 << 20], "touch": ["none"]}
    return make_run(method=["memcpy", *names], speeds=names, noise=0.02, blocks=20, **one)


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
    assert f"of them {reason}" in page.answer[0]


def test_differences_between_hosts_are_named_and_judged() -> None:
    """What matters first, with every host's value."""
    kernels = {"a": "6.18.5", "b": "6.18.5", "c": "6.1.0"}
    environments = {host: {**ENVIRONMENT, "hostname": host, "kernel": kernel} for host, kernel in kernels.items()}
    section = difference_section(environments)
    (grid,) = section.grids

    assert [row[0] for row in grid.rows] == ["Kernel", "Host name"]
    assert grid.rows[0][1] == "6.18.5 (a, b); 6.1.0 (c)"
    assert grid.rows[0][2].startswith("yes: ")
    assert "stands with reservations" in section.notes[0]
    assert not difference_section({"a": ENVIRONMENT, "b": ENVIRONMENT})
    assert len(section.notes) == 1


def test_a_host_measured_later_is_said_to_be() -> None:
    """A resume hours later is another condition; side by side is none."""
    run = make_run(hosts=("a", "b", "c"), blocks=2)
    for outcome in run.of(host="c"):
        outcome["started_at"] = outcome["started_at"].replace("T03:", "T05:")
    page = model(run)
    (section,) = [each for each in page.after if each.id == "differences"]

    assert section.notes[-1] == (
        "Not all were measured at one time: the first from 2026-01-02 03:00:00 to 03:01:11 UTC, c from 2026-01-02 "
        "05:00:00 to 05:01:11 UTC."
    )
    assert dict(page.hosts[2][1])["Measured"] == "2026-01-02 05:00:00 to 05:01:11 UTC"


def test_the_ledger_has_each_hosts_seconds_and_troubles() -> None:
    """Phases that took place, and why a host gave nothing more."""
    run = make_run(hosts=("a", "b"))
    run.spent = {"a": {"connecting": 0.25, "running": 61.7}, "b": {"connecting": 12.0}}
    run.troubles = {"b": "the link is down; run 'inv resume'"}
    run.enough = {"a": {"blocks": 9, "reason": "all intervals within 2 %"}}
    (grid,) = ledger_section(run).grids

    assert [column.title for column in grid.columns] == ["Host", "Connecting", "Running", "Remarks"]
    assert grid.rows == (
        ("a", "0.25", "61.7", "stopped after 9 blocks: all intervals within 2 %"),
        ("b", "12.0", "", "the link is down; run 'inv resume'"),
    )
    assert grid.marks == ("", "problem")


def test_parts_without_data_are_not_there() -> None:
    """No heading above nothing."""
    run = make_run(region_size=[1 << 27], touch=["none"])
    summary: Summary = summarise(run)
    empty: list[Section] = [
        *trend_sections(summary, ()),
        touch_section(summary),
        cost_section(summary, NOTHING, ReferenceRuns()),
        noise_section(NOTHING),
        drift_section(summary, NOTHING),
        outlier_section(summary, NOTHING),
        pooled_section(summary, NOTHING),
        availability_section(run, ["memcpy"], {"local": ["local"]}),
        ledger_section(run),
    ]

    assert not any(empty)


def test_many_hosts_are_shown_by_kind() -> None:
    """A thousand hosts of two kinds are two rows a case, with how many hosts each stands for."""
    run = make_run(
        hosts=tuple(f"h{index:04d}" for index in range(1_000)), blocks=2, region_size=[1 << 27], touch=["none"]
    )
    for number, host in enumerate(run.hosts):
        run.facts[host]["kernel"] = "6.18.5" if number % 4 else "6.1.0"
    page = model(run)

    assert page.grouped
    assert [row.cells[0].text for row in page.table.rows[::3]] == [
        "AMD EPYC 9R45, Linux 6.18.5 (750 hosts)",
        "AMD EPYC 9R45, Linux 6.1.0 (250 hosts)",
    ]
    assert len(page.table.rows) == 6
    assert len(page.hosts) == 2
    assert [case.n for case in page.summary.cases] == [750] * 3 + [250] * 3
    assert all(case.ratio_ci for case in page.summary.cases if case.ratio)


def test_a_call_is_drawn_as_the_calls_inside_it() -> None:
    """One bar for each condition, as long as the call took; the table has what each part is, with intervals."""
    costs = {"getpid": 100.0, "mremap_untouched": 2_000.0, "mremap_touched": 4_000.0}
    run = make_run(
        method=list(costs),
        speeds=costs,
        baseline={"method": "mremap_touched"},
        threads=[1, 2],
        region_size=[1 << 20],
        touch=["none"],
    )
    run.experiment["workload"] = "call"
    run.families = dict.fromkeys(costs, "control")
    summary = summarise(run)
    section = cost_section(summary, findings(run, summary), ReferenceRuns())
    (plot,), (grid,) = section.plots, section.grids
    parts = rows(plot, "parts")
    page = model(run)

    assert_valid(section.plots)
    assert [part["Call"] for part in parts[:3]] == [
        "getpid",
        "mremap_untouched - getpid",
        "mremap_touched - mremap_untouched",
    ]
    assert [mark["total"] for mark in rows(plot, "totals")] == [pytest.approx(part["to"]) for part in parts[2::3]]
    assert [row[:2] for row in grid.rows][2:4] == [
        ("1 thread", "the page's entry and its TLB flush"),
        ("2 threads", "the way into the kernel"),
    ]
    assert all("[" in cell and " to " in cell for row in grid.rows for cell in row[-2:])
    # It is the picture that shows the answer, so it stands at the top and only there.
    assert page.picture
    assert page.picture.title == "One call and the calls inside it"
    assert [len(each.plots) for each in page.sections if each.id == "costs"] == [0]


def test_a_crossover_of_regions_is_drawn_over_regions() -> None:
    """Where the region is what varies its chart has the mark and the table."""
    run = make_run(region_size=[1 << 20, 1 << 22, 1 << 24], touch=["none"])
    for outcome in run.of(method="memcpy"):
        outcome["elapsed_ns"] = outcome["elapsed_ns"] * outcome["region_size"] * 10 >> 20
    summary = summarise(run)
    found = findings(run, summary).crossovers
    (section,) = trend_sections(summary, found)

    assert_valid(section.plots)
    assert section.id == "regions"
    assert len(rows(section.plots[0], "crossovers")) == sum(each.is_shown for each in found) > 0
    assert "A dashed line marks" in section.notes[0]
    assert section.grids[0].caption == "Where the faster one changes"


def conditions() -> FakeRun:
    """Give a run whose baseline is one thread alone, whatever the method."""
    run = make_run(
        threads=[1, 2], region_size=[1 << 20], touch=["none"], neighbours=["idle", "spinning"], replicas=True,
        baseline={"threads": 1, "neighbours": "idle"},
    )  # fmt: skip
    run.experiment["question"] = "Which methods gain from a second thread?"
    return run


def test_a_baseline_without_a_method_has_a_row_for_each_method() -> None:
    """At a glance and in the charts of ratios, which are named by what was changed."""
    summary = summarise(conditions())
    glance = overview(summary)
    page = model(conditions())
    ratios = page.sections[0]

    assert glance
    assert_valid([glance, *ratios.plots])
    assert [name.rpartition("\n")[0] for name in dict.fromkeys(mark["row"] for mark in rows(glance, "marks"))][:2] == [
        "copy_words\n2 threads",
        "memcpy\n2 threads",
    ]
    assert len(rows(glance, "marks")) == 9
    assert sorted(plot.title for plot in ratios.plots) == [
        "With 2 threads",
        "With 2 threads, spinning neighbours",
        "With spinning neighbours",
    ]
    assert {row["Case"] for row in rows(ratios.plots[0], "measured")} == {"copy_words", "memcpy", "mremap_fixed"}
    assert "threads" in [section.id for section in page.sections]


def test_calls_are_drawn_by_what_they_cost() -> None:
    """At a glance: multiples of the baseline's time, the cheapest first, as the answer has them."""
    costs = {"getpid": 100.0, "mmap_munmap": 2_000.0, "getpid_cached": 2.0}
    run = make_run(
        method=list(costs), speeds=costs, baseline={"method": "getpid"}, region_size=[1 << 20], touch=["none"]
    )
    run.experiment["workload"] = "call"
    run.families = dict.fromkeys(costs, "control")
    page = model(run)

    assert page.picture
    assert_valid([page.picture])
    assert page.picture.title == "Time relative to getpid"
    assert [(mark["Case"], mark["value"]) for mark in rows(page.picture, "marks")] == [
        ("getpid_cached", pytest.approx(0.02, rel=0.03)),
        ("mmap_munmap", pytest.approx(20, rel=0.03)),
    ]
    assert all(mark["low"] <= mark["value"] <= mark["high"] for mark in rows(page.picture, "marks"))
    assert "further to the right is dearer" in page.picture_note
