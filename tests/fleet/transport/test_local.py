"""The local target speaks to the real agent's program, apart from the terminal and the user's environment."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from requirement import require

from pageswap.errors import HostError, HostPythonError
from pageswap.fleet import Bundle, LocalTarget, make_bundle
from pageswap.fleet.transport import target as fleet_target

if TYPE_CHECKING:
    from collections.abc import Callable

READ_ALL = "import json, os, sys, time\ndocument = json.load(sys.stdin)\n"


@pytest.fixture
def talking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], LocalTarget]:
    """Give a target whose program is what the test says."""
    monkeypatch.setenv("PAGESWAP_HOME", str(tmp_path / "home"))

    def make(source: str) -> LocalTarget:
        target = LocalTarget()
        target.ensure_bundle(Bundle({"__main__.py": source.encode()}, "0" * 64))
        return target

    return make


class TestRealAgent:
    """The program that will also run on remote hosts."""

    def test_verbs_are_answered(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Facts with the core's, and the state of a segment that never was."""
        monkeypatch.setenv("PAGESWAP_HOME", str(tmp_path / "home"))
        target = LocalTarget()
        target.ensure_bundle(make_bundle())
        status = target.call("status", {"work_dir": target.work_dir("run", 1)})
        facts = target.call("facts", {})

        assert (status["alive"], status["journal_bytes"]) == (False, 0)
        assert facts["environment"]["core"]["core_hash"]
        assert {"memcpy", "mremap_fixed"} <= {method["name"] for method in facts["methods"]}
        assert target.work_dir("run", 1) == f"{tmp_path}/home/runs/run/local/1"

    def test_its_refusal_is_an_error_in_its_own_words(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """With the host's name before it."""
        monkeypatch.setenv("PAGESWAP_HOME", str(tmp_path / "home"))
        target = LocalTarget("here")
        target.ensure_bundle(make_bundle())
        with pytest.raises(HostError, match=r"^here: .*not an absolute path"):
            target.call("status", {"work_dir": "relative"})


class TestInventory:
    """What the inventory says of this machine holds as for any other."""

    def test_bundles_and_journals_may_be_elsewhere(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """In a private folder that is made; the usual place stays as it is."""
        monkeypatch.setenv("PAGESWAP_HOME", str(tmp_path / "home"))
        target = LocalTarget(workdir=str(tmp_path / "else" / "where"))
        target.ensure_bundle(make_bundle())

        assert target.work_dir("run", 1) == f"{tmp_path}/else/where/runs/run/local/1"
        assert target.call("clean", {"runs": "all"})["removed"] == 0
        assert (tmp_path / "else" / "where").stat().st_mode & 0o777 == 0o700
        assert not (tmp_path / "home").exists()

    @pytest.mark.parametrize("version", ["3.9", "3.12", "3.13"])
    def test_another_python_gets_its_backend(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
    ) -> None:
        """As on any other host."""
        pythons = sorted((Path.home() / ".pyenv/versions").glob(f"{version}.*/bin/python3")) or [
            Path(found) for found in [shutil.which(f"python{version}")] if found
        ]
        if not pythons:
            pytest.skip(f"there is no Python {version} here")
        monkeypatch.setenv("PAGESWAP_HOME", str(tmp_path / "home"))
        target = LocalTarget(python=str(pythons[0]))
        try:
            target.ensure_bundle(make_bundle())
        except HostPythonError as error:
            require("pip-index", present=False, reason=str(error))
        environment = target.call("facts", {})["environment"]

        assert environment["python"].startswith(version)
        assert environment["core"]["core_hash"]

    def test_a_python_that_does_not_serve_is_refused(self, tmp_path: Path) -> None:
        """With what it says, or that it is not there."""
        old = tmp_path / "python3"
        old.write_text("#!/bin/sh\necho SyntaxError: too old >&2; exit 1\n")
        old.chmod(0o755)
        with pytest.raises(HostPythonError, match=r"local: .*/python3 cannot run the agent: SyntaxError: too old;"):
            LocalTarget(python=str(old)).ensure_bundle(make_bundle())
        with pytest.raises(HostError, match="local: /nowhere/python3: No such file or directory"):
            LocalTarget(python="/nowhere/python3").ensure_bundle(make_bundle())


class TestCalls:
    """What may come back, and what does not."""

    def test_lines_are_given_as_they_come_and_the_last_is_the_answer(
        self, talking: Callable[[str], LocalTarget]
    ) -> None:
        """A start that waits for the lease says so at once."""
        target = talking(READ_ALL + 'print("{\\"first\\": 1}", flush=True)\nprint(json.dumps(document))')
        lines: list[object] = []

        assert target.call("start", {"x": "y"}, on_line=lambda line, _stream: lines.append(line)) == {"x": "y"}
        assert lines == [{"first": 1}, {"x": "y"}]

    def test_a_program_that_dies_silently_is_an_error_with_its_complaint(
        self, talking: Callable[[str], LocalTarget]
    ) -> None:
        """Such as a Python that cannot start."""
        with pytest.raises(HostError, match=r"local: status: ended without an answer: .*broken python"):
            talking("import sys; sys.exit('broken python')").call("status", {"long": "x" * (1 << 20)})

    @pytest.mark.parametrize("said", ["nonsense", "[1]", "{", "NaN"])
    def test_anything_but_an_object_is_an_error(self, talking: Callable[[str], LocalTarget], said: str) -> None:
        """As from a shell that greets whoever logs in."""
        with pytest.raises(HostError, match="expected a JSON object, found"):
            talking(READ_ALL + f"print({said!r})").call("status", {})

    def test_half_a_line_is_no_answer(self, talking: Callable[[str], LocalTarget]) -> None:
        """Its end may be what matters."""
        with pytest.raises(HostError, match="ended without an answer"):
            talking(READ_ALL + "sys.stdout.write('{\"pid\": 1}')").call("start", {})

    def test_an_endless_answer_is_cut_off(
        self, talking: Callable[[str], LocalTarget], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Before it fills the controller's memory."""
        monkeypatch.setattr(fleet_target, "MAX_ANSWER_BYTES", 1000)
        with pytest.raises(HostError, match="an answer of more than"):
            talking(READ_ALL + "while True: sys.stdout.write('x' * 9999)").call("facts", {})

    def test_a_program_that_hangs_is_killed(self, talking: Callable[[str], LocalTarget], tmp_path: Path) -> None:
        """And named."""
        source = READ_ALL + "open(document['pid'], 'w').write(str(os.getpid()))\ntime.sleep(600)"
        path = tmp_path / "pid"
        with pytest.raises(HostError, match=r"local: facts: no answer within 0\.5 s"):
            talking(source).call("facts", {"pid": str(path)}, timeout_s=0.5)

        assert not os.path.exists(f"/proc/{path.read_text()}")  # noqa: PTH110 - a number, not a path of ours

    def test_a_python_that_is_not_there_is_named(self, talking: Callable[[str], LocalTarget]) -> None:
        """With the system's reason."""
        target = talking("")
        target.python = "/nowhere/python3"
        with pytest.raises(HostError, match="local: /nowhere/python3: No such file or directory"):
            target.call("status", {})

    def test_a_bundle_comes_first(self) -> None:
        """Forgetting it is an error, not a crash."""
        with pytest.raises(HostError, match="no bundle"):
            LocalTarget().call("status", {})


class TestStreams:
    """Reading what comes, when it comes."""

    def test_reading_waits_no_longer_than_it_may(self, talking: Callable[[str], LocalTarget]) -> None:
        """Nothing, then something, then the end."""
        stream = talking(READ_ALL + "print('line', flush=True)\nos.close(1)\ntime.sleep(600)").follow("/w", 0)
        first = stream.read()
        end = stream.read()
        stream.cancel()

        assert (first, end) == (b"line\n", b"")
        assert stream.close() == ""
        assert stream.close() == ""

    def test_nothing_in_time_is_none(self, talking: Callable[[str], LocalTarget]) -> None:
        """Which is not the end."""
        stream = talking(READ_ALL + "time.sleep(600)").follow("/w", 0)

        assert stream.read(0.01) is None
        stream.close()

    def test_cancelling_ends_a_reader(self, talking: Callable[[str], LocalTarget]) -> None:
        """From another thread, that is; here it has happened already."""
        stream = talking(READ_ALL + "time.sleep(600)").follow("/w", 0)
        stream.cancel()

        assert stream.read() == b""
        stream.close()


class TestSurroundings:
    """What the program inherits."""

    def test_only_named_variables_are_inherited(
        self, talking: Callable[[str], LocalTarget], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The size of the environment moves the measured stack."""
        monkeypatch.setenv("SECRET", "x")
        monkeypatch.setenv("PYTHONPATH", "/x")
        environ = talking(READ_ALL + "print(json.dumps(dict(os.environ)))").call("facts", {})

        assert not {"SECRET", "PYTHONPATH"} & set(environ)
        assert environ["PAGESWAP_HOME"] == os.environ["PAGESWAP_HOME"]

    def test_it_has_a_session_of_its_own(self, talking: Callable[[str], LocalTarget]) -> None:
        """Ctrl-C goes to the terminal's foreground process group, which it is not in."""
        answer = talking(READ_ALL + "print(json.dumps([{}, {'sid': os.getsid(0), 'pid': os.getpid()}][1]))").call(
            "x", {}
        )

        assert answer["sid"] == answer["pid"] != os.getsid(0)

    def test_no_descriptor_leaks_into_it(self, talking: Callable[[str], LocalTarget], tmp_path: Path) -> None:
        """An inherited lock would outlive its holder."""
        with (tmp_path / "open").open("w") as file:
            os.set_inheritable(file.fileno(), True)  # noqa: FBT003 - os's own signature
            source = READ_ALL + "print(json.dumps({'open': sorted(map(int, os.listdir('/proc/self/fd')))[:4]}))"
            answer = talking(source).call("x", {})

        assert answer["open"][:3] == [0, 1, 2]
        assert len(answer["open"]) == 4  # the listing's own
