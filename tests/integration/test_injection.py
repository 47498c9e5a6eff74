"""Nothing that a spec, a name or an answer says becomes a command or a path; what an ssh_config says stays there."""

from __future__ import annotations

import contextlib
import dataclasses
import string
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pageswap.agent.journal.job import Job
from pageswap.errors import PageswapError, UsageError
from pageswap.fleet.inventory import Inventory, InventoryHost
from pageswap.fleet.provision.bundle import make_bundle
from pageswap.fleet.target import make_target
from pageswap.fleet.transport.transport import Reach
from pageswap.spec import loader as spec
from tests.integration.checkout import inv
from tests.integration.fleet import check_quiet, rows
from tests.integration.network import USER

if TYPE_CHECKING:
    from tests.integration.fleet import Fleet
    from tests.integration.network import Host, Network

CANARY = "canary"
# What makes a file of that name, if any shell or any join of paths gets to see it.
POISON = [
    f"$(touch {CANARY})",
    f"`touch {CANARY}`",
    f"; touch {CANARY} ;",
    f"| touch {CANARY}",
    f"&& touch {CANARY}",
    f"\ntouch {CANARY}\n",
    f"' ; touch {CANARY} ; '",
    f'" ; touch {CANARY} ; "',
    f"-oProxyCommand=touch {CANARY}",
    f"../../{CANARY}",
    f"/srv/{CANARY}",
    f"!touch {CANARY}",
    f"%(touch {CANARY})",
    f"${{IFS}}touch${{IFS}}{CANARY}",
    f"a\x00b{CANARY}",
]
TEXTS = st.one_of(
    st.sampled_from(POISON),
    st.builds("{}{}{}".format, st.text(max_size=5), st.sampled_from(POISON), st.text(max_size=5)),
    st.text(string.printable, max_size=40),
)
ONLINE = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)


def job(experiment: str, run_id: str, host: str) -> Job:
    """Give a job without trials, with names that the layers above would have refused."""
    return Job(
        run_id=run_id, experiment=experiment, host=host, segment=1, lease_s=1.0, tune=False, wait=False, trials=()
    )


def canaries(*places: Path) -> list[Path]:
    """Find files of the canary's name."""
    found = []
    for place in places:
        done = subprocess.run(
            ["find", place, "-xdev", "-name", f"*{CANARY}*"], capture_output=True, text=True, check=False
        )
        found += [Path(line) for line in done.stdout.splitlines()]
    return found


def on_host(host: Host) -> list[Path]:
    """Find canaries wherever the user of a host may write."""
    return canaries(*(host.path(folder) for folder in ("home", "tmp", "var/tmp", "dev/shm", "run", "srv")))


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder, where a canary of the controller's would be."""
    (tmp_path / "nowhere").mkdir()
    monkeypatch.chdir(tmp_path / "nowhere")
    return tmp_path / "nowhere"


def test_the_canary_is_found_when_there_is_one(fleet: Fleet) -> None:
    """What the tests below rely on."""
    host = fleet.network.add("lab1")
    fleet.network.configure("lab1", RemoteCommand="touch canary")
    subprocess.run([*fleet.network.inside, "ssh", "-F", str(fleet.network.ssh_config), "lab1"], check=True)

    assert [path.name for path in on_host(host)] == [CANARY]


def test_names_and_paths_of_a_target(fleet: Fleet, nowhere: Path) -> None:
    """Whatever the inventory's python and workdir, the host's name, the run's id and the verb's document say."""
    host = fleet.network.add("lab1")
    bundle = make_bundle()
    tried = {"refused": 0, "served": 0}

    @given(TEXTS, TEXTS, TEXTS, st.sampled_from(["python", "workdir", "run id", "name"]))
    @ONLINE
    def try_it(text: str, run_id: str, name: str, where: str) -> None:
        known = InventoryHost(
            "lab1", python=text if where == "python" else None, workdir=text if where == "workdir" else None
        )
        target = make_target(known, Reach(fleet.network.ssh_config))
        try:
            target.ensure_bundle(bundle)
            if where == "name":
                target.name = name
            folder = target.work_dir(run_id if where == "run id" else "20250131T120000Z-0a1b2c", 1)
        except (PageswapError, ValueError):
            tried["refused"] += 1
            return
        for verb, document in (
            ("status", {"work_dir": folder}),
            ("stop", {"work_dir": folder, "how": text}),
            ("clean", {"runs": text, "cache": text}),
            ("start", {"work_dir": folder, "job": dataclasses.asdict(job(text, run_id, name))}),
        ):
            try:
                target.call(verb, document)
                tried["served"] += 1
            except PageswapError:
                tried["refused"] += 1
        target.close()
        check_quiet(host)

    with fleet.network.joined():
        try_it()
    assert all(tried.values())
    assert on_host(host) == []
    assert canaries(nowhere) == []
    fleet.check_next_run("lab1")


@given(TEXTS)
@settings(max_examples=300, deadline=None)
def test_aliases_groups_and_tags(text: str) -> None:
    """A name is a plain word or it is refused, so that it can be a folder and an argument of ssh."""
    for wanted in (text, f"@{text}"):
        try:
            (host,) = Inventory().select([wanted])
        except UsageError:
            continue
        else:
            assert set(host.name) <= set(string.ascii_letters + string.digits + "_.-")
            assert not host.name.startswith(("-", "."))
            assert ".." not in host.name


def test_strings_of_a_spec(fleet: Fleet, nowhere: Path) -> None:
    """Measured for real: name, question, and the file's own name, as far as they are accepted."""
    host = fleet.network.add("lab1")
    accepted = []
    for number, poison in enumerate(POISON):
        text = fleet.spec(repeats=1).read_text().replace("repeats: 1", "repeats: 1\nhosts: [lab1]")
        path = fleet.folder / f"poisoned-{number}.yaml"
        escaped = "".join(f"\\x{ord(letter):02x}" for letter in poison)
        path.write_text(text.replace("Does every trial come back?", f'"{escaped}"'))
        with contextlib.suppress(PageswapError):
            accepted.append(spec.load(path).question)
        for key in ("name", "hosts", "method"):
            path.with_suffix(f".{key}").write_text(text.replace(f"\n{key}: ", f'\n{key}: "{escaped}" # '))
            with contextlib.suppress(PageswapError):
                loaded = spec.load(path.with_suffix(f".{key}"))
                assert CANARY not in f"{loaded.name}{loaded.factors}"
    assert accepted
    path = fleet.folder / f"$(touch {CANARY}).yaml"
    escaped = "".join(f"\\x{ord(letter):02x}" for letter in "".join(accepted)[:180])
    path.write_text(fleet.spec(repeats=1).read_text().replace("Does every trial come back?", f'"{escaped}"'))
    ended = fleet.run("lab1", spec=path)

    assert ended.code == 0, ended.errors
    assert on_host(host) == []
    assert [found for found in canaries(fleet.folder) if found != path] == []
    assert canaries(nowhere) == []


SECRET = "hunter2-s3cr3t"  # noqa: S105 - that is the point
PIPE = """
import os, socket, threading
there = socket.create_connection(("{address}", 22))
def copy_in():
    while data := os.read(0, 65536):
        there.sendall(data)
threading.Thread(target=copy_in, daemon=True).start()
while data := there.recv(65536):
    os.write(1, data)
"""


def test_secrets_of_an_ssh_config(network: Network, checkout: Path, tmp_path: Path) -> None:
    """Neither what is printed nor what is kept has them, whether it works or fails."""
    host = network.add("lab1")
    secrets = {
        "ProxyCommand": f"env PASSWORD={SECRET} {sys.executable} {_pipe(tmp_path, host)}",
        "SetEnv": f"TOKEN={SECRET}",
        "IdentityFile": _secret_key(network),
    }
    spec_path = checkout / "secrets.yaml"
    spec_path.write_text((checkout / "experiments/smoke.yaml").read_text().replace("name: smoke", "name: secrets"))
    said = []
    tasks = [("run", "--spec", "secrets.yaml"), ("doctor", "--json")]
    for words in (
        secrets,
        {**secrets, "ProxyCommand": f"sh -c 'echo {SECRET} >&2; exit 1 # {SECRET}'"},
        {**secrets, "ProxyCommand": f"/nonexistent/{SECRET} --password {SECRET}"},
        {**secrets, "User": f"nobody-{SECRET}"},
        {**secrets, "HostKeyAlias": SECRET},
    ):
        network.configure("lab1", **words)
        for task in tasks:
            config = ("--hosts", "lab1", "--ssh-config", str(network.ssh_config))
            said.append(inv(checkout, *task, *config, inside=network.inside, PAGESWAP_HOME=str(tmp_path / "home")))
        tasks = tasks[:1]  # what a failure prints does not depend on the task
    assert said[0].returncode == 0, said[0].stderr
    assert {done.returncode for done in said[2:]} == {3}
    for done in said:
        assert "Traceback" not in done.stderr
        assert SECRET not in done.stdout + done.stderr
    kept = [checkout / "results" / "secrets", checkout / "build", tmp_path / "home", host.home(user=USER)]
    found = subprocess.run(["grep", "-rla", SECRET, *kept], capture_output=True, text=True, check=False)
    assert found.stdout == ""
    assert rows(next((checkout / "results" / "secrets").iterdir()))


def _pipe(folder: Path, host: Host) -> Path:
    """Write a program that connects its standard input and output to a host's sshd."""
    path = folder / "pipe.py"
    path.write_text(PIPE.format(address=host.address))
    return path


def _secret_key(network: Network) -> Path:
    """Give a key whose path is nobody's business."""
    folder = network.folder / SECRET
    folder.mkdir()
    key = folder / "key"
    key.write_bytes(network.user_key.read_bytes())
    key.chmod(0o600)
    return key
