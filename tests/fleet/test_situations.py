"""Over every transport the machine that ssh reaches is the one that is reached, and it works or says why not.

Beside the host that a row means another one listens, which a reader that knows less of ssh_config would take.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import pytest
from fleet.lab import Lab
from fleet.situations import ENVIRONMENTS, KEYS, OTHERWISE, PYTHONS, ROUTES, ROWS, SHELLS, SITE, SSHDS, UNCLEAR, Row
from requirement import require, require_ssh

from pageswap.errors import HostError
from pageswap.fleet.provision.bundle import LOCAL_TAG, Bundle, make_bundle
from pageswap.fleet.target import Target
from pageswap.fleet.transport import transport as limits
from pageswap.fleet.transport.registry import TRANSPORTS
from pageswap.fleet.transport.transport import Reach

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pageswap.fleet.transport.transport import Transport

VIAS: Final = ("fabric", "openssh")
ECHO: Final = (sys.executable, "-c", "import sys; print(sys.stdin.read())")
PROOF: Final = "import json, os, sys\nprint(json.dumps({{'told': str({})}}), flush=True)\n"
NEEDED: Final = ("busybox", "fish", "numactl", "sudo", "zsh")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Run the hosts and an agent."""
    require_ssh()
    running = Lab(tmp_path_factory.mktemp("lab"))
    with running.agent():
        yield running
    running.stop()


@pytest.fixture
def way(lab: Lab, via: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, row: Row) -> Iterator[Transport]:
    """Make the transport of a row, with an agent where the row is about the user's."""
    for program in NEEDED:
        if program in row.bashrc + row.python:
            require(program, shutil.which(program), f"needs {program}: apt-get install {program}")
    config = tmp_path / "ssh_config"
    # Keys are tried one after the other: a row that names some is about those.
    otherwise = OTHERWISE.replace("IdentityFile {key}\n", "") if "IdentityFile" in row.config else OTHERWISE
    config.write_bytes((row.config + otherwise).format(**lab.names).encode())
    config.chmod(0o664)  # which ssh does not mind of a file that is named
    monkeypatch.setenv("PLACE", str(lab.folder))
    monkeypatch.delenv("KRB5CCNAME", raising=False)
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    if "the agent" in row.what:
        monkeypatch.setenv("SSH_AUTH_SOCK", f"{lab.folder}/agent")
    monkeypatch.setattr(limits, "MARK_S", 1.0 if "within 1 s" in row.error else 40.0)
    if row.bashrc:
        (lab.right.home / ".bashrc").write_text(f"{row.bashrc}\n")
    made = TRANSPORTS[via]("lab1", Reach(config))
    yield made
    made.close()
    (lab.right.home / ".bashrc").unlink(missing_ok=True)


def said(way: Transport, text: bytes = b"touch canary") -> bytes:
    """Have a program on the host repeat a text, and return the first line that comes of it."""
    stream = way.start(ECHO, text)
    try:
        return b"".join(iter(stream.read, b"")).partition(b"\n")[0]
    finally:
        stream.close()


def tried(lab: Lab, way: Transport, row: Row) -> None:
    """Have a program repeat a text, and others tell what the row has them asked for."""
    if not (row.python or row.proof or row.fact):
        assert said(way) == b"touch canary"
    if not (row.python or row.bashrc):
        return
    python = lab.folder / f"python of {row.what}".replace(" ", "_")
    python.write_text("#!/bin/sh\n" + row.python.format(**lab.names))
    python.chmod(0o755)
    target = Target(way, python=str(python) if row.python else sys.executable)
    if row.fact:
        target.ensure_bundle(make_bundle())
        assert str(target.call("facts", {})["environment"][row.fact]) == row.told
    else:
        main = {"__main__.py": PROOF.format(row.proof or None).encode(), "pageswap/__init__.py": b""}
        target.ensure_bundle(Bundle.of({**main, "pageswap/native/__init__.py": b""}, LOCAL_TAG))
        assert target.call("status", {}) == {"told": row.told or "None"}


def check(lab: Lab, way: Transport, row: Row, error: str) -> None:
    """See that what the row has come of it does, and on no other host a program starts."""
    before, taken = lab.count("Starting session"), lab.right.home / "taken"
    taken.write_bytes(b"")
    if error:
        with pytest.raises(HostError, match=error):
            tried(lab, way, row)
    else:
        tried(lab, way, row)
    began = lab.count("Starting session") - before

    assert set(began) <= ({row.at} if not error or row.bashrc or row.python or row.at != "right" else set())
    assert error or began
    assert taken.read_bytes() == b""
    assert list(lab.right.home.rglob("canary")) == []


def of(*tables: tuple[Row, ...]) -> pytest.MarkDecorator:
    """Return what gives a test each row of some tables."""
    rows = [row for table in tables for row in table]
    return pytest.mark.parametrize("row", rows, ids=[row.what for row in rows])


@pytest.mark.parametrize("via", [*VIAS, "auto"])
@of(ROUTES, KEYS, SSHDS)
def test_the_machine_that_ssh_reaches_is_reached(lab: Lab, way: Transport, row: Row, via: str) -> None:
    """And no program starts on another one; what is beyond fabric's library is left to ssh, or an error."""
    if row.at == "as ssh":
        # What not every ssh knows: where it does, the machine is that one, and nobody's guess otherwise.
        asked = ["ssh", "-F", str(way.reach.ssh_config), "-o", "BatchMode=yes", "lab1", "true"]
        is_known = subprocess.run(asked, check=False, capture_output=True).returncode == 0
        check(lab, way, row._replace(at="right"), "" if is_known else UNCLEAR)
        return
    check(lab, way, row, f"does not know .*{row.lacks}|{row.lacks}" if row.lacks and via == "fabric" else row.error)


@pytest.mark.parametrize("via", VIAS)
@of(SHELLS)
def test_a_login_shell_is_sent_nothing_before_our_program_runs(lab: Lab, way: Transport, row: Row) -> None:
    """So what it says is harmless, and what it starts instead is never given a program of ours."""
    check(lab, way, row, row.error)


@pytest.mark.parametrize("via", VIAS)
@of(PYTHONS, ENVIRONMENTS, SITE)
def test_a_python_is_run_as_it_is_named_and_apart_from_its_environment(lab: Lab, way: Transport, row: Row) -> None:
    """What keeps it from running is told in its own words."""
    check(lab, way, row, row.error)


def test_the_table_is_whole() -> None:
    """No row stands twice in it, and each is a test's."""
    tables = (ROUTES, KEYS, SSHDS, SHELLS, PYTHONS, ENVIRONMENTS, SITE)

    assert len({row.what for row in ROWS}) == len(ROWS) == sum(map(len, tables))
