"""The folder of a site: what it says is there, that it changes in one step, and what survives a kill."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import stat
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
from requirement import require

from pageswap.errors import HostError
from pageswap.fleet.onhost import site

if TYPE_CHECKING:
    from pathlib import Path


def index_of(version: str, *reports: str) -> bytes:
    """Return an index that tells its version and records reports."""
    runs = [{"report": report} for report in reports]
    return json.dumps({"generator": "pageswap 0", "version": version, "runs": runs}).encode()


def seen(folder: Path) -> str:
    """Return what a publisher must have seen of a site to change it."""
    path = folder / "index.json"
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""


def put(folder: Path, holding: dict[str, bytes], kept: tuple[str, ...] = (), **changes: Any) -> dict[str, Any]:
    """Make the site consist of these files."""
    listed = [
        {"path": name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest(), "kept": False}
        for name, data in holding.items()
    ]
    listed += [{"path": name, "size": 0, "sha256": "", "kept": True} for name in kept]
    stream = b"".join(holding.values())
    document = {"path": str(folder), "seen": seen(folder), "files": listed, **changes}

    def read(size: int) -> bytes:
        nonlocal stream
        data, stream = stream[:size], stream[size:]
        return data

    return site.put(document, read)


def a_site(version: str, reports: int = 2) -> dict[str, bytes]:
    """Return the files of a site whose every file tells the version."""
    made = {f"runs/a/r{number}/report.html": version.encode() * 1000 for number in range(reports)}
    return {"index.html": version.encode(), "index.json": index_of(version, *made), **made}


def contents(folder: Path) -> dict[str, bytes]:
    """Read all files of a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def write(top: Path, files: dict[str, bytes]) -> None:
    """Write files that are nobody's but the user's."""
    for name, content in files.items():
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_bytes(content)


def test_an_absent_an_empty_and_a_foreign_folder_are_told_apart(tmp_path: Path) -> None:
    """A site is known by its index."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").touch()
    put(tmp_path / "site", a_site("1"))

    states = {name: site.look(str(tmp_path / name))["state"] for name in ("absent", "empty", "other", "site")}
    assert {name: name for name in states} == states


def test_a_first_site_is_put_whole_and_can_be_read_by_all(tmp_path: Path) -> None:
    """Into a folder that is absent or empty; its hashes are told afterwards."""
    for name in ("absent", "empty"):
        folder = tmp_path / name
        if name == "empty":
            folder.mkdir()
        assert put(folder, a_site("1"))["done"]
        assert a_site("1") == contents(folder)
        told = site.look(str(folder))
        assert {path: hashlib.sha256(data).hexdigest() for path, data in a_site("1").items()} == told["hashes"]
        for path in [folder, *folder.rglob("*")]:
            assert stat.S_IMODE(path.stat().st_mode) == (0o755 if path.is_dir() else 0o644)
    assert [] == list(tmp_path.rglob(".*"))


def test_what_is_kept_is_the_same_file(tmp_path: Path) -> None:
    """It is linked, not copied."""
    put(tmp_path / "site", a_site("1"))
    report = tmp_path / "site/runs/a/r0/report.html"
    before = report.stat().st_ino
    left = "runs/a/r0/report.html"
    put(tmp_path / "site", {"index.html": b"2", "index.json": index_of("2", left)}, kept=(left,))

    assert before == report.stat().st_ino
    assert not (tmp_path / "site/runs/a/r1").exists()


def test_a_reader_never_sees_a_half_site(tmp_path: Path) -> None:
    """Whoever opens the folder and reads it finds all files of one version, while it is published over and over."""
    folder = tmp_path / "site"
    put(folder, a_site("0"))
    is_over = threading.Event()
    mixed: list[set[bytes]] = []
    reads = 0

    def look() -> None:
        nonlocal reads
        while not is_over.is_set():
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                names = ("index.html", "runs/a/r0/report.html", "runs/a/r1/report.html")
                handles = [os.open(name, os.O_RDONLY, dir_fd=descriptor) for name in names]
                versions = {os.read(handle, 1) for handle in handles}
                for handle in handles:
                    os.close(handle)
            except FileNotFoundError:
                # The old site that this reader had entered is gone already: it looks again, as a browser does.
                continue
            finally:
                os.close(descriptor)
            reads += 1
            if len(versions) != 1:
                mixed.append(versions)

    reader = threading.Thread(target=look)
    reader.start()
    for number in range(60):
        assert put(folder, a_site(str(number % 10)))["is_atomic"]
        assert (folder / "index.html").exists()
    is_over.set()
    reader.join()

    assert mixed == []
    assert reads > 0


@pytest.mark.parametrize("files", [0, 1, 3])
def test_a_killed_publisher_leaves_the_old_site_and_the_next_one_clears_up(tmp_path: Path, files: int) -> None:
    """After any number of files."""
    folder = tmp_path / "site"
    put(folder, a_site("1"))
    pid = os.fork()
    if pid == 0:
        try:
            wanted = a_site("2")
            document = {
                "path": str(folder),
                "seen": seen(folder),
                "files": [
                    {"path": name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest(), "kept": False}
                    for name, data in wanted.items()
                ],
            }
            left = list(wanted.values())

            def read(_size: int) -> bytes:
                if len(wanted) - len(left) == files:
                    os.kill(os.getpid(), signal.SIGKILL)
                return left.pop(0)

            site.put(document, read)
        finally:
            os._exit(1)
    assert os.waitpid(pid, 0)[1] == signal.SIGKILL

    assert a_site("1") == contents(folder)
    assert len(list(tmp_path.iterdir())) == 2
    put(folder, a_site("3"))
    assert a_site("3") == contents(folder)
    assert [folder] == list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sha256": "0" * 64}, "came damaged"),
        ({"size": 10_000_000}, "came incomplete"),
        ({"path": "../escaped"}, "cannot be a file of a site"),
        ({"path": "/etc/passwd"}, "cannot be a file of a site"),
        ({"path": "runs/../../x"}, "cannot be a file of a site"),
        ({"path": ".htaccess"}, "cannot be a file of a site"),
    ],
)
def test_what_comes_wrong_changes_nothing(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    """The old site stays, and nothing beside it."""
    folder = tmp_path / "site"
    put(folder, a_site("1"))
    data = b"new"
    file = {"path": "index.html", "size": 3, "sha256": hashlib.sha256(data).hexdigest(), "kept": False, **change}

    with pytest.raises(HostError, match=message):
        put(folder, {"x": data}, files=[file])
    assert a_site("1") == contents(folder)
    assert [folder] == list(tmp_path.iterdir())


def test_a_site_that_somebody_else_changed_is_a_conflict(tmp_path: Path) -> None:
    """The second of two publishers who both saw the first site must look again."""
    folder = tmp_path / "site"
    put(folder, a_site("1"))
    before = seen(folder)
    put(folder, a_site("2"))

    assert {"conflict": True} == put(folder, a_site("3"), seen=before)
    assert a_site("2") == contents(folder)


def test_files_of_other_origin_stay(tmp_path: Path) -> None:
    """A CNAME or a .git folder beside the site's own files is the owner's."""
    folder = tmp_path / "site"
    put(folder, a_site("1"))
    (folder / "CNAME").write_text("pages.example")
    (folder / ".git").mkdir()
    (folder / ".git" / "HEAD").write_text("ref")
    put(folder, a_site("2"))

    assert {**a_site("2"), "CNAME": b"pages.example", ".git/HEAD": b"ref"} == contents(folder)


@pytest.mark.parametrize("name", ["thesis.tex", "index.html", "feed.xml", "runs/marathon.gpx", "index.json"])
def test_a_folder_with_other_files_and_no_site_is_left_alone(tmp_path: Path, name: str) -> None:
    """A home folder or a web site given by mistake loses nothing, whatever its files are called."""
    write(tmp_path, {name: b"precious"})

    assert site.look(str(tmp_path))["state"] == "other"
    with pytest.raises(HostError, match="holds other files and no site"):
        put(tmp_path, a_site("1"))
    assert {name: b"precious"} == contents(tmp_path)


def test_files_below_the_runs_that_no_index_records_stay(tmp_path: Path) -> None:
    """Beside a report that stays, beside one that goes, and in a folder of their own; empty folders go."""
    folder = tmp_path / "site"
    put(folder, a_site("1", reports=3))
    own = {"runs/a/r0/notes.txt": b"0", "runs/a/r1/notes.txt": b"1", "runs/b/c": b"2"}
    write(folder, own)
    put(folder, a_site("2", reports=1))

    assert {**a_site("2", reports=1), **own} == contents(folder)
    assert not (folder / "runs/a/r2").exists()
    assert [folder] == list(tmp_path.iterdir())


@pytest.mark.parametrize("taken", ["runs/a/r1/report.html", "runs/a/r1", "runs/a/r1/report.html/x"])
@pytest.mark.parametrize("is_link", [False, True])
def test_what_is_in_a_new_files_way_is_named_and_stays(tmp_path: Path, taken: str, *, is_link: bool) -> None:
    """It is not of the site's making, whatever it is; the site stays as it is."""
    folder = tmp_path / "site"
    put(folder, a_site("1", reports=1))
    write(tmp_path, {"else": b"mine"})
    (folder / taken).parent.mkdir(parents=True, exist_ok=True)
    if is_link:
        (folder / taken).symlink_to(tmp_path / "else")
    else:
        (folder / taken).write_bytes(b"mine")
    before = contents(folder)

    with pytest.raises(HostError, match=r"runs/a/r1/report\.html: is in the way of the site"):
        put(folder, a_site("2"))
    assert before == contents(folder)
    assert (tmp_path / "else").read_bytes() == b"mine"


def test_an_index_that_names_files_elsewhere_reaches_none_of_them(tmp_path: Path) -> None:
    """Somebody may have written it."""
    folder = tmp_path / "site"
    put(folder, a_site("1", reports=0))
    write(tmp_path, {"precious": b"mine"})
    (folder / "index.json").write_bytes(index_of("1", "../precious", str(tmp_path / "precious"), "runs/.."))

    assert {"index.html", "index.json"} == site.look(str(folder))["hashes"].keys()
    put(folder, a_site("2"))
    assert (tmp_path / "precious").read_bytes() == b"mine"


def test_what_a_link_leads_to_is_none_of_the_sites(tmp_path: Path) -> None:
    """The folder of a report that its owner moved elsewhere: it is not told of, and neither it nor the link goes."""
    folder = tmp_path / "site"
    put(folder, a_site("1"))
    (folder / "runs/a/r1").rename(tmp_path / "moved")
    (folder / "runs/a/r1").symlink_to(tmp_path / "moved")

    assert "runs/a/r1/report.html" not in site.look(str(folder))["hashes"]
    put(folder, a_site("2", reports=1))
    assert {"report.html": a_site("1")["runs/a/r1/report.html"]} == contents(tmp_path / "moved")
    assert (folder / "runs/a/r1").is_symlink()


@pytest.mark.parametrize("record", [None, b"{}", b"nonsense", b'{"site": "/elsewhere", "files": ["index.html"]}'])
def test_neighbours_that_are_named_like_a_publishers_work_stay(tmp_path: Path, record: bytes | None) -> None:
    """Only what records this site is of a publisher's making."""
    mine = dict.fromkeys(("new/index.html", "old/index.html", "index.html", "x"), b"mine")
    write(tmp_path / ".site.new-draft", {**mine, **({} if record is None else {"record.json": record})})
    write(tmp_path / ".site.new-draft.old", mine)
    before = contents(tmp_path)
    put(tmp_path / "site", a_site("1"))
    put(tmp_path / "site", a_site("2"))

    assert {**before, **{f"site/{name}": data for name, data in a_site("2").items()}} == contents(tmp_path)


def test_a_sites_folder_keeps_its_mode_and_owner(tmp_path: Path) -> None:
    """A group's members may have a right to write there."""
    require("root", os.geteuid() == 0, "needs root: another user's folder")
    folder = tmp_path / "site"
    folder.mkdir()
    os.chown(folder, 1234, 2345)
    folder.chmod(0o2775)
    for version in ("1", "2"):
        put(folder, a_site(version))
        found = folder.stat()

        assert (1234, 2345, 0o2775) == (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode))


def test_a_file_system_that_cannot_exchange_folders_is_served_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In two steps, and it says so; one that was killed between them is put right by the next publisher."""
    monkeypatch.setattr(site, "exchange", lambda _one, _other: False)
    folder = tmp_path / "site"
    put(folder, a_site("1"))

    assert {"done": True, "is_atomic": False} == put(folder, a_site("2"))
    assert a_site("2") == contents(folder)
    record = {"site": str(folder), "files": [*a_site("2")]}
    write(tmp_path / ".site.new-killed", {"new/index.html": b"3", "record.json": json.dumps(record).encode()})
    folder.rename(tmp_path / ".site.new-killed" / "old")
    write(tmp_path / ".site.new-killed/old", {"CNAME": b"pages.example"})
    put(folder, a_site("3"), seen=hashlib.sha256(a_site("2")["index.json"]).hexdigest())
    assert {**a_site("3"), "CNAME": b"pages.example"} == contents(folder)
    assert [folder] == list(tmp_path.iterdir())


def test_a_link_is_followed_to_the_folder_it_means(tmp_path: Path) -> None:
    """The link stays a link."""
    (tmp_path / "link").symlink_to(tmp_path / "real")
    put(tmp_path / "link", a_site("1"))
    put(tmp_path / "link", a_site("2"))

    assert (tmp_path / "link").is_symlink()
    assert a_site("2") == contents(tmp_path / "real")


def test_a_file_and_the_root_are_refused(tmp_path: Path) -> None:
    """Each with the cure."""
    (tmp_path / "file").touch()

    for path in (str(tmp_path / "file"), "/"):
        with pytest.raises(HostError, match="give a folder"):
            site.look(path)


def test_a_folder_that_is_to_hold_a_site_is_not_made(tmp_path: Path) -> None:
    """A mistyped one would be where nobody looks."""
    with pytest.raises(HostError, match=r"there is no folder '.*/no/such'; make it, or name another place"):
        put(tmp_path / "no" / "such" / "site", a_site("1"))

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("sent", [b"", b'{"verb": "put", "path": "%s", "seen": "", "files": [%s]}\n'])
def test_input_that_never_comes_is_not_waited_for(tmp_path: Path, sent: bytes) -> None:
    """A cut link closes nothing, and other publishers wait for the lock."""
    folder = tmp_path / "site"
    if sent:
        file = b'{"path": "index.html", "size": 9, "sha256": "", "kept": false}'
        sent %= (os.fsencode(folder), file)
    code = "import sys; from pageswap.fleet.onhost import site; site.PATIENCE_S = 1; site.main(sys.stdin.buffer)"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.write(sent)
        process.stdin.flush()

        assert process.wait(60) == -signal.SIGALRM
    put(folder, a_site("next"))

    assert [path.name for path in tmp_path.iterdir()] == ["site"]
