"""What a site has about many runs: histories, the atlas and comparisons, each made anew only when something changed."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from pageswap.errors import HostError, UsageError
from pageswap.publish.publishing import publish
from tests.publish.test_publish import folder, index_of, runs, to  # noqa: F401 - runs is a fixture
from tests.stored_run import RUN_ID, store_run

if TYPE_CHECKING:
    from pathlib import Path

COMPARISON = """<!DOCTYPE html><head><meta name="generator" content="pageswap">
<meta name="description" content="3 cases are slower &amp; one is not"><title>6.12 against 6.6</title>
<style>b { color: red }</style></head><body><script>sort()</script></body>"""


def with_scripts(_store: Any, path: Path) -> Path:
    """Write a report of which two runs' differ in nothing but their names."""
    path.write_text(f"<!DOCTYPE html><style>a</style>report of {path.parent.name}<script>{'x' * 10_000}</script>")
    return path


def inodes(site: Path) -> dict[str, int]:
    """Return which file is at each path of a site."""
    return {str(path.relative_to(site)): path.stat().st_ino for path in site.rglob("*") if path.is_file()}


def test_reports_share_one_copy_of_their_scripts(tmp_path: Path, runs: list[Path]) -> None:  # noqa: F811 - the fixture
    """Each asks for it from where it is."""
    site = tmp_path / "site"
    made = publish(runs, folder(site), render=with_scripts)
    pages = [path.read_text() for path in site.glob("runs/*/*/report.html")]
    (script,) = site.glob("shared/*.js")

    assert script.read_text() == "x" * 10_000
    assert all(f'<script src="../../../shared/{script.name}"></script>' in page for page in pages)
    assert all(len(page) < 1_000 for page in pages)
    assert made.sent_bytes < 100_000
    assert "x" * 10_000 in (runs[0] / "report.html").read_text()


def test_what_is_shared_stays_for_the_pages_that_use_it(tmp_path: Path, runs: list[Path]) -> None:  # noqa: F811 - the fixture
    """Also where another run is published whose report uses none of it."""
    site = tmp_path / "site"
    publish(runs, folder(site), render=with_scripts)
    before = inodes(site)
    to(site, [store_run(tmp_path / "results", 3)])
    after = inodes(site)

    assert {path for path in before if path.startswith("shared/")} <= after.keys()
    assert all(before[path] == after[path] for path in before if path.startswith(("shared/", "runs/")))
    third = publish([tmp_path / "results" / "demo" / RUN_ID.format(3)], folder(site), prune=True)
    assert third.removed
    assert not list(site.glob("shared/*.js"))


def test_a_damaged_script_is_sent_again(tmp_path: Path, runs: list[Path]) -> None:  # noqa: F811 - the fixture
    """It is known by its name."""
    site = tmp_path / "site"
    publish(runs, folder(site), render=with_scripts)
    (script,) = site.glob("shared/*.js")
    script.write_text("damaged")
    publish(runs, folder(site), render=with_scripts)

    assert next(site.glob("shared/*.js")).read_text() == "x" * 10_000


def test_an_experiment_of_several_runs_has_a_history(tmp_path: Path, runs: list[Path]) -> None:  # noqa: F811 - the fixture
    """The index leads to it, it leads to each report and back, and it is told apart from the runs."""
    site = tmp_path / "site"
    to(site, runs[:1])
    assert [page["path"] for page in index_of(site)["pages"]] == ["atlas.html"]
    to(site, runs)
    page = (site / "histories/demo.html").read_text()

    assert ["atlas.html", "histories/demo.html"] == [page["path"] for page in index_of(site)["pages"]]
    assert {f"../runs/demo/{run.name}/report.html" for run in runs} == set(re.findall(r'href="(\.\./runs[^"]+)"', page))
    assert 'href="../index.html"' in page
    assert 'href="histories/demo.html"' in (site / "index.html").read_text()
    assert "Too few runs to tell a change" in index_of(site)["pages"][1]["text"]


def test_a_page_about_many_runs_is_made_anew_only_when_they_changed(tmp_path: Path, runs: list[Path]) -> None:  # noqa: F811 - the fixture
    """A run of another experiment leaves a history as it is, one of its own does not."""
    site = tmp_path / "site"
    to(site, runs)
    before = inodes(site)
    to(site, [store_run(tmp_path / "results", 3, name="other")])
    after = inodes(site)
    assert before["histories/demo.html"] == after["histories/demo.html"]
    assert before["atlas.html"] != after["atlas.html"]
    to(site, [store_run(tmp_path / "results", 4)])

    assert after["histories/demo.html"] != inodes(site)["histories/demo.html"]


def test_a_history_has_the_runs_of_all_who_publish(tmp_path: Path) -> None:
    """Those that only the site knows, too."""
    site = tmp_path / "site"
    for number in range(1, 5):
        run = store_run(tmp_path / f"machine{number}", number)
        to(site, [run])

    assert "4 at most" in index_of(site)["pages"][1]["text"]
    assert "3 at most" not in (site / "histories/demo.html").read_text()


def test_comparisons_lie_beside_the_reports(tmp_path: Path, runs: list[Path]) -> None:  # noqa: F811 - the fixture
    """With their own words on the index, sharing what they have in common; they stay until they are pruned."""
    site, page = tmp_path / "site", tmp_path / "kernels.html"
    page.write_text(COMPARISON)
    publish(runs, folder(site), comparisons=[page], render=with_scripts)
    to(site, [store_run(tmp_path / "results", 3)])
    (entry,) = [each for each in index_of(site)["pages"] if each["kind"] == "comparison"]

    assert ("comparisons/kernels.html", "6.12 against 6.6", "3 cases are slower & one is not") == (
        entry["path"],
        entry["title"],
        entry["text"],
    )
    assert '<script src="../shared/' in (site / entry["path"]).read_text()
    to(site, runs, prune=True)
    assert not (site / entry["path"]).exists()


@pytest.mark.parametrize("name", ["other.html", "a b.html", "missing.html"])
def test_what_is_no_comparison_is_refused(tmp_path: Path, runs: list[Path], name: str) -> None:  # noqa: F811 - the fixture
    """Nobody's page is published by mistake."""
    page = tmp_path / name
    if name != "missing.html":
        page.write_text(COMPARISON if " " in name else "<title>My diary</title>")
    with pytest.raises(UsageError, match=re.escape(f"--comparison {page}")):
        publish(runs, folder(tmp_path / "site"), comparisons=[page], render=with_scripts)


def test_a_site_of_the_first_format_is_gone_on_with(tmp_path: Path, runs: list[Path]) -> None:  # noqa: F811 - the fixture
    """Its runs stay, with the figures that it has not."""
    site = tmp_path / "site"
    to(site, runs[:1])
    index = index_of(site)
    names = ("run_id", "experiment", "question", "answer", "verdicts", "started", "updated", "hosts", "commit", "dirty")
    rest = ("trials", "statuses", "missing", "report", "bytes", "sha256")
    first = [{name: run[name] for name in (*names, *rest)} for run in index["runs"]]
    for other in (*index["pages"], *index["shared"]):
        (site / other["path"]).unlink()
    (site / "index.json").write_text(json.dumps({"format": 1, "generator": "pageswap 0.1", "runs": first}))
    to(site, runs[1:])

    assert {RUN_ID.format(1), RUN_ID.format(2)} == {run["run_id"] for run in index_of(site)["runs"]}
    assert index_of(site)["format"] == 2
    to(site, runs)
    assert all(run["figures"] for run in index_of(site)["runs"])


@pytest.mark.parametrize("path", ["index.html", "../x.html", "histories/a/b.html", "shared/x.js", "CNAME"])
def test_a_page_in_a_place_of_no_page_is_refused(tmp_path: Path, runs: list[Path], path: str) -> None:  # noqa: F811 - the fixture
    """What came from elsewhere is checked."""
    site = tmp_path / "site"
    to(site, runs)
    index = index_of(site)
    index["pages"][0]["path"] = path
    (site / "index.json").write_text(json.dumps(index))

    with pytest.raises(HostError, match="something that is no page"):
        to(site, runs)
