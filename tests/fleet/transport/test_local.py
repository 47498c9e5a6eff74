"""Programs on this machine are apart from the terminal and the user's environment."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pageswap.fleet.inventory import InventoryHost
from pageswap.fleet.provision.bundle import Bundle
from pageswap.fleet.target import Target, make_target

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

READ_ALL = "import json, os, sys, time\ndocument = json.loads(sys.stdin.readline())\n"


@pytest.fixture
def talking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Target]:
    """Return a target whose program is what the test says."""
    monkeypatch.setenv("PAGESWAP_HOME", str(tmp_path / "home"))

    def make(source: str) -> Target:
        target = make_target(InventoryHost("local"))
        target.ensure_bundle(Bundle({"__main__.py": source.encode()}, "0" * 64))
        return target

    return make


class TestStreams:
    """Reading what comes, when it comes."""

    def test_reading_waits_no_longer_than_it_may(self, talking: Callable[[str], Target]) -> None:
        """Nothing, then something, then the end."""
        stream = talking(READ_ALL + "print('line', flush=True)\nos.close(1)\ntime.sleep(600)").follow("/w", 0)
        first = stream.read()
        end = stream.read()
        stream.cancel()

        assert (first, end) == (b"line\n", b"")
        assert stream.close() == ""
        assert stream.close() == ""

    def test_nothing_in_time_is_none(self, talking: Callable[[str], Target]) -> None:
        """Which is not the end."""
        stream = talking(READ_ALL + "time.sleep(600)").follow("/w", 0)

        assert stream.read(0.01) is None
        stream.close()

    def test_cancelling_ends_a_reader(self, talking: Callable[[str], Target]) -> None:
        """From another thread, that is; here it has happened already."""
        stream = talking(READ_ALL + "time.sleep(600)").follow("/w", 0)
        stream.cancel()

        assert stream.read() == b""
        stream.close()


class TestSurroundings:
    """What the program inherits."""

    def test_only_named_variables_are_inherited(
        self, talking: Callable[[str], Target], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The size of the environment moves the measured stack."""
        monkeypatch.setenv("SECRET", "x")
        monkeypatch.setenv("PYTHONPATH", "/x")
        environ = talking(READ_ALL + "print(json.dumps(dict(os.environ)))").call("facts", {})

        assert not {"SECRET", "PYTHONPATH"} & set(environ)
        assert environ["PAGESWAP_HOME"] == os.environ["PAGESWAP_HOME"]

    def test_it_has_a_session_of_its_own(self, talking: Callable[[str], Target]) -> None:
        """Ctrl-C goes to the terminal's foreground process group, which it is not in."""
        answer = talking(READ_ALL + "print(json.dumps([{}, {'sid': os.getsid(0), 'pid': os.getpid()}][1]))").call(
            "x", {}
        )

        assert answer["sid"] == answer["pid"] != os.getsid(0)

    def test_no_descriptor_leaks_into_it(self, talking: Callable[[str], Target], tmp_path: Path) -> None:
        """An inherited lock would outlive its holder."""
        with (tmp_path / "open").open("w") as file:
            os.set_inheritable(file.fileno(), True)
            source = READ_ALL + "print(json.dumps({'open': sorted(map(int, os.listdir('/proc/self/fd')))[:4]}))"
            answer = talking(source).call("x", {})

        assert answer["open"][:3] == [0, 1, 2]
        assert len(answer["open"]) == 4  # the listing's own
