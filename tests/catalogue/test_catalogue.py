"""Every folder of results is a line of the catalogue, whatever lies in it, and is read again only when it changed."""

from __future__ import annotations

import json
import shutil
import sqlite3
import threading
from typing import TYPE_CHECKING

import pytest

from pageswap.catalogue import catalogue
from pageswap.catalogue.catalogue import read_catalogue
from pageswap.catalogue.entry import COMPLETE, DAMAGED, FOREIGN, RUNNING, UNFINISHED, Entry, chosen
from pageswap.catalogue.run_columns import COLUMNS, keep_columns
from pageswap.store.database import folder_held
from pageswap.store.store import Store
from tests.store.fakes import change
from tests.stored_run import COMMIT, RUN_ID, store_run
from tests.test_gold_stores import STORES

if TYPE_CHECKING:
    from pathlib import Path


def states(results: Path) -> dict[str, str]:
    """Return the state of each folder by its name."""
    return {entry.folder.name: entry.state for entry in read_catalogue(results)}


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Return the folders of the stores that are opened from now on."""
    found: list[Path] = []
    read = catalogue.read_entry

    def note(folder: Path) -> Entry:
        found.append(folder)
        return read(folder)

    monkeypatch.setattr(catalogue, "read_entry", note)
    return found


def test_an_entry_has_what_is_known_of_its_run(tmp_path: Path) -> None:
    """Facts of each host, what was said of it, and how its trials ended."""
    said = {"tags": {"purpose": "ci"}, "note": "after the update"}
    folder = store_run(tmp_path, hosts=("lab1", "lab2"), blocks=2, provenance=said)
    (entry,) = read_catalogue(tmp_path)

    assert (entry.folder, entry.run_id, entry.experiment) == (folder, folder.name, "demo")
    assert (entry.state, entry.missing, entry.statuses) == (COMPLETE, 0, {"ok": entry.trials})
    assert (entry.tags, entry.note, entry.commit) == ({"purpose": "ci"}, "after the update", COMMIT)
    assert [facts["host"] for facts in entry.hosts] == ["lab1", "lab2"]
    assert entry.hosts[1]["kernel"] == "6.18.5"
    assert entry.hosts[1]["core_hash"] == "ab" * 32


def test_every_folder_is_a_line(tmp_path: Path) -> None:
    """Damaged, foreign, not begun, empty of runs, of another program: none is an error, and the good one is there."""
    good = store_run(tmp_path, blocks=1)
    bad = store_run(tmp_path, 2, blocks=1) / "run.sqlite"
    bad.write_bytes(bad.read_bytes()[:5000])
    changed = store_run(tmp_path, 3, blocks=1) / "run.sqlite"
    with sqlite3.connect(changed) as connection:
        connection.execute("UPDATE outcome SET elapsed_ns = 1")
    connection.close()
    odd = store_run(tmp_path, 4, blocks=1) / "run.sqlite"
    change(odd, "UPDATE run SET experiment = '[]'")
    (tmp_path / "demo" / RUN_ID.format(5)).mkdir()
    (tmp_path / "demo" / "holiday").mkdir()
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "todo.txt").write_text("")
    (tmp_path / "empty").mkdir()
    other = tmp_path / "demo" / RUN_ID.format(6)
    other.mkdir()
    with sqlite3.connect(other / "run.sqlite") as connection:
        connection.execute("CREATE TABLE t (x)")
    connection.close()
    (tmp_path / "demo" / RUN_ID.format(7)).mkdir()
    (tmp_path / "demo" / RUN_ID.format(7) / "run.sqlite").mkdir()

    found = states(tmp_path)

    assert found == {
        good.name: COMPLETE,
        **{RUN_ID.format(number): DAMAGED for number in range(2, 8)},
        "holiday": FOREIGN,
        "notes": FOREIGN,
    }
    assert states(tmp_path) == found
    assert all(entry.problem for entry in read_catalogue(tmp_path) if not entry.is_readable)
    assert "\n" not in "".join(entry.problem for entry in read_catalogue(tmp_path))


@pytest.mark.parametrize("path", STORES, ids=lambda path: path.stem)
def test_runs_of_every_version_are_read_and_stay_as_they_are(path: Path, tmp_path: Path) -> None:
    """A list changes nothing."""
    folder = tmp_path / "gold" / "run"
    folder.mkdir(parents=True)
    shutil.copy(path, folder / "run.sqlite")
    (entry,) = read_catalogue(tmp_path)

    assert entry.is_readable
    assert entry.hosts[0]["kernel"]
    assert path.read_bytes() == (folder / "run.sqlite").read_bytes()


def test_only_what_changed_is_read_again(tmp_path: Path, opened: list[Path]) -> None:
    """A thousand runs are listed by one file."""
    first, second = (store_run(tmp_path, number, blocks=1) for number in (1, 2))
    read_catalogue(tmp_path)
    assert sorted(opened) == [first, second]
    opened.clear()
    read_catalogue(tmp_path)
    assert opened == []
    with Store.open(second / "run.sqlite") as store:
        store.set_problem("local", "gone")
    read_catalogue(tmp_path)
    assert opened == [second]
    shutil.rmtree(first)
    assert list(states(tmp_path)) == [second.name]
    assert opened == [second]


@pytest.mark.parametrize("harm", ["", "{}", '{"format": 1}\n{}', "half", "[", "\xff", "gone"])
def test_a_lost_or_damaged_index_is_made_anew(tmp_path: Path, opened: list[Path], harm: str) -> None:
    """All of it is in the runs."""
    folder = store_run(tmp_path, blocks=1)
    expected = read_catalogue(tmp_path)
    index = tmp_path / ".catalogue" / "index.json"
    whole = index.read_bytes()
    if harm == "gone":
        index.unlink()
    else:
        index.write_bytes(whole[: len(whole) // 2] if harm == "half" else harm.encode("latin-1"))
    opened.clear()

    assert read_catalogue(tmp_path) == expected
    assert opened == [folder]
    assert index.read_bytes() == whole


def test_a_flipped_letter_of_the_index_is_found(tmp_path: Path) -> None:
    """Nothing is told that was not read."""
    store_run(tmp_path, blocks=1)
    expected = read_catalogue(tmp_path)
    index = tmp_path / ".catalogue" / "index.json"
    index.write_bytes(index.read_bytes().replace(b"AMD EPYC", b"AMD EPIC"))

    assert read_catalogue(tmp_path) == expected


def test_a_run_that_ended_is_known_without_its_store(tmp_path: Path, opened: list[Path]) -> None:
    """By the file beside it, unless the store was written since."""
    folder = store_run(tmp_path, blocks=1)
    with Store.open(folder / "run.sqlite") as store:
        keep_columns(store)
    (entry,) = read_catalogue(tmp_path)
    assert (opened, entry.run_id, entry.state) == ([], folder.name, COMPLETE)

    with Store.open(folder / "run.sqlite") as store:
        store.set_problem("local", "gone")
    read_catalogue(tmp_path)
    assert opened == [folder]


@pytest.mark.parametrize("harm", [b"", b"PAR1", b"x" * 99 + b"PAR1", b"\xff\xff\xff\xffPAR1"])
def test_a_damaged_file_of_columns_is_passed_over(tmp_path: Path, harm: bytes) -> None:
    """The store is what counts."""
    folder = store_run(tmp_path, blocks=1)
    (folder / COLUMNS).write_bytes(harm)

    assert states(tmp_path) == {folder.name: COMPLETE}


def test_a_run_being_written_is_said_to_be(tmp_path: Path) -> None:
    """By whom holds its folder; without one it is unfinished, and with its plan not stored yet it is no damage."""
    folder = store_run(tmp_path, blocks=1, ended=False)
    new = tmp_path / "demo" / RUN_ID.format(2)
    new.mkdir()

    with folder_held(folder), folder_held(new):
        assert states(tmp_path) == {folder.name: RUNNING, new.name: RUNNING}
    assert states(tmp_path) == {folder.name: UNFINISHED, new.name: DAMAGED}


def test_whoever_looks_whether_a_run_is_held_keeps_nobody_from_holding_it(tmp_path: Path) -> None:
    """Looking takes an instant, and holding waits for longer than that."""
    folder = store_run(tmp_path, blocks=1, ended=False)
    ended = threading.Event()

    def look() -> None:
        while not ended.is_set():
            read_catalogue(tmp_path)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        for _ in range(50):
            with folder_held(folder):
                pass
    finally:
        ended.set()
        thread.join()


def test_two_who_write_the_index_at_once_leave_a_whole_one(tmp_path: Path) -> None:
    """The later wins, and both have told the truth."""
    folders = [store_run(tmp_path, number, blocks=1) for number in range(1, 5)]
    found: list[list[str]] = []

    def go() -> None:
        for _ in range(10):
            shutil.rmtree(tmp_path / ".catalogue", ignore_errors=True)
            found.append([entry.folder.name for entry in read_catalogue(tmp_path)])

    threads = [threading.Thread(target=go) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [[folder.name for folder in folders]] * 20
    read_catalogue(tmp_path)
    head, body = (tmp_path / ".catalogue" / "index.json").read_bytes().split(b"\n", 1)
    assert json.loads(head)["format"] == 1
    assert len(json.loads(body)) == len(folders)


def test_results_that_are_not_there_are_no_runs(tmp_path: Path) -> None:
    """As in a fresh checkout; and nothing is made."""
    assert read_catalogue(tmp_path / "results") == []
    assert list(tmp_path.iterdir()) == []


def test_entries_are_chosen_by_all_that_is_asked_for(tmp_path: Path) -> None:
    """Experiment, host, tags, note and time; what is damaged has none of the last four."""
    store_run(tmp_path, 1, blocks=1, hosts=("lab1",), provenance={"tags": {"a": "1", "b": "2"}, "note": "Quiet night"})
    store_run(tmp_path, 2, blocks=1, name="other")
    (tmp_path / "demo" / RUN_ID.format(3)).mkdir()
    entries = read_catalogue(tmp_path)

    def ids(**wanted: object) -> list[int]:
        return [int(entry.run_id[-1]) for entry in chosen(entries, **wanted)]

    assert sorted(ids()) == [1, 2, 3]
    assert sorted(ids(experiment="demo")) == [1, 3]
    assert ids(host="lab1") == ids(tags={"a": "1"}) == ids(tags={"a": "1", "b": "2"}) == ids(note="night") == [1]
    assert ids(host="lab9") == ids(tags={"a": "2"}) == ids(note="day") == ids(since="2999") == []
    assert sorted(ids(since="2000")) == [1, 2]
