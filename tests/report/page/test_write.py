"""The report is one whole file, says everything, and takes text of any origin as text."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from markupsafe import Markup

from pageswap import files
from pageswap.comparison.tables import summary_as_markdown
from pageswap.errors import StoreError
from pageswap.report.page.write import printed, render
from tests.answers.answered import field, slow_down
from tests.fake_run import ENVIRONMENT, FakeRun, make_run, profile_of

if TYPE_CHECKING:
    from collections.abc import Iterator

GOLD = Path(__file__).parents[2] / "gold" / "report.html"
HOSTILE = "</script><img src=x onerror=alert(1)>\u202e'\"{{7*7}}" + "A" * 10_000


def usual() -> FakeRun:
    """Return the run the gold file was made of."""
    run = make_run()
    run.end(
        "unavailable",
        "needs 65,536 mappings and vm.max_map_count is 65,530; run with --tune, or 'sysctl vm.max_map_count=262144'",
        method="mremap_fixed",
        region_size=256 << 20,
    )
    return run


def rich() -> FakeRun:
    """Return a run with something for every part of the page: hosts, sizes, replicas, troubles, times, outliers."""
    run = make_run(hosts=("lab1", "lab2"), page_size=[4096, 65536, 1 << 20], region_size=[1 << 27], replicas=True)
    for outcome in run.outcomes:
        if outcome["method"] != "mremap_fixed":
            outcome["elapsed_ns"] = outcome["elapsed_ns"] * outcome["page_size"] // 4096
        rounds = [outcome["elapsed_ns"] * (20 + place) // 245 for place in range(10)]
        outcome["rounds_ns"] = json.dumps(rounds)
    for outcome in run.of(block=3, method="memcpy", host="lab1"):
        outcome["elapsed_ns"] *= 3
    run.end("unavailable", "no such call; boot Linux 6.8 or newer", method="mremap_fixed", host="lab2")
    run.facts["lab2"]["kernel"] = "6.1.0"
    run.spent = {"lab1": {"connecting": 0.2, "running": 60.0}, "lab2": {"connecting": 0.4, "running": 58.0}}
    run.troubles = {"lab2": "the link went down; 'inv resume' collects what is left"}
    return run


def hostile() -> FakeRun:
    """Return a run with the same hostile text in every field that holds any."""
    run = make_run(hosts=(HOSTILE,), method=["memcpy", HOSTILE], backing=[HOSTILE], blocks=7)
    run.end("failed", HOSTILE, touch="moved", method=HOSTILE)
    run.spec_text = HOSTILE
    run.experiment.update(name=HOSTILE, question=HOSTILE)
    run.facts = {HOSTILE: {"cpu_model": HOSTILE, HOSTILE: {HOSTILE: HOSTILE}, "core": {"flags": HOSTILE}}}
    run.families = {HOSTILE: HOSTILE}
    run.spent = {HOSTILE: {"connecting": 1.0}}
    run.troubles = {HOSTILE: HOSTILE}
    run.enough = {HOSTILE: {"blocks": 7, "reason": HOSTILE}}
    function = {"name": HOSTILE, "object": HOSTILE, "is_kernel": True, "samples": 50}
    whole = profile_of(run, "c0000", samples=60, kernel_samples=50, event=HOSTILE, symbols=[function])
    run.profiled = [whole, profile_of(run, "c0001", status="failed", reason=HOSTILE, samples=0)]
    return run


def scrubbed(page: str) -> str:
    """Take out what changes without the report changing: libraries, drawings, specifications, trials, hashes."""
    page = re.sub(r"<script>.*?</script>", "<script>[script]</script>", page, flags=re.DOTALL)
    page = re.sub(r"<style>.*?</style>", "<style>[style]</style>", page, flags=re.DOTALL)
    page = re.sub(r"<svg.*?</svg>", "[drawing]", page, flags=re.DOTALL)
    page = re.sub(r'(<script type="application/json">).*?(</script>)', r"\1[specification]\2", page, flags=re.DOTALL)
    page = re.sub(r'href="data:[a-z/]+;base64,[^"]*"', 'href="[trials]"', page)
    return re.sub(r"sha256-[A-Za-z0-9+/=]+", "[hash]", page)


@pytest.fixture(scope="module")
def page(report: Path) -> str:
    """Return the usual run's report as text."""
    return report.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def hostile_page(hostile_report: Path) -> str:
    """Return the hostile run's report as text."""
    return hostile_report.read_text(encoding="utf-8")


def test_the_page_is_the_gold_page(page: str) -> None:
    """Every change of the page is seen; tests/gold/README.md says how to accept one."""
    assert GOLD.read_text(encoding="utf-8") == scrubbed(page)


def test_the_page_asks_nothing_of_any_network(page: str) -> None:
    """No address in any attribute that loads, and a policy that forbids it."""
    outside = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)

    assert "default-src 'none'" in page
    assert not re.findall(r"(?:src|href|action)=\"(?!#|data:)[^\"]*", outside)
    assert not re.findall(r"url\(|@import", outside)


def test_what_is_its_owners_alone_is_not_in_the_page(tmp_path: Path) -> None:
    """A page may be published: it has neither an inventory's notes nor where an ssh_config lies."""
    run = usual()
    meta = run.meta()
    meta["options"] |= {
        "ssh_config": "/home/me/basement",
        "hosts": [{"name": "local", "notes": "in the basement", "cpu": 1}],
    }
    meta["provenance"]["command"] = "inv run --spec a.yaml --ssh-config /home/me/basement"
    run.meta = lambda: meta  # type: ignore[method-assign]
    text = render(run, tmp_path / "report.html").read_text(encoding="utf-8")

    assert "basement" not in text
    assert "./inv run --spec a.yaml --ssh-config SSH_CONFIG" in text
    assert "Trials run on CPU (inventory)" in text
    assert "basement" not in summary_as_markdown(run)


def test_every_case_and_reason_is_in_the_table(page: str) -> None:
    """Twelve cases, twelve rows; the unavailable ones with their cure."""
    start = page.index('<table class="cases"')
    table = page[start : page.index("</table>", start)]

    assert table.count("<tr ") == 12
    assert table.count("unavailable (7 trials): needs 65,536 mappings") == 2
    assert "run with --tune" in table


def test_every_part_of_a_rich_run_is_there(rich_report: Path) -> None:
    """Each heading once, in the contents too; none of the parts is empty."""
    text = rich_report.read_text(encoding="utf-8")
    headings = re.findall(r'<h2 id="([a-z]+)">', text)

    assert set(headings) >= {"ratios", "pooled", "sizes", "touch", "noise", "drift", "outliers", "cases"}
    assert set(headings) >= {"differences", "ledger", "conditions", "reproduce"}
    assert re.findall(r'<li><a href="#([a-z]+)">', text) == headings
    for part in re.split(r"<section ", text)[1:]:
        assert re.search(r"<svg|<table|<dl>|<pre", part)


def test_the_first_table_is_bounded_and_counts_the_rest(tmp_path: Path, page: str) -> None:
    """The table of every case has all; what all rows are compared with is said once, and else in each."""
    speeds = {f"m{index:02d}": 100.0 + index for index in range(20)}
    run = make_run(method=["memcpy", *speeds], speeds=speeds, blocks=6, touch=["none"], region_size=[1 << 27])
    text = render(run, tmp_path / "report.html").read_text(encoding="utf-8")
    (table,) = re.findall(r'<table class="small first">(.*?)</table>', text, re.DOTALL)

    assert table.count("<tr ") == 12
    assert "Speed of each, against <bdi>memcpy</bdi>" in table
    assert "Compared with" not in table
    assert 'And 8 more; the <a href="#cases">table of every case</a> has all.' in text
    assert "more; the <a" not in page

    run.experiment["asks"] = "fastest"
    text = render(run, tmp_path / "report.html").read_text(encoding="utf-8")
    assert '<th scope="col" class="t">Compared with</th>' in text
    assert '<td class="t against"><bdi>memcpy</bdi></td>' in text
    assert '<td class="t against"><bdi>m00</bdi></td>' in text


def test_what_may_be_the_fastest_has_its_reason(tmp_path: Path) -> None:
    """What it was not told from, by name where that is the same under all conditions of the row."""
    run = field({"a": 400.0, "b": 400.5, "c": 400.5}, noise=0.02, region_size=[1 << 27, 1 << 28])
    slow_down(run, 3.0, method="c", region_size=1 << 27)
    text = render(run, tmp_path / "report.html").read_text(encoding="utf-8")
    found = re.findall(r"<bdi>([abc])</bdi></th>.*?may be the fastest: <bdi>not told apart from (.*?)</bdi>", text)

    assert found == [("a", "others"), ("b", "a"), ("c", "a")]
    assert text.count("may be the fastest") == len(found)


def test_a_table_that_is_bounded_says_what_of_it_is_shown(tmp_path: Path) -> None:
    """How many rows of how many, and which."""
    run = make_run(blocks=140, noise=0.001)
    for number, outcome in enumerate(run.of(warmup=0, method="memcpy", touch="none")[:65]):
        outcome["elapsed_ns"] *= 2 + number % 9
    text = render(run, tmp_path / "report.html").read_text(encoding="utf-8")

    assert re.search(r"<summary>\s*Outliers \(60 of \d+, the farthest\)", text)


def test_the_head_tells_a_site_what_the_page_is_about(page: str) -> None:
    """A title, a description and the run's id, for an index and for who shares a link."""
    assert "<title>mremap_vs_copy: 20260102T030405Z-abcdef</title>" in page
    assert re.search(r'<meta name="description" content="Mixed: mremap_fixed was slower than memcpy', page)
    assert '<html lang="en" data-run="20260102T030405Z-abcdef" data-experiment="mremap_vs_copy"' in page


def beside_the_answer(run: FakeRun, path: Path) -> dict[str, str]:
    """Return where and when a run was measured, as its page tells it beside the answer."""
    found = re.search(r'<dl class="beside">(.*?)</dl>', render(run, path).read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return dict(re.findall(r"<dt>(\w+)</dt><dd><bdi>(.*?)</bdi>", found[1]))


def test_where_it_was_measured_is_told_in_a_few_words(tmp_path: Path) -> None:
    """Different hosts by what differs, and a machine of metal as such; what nobody recorded is not made up."""
    run = make_run(hosts=("a", "b", "c"), blocks=1)
    told = {"a": "k<m", "b": "none", "c": None}
    run.facts = {host: ENVIRONMENT | {"hypervisor": name} for host, name in told.items()}
    unknown = make_run(blocks=1)
    unknown.facts.clear()

    assert beside_the_answer(run, tmp_path / "report.html") == {
        "Hosts": "a, b and c",
        "CPU": ENVIRONMENT["cpu_model"],
        "Kernel": ENVIRONMENT["kernel"],
        "Machine": "virtual machine (k&lt;m) and metal: no hypervisor found",
        "Measured": "2026-01-02 03:00 UTC",
    }
    assert beside_the_answer(unknown, tmp_path / "report.html")["Kernel"] == "not recorded"


@pytest.mark.slow
def test_ten_thousand_trials_are_four_megabytes_at_most(tmp_path: Path) -> None:
    """Charts, every case, and all trials as a download."""
    run = make_run(region_size=[(size + 1) << 20 for size in range(208)])
    path = render(run, tmp_path / "report.html")

    assert len(run.outcomes) >= 9_900
    assert path.stat().st_size <= 4 << 20
    assert 'download="20260102T030405Z-abcdef.csv.gz"' in path.read_text(encoding="utf-8")


def test_trials_that_would_swell_the_page_are_left_to_the_export(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command stands in the download's place."""
    monkeypatch.setattr("pageswap.report.page.model.MOST_TRIALS", 10)
    text = render(make_run(blocks=1), tmp_path / "report.html").read_text(encoding="utf-8")

    assert 'class="button"' not in text
    assert "Every trial as CSV: <code>./inv export --run 20260102T030405Z-abcdef --to csv</code>" in text


def test_the_specification_is_there_to_the_letter(tmp_path: Path) -> None:
    """What was run can be copied from the page, with the spaces that it had."""
    run = usual()
    run.spec_text += "# A page of 4 KiB\n"
    run.experiment["question"] = "What becomes of 4 KiB?"
    text = html.unescape(render(run, tmp_path / "report.html").read_text(encoding="utf-8"))

    assert text.count(run.spec_text) == 1
    assert text.count("What becomes of 4\u00a0KiB?") > 0


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("95 % of 1.09 MB/s and 4 KiB", "95\u00a0% of 1.09\u00a0MB/s and 4\u00a0KiB"),
        (
            "1.09 M, 800 ns per swap, 23 GiB (25 bytes)",
            "1.09\u00a0M, 800\u00a0ns per swap, 23\u00a0GiB (25\u00a0bytes)",
        ),
        ("12 Minor faults on 3 hosts, a %", "12 Minor faults on 3 hosts, a %"),
        ("5 % \u202e", "5\u00a0% <U+202E>"),
        (Markup("5 % \u202e"), Markup("5 % \u202e")),
        (5, 5),
    ],
)
def test_a_number_stays_with_its_unit(text: object, shown: object) -> None:
    """Text of a page is printed so; our own markup is left as it is."""
    assert printed(text) == shown


def test_hostile_text_stays_text(hostile_page: str) -> None:
    """Nothing ends a script or opens an element; what would reorder the line is shown by its name."""
    assert "<img" not in re.sub(r"<script>.*?</script>", "", hostile_page, flags=re.DOTALL)
    assert hostile_page.count("</script>") == hostile_page.count("<script")
    assert "\u202e" not in hostile_page
    assert "{{7*7}}" in html.unescape(hostile_page)
    assert "&lt;U+202E&gt;" in hostile_page


def test_hostile_names_do_not_swell_the_page(hostile_page: str) -> None:
    """Ten kilobytes in every field: the page stays below two megabytes, a million of which are the chart library."""
    assert len(hostile_page) < 2_000_000


def test_a_report_that_fails_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk in the middle of writing: the old file whole, no other beside it."""
    path = tmp_path / "report.html"
    path.write_text("old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(StoreError, match="No space left"):
        render(make_run(blocks=1), path)

    assert [path] == list(tmp_path.iterdir())
    assert path.read_text() == "old"


def unusual() -> Iterator[tuple[str, FakeRun]]:
    """Yield runs that lack what a usual one has."""
    empty = make_run(blocks=1)
    empty.outcomes.clear()
    empty.facts.clear()
    yield "nothing measured", empty
    yield "no baseline", make_run(baseline={})
    yield "one block", make_run(blocks=1)
    yield "baseline only", make_run(method=["memcpy"])
    failed = make_run()
    failed.end("failed", "")
    yield "all failed, without a reason", failed


@pytest.mark.parametrize("run", [pytest.param(run, id=name) for name, run in unusual()])
def test_an_unusual_run_has_a_report(run: FakeRun, tmp_path: Path) -> None:
    """No run is too poor for a page that says so."""
    assert 'id="answer"' in render(run, tmp_path / "report.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_large_run_has_a_bounded_page(tmp_path: Path) -> None:
    """Every case in the table, at most some hundred bytes each; the charts say what they leave out."""
    run = make_run(region_size=[(size + 1) << 20 for size in range(500)], blocks=2)
    text = render(run, tmp_path / "report.html").read_text(encoding="utf-8")

    start = text.index('<table class="cases"')
    assert text[start : text.index("</table>", start)].count("<tr ") == 3_000
    assert "The table below has every case." in text
    assert len(text) < 1_210_000 + 3_000 * 700
