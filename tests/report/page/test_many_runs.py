"""The pages about many runs in a real browser: silent, whole without scripts, reachable by keyboard, and harmless."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pageswap.history.atlas import atlas
from pageswap.history.series import history
from pageswap.report.page.many_runs import atlas_page, history_page
from tests.history.records import record, records

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, Page

HOSTILE = '</style><script>alert(1)</script><img src=x onerror=alert(2)>" onload="x \u202egnp'
STEP = [1.0] * 20 + [0.8] * 20 + [0.5]


def stepped() -> list[dict[str, Any]]:
    """Return the records of runs with a change, a new kernel with it, and a last run that stands out."""
    runs = records(STEP)
    for run in runs[20:]:
        run["hosts"][0]["kernel"] = "6.19.1"
        run["wins"][0]["methods"] = ["memcpy", "mremap_fixed"]
    return runs


def pages(tmp_path: Path, runs: list[dict[str, Any]]) -> dict[str, Path]:
    """Write both pages of some runs."""
    made = {
        "history": history_page(history("demo", runs), home="index.html", address_of=lambda run_id: f"{run_id}.html"),
        "atlas": atlas_page(atlas(runs), home="index.html"),
    }
    found = {name: tmp_path / f"{name}.html" for name in made}
    for name, path in found.items():
        path.write_text(made[name], encoding="utf-8")
    return found


class Visit:
    """A page that was opened, with all it asked for and all it complained of."""

    def __init__(self, browser: Browser, path: Path, *, width: int = 1280, **options: Any) -> None:
        """Open a file."""
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page: Page = context.new_page()
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        self.page.goto(path.as_uri())


@pytest.mark.parametrize("name", ["history", "atlas"])
@pytest.mark.parametrize("scripts", [True, False])
def test_the_page_asks_for_nothing_and_complains_of_nothing(
    browser: Browser, tmp_path: Path, name: str, scripts: bool
) -> None:
    """With scripts or without it is the same page."""
    path = pages(tmp_path, stepped())[name]
    visit = Visit(browser, path, java_script_enabled=scripts)

    assert ([path.as_uri()], []) == (visit.requests, visit.complaints)
    assert visit.page.locator("h1").is_visible()


def test_a_history_says_first_what_changed(browser: Browser, tmp_path: Path) -> None:
    """Then shows it: the case that changed before the one that did not, with its change, its mark and its levels."""
    page = Visit(browser, pages(tmp_path, stepped())["history"], java_script_enabled=False).page
    first = page.locator("figure").first

    assert "1 of 2 cases changed over 41 runs" in page.locator("#verdict").inner_text()
    assert "Not yet a change" in page.locator("main").inner_text()
    assert "mremap_fixed" in first.locator("figcaption").inner_text()
    assert (1, 0, 2) == tuple(first.locator(f"line.{kind}").count() for kind in ("edge", "mark", "level"))
    last = page.locator("figure").last
    assert (0, 1, 1) == tuple(last.locator(f"line.{kind}").count() for kind in ("edge", "mark", "level"))
    assert page.locator("figure svg").first.is_visible()


def test_every_figure_of_a_history_can_be_reached_by_keyboard(browser: Browser, tmp_path: Path) -> None:
    """The table below each picture opens with a key, and leads to the runs' reports."""
    page = Visit(browser, pages(tmp_path, stepped())["history"]).page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    summary = page.locator("summary").first
    summary.focus()
    page.keyboard.press("Enter")

    table = page.locator("figure table").first
    assert table.is_visible()
    assert table.locator("tbody tr").count() == 41
    assert "Kernel 6.18.5 to 6.19.1" in table.inner_text()
    assert table.locator("a").first.get_attribute("href").endswith(".html")  # type: ignore[union-attr]
    scrolling = page.locator(".scroll")
    assert ["0"] * scrolling.count() == [frame.get_attribute("tabindex") for frame in scrolling.all()]


def test_the_atlas_has_the_winner_of_each_place(browser: Browser, tmp_path: Path) -> None:
    """With the number of runs behind it."""
    page = Visit(browser, pages(tmp_path, stepped())["atlas"], java_script_enabled=False).page
    rows = page.locator("table.atlas tbody tr")

    assert rows.count() == 2
    assert "memcpy" in rows.nth(0).inner_text()
    assert "20 runs" in rows.nth(0).inner_text()
    assert "mremap_fixed" in rows.nth(1).inner_text()
    assert "21 runs" in rows.nth(1).inner_text()


@pytest.mark.parametrize("name", ["history", "atlas"])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_never_scrolls_sideways(browser: Browser, tmp_path: Path, name: str, width: int) -> None:
    """On a telephone neither, whatever the names."""
    long = [record(number, {"m" * 300: 1.0}, question="x" * 5_000, experiment="y" * 500) for number in range(3)]
    for runs in (stepped(), long):
        page = Visit(browser, pages(tmp_path, runs)[name], width=width).page
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_hostile_text_stays_text(browser: Browser, tmp_path: Path) -> None:
    """No element, attribute or dialog comes of any field."""
    host = {"host": HOSTILE, "cpu_model": HOSTILE, "kernel": HOSTILE}
    wins = [{"host": HOSTILE, "levels": {"page_size": 4096, "workload": HOSTILE}, "methods": [HOSTILE], "of": 2}]
    runs = [
        record(number, {HOSTILE: 1.0 + number}, host=host, question=HOSTILE, run_id=f"{HOSTILE}{number}", wins=wins)
        for number in range(3)
    ]
    for path in pages(tmp_path, runs).values():
        visit = Visit(browser, path)

        assert visit.complaints == []
        assert len(visit.requests) == 1
        assert visit.page.locator("img, script").count() == 0
        assert "\u202e" not in visit.page.content()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["history", "atlas"])
@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
def test_axe_finds_nothing(browser: Browser, tmp_path: Path, name: str, scheme: str, width: int) -> None:
    """No violation of any of axe's rules, in either light, in any part."""
    from axe_playwright_python.sync_playwright import Axe

    # The page's policy lets no foreign script in; axe is injected past it into the page of a context that ignores it.
    page = Visit(browser, pages(tmp_path, stepped())[name], width=width, color_scheme=scheme, bypass_csp=True).page
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")

    assert [] == [violation["id"] for violation in Axe().run(page).response["violations"]]
