"""The index of a site in a real browser: found by words, sorted, read without scripts, and harmless."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pageswap.report.page.write import site_page

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, Page

HOSTILE = '</script><script>alert(1)</script><img src=x onerror=alert(2)>" onload="x \u202egnp'


def run(number: int, **fields: Any) -> dict[str, Any]:
    """Return an entry of an index."""
    return {
        "run_id": f"20260102T03040{number}Z-abcdef",
        "experiment": "remap_apis",
        "question": f"Question {number}?",
        "answer": [f"On a host: yes, answer {number}.", "One case could not be measured."],
        "verdicts": {"faster": 1, "slower": 2, "no difference found": 3},
        "started": f"2026-01-02T03:04:0{number}Z",
        "updated": "2026-01-03T00:00:00Z",
        "hosts": [{"host": "lab1", "cpu_model": "AMD EPYC", "kernel": "6.18"}],
        "commit": "0123456789abcdef",
        "dirty": False,
        "trials": 10 * number,
        "statuses": {"ok": 10 * number},
        "missing": 0,
        "report": f"runs/remap_apis/{number}/report.html",
        "bytes": 1_234_567,
        "sha256": "0" * 64,
        **fields,
    }


RUNS = [
    run(3, experiment="huge_pages", question="Alpha?", trials=5),
    run(2, hosts=[{"host": f"lab{n}", "cpu_model": "Intel", "kernel": "6.1"} for n in range(1, 6)], missing=2),
    run(1, experiment="smoke", question="Beta?", answer=[]),
]


class Visit:
    """An opened index, with all it asked for and all it complained of."""

    def __init__(self, browser: Browser, path: Path, runs: list[dict[str, Any]], **options: Any) -> None:
        """Write the page and open it."""
        path.write_text(site_page(options.pop("title", "A site"), runs), encoding="utf-8")
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page: Page = browser.new_context(**options).new_page()
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        self.page.goto(path.as_uri())

    def shown(self) -> list[str]:
        """Return the titles of the runs to be seen, in their order."""
        items = self.page.locator(".runs li:visible h2")
        return [items.nth(place).inner_text() for place in range(items.count())]


def test_words_filters_and_orders_find_runs(browser: Browser, tmp_path: Path) -> None:
    """Newest first at the beginning; every word must be there; the count is told."""
    visit = Visit(browser, tmp_path / "index.html", RUNS)
    page = visit.page

    assert ["Alpha?", "Question 2?", "Beta?"] == visit.shown()
    page.select_option("#sort", "oldest")
    assert ["Beta?", "Question 2?", "Alpha?"] == visit.shown()
    page.select_option("#sort", "title")
    assert ["Alpha?", "Beta?", "Question 2?"] == visit.shown()
    page.select_option("#sort", "trials")
    assert ["Question 2?", "Beta?", "Alpha?"] == visit.shown()
    page.fill("#search", "ANSWER intel")
    assert ["Question 2?"] == visit.shown()
    assert "1 of 3 runs" == page.locator("#found").inner_text()
    page.fill("#search", "")
    page.select_option("#host", "lab5")
    assert ["Question 2?"] == visit.shown()
    page.select_option("#host", "")
    page.select_option("#experiment", "huge_pages")
    assert ["Alpha?"] == visit.shown()
    page.keyboard.press("Enter")
    assert ([page.url], []) == (visit.requests, visit.complaints)


def test_a_link_leads_to_the_report(browser: Browser, tmp_path: Path) -> None:
    """Relative, so that the site works from a file and below any address."""
    report = tmp_path / RUNS[0]["report"]
    report.parent.mkdir(parents=True)
    report.write_text("<!DOCTYPE html><title>the report</title>")
    page = Visit(browser, tmp_path / "index.html", RUNS).page
    page.get_by_role("link", name="Alpha?").click()

    assert "the report" == page.title()


def test_without_scripts_everything_is_there(browser: Browser, tmp_path: Path) -> None:
    """But for the tools, which would do nothing."""
    visit = Visit(browser, tmp_path / "index.html", RUNS, java_script_enabled=False)

    assert ["Alpha?", "Question 2?", "Beta?"] == visit.shown()
    assert not visit.page.locator("#tools").is_visible()
    assert "No answer yet." in visit.page.locator(".runs").inner_text()


@pytest.mark.parametrize("runs", [RUNS, [], [run(1, question="x" * 10_000, experiment="y" * 3_000)]])
def test_the_page_never_scrolls_sideways(browser: Browser, tmp_path: Path, runs: list[dict[str, Any]]) -> None:
    """On a telephone neither, whatever the names, nor without any run."""
    page = Visit(browser, tmp_path / "index.html", runs, viewport={"width": 390, "height": 800}).page

    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_hostile_text_stays_text(browser: Browser, tmp_path: Path) -> None:
    """No element, attribute or dialog comes of any field."""
    hosts = [{"host": HOSTILE, "cpu_model": HOSTILE, "kernel": HOSTILE}]
    fields = {"question": HOSTILE, "experiment": HOSTILE, "answer": [HOSTILE] * 2, "run_id": HOSTILE, "commit": HOSTILE}
    one = run(1, hosts=hosts, verdicts={HOSTILE: 1}, statuses={HOSTILE: 1}, **fields)
    visit = Visit(browser, tmp_path / "index.html", [one], title=HOSTILE)

    assert visit.complaints == []
    assert 0 == visit.page.locator("img").count()
    assert 1 == visit.page.locator("script").count()
    assert "<img src=x onerror=alert(2)>" in visit.page.locator(".runs h2").inner_text()
    assert "\u202e" not in visit.page.content()
    visit.page.select_option("#host", index=1)
    assert 1 == len(visit.shown())


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_nothing(browser: Browser, tmp_path: Path, scheme: str, width: int) -> None:
    """No violation of any of axe's rules, in either light."""
    from axe_playwright_python.sync_playwright import Axe

    # The page's policy lets no foreign script in; axe is injected past it into the page of a context that ignores it.
    size = {"width": width, "height": 900}
    page = Visit(browser, tmp_path / "index.html", RUNS, color_scheme=scheme, viewport=size, bypass_csp=True).page

    assert [] == [violation["id"] for violation in Axe().run(page).response["violations"]]
