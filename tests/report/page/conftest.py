"""One browser and one report of each run for all tests of pages, as each takes seconds to make."""

from __future__ import annotations

import contextlib
import shutil
from typing import TYPE_CHECKING

import pytest

from pageswap.report.page.write import render
from tests.report.page.test_write import hostile, rich, usual
from tests.requirement import require

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from playwright.sync_api import Browser, BrowserContext

# The headless one is the same engine without a window's processes.
_CHROMIUM = shutil.which("chromium-headless-shell") or shutil.which("chromium")
_ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def chromium(outer_network: Callable[[], AbstractContextManager[None]]) -> Iterator[Browser]:
    """Start Debian's Chromium once, where servers of any file can be reached."""
    require("chromium", _CHROMIUM, "no chromium on the PATH; 'apt-get install chromium-headless-shell' brings it")
    from playwright.sync_api import sync_playwright

    with contextlib.ExitStack() as running:
        with outer_network():
            playwright = running.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def kept() -> list[BrowserContext]:
    """Return what stays open for more tests than one."""
    return []


@pytest.fixture
def browser(chromium: Browser, kept: list[BrowserContext]) -> Iterator[Browser]:
    """Return the browser, and close the pages that a test has opened: each goes on drawing."""
    yield chromium
    for context in chromium.contexts:
        if context not in kept:
            context.close()


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the usual run's report."""
    return render(usual(), tmp_path_factory.mktemp("report") / "report.html")


@pytest.fixture(scope="session")
def rich_report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the report of a run that has something for every part of the page."""
    return render(rich(), tmp_path_factory.mktemp("rich") / "report.html")


@pytest.fixture(scope="session")
def hostile_report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the report of a run with hostile text in every field."""
    return render(hostile(), tmp_path_factory.mktemp("hostile") / "report.html")
