"""What every target shares: folders that names cannot lead out of, and what may come back from a verb."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pageswap.campaign import run_and_resume
from pageswap.campaign.options import Options
from pageswap.campaign.outcome import NoHostError
from pageswap.errors import HostError, HostPythonError
from pageswap.fleet import target as fleet_target
from pageswap.fleet.inventory import InventoryHost
from pageswap.fleet.provision.bundle import Bundle
from pageswap.fleet.target import Target, make_target, named
from pageswap.fleet.transport.local import LocalTransport
from pageswap.fleet.transport.transport import Reach
from pageswap.plan import plan as planning
from pageswap.spec.loader import loads

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fleet.sshd import Sshd

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


class TestCalls:
    """What may come back, and what does not."""

    def test_lines_are_given_as_they_come_and_the_last_is_the_answer(self, talking: Callable[[str], Target]) -> None:
        """A start that waits for the lease says so at once."""
        target = talking(READ_ALL + 'print("{\\"first\\": 1}", flush=True)\nprint(json.dumps(document))')
        lines: list[object] = []

        assert target.call("start", {"x": "y"}, on_line=lambda line, _stream: lines.append(line)) == {"x": "y"}
        assert lines == [{"first": 1}, {"x": "y"}]

    def test_a_program_that_dies_silently_is_an_error_with_its_complaint(
        self, talking: Callable[[str], Target]
    ) -> None:
        """Such as a Python that cannot start."""
        with pytest.raises(HostError, match=r"local: status: ended without an answer: .*broken python"):
            talking("import sys; sys.exit('broken python')").call("status", {"long": "x" * (1 << 20)})
        with pytest.raises(HostError, match=r"local: status: ended without an answer: it$"):
            talking("import sys; sys.exit('lines that are not ours\\nerror: lab2: as\\nit')").call("status", {})

    @pytest.mark.parametrize("said", ["nonsense", "[1]", "{", "NaN"])
    def test_anything_but_an_object_is_an_error(self, talking: Callable[[str], Target], said: str) -> None:
        """As from a shell that greets whoever logs in."""
        with pytest.raises(HostError, match="expected a JSON object, found"):
            talking(READ_ALL + f"print({said!r})").call("status", {})

    def test_half_a_line_is_no_answer(self, talking: Callable[[str], Target]) -> None:
        """Its end may be what matters."""
        with pytest.raises(HostError, match="ended without an answer"):
            talking(READ_ALL + "sys.stdout.write('{\"pid\": 1}')").call("start", {})

    def test_an_endless_answer_is_cut_off(
        self, talking: Callable[[str], Target], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Before it fills the controller's memory."""
        monkeypatch.setattr(fleet_target, "MAX_ANSWER_BYTES", 1000)
        with pytest.raises(HostError, match="an answer of more than"):
            talking(READ_ALL + "while True: sys.stdout.write('x' * 9999)").call("facts", {})

    def test_an_answer_of_endless_lines_is_cut_off(self, talking: Callable[[str], Target]) -> None:
        """Each of them one that a start may say while it waits."""
        with pytest.raises(HostError, match="local: start: an answer of more than 1,000 lines"):
            talking(READ_ALL + "while True: print('{}')").call("start", {}, timeout_s=None)

    def test_an_answer_that_goes_on_for_ever_ends_with_its_time(self, talking: Callable[[str], Target]) -> None:
        """Though something comes all the time."""
        source = "while True: print(' ', end='', flush=True); time.sleep(0.001)"
        with pytest.raises(HostError, match=r"local: status: no answer within 0\.3 s"):
            talking(READ_ALL + source).call("status", {}, timeout_s=0.3)

    def test_a_program_that_hangs_is_killed(self, talking: Callable[[str], Target], tmp_path: Path) -> None:
        """And named."""
        source = READ_ALL + "open(document['pid'], 'w').write(str(os.getpid()))\ntime.sleep(600)"
        path = tmp_path / "pid"
        with pytest.raises(HostError, match=r"local: facts: no answer within 3 s"):
            talking(source).call("facts", {"pid": str(path)}, timeout_s=3)

        assert not os.path.exists(f"/proc/{path.read_text()}")  # noqa: PTH110 - a number, not a path of ours

    def test_a_bundle_comes_first(self) -> None:
        """Forgetting it is an error, not a crash."""
        with pytest.raises(HostError, match="no bundle"):
            make_target(InventoryHost("local")).call("status", {})


def test_a_segment_has_a_folder_of_its_own(tmp_path: Path) -> None:
    """By run, host and number."""
    target = Target(LocalTransport("lab-1.rack_2", Reach()), workdir=str(tmp_path / "w"))

    assert target.work_dir("20250131T120000Z-0a1b2c", 3) == f"{tmp_path}/w/runs/20250131T120000Z-0a1b2c/lab-1.rack_2/3"


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/..", "a/b/c", "a..b", "-o", "$(x)", "a b", "a\n", "\0", "é", "x" * 300]
)
def test_no_name_leads_elsewhere(name: str) -> None:
    """Neither a run's nor a host's."""
    for run_id, host in ((name, "lab1"), ("run", name)):
        with pytest.raises(HostError, match="cannot be a folder"):
            Target(LocalTransport(host, Reach())).work_dir(run_id, 1)


def test_a_node_of_a_cluster_has_one_folder(tmp_path: Path) -> None:
    """Its name is no folder's, while a run's with a slash is none at all."""
    target = Target(LocalTransport("cluster/n3", Reach()), workdir=str(tmp_path))

    assert target.work_dir("run", 1) == f"{tmp_path}/runs/run/cluster=n3/1"
    with pytest.raises(HostError, match="cannot be a folder"):
        target.work_dir("a/b", 1)


@pytest.mark.parametrize(
    ("text", "told"), [("a: x", "a: x"), ("a (10.0.0.1:22): x", "a (10.0.0.1:22): x"), ("/x: y", "a: /x: y")]
)
def test_an_error_of_a_host_begins_with_its_name(text: str, told: str) -> None:
    """Once, and it stays the kind of error that it was; what is no host's error stays as it is."""
    error = named("a", HostPythonError(text))
    other = ValueError("x")

    assert (str(error), type(error)) == (told, HostPythonError)
    assert named("a", other) is other


def test_two_names_of_one_machine_are_one_host(
    sshd: Sshd, reach: Callable[..., Target], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here this one's, by itself and by its sshd: the second name is not measured, by no resume of it either."""
    monkeypatch.setenv("PAGESWAP_HOME", str(tmp_path / "home"))
    text = "name: a\nquestion: why?\nmethod: [memcpy]\nregion_size: 1MiB\niterations: 100\n"
    made = run_and_resume.run(
        planning.make(loads(f"{text}repeats: 2\nbaseline: {{method: memcpy}}\n", "a.yaml")),
        results_dir=tmp_path,
        options=Options(at_once=1),
        targets=[make_target(InventoryHost("local")), reach()],
        render=lambda _store, path: path,
    )
    with pytest.raises(NoHostError) as again:
        run_and_resume.resume(made.run_dir, targets=[reach()], render=lambda _store, path: path)

    said = f"{sshd.alias}: is the machine that is measured as local already; name it once"
    assert [str(error) for error in (made.host_errors[sshd.alias], again.value)] == [said, said]
    assert {host.host: host.rows > 0 for host in again.value.outcome.hosts} == {"local": True, sshd.alias: False}
