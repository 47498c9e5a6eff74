"""Publishing: what is added, kept, updated and removed, for readers, for machines and over SSH."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest

from pageswap.errors import HostError, StoreError, UsageError
from pageswap.fleet.inventory import InventoryHost
from pageswap.fleet.target import make_target
from pageswap.fleet.transport.transport import Reach
from pageswap.publish.destination import Destination, split
from pageswap.publish.index import read_index
from pageswap.publish.publishing import TITLE, Published, publish
from tests.fleet.sshd import Sshd
from tests.stored_run import RUN_ID, store_run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOST_KEYS = ("host", "cpu_model", "kernel", "microcode")
ATOM = "{http://www.w3.org/2005/Atom}"


def render(_store: Any, path: Path) -> Path:
    """Write a line in place of a report, which takes seconds."""
    path.write_text(f"<!DOCTYPE html>report of {path.parent.name}")
    return path


def put(runs: list[Path], destination: Any, **options: Any) -> Published:
    """Publish with such reports."""
    return publish(runs, destination, **{"render": render, **options})


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    """Store two runs."""
    return [store_run(tmp_path / "results", number) for number in (1, 2)]


def index_of(site: Path) -> dict[str, Any]:
    """Read a site's index."""
    found: dict[str, Any] = json.loads((site / "index.json").read_text())
    return found


def folder(path: Path | str, kind: type[Destination] = Destination) -> Destination:
    """Name a folder of this machine."""
    return kind(make_target(InventoryHost("local")), str(path))


def to(site: Path, runs: list[Path], **options: Any) -> Published:
    """Publish into a folder of this machine."""
    return put(runs, folder(site), **options)


def test_a_site_has_an_index_a_feed_and_every_report(tmp_path: Path, runs: list[Path]) -> None:
    """Each link on the page, in the index and in the feed leads to a file."""
    site = tmp_path / "site"
    made = to(site, runs)
    index = index_of(site)
    page = (site / "index.html").read_text()
    feed = ET.fromstring((site / "feed.xml").read_bytes())  # noqa: S314 - our own
    links = {link.get("href") for entry in feed.iter(f"{ATOM}entry") for link in entry.iter(f"{ATOM}link")}

    assert ((RUN_ID.format(1), RUN_ID.format(2)), ()) == (made.added, made.unchanged)
    assert [RUN_ID.format(2), RUN_ID.format(1)] == [run["run_id"] for run in index["runs"]]
    assert {run["report"] for run in index["runs"]} == links == set(re.findall(r'href="(runs/[^"]+)"', page))
    assert all((site / str(link)).read_text().startswith("<!DOCTYPE html>") for link in links)
    assert "copy_words and mremap_fixed were " in index["runs"][0]["answer"][0]
    assert {"slower": 2} == index["runs"][0]["verdicts"]
    (host,) = index["runs"][0]["hosts"]
    assert ("local", "AMD EPYC 9R45", "6.18.5", "0xb101047") == tuple(host[key] for key in HOST_KEYS)


def test_publishing_again_changes_nothing(tmp_path: Path, runs: list[Path]) -> None:
    """Neither a report nor the index is made, sent or touched."""
    site = tmp_path / "site"
    to(site, runs)
    before = {path: path.stat().st_ino for path in [site, *site.rglob("*")]}
    again = to(site, runs, render=None)

    assert (0, 2) == (again.sent_bytes, len(again.unchanged))
    assert before == {path: path.stat().st_ino for path in [site, *site.rglob("*")]}


def test_only_what_is_new_is_made_and_sent(tmp_path: Path, runs: list[Path]) -> None:
    """A third run leaves the other two reports the files they were, and need not name them."""
    site = tmp_path / "site"
    to(site, runs)
    before = {path.parent.name: path.stat().st_ino for path in site.glob("runs/*/*/report.html")}
    made = to(site, [store_run(tmp_path / "results", 3)])

    assert (RUN_ID.format(3),) == made.added
    assert before.items() <= {p.parent.name: p.stat().st_ino for p in site.glob("runs/*/*/report.html")}.items()
    assert 3 == len(index_of(site)["runs"])


def test_a_changed_run_is_updated(tmp_path: Path, runs: list[Path]) -> None:
    """Its report is older than its database, as after `inv resume`, so it is rendered anew."""
    site = tmp_path / "site"
    to(site, runs)
    report = runs[0] / "report.html"
    report.write_text("old")
    os.utime(report, (1, 1))
    (site / f"runs/demo/{RUN_ID.format(1)}/report.html").write_text("damaged on the site")
    made = to(site, runs)

    assert (RUN_ID.format(1), RUN_ID.format(2)) == made.unchanged
    assert "report of" in (site / f"runs/demo/{RUN_ID.format(1)}/report.html").read_text()
    report.write_text("<!DOCTYPE html>another")
    assert (RUN_ID.format(1),) == to(site, runs).updated


def test_prune_removes_the_others(tmp_path: Path, runs: list[Path]) -> None:
    """With it the site shows the named runs alone."""
    site = tmp_path / "site"
    to(site, runs)
    made = to(site, runs[:1], prune=True)

    assert (RUN_ID.format(2),) == made.removed
    assert [RUN_ID.format(1)] == [path.parent.name for path in site.glob("runs/*/*/report.html")]
    assert [RUN_ID.format(1)] == [run["run_id"] for run in index_of(site)["runs"]]


def test_prune_keeps_what_is_named_and_cannot_be_read_now(tmp_path: Path, runs: list[Path]) -> None:
    """Its page on the site may be the last there is of it."""
    site = tmp_path / "site"
    third = store_run(tmp_path / "results", 3)
    to(site, [*runs, third])
    runs[0].joinpath("run.sqlite").write_text("not a database")
    made = to(site, runs, prune=True)

    assert ([RUN_ID.format(1)], (RUN_ID.format(3),)) == (list(made.left_out), made.removed)
    assert {RUN_ID.format(1), RUN_ID.format(2)} == {path.parent.name for path in site.glob("runs/*/*/report.html")}
    assert {RUN_ID.format(1), RUN_ID.format(2)} == {run["run_id"] for run in index_of(site)["runs"]}


def test_a_run_that_cannot_be_read_is_left_out_with_its_reason(tmp_path: Path, runs: list[Path]) -> None:
    """The others are published; when it is the only one, that is an error."""
    runs[0].joinpath("run.sqlite").write_text("not a database")
    made = to(tmp_path / "site", runs)

    assert (RUN_ID.format(2),) == made.added
    assert [RUN_ID.format(1)] == list(made.left_out)
    with pytest.raises(StoreError, match="none of 1 runs can be published"):
        to(tmp_path / "site", runs[:1])


def test_a_title_is_kept_until_another_is_given(tmp_path: Path, runs: list[Path]) -> None:
    """It is part of the site."""
    site = tmp_path / "site"
    titles = []
    for title in ("", "Our fleet", ""):
        to(site, runs, title=title)
        titles.append(index_of(site)["title"])

    assert [TITLE, "Our fleet", "Our fleet"] == titles


def test_a_publisher_that_came_between_is_not_undone(tmp_path: Path, runs: list[Path]) -> None:
    """Whoever looked before another one published looks again, and both runs are there."""
    site = tmp_path / "site"

    class Late(Destination):
        is_late = True

        def look(self) -> dict[str, Any]:
            seen = super().look()
            if self.is_late:
                self.is_late = False
                to(site, runs[:1])
            return seen

    put(runs[1:], folder(site, Late))

    assert {RUN_ID.format(1), RUN_ID.format(2)} == {run["run_id"] for run in index_of(site)["runs"]}


def test_a_site_whose_hosts_were_described_by_other_conditions_is_gone_on_with(
    tmp_path: Path, runs: list[Path]
) -> None:
    """What an index tells of a host was less, and may be more."""
    site = tmp_path / "site"
    to(site, runs[:1])
    index = index_of(site)
    index["runs"][0]["hosts"] = before = [{"host": "attic", "cpu": "Pentium"}]
    (site / "index.json").write_text(json.dumps(index))
    to(site, runs)

    assert before == index_of(site)["runs"][1]["hosts"]
    assert "attic" in (site / "index.html").read_text()


def test_a_site_whose_lines_end_as_on_windows_is_gone_on_with(tmp_path: Path, runs: list[Path]) -> None:
    """As it came out of a repository."""
    site = tmp_path / "site"
    to(site, runs[:1])
    path = site / "index.json"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))

    assert (RUN_ID.format(2),) == to(site, runs).added


@pytest.mark.slow
@pytest.mark.parametrize("title", ["re\xadmapping", "\x7f", "\U000e0041", "\u202e", "Größe"])
def test_a_title_of_any_letters_keeps_no_site_from_being_gone_on_with(
    tmp_path: Path, runs: list[Path], title: str
) -> None:
    """Also of those that nobody sees."""
    site = tmp_path / "site"
    to(site, runs[:1], title=title)

    assert index_of(site)["title"] == title
    assert (RUN_ID.format(2),) == to(site, runs).added


@pytest.mark.slow
def test_a_site_may_have_many_runs(tmp_path: Path, runs: list[Path]) -> None:
    """More than a host may answer lines of anything else."""
    site = tmp_path / "site"
    to(site, runs[:1])
    index = index_of(site)
    many = {**index, "runs": index["runs"] * 12_000}

    assert len(read_index(json.dumps(many), "site")["runs"]) == 12_000


@pytest.mark.parametrize(
    "change",
    [
        {"format": 99},
        {"runs": 3},
        {"runs": ["x"]},
        {"runs": [{"report": "../../etc/passwd"}]},
    ],
)
def test_an_index_that_is_not_ours_is_not_gone_on_with(
    tmp_path: Path, runs: list[Path], change: dict[str, Any]
) -> None:
    """What came from elsewhere is checked before it is shown again."""
    site = tmp_path / "site"
    to(site, runs)
    (site / "index.json").write_text(json.dumps({**index_of(site), **change}))

    with pytest.raises(HostError, match=r"index\.json"):
        to(site, runs)


@pytest.mark.parametrize("answer", [{"index": 5}, {"index": ["x"], "hashes": {}}, {"index": None, "hashes": "all"}])
def test_a_host_that_tells_nothing_of_a_site_is_refused(
    runs: list[Path], answer: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What another host answers is data, and may be anything."""
    target = make_target(InventoryHost("local"))
    monkeypatch.setattr(target, "ask", lambda *_asked, **_how: answer)
    with pytest.raises(HostError, match="web:x: what it answers tells nothing of a site"):
        put(runs, Destination(target, "web:x"))


def test_an_entry_that_was_tampered_with_is_refused(tmp_path: Path, runs: list[Path]) -> None:
    """Its types and its path are checked one by one."""
    site = tmp_path / "site"
    to(site, runs)
    index = index_of(site)
    for field, value in (
        ("answer", [1]),
        ("hosts", [{"host": 1}]),
        ("report", "runs/a/../b/report.html"),
        ("bytes", "1"),
    ):
        (site / "index.json").write_text(json.dumps({**index, "runs": [{**index["runs"][0], field: value}]}))
        with pytest.raises(HostError, match="something that is no run"):
            to(site, runs)


def test_another_folder_is_left_alone(tmp_path: Path, runs: list[Path]) -> None:
    """With the cure."""
    with pytest.raises(UsageError, match="holds other files and no site; give a new or an empty folder"):
        to(tmp_path, runs)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("site", ("", "site")),
        ("/srv/www", ("", "/srv/www")),
        ("./a:b", ("", "./a:b")),
        ("/a:b", ("", "/a:b")),
        ("web:/srv/www", ("web", "/srv/www")),
        ("me@web:www", ("me@web", "www")),
    ],
)
def test_a_destination_is_read_as_scp_does(text: str, parts: tuple[str, str]) -> None:
    """A colon before the first slash ends a host's name."""
    assert parts == split(text)


@pytest.mark.parametrize("text", ["", ":x", "host:"])
def test_a_destination_without_a_part_is_refused(text: str) -> None:
    """With what is expected."""
    with pytest.raises(UsageError, match="--to"):
        split(text)


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    """Start a real sshd."""
    daemon = Sshd(tmp_path / "sshd")
    yield daemon
    daemon.stop()


def test_a_site_on_another_host_is_the_same_site(tmp_path: Path, runs: list[Path], sshd: Sshd) -> None:
    """Over a real sshd: put, put again without a byte, added to, and refused where other files are."""
    target = make_target(InventoryHost(sshd.alias), Reach(sshd.config))
    try:
        there = tmp_path / "there" / "my site"
        there.parent.mkdir()
        first = put(runs[:1], Destination(target, str(there)))
        again = put(runs[:1], Destination(target, str(there)))
        third = put(runs, Destination(target, str(there)))
        to(tmp_path / "here", runs)

        assert (RUN_ID.format(1),) == first.added
        assert (0, (RUN_ID.format(1),)) == (again.sent_bytes, again.unchanged)
        assert ((RUN_ID.format(2),), True) == (third.added, third.is_atomic)
        assert {str(p.relative_to(there)) for p in there.rglob("*")} == {
            str(p.relative_to(tmp_path / "here")) for p in (tmp_path / "here").rglob("*")
        }
        with pytest.raises(UsageError, match="holds other files"):
            put(runs, Destination(target, str(tmp_path)))
        with pytest.raises(HostError, match=r"lab1: .*there is no folder '.*run\.sqlite'"):
            put(runs, Destination(target, str(runs[0] / "run.sqlite" / "x")))
    finally:
        target.close()
