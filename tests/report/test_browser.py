"""The report in a real browser: silent, readable without scripts, and its numbers the same wherever they stand."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from pageswap.report import render
from tests.report.test_write import hostile, usual
from tests.requirement import require

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from tests.fake_run import FakeRun

CHROMIUM = shutil.which("chromium")
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start Debian's Chromium once."""
    require("chromium", CHROMIUM, "there is no chromium on the PATH; 'apt-get install chromium' brings it")
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only where there is a browser

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the usual run's report."""
    return render(usual(), tmp_path_factory.mktemp("report") / "report.html")


class Visit:
    """A page that was opened, with all it asked for and all it complained of."""

    def __init__(
        self, browser: Browser, path: Path, *, width: int = 1280, scripts: bool = True, dark: bool = False
    ) -> None:
        """Open a file and wait until its charts are drawn."""
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            java_script_enabled=scripts,
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
            self.page.wait_for_function("document.querySelectorAll('.chart:not(.ready)').length === 0")


def test_the_page_makes_no_request_and_no_complaint(browser: Browser, report: Path) -> None:
    """The file itself is all that is ever asked for."""
    visit = Visit(browser, report)
    visit.page.wait_for_timeout(300)

    assert [report.as_uri()] == visit.requests
    assert visit.complaints == []


def test_hovering_shows_the_tables_numbers(browser: Browser, report: Path) -> None:
    """The ratio and its interval in the tooltip are those of the case's row, to the digit."""
    page = Visit(browser, report).page
    page.locator(".live").first.locator(".mark-symbol.role-mark path[aria-label*='Verdict']").first.hover()
    tooltip = page.locator("#vg-tooltip-element.visible").inner_text()
    cells = [cell.strip() for cell in page.locator("table.cases tbody tr").first.inner_text().split("\t")]

    assert cells[0] == "copy_words"
    assert cells[4] in tooltip
    assert cells[5] in tooltip
    assert f"{cells[6]} ns per swap" in tooltip


def test_the_answer_is_readable_without_scripts(browser: Browser, report: Path) -> None:
    """The answer, the table and the drawn charts need none."""
    page = Visit(browser, report, scripts=False).page

    assert "mremap_fixed was slower than memcpy" in page.locator("#answer").inner_text()
    assert page.locator(".static svg").count() == 4
    assert page.locator(".static svg").first.is_visible()
    assert page.locator("table.cases tbody tr").count() == 12


def test_with_scripts_each_chart_is_shown_once(browser: Browser, report: Path) -> None:
    """The static drawing makes room for the interactive one, and prints in its place."""
    page = Visit(browser, report).page

    assert not page.locator(".static svg").first.is_visible()
    assert page.locator(".live svg").first.is_visible()
    page.emulate_media(media="print")
    assert page.locator(".static svg").first.is_visible()
    assert not page.locator(".live svg").first.is_visible()


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("make", [usual, hostile])
def test_the_page_never_scrolls_sideways(
    browser: Browser, tmp_path: Path, width: int, make: Callable[[], FakeRun]
) -> None:
    """What is too wide scrolls within itself, on a telephone too, with scripts or without, whatever the names are."""
    path = render(make(), tmp_path / "report.html")

    for scripts in (True, False):
        page = Visit(browser, path, width=width, scripts=scripts).page
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_hostile_text_runs_nothing(browser: Browser, tmp_path: Path) -> None:
    """No dialog, no image, no request, no complaint; the text is read as it is written."""
    visit = Visit(browser, render(hostile(), tmp_path / "report.html"))

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
    assert page.locator(".scroll").get_attribute("tabindex") == "0"
