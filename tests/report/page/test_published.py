"""A published report in a real browser: it asks for its site's own files and nothing else, from a file or a server."""

from __future__ import annotations

import functools
import http.server
import threading
from typing import TYPE_CHECKING

import pytest

from pageswap.publish.publishing import publish
from tests.publish.test_publish import folder
from tests.stored_run import store_run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from playwright.sync_api import Browser


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Publish two runs with their real reports."""
    place = tmp_path_factory.mktemp("published")
    publish([store_run(place / "results", number) for number in (1, 2)], folder(place / "site"))
    return place / "site"


@pytest.fixture(scope="session")
def served(site: Path, outer_network: Callable[[], AbstractContextManager[None]]) -> Iterator[str]:
    """Serve the site on this machine."""
    handler = functools.partial(_Quiet, directory=str(site))
    with outer_network():
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    with server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(params=["file", "http"])
def root(request: pytest.FixtureRequest, site: Path, served: str) -> str:
    """Give the address of the site as a file's, and as a web server's."""
    return served if request.param == "http" else site.as_uri()


def test_a_published_report_is_the_report(browser: Browser, site: Path, root: str) -> None:
    """Its charts come alive and its table sorts, by scripts that lie beside it; nothing else is asked for."""
    (report, _) = sorted(path.relative_to(site) for path in site.glob("runs/*/*/report.html"))
    requests: list[str] = []
    complaints: list[str] = []
    page = browser.new_context().new_page()
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{root}/{report}")
    page.locator(".chart.ready").first.wait_for()

    assert complaints == []
    assert all(url.startswith((f"{root}/shared/", f"{root}/runs/")) for url in requests)
    assert 4 <= len(requests) <= 6
    assert page.locator("table.cases thead button").count() > 3
    assert page.evaluate("getComputedStyle(document.body).maxWidth") != "none"


def test_the_ways_between_the_pages_lead_there_and_back(browser: Browser, root: str) -> None:
    """From the index to the history, to a report's place, and back."""
    page = browser.new_context().new_page()
    page.goto(f"{root}/index.html")
    page.get_by_role("link", name="History of").click()
    assert "History of demo" in page.title()
    page.get_by_role("link", name="all runs").click()
    page.get_by_role("link", name="The fastest way").click()
    assert page.locator("table.atlas").is_visible()
    page.go_back()
    assert page.locator("ol.runs li").count() == 2
