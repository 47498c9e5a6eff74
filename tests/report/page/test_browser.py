"""The report in a real browser: silent, readable without scripts, and its numbers the same wherever they stand."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pageswap.report.page.write import render
from tests.fake_run import make_run
from tests.report.page.test_write import usual

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, BrowserContext, Page

_BOXES = "(each) => each.map((one) => one.getBoundingClientRect().toJSON())"
# All numbers with their units in what is to be read, and those of them that are on two lines.
_NUMBERS = r"""() => {
    const numbers = [], broken = [];
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const text = texts.currentNode;
        if (text.parentElement.closest("script, pre, svg")) continue;
        for (const found of text.data.matchAll(/\d\s(%|ns|[kMG]?B\/s|[MG]iB|bytes)(?!\w)/g)) {
            const range = document.createRange();
            range.setStart(text, found.index);
            range.setEnd(text, found.index + found[0].length);
            const tops = [...range.getClientRects()].map((box) => Math.round(box.top));
            if (tops.length) numbers.push(found[0]);
            if (new Set(tops).size > 1) broken.push(text.data);
        }
    }
    return [numbers, broken];
}"""


class Visit:
    """A page that was opened, with all it asked for and all it complained of."""

    def __init__(  # noqa: PLR0913 - each is a property of the reader
        self,
        browser: Browser,
        path: Path,
        *,
        width: int = 1280,
        scripts: bool = True,
        dark: bool = False,
        ignores_policy: bool = False,
    ) -> None:
        """Open a file and wait until its charts are drawn."""
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            java_script_enabled=scripts,
            bypass_csp=ignores_policy,
            color_scheme="dark" if dark else "light",
        )
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page: Page = context.new_page()
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(path.as_uri())
        if scripts:
            self.draw_all()

    def draw_all(self) -> None:
        """Go through the page as a reader does, for a chart is drawn when it comes near the window."""
        for chart in self.page.locator(".chart").all():
            chart.scroll_into_view_if_needed()
            chart.locator(".live svg").wait_for()
        self.page.wait_for_function("document.querySelectorAll('.chart:not(.ready)').length === 0")
        self.page.evaluate("window.scrollTo(0, 0)")

    def column(self, title: str) -> int:
        """Return the place of the column with this title in the table of every case."""
        titles = self.page.locator("table.cases thead th").evaluate_all(
            "(heads) => heads.map((head) => (head.querySelector('button span') ?? head.firstChild).textContent.trim())"
        )
        return int(titles.index(title))

    def shown(self, title: str) -> list[str]:
        """Return the text of a column's cells in the rows that are shown, down the table of every case."""
        texts: list[str] = self.page.locator("table.cases tbody tr").evaluate_all(
            "(rows, place) => rows.filter((row) => !row.hidden).map((row) => row.cells[place]?.innerText ?? '')",
            self.column(title),
        )
        return [text.replace("\u00a0", " ") for text in texts]


@pytest.fixture(scope="module")
def seen(
    chromium: Browser, kept: list[BrowserContext], report: Path, rich_report: Path, hostile_report: Path
) -> Iterator[Callable[[str, int], Visit]]:
    """Return what opens a report, at a width, for all tests that only look at it: drawing it takes seconds."""
    paths = {"report": report, "rich_report": rich_report, "hostile_report": hostile_report}
    visits: dict[tuple[str, int], Visit] = {}

    def visit(name: str, width: int) -> Visit:
        if (name, width) not in visits:
            visits[name, width] = Visit(chromium, paths[name], width=width)
            kept.append(visits[name, width].page.context)
        return visits[name, width]

    yield visit
    for each in visits.values():
        each.page.context.close()


def test_the_page_makes_no_request_and_no_complaint(seen: Callable[[str, int], Visit], rich_report: Path) -> None:
    """The file itself is all that is ever asked for."""
    visit = seen("rich_report", 1280)
    visit.page.wait_for_timeout(300)

    assert [rich_report.as_uri()] == visit.requests
    assert visit.complaints == []


def test_hovering_shows_the_tables_numbers(seen: Callable[[str, int], Visit]) -> None:
    """The ratio, its interval and the time in the tooltip are those of the case's row, to the digit."""
    visit = seen("report", 1280)
    ratios = visit.page.locator("section[aria-labelledby=ratios] .live").first
    ratios.locator(".mark-symbol.role-mark path[aria-label*='Verdict']").first.hover()
    tooltip = visit.page.locator("#vg-tooltip-element.visible").inner_text()
    speed, interval = visit.shown("Speed")[0].split("\n")
    time, _ = visit.shown("Median time")[0].split("\n")

    assert visit.shown("method")[0] == "copy_words"
    assert "copy_words" in tooltip
    assert speed in tooltip
    assert interval in tooltip
    assert f"{time} ns per swap" in tooltip


def test_hovering_over_a_trend_shows_the_tables_numbers(seen: Callable[[str, int], Visit]) -> None:
    """The throughput and the time of a mark over sizes are those of its row."""
    visit = seen("rich_report", 1280)
    picture = visit.page.locator("main > figure .live")
    picture.locator(".mark-symbol.role-mark path[aria-label*='95 % CI']").last.hover(force=True)
    tooltip = visit.page.locator("#vg-tooltip-element.visible").inner_text()
    rows = zip(
        visit.shown("method"), visit.shown("page_size"), visit.shown("Median time"), visit.shown("Rate"), strict=True
    )
    found = [
        (time.split("\n")[0], rate.split("\n")[1])
        for method, size, time, rate in rows
        if time and method in tooltip and size in tooltip
    ]

    assert any(f"{time} ns per swap" in tooltip and rate in tooltip for time, rate in found)


def test_the_page_allows_no_code_but_its_own(browser: Browser, report: Path) -> None:
    """Not even from text: the charts' expressions are interpreted."""
    visit = Visit(browser, report)
    visit.page.evaluate(
        "(() => { const script = document.createElement('script'); script.textContent = 'window.ran = 1';"
        " document.body.append(script); setTimeout('window.ran = 2', 0); })()"
    )
    visit.page.wait_for_timeout(100)

    assert visit.page.evaluate("window.ran ?? 0") == 0
    assert "unsafe-eval" not in report.read_text(encoding="utf-8").split("<title>")[0]


def test_the_answer_is_followed_by_its_picture(seen: Callable[[str, int], Visit]) -> None:
    """Before anything has to be scrolled to: the question, the answer, and what shows it."""
    page = seen("report", 1280).page
    page.evaluate("window.scrollTo(0, 0)")
    box = page.locator("main > figure svg").last.bounding_box()

    assert box is not None
    assert box["y"] < 900


def test_the_answer_is_readable_without_scripts(browser: Browser, report: Path) -> None:
    """The answer, the table and the drawn charts need none."""
    page = Visit(browser, report, scripts=False).page

    record = json.loads(page.locator("#answer").text_content() or "")
    assert "mremap_fixed" in record["headline"]
    assert record["headline"] in page.locator("#verdict").inner_text()
    assert page.locator("table.first tbody tr").first.is_visible()
    assert page.locator(".static svg").count() == page.locator(".chart").count() > 4
    assert page.locator(".static svg").first.is_visible()
    assert page.locator("table.cases tbody tr").count() == 12
    assert page.locator(".tools").count() == page.locator("table.cases button").count() == 0


def test_print_opens_what_is_folded(browser: Browser, report: Path) -> None:
    """On paper nothing can be opened."""
    page = Visit(browser, report).page
    folded = page.locator(".caveats li").first

    assert not folded.is_visible()
    page.emulate_media(media="print")
    assert folded.evaluate("each => each.checkVisibility({contentVisibilityAuto: true}) && each.clientHeight > 0")


def test_with_scripts_each_chart_is_shown_once(browser: Browser, report: Path) -> None:
    """The static drawing makes room for the interactive one, and prints in its place."""
    page = Visit(browser, report).page

    assert not page.locator(".static svg").first.is_visible()
    assert page.locator(".live svg").first.is_visible()
    page.emulate_media(media="print")
    assert page.locator(".static svg").first.is_visible()
    assert not page.locator(".live svg").first.is_visible()
    # What is wider in the reader's letters than in the drawing's is not cut on paper.
    assert page.locator(".static svg").first.evaluate("each => getComputedStyle(each).overflow") == "visible"


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("name", ["rich_report", "hostile_report"])
def test_the_page_never_scrolls_sideways(
    browser: Browser, seen: Callable[[str, int], Visit], request: pytest.FixtureRequest, width: int, name: str
) -> None:
    """What is too wide scrolls within itself, on a telephone too, with scripts or without, whatever the names are."""
    without = Visit(browser, request.getfixturevalue(name), width=width, scripts=False)

    for visit in (seen(name, width), without):
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= width


def test_charts_fit_a_telephone(browser: Browser, seen: Callable[[str, int], Visit], rich_report: Path) -> None:
    """With scripts or without, nothing of a chart lies beyond the page's edge, where nobody would look for it."""
    for visit in (seen("rich_report", 390), Visit(browser, rich_report, width=390, scripts=False)):
        widths = visit.page.locator(".chart").evaluate_all(
            "(charts) => charts.map((chart) => [chart.clientWidth, chart.scrollWidth])"
        )

        assert widths
        assert all(needed <= there for there, needed in widths)


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("name", ["report", "rich_report"])
def test_no_word_of_a_chart_is_cut(seen: Callable[[str, int], Visit], width: int, name: str) -> None:
    """Each label lies within its chart, that of a crossover too."""
    cut = (
        seen(name, width)
        .page.locator(".live svg text")
        .evaluate_all(
            """(texts) => texts.filter((text) => {
            const [chart, box] = [text.ownerSVGElement, text].map((each) => each.getBoundingClientRect());
            return box.width > 0 && (box.left < chart.left - 1 || box.right > chart.right + 1);
        }).map((text) => text.textContent)"""
        )
    )

    assert cut == []


@pytest.mark.parametrize("width", [390, 1280])
def test_no_line_of_a_crossover_goes_through_a_label(browser: Browser, tmp_path: Path, width: int) -> None:
    """Neither where each label begins at its own line, nor where the room makes it begin further left."""
    sizes = [4096 << shift for shift in range(0, 9, 2)]
    run = make_run(page_size=sizes, region_size=[1 << 27], touch=["none"], baseline={"method": "mremap_fixed"})
    for outcome in run.outcomes:
        if outcome["method"] != "mremap_fixed":
            outcome["elapsed_ns"] = outcome["elapsed_ns"] * outcome["page_size"] // 4096
    picture = Visit(browser, render(run, tmp_path / "report.html"), width=width).page.locator("main > figure .live")
    labels = picture.locator("svg text", has_text="crosses at").evaluate_all(_BOXES)
    lines = picture.locator("svg line[stroke-dasharray='5,4']").evaluate_all(_BOXES)

    assert len(labels) == len(lines) == 2
    assert not [
        (line, label)
        for line in lines
        for label in labels
        if label["left"] < line["left"] < label["right"] and line["top"] < label["bottom"] < line["bottom"]
    ]


def test_no_line_ends_between_a_number_and_its_unit(browser: Browser, rich_report: Path) -> None:
    """However narrow the telephone, in the answer and in everything below it."""
    page = Visit(browser, rich_report, scripts=False).page
    page.locator("details").evaluate_all("(each) => each.forEach((one) => { one.open = true; })")
    for width in range(320, 420, 10):
        page.set_viewport_size({"width": width, "height": 900})
        numbers, broken = page.evaluate(_NUMBERS)

        assert len(numbers) > 50
        assert broken == []


def test_lines_are_named_beside_the_chart_or_above_it(seen: Callable[[str, int], Visit]) -> None:
    """Where there is no room at their ends a legend names them, with the same marks."""
    for width, legends in ((1280, 0), (390, 1)):
        picture = seen("rich_report", width).page.locator("main > figure .live")
        names = picture.locator("svg text", has_text="copy_words")

        assert picture.locator(".role-legend").count() == legends
        assert names.count() == 1


def test_the_table_sorts_by_number(browser: Browser, report: Path) -> None:
    """With the keyboard: once up, once down, and what has no figure last both times."""
    visit = Visit(browser, report)
    button = visit.page.locator("table.cases thead button", has_text="Median time")
    button.focus()
    visit.page.keyboard.press("Enter")
    up = visit.shown("Median time")
    visit.page.keyboard.press("Enter")
    down = visit.shown("Median time")

    numbers = [float(text.split("\n")[0].replace(",", "")) for text in up[:10]]
    assert numbers == sorted(numbers)
    assert len(numbers) == 10
    assert numbers == [float(text.split("\n")[0].replace(",", "")) for text in reversed(down[:10])]
    assert up[10:] == down[10:] == ["", ""]
    assert visit.page.locator("table.cases [aria-sort=descending]").count() == 1


def test_the_table_sorts_sizes_by_what_they_are(browser: Browser, tmp_path: Path) -> None:
    """8MiB comes before 128MiB and after 512KiB."""
    run = make_run(region_size=[128 << 20, 512 << 10, 8 << 20], touch=["none"], method=["memcpy", "copy_words"])
    visit = Visit(browser, render(run, tmp_path / "report.html"))
    visit.page.locator("table.cases thead button", has_text="region_size").click()

    assert visit.shown("region_size") == ["512KiB", "512KiB", "8MiB", "8MiB", "128MiB", "128MiB"]


def test_the_table_is_filtered(browser: Browser, report: Path) -> None:
    """By a factor's level, by how it was found, by any text; and it says how many are left."""
    visit = Visit(browser, report)
    page = visit.page
    page.get_by_role("combobox", name="method").select_option("mremap_fixed")
    assert visit.shown("method") == ["mremap_fixed"] * 4
    page.get_by_role("combobox", name="Finding").select_option("not measured")
    assert visit.shown("region_size") == ["256MiB"] * 2
    assert page.get_by_role("status").inner_text() == "2 of 12 cases shown"

    page.get_by_role("button", name="Show all").click()
    assert len(visit.shown("method")) == 12
    page.get_by_label("Search").fill("copy_words moved")
    assert visit.shown("method") == ["copy_words"] * 2
    assert visit.shown("touch") == ["moved"] * 2


def test_the_trials_can_be_downloaded(browser: Browser, report: Path) -> None:
    """From the file itself, and every trial is in them."""
    page = Visit(browser, report).page
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Download every trial").click()
    lines = waiting.value.path().read_text(encoding="utf-8").splitlines()

    assert waiting.value.suggested_filename == "20260102T030405Z-abcdef.csv"
    assert lines[0].startswith("run_id,experiment,host")
    assert len(lines) == 1 + len(usual().outcomes)


@pytest.mark.slow
@pytest.mark.parametrize(("width", "light"), [(390, "light"), (1280, "dark")])
def test_axe_finds_nothing(browser: Browser, rich_report: Path, width: int, light: str) -> None:
    """No violation of any of axe's rules, in contrast or names or order, in either light, in any part."""
    from axe_playwright_python.sync_playwright import Axe

    # The page's policy lets no foreign script in; axe is injected past it into the page of a context that ignores it.
    visit = Visit(browser, rich_report, width=width, dark=light == "dark", ignores_policy=True)
    visit.page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
    results = Axe().run(visit.page)

    assert results.response["violations"] == []
    assert len(results.response["passes"]) > 20


def test_the_page_can_be_printed(browser: Browser, report: Path) -> None:
    """Every chart and row on paper, each chart once, and none of what only a screen can do."""
    page = Visit(browser, report).page
    pdf = page.pdf(format="A4")
    page.emulate_media(media="print")

    assert pdf.startswith(b"%PDF")
    assert 2 <= pdf.count(b"/Type /Page\n") <= 12
    assert not page.locator(".tools").is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280


def test_the_page_opens_fast(browser: Browser, report: Path) -> None:
    """What is far below the window is drawn when it is scrolled to, not before."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(report.as_uri())
    page.locator(".chart.ready").first.wait_for()

    assert page.locator(".chart.ready").count() < page.locator(".chart").count()


def test_hostile_text_runs_nothing(browser: Browser, hostile_report: Path) -> None:
    """No dialog, no image, no request, no complaint; the text is read as it is written."""
    visit = Visit(browser, hostile_report)

    assert visit.page.locator("img").count() == 0
    assert len(visit.requests) == 1
    assert visit.complaints == []
    assert "<img src=x onerror=alert(1)>" in visit.page.locator("h1").inner_text()


def test_dark_and_light_differ(browser: Browser, report: Path) -> None:
    """The reader's setting is followed."""
    colours = [
        Visit(browser, report, dark=dark).page.evaluate("getComputedStyle(document.body).backgroundColor")
        for dark in (False, True)
    ]

    assert colours == ["rgb(255, 255, 255)", "rgb(20, 23, 27)"]


def test_what_scrolls_can_be_reached_by_keyboard(browser: Browser, report: Path) -> None:
    """The first stop leads to the table, and the table's frame takes the focus."""
    page = Visit(browser, report).page
    page.keyboard.press("Tab")

    assert page.evaluate("document.activeElement.className") == "skip"
    scrolling = page.locator(".scroll").all()
    assert [frame.get_attribute("tabindex") for frame in scrolling] == ["0"] * len(scrolling)
    assert len(scrolling) > 1
