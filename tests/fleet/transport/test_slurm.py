"""Nodes share the way to their login host, and what is asked of a node says how a job for it is asked for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pageswap.fleet.inventory import Inventory
from pageswap.fleet.provision.bundle import LOCAL_TAG, Bundle
from pageswap.fleet.target import make_target
from pageswap.fleet.transport.slurm import Login

if TYPE_CHECKING:
    from pathlib import Path

TEXT = """\
hosts:
  big: {{cpu: 1, slurm: {{login: local, workdir: {folder}/ps, partition: zen4, constraint: [a, b], time: 5min}}}}
"""
SAYS = "import json, sys\nprint(json.dumps(json.loads(sys.stdin.readline())))\n"


class _Over:
    """A transport that counts how often it was closed."""

    closed = 0

    def close(self) -> None:
        self.closed += 1


def test_the_way_is_open_while_a_node_uses_it() -> None:
    """However often each says that it does, or that it does not any more."""
    over: Any = _Over()
    login, first, second = Login(over), object(), object()
    for user in (first, second, first):
        login.use(user)

    login.leave(first)
    login.leave(first)
    assert over.closed == 0
    login.leave(second)
    assert over.closed == 1
    login.use(first)
    login.leave(first)
    assert over.closed == 2


def test_verbs_are_told_of_the_node(tmp_path: Path) -> None:
    """Beside what they are asked; the folder of a node's run is in the cluster's, under a name that no host has."""
    inventory = Inventory.loads(TEXT.format(folder=tmp_path), "hosts.yaml")
    node, other = (make_target(host) for host in inventory.select(["big/n1", "big/n2"]))
    bundle = Bundle.of(
        {"__main__.py": SAYS.encode(), "pageswap/__init__.py": b"", "pageswap/native/__init__.py": b""}, LOCAL_TAG
    )
    node.ensure_bundle(bundle)

    answer = node.call("status", {"x": 1})

    assert answer == {
        "x": 1,
        "slurm": {
            "node": "n1",
            "partition": "zen4",
            "account": None,
            "constraint": "a&b",
            "minutes": 5,
            "python": node.facts().python,
            "bundle": f"{tmp_path}/ps/bundles/{bundle.sha256}",
        },
    }
    assert json.dumps(answer)
    assert node.work_dir("r1", 3) == f"{tmp_path}/ps/runs/r1/big=n1/3"
    assert node.is_queued
    assert node.machine == "", "the login host's would be that of all nodes"
    assert node.transport is not other.transport
    for target in (node, other):
        target.close()
