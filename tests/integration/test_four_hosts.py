"""One command, four hosts: all rows, one report about all of them, and nothing is uploaded twice."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from pageswap.store.store import Store
from tests.integration.checkout import inv
from tests.integration.fleet import check_quiet

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from tests.integration.network import Network

HOSTS = ("lab1", "lab2", "lab3", "lab4")
SMALL = ("--set", "region_size=2MiB,4MiB", "--set", "iterations=2000", "--repeats", "2")
INVENTORY = "hosts: {lab1: {tags: [old]}, lab2: {}, lab3: {}, lab4: {}}\ngroups: {rack: [lab3, lab4]}\n"


def uploads(run_dir: Path) -> dict[str, float]:
    """Give the seconds that each host's uploads took."""
    with Store.open(run_dir / "run.sqlite") as store:
        ledger = store.ledger()
        return {host: ledger[host].get("uploading", 0.0) for host in store.meta()["hosts"]}


@pytest.mark.slow
def test_four_hosts_with_one_command(network: Network, checkout: Path, tmp_path: Path) -> None:
    """Aliases, a group; the second run finds everything there."""
    hosts = [network.add(name) for name in HOSTS]
    (tmp_path / "hosts.yaml").write_text(INVENTORY)

    def run() -> subprocess.CompletedProcess[str]:
        where = (
            "--hosts",
            "lab1,lab2,@rack",
            "--ssh-config",
            str(network.ssh_config),
            "--inventory",
            str(tmp_path / "hosts.yaml"),
        )
        words = ("run", "--spec", "mremap_vs_copy.yaml", *where, *SMALL, "--json")
        return inv(checkout, *words, inside=network.inside, PAGESWAP_HOME=str(tmp_path / "home"))

    first = run()
    assert first.returncode == 0, first.stderr
    document = json.loads(first.stdout)
    (run_dir,) = (checkout / "results" / "mremap_vs_copy").iterdir()
    with Store.open(run_dir / "run.sqlite") as store:
        host, status = store.columns().index("host"), store.columns().index("status")
        found = Counter((row[host], row[status]) for row in store.rows())
        expected = store.trial_count(HOSTS[0])
        hashes = {facts["core"]["core_hash"] for facts in store.environments().values()}
    assert found == Counter({(name, "ok"): expected for name in HOSTS})
    assert len(hashes) == 1
    page = (run_dir / "report.html").read_text(encoding="utf-8")
    assert all(name in page for name in HOSTS)
    assert str(run_dir) in json.dumps(document)
    assert all(seconds > 0 for seconds in uploads(run_dir).values())

    bundles = [_bundles(host.home()) for host in hosts]
    assert all(len(each) == 1 for each in bundles)
    assert run().returncode == 0
    (second,) = [folder for folder in (checkout / "results" / "mremap_vs_copy").iterdir() if folder != run_dir]
    assert uploads(second) == dict.fromkeys(HOSTS, 0.0)
    assert bundles == [_bundles(host.home()) for host in hosts]
    for each in hosts:
        check_quiet(each)


def _bundles(home: Path) -> list[tuple[str, int]]:
    """Tell the bundles that are there, by what changes when one is written; an overlay's inodes do so by themselves."""
    found = (home / ".cache/pageswap/bundles").iterdir()
    return [(path.name, (path / "manifest.json").stat().st_mtime_ns) for path in found]
