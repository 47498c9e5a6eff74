"""A comparison's page: self-contained, the sentence first, a heat map, pictures, what differs, sortable figures."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

import pytest

from pageswap.comparison.sides import compare_sides
from pageswap.report.page.comparison_page import comparison_page, heat_map, model
from tests.comparison.test_sides import five_kernels, kernel

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser


def markup(page: str) -> str:
    """Give a page's body before its scripts, which hold markup as text."""
    return page[page.index("<body>") : page.index("<script>")]


def test_the_page_begins_with_which_kernel_changed_what() -> None:
    """Then come the heat map, each side, what differs, and every figure of every side."""
    found = five_kernels(limit=0.05)
    page = markup(comparison_page(found))
    text = html.unescape(re.sub(r"<[^>]+>", "", page)).replace("\u00a0", " ")

    assert text.index("Against kernel:6.1: kernel:6.12 made") < text.index("What changed")
    order = [page.index(f'id="{name}"') for name in ("verdict", "heat", "side1", "side4", "differs", "cases")]
    assert sorted(order) == order
    assert page.count("<svg") == 4
    assert page.count('<td class="t v">') == 4 * 3
    assert "6.12" in text[text.rindex("What differs") : text.rindex("Every figure")]
    assert not re.search(r"(?:src|href)=\"(?!#|data:)", page)


def test_the_heat_map_has_what_changed_first_and_shades_only_what_could_be_told() -> None:
    """A case a row, a side a column; a side without a case has an empty cell."""
    rows = heat_map(five_kernels())
    kinds = [[cell.kind for cell in row.cells if cell] for row in rows]

    assert "mremap_fixed" == rows[0].name
    assert ["same", "same", "slower", "faster"] == kinds[0]
    assert {0} == {cell.shade for row in rows[1:] for cell in row.cells if cell}
    assert all(cell.shade > 0 for cell in rows[0].cells[2:] if cell)


def test_names_from_elsewhere_are_escaped() -> None:
    """No name of a side is markup."""
    base, new = kernel("6.1", 1), kernel("6.6", 2)
    new = [part.__class__(part.run_data, part.host, "<img src=x onerror=alert(1)>") for part in new]

    assert "<img" not in markup(comparison_page(compare_sides(base, [new])))


def test_differences_are_marked_where_they_matter() -> None:
    """The kernel is, for each side."""
    for grid in model(five_kernels()).differences:
        assert ("matters", "Kernel") == (grid.marks[0], grid.rows[0][0])


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1280])
def test_a_browser_shows_it_without_a_request(chromium: Browser, tmp_path: Path, width: int) -> None:
    """No request, no complaint, nothing wider than the window; figures are sorted; axe finds nothing."""
    from axe_playwright_python.sync_playwright import Axe

    path = tmp_path / "comparison.html"
    path.write_text(comparison_page(five_kernels(limit=0.05)), encoding="utf-8")
    with chromium.new_context(viewport={"width": width, "height": 900}, bypass_csp=True) as context:
        page = context.new_page()
        requests: list[str] = []
        complaints: list[str] = []
        page.on("request", lambda request: requests.append(request.url))
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(path.as_uri())
        for number in range(4):
            page.locator(".chart").nth(number).scroll_into_view_if_needed()
            page.locator(".chart.ready").nth(number).wait_for(state="attached")
        page.get_by_role("button", name="Change", exact=False).first.click()

        assert [path.as_uri()] == requests
        assert [] == complaints
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        captions = [caption.bounding_box() for caption in page.locator("caption:not(.unseen) span").all()]
        assert len(captions) == 4
        assert all(box and box["x"] + box["width"] <= width for box in captions)
        assert page.locator("table.cases tbody tr").first.inner_text().startswith("kernel:6.18")
        for light in ("light", "dark"):
            page.emulate_media(color_scheme=light)  # type: ignore[arg-type]
            assert [] == Axe().run(page).response["violations"]


@pytest.mark.slow
def test_it_is_whole_without_scripts(chromium: Browser, tmp_path: Path) -> None:
    """Every picture is drawn and every figure there."""
    path = tmp_path / "comparison.html"
    path.write_text(comparison_page(five_kernels()), encoding="utf-8")
    with chromium.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(path.as_uri())

        assert page.locator(".static svg").count() == 4
        assert page.locator("table.cases tbody tr").count() == 12
