"""Hosts of several ages: measured by the same bits where these load, by their own where not, or told why not."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest

from pageswap.fleet.provision.bundle import backend_files
from pageswap.store.store import Store
from tests.integration.checkout import inv
from tests.integration.fleet import check_quiet, check_whole

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.fleet import Fleet
    from tests.integration.network import Host
    from tests.integration.roots import Roots

SPEC = """
name: debians
question: Do hosts of several ages measure?
method: [memcpy, newer_libc]
region_size: 256KiB
iterations: 50
baseline: {method: memcpy}
repeats: 1
warmups: 0
"""


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Have cffi for the other Pythons in a cache."""
    cache = tmp_path_factory.mktemp("wheels")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PAGESWAP_HOME", str(cache))
        for tag in ("cp39", "cp313"):
            backend_files.cache_clear()
            assert backend_files(tag)
    return cache


@pytest.fixture
def _cached_wheels(fleet: Fleet, wheels: Path) -> None:
    """Give them to the controller, whose network has no way out."""
    shutil.copytree(wheels, fleet.folder / "home")


def cores(run_dir: Path) -> dict[str, dict[str, Any]]:
    """Give what each host's environment says of the core."""
    with Store.open(run_dir / "run.sqlite") as store:
        return {host: facts["core"] for host, facts in store.environments().items()}


def take_compiler(host: Host) -> None:
    """Leave a host without a C compiler."""
    host.run("sh", "-c", "rm -f /usr/bin/*gcc* /usr/bin/cc /usr/bin/c99 /usr/bin/c89 /usr/bin/*-cpp* /usr/bin/clang*")


@pytest.mark.slow
@pytest.mark.usefixtures("_cached_wheels")
def test_three_debians_run_the_same_bits(fleet: Fleet, roots: Roots) -> None:
    """Python 3.9 with glibc 2.31, 3.11 with 2.36 and 3.13 with 2.41: every row ok, one hash of the core."""
    hosts = [fleet.network.add(suite, lower=str(roots[suite])) for suite in ("bullseye", "bookworm", "trixie")]
    take_compiler(hosts[0])
    ended = fleet.run("bullseye", "bookworm", "trixie")

    assert ended.code == 0, ended.errors
    assert ended.run_dir is not None
    check_whole(ended.run_dir, fleet.spec(repeats=1), ["bullseye", "bookworm", "trixie"])
    found = cores(ended.run_dir)
    assert len(found) == 3
    assert len({core["core_hash"] for core in found.values()}) == 1
    assert {core["build"] for core in found.values()} == {"controller"}
    for host in hosts:
        check_quiet(host)


@pytest.mark.slow
@pytest.mark.usefixtures("_cached_wheels")
def test_a_core_that_does_not_load_is_built_there(fleet: Fleet, roots: Roots, checkout: Path) -> None:
    """Where there is a compiler, and said in every row; where there is none, the text names both things missing."""
    (checkout / "debians.yaml").write_text(SPEC)
    fleet.network.add("old", lower=str(roots["bullseye"]))
    take_compiler(fleet.network.add("old-bare", lower=str(roots["bullseye"])))
    fleet.network.add("newer", lower=str(roots["trixie"]))
    config = str(fleet.network.ssh_config)
    words = ["run", "--spec", "debians.yaml", "--hosts", "old,old-bare,newer", "--ssh-config", config]
    done = inv(checkout, *words, inside=fleet.network.inside, PAGESWAP_HOME=str(fleet.folder / "home"))

    assert done.returncode == 3, done.stderr
    said = " ".join(line for line in (done.stdout + done.stderr).splitlines() if "old-bare" in line)
    assert "glibc" in said
    assert "compiler" in said
    (run_dir,) = (checkout / "results" / "debians").iterdir()
    found = cores(run_dir)
    assert {host: core["build"] for host, core in found.items()} == {"old": "host", "newer": "controller"}
    assert found["old"]["core_hash"] != found["newer"]["core_hash"]
    with Store.open(run_dir / "run.sqlite") as store:
        columns = store.columns()
        rows = [dict(zip(columns, row, strict=True)) for row in store.rows()]
    assert {(row["host"], row["status"]) for row in rows} == {("old", "ok"), ("newer", "ok")}
    for name in ("old", "old-bare", "newer"):
        check_quiet(fleet.network.hosts[name])
