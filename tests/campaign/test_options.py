"""A run's hosts are found again as they were, and only those may be picked out."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import pytest

from pageswap.campaign.options import Options, make_targets, recorded_hosts
from pageswap.errors import HostPythonError, HostUnreachableError, UsageError
from pageswap.fleet.inventory import Inventory, InventoryHost

if TYPE_CHECKING:
    from pathlib import Path

LAB = InventoryHost("lab", "/usr/bin/python3", "/srv/ps", 3, 1 << 30, ("zen",), "left")
OTHER = InventoryHost("other")


def meta(**options: Any) -> dict[str, Any]:
    """Give what a store says of a run on two hosts."""
    return {"hosts": ["lab", "other"], "options": dataclasses.asdict(Options(**options))}


RUN = meta(hosts=(LAB.to_json(),))


def test_hosts_are_as_the_inventory_was() -> None:
    """Also those it did not have, and those of a run from before there was one."""
    assert recorded_hosts(RUN) == [LAB, OTHER]
    assert recorded_hosts({"hosts": ["local"], "options": {"tune": True}}) == [InventoryHost("local")]


def test_some_may_be_picked_out() -> None:
    """In the run's order; another inventory has the last word on what they are."""
    known = Inventory(hosts={"lab": InventoryHost("lab", cpu=1), "more": InventoryHost("more")})

    assert recorded_hosts(RUN) == [LAB, OTHER]
    assert recorded_hosts(RUN, ["other"]) == [OTHER]
    assert recorded_hosts(RUN, ["other", "lab"], known) == [InventoryHost("lab", cpu=1), OTHER]


def test_nodes_of_a_cluster_are_as_they_were() -> None:
    """Without asking for them again; by the cluster's name all of them, and an inventory has the last word."""
    inventory = Inventory.loads("hosts: {big: {slurm: {login: gate, workdir: /s, nodes: 2}}}", "h.yaml")
    nodes = inventory.select(["big/n1", "big/n2"])
    stored = {
        "hosts": ["lab", "big/n1", "big/n2"],
        "options": json.loads(json.dumps(dataclasses.asdict(Options(hosts=tuple(each.to_json() for each in nodes))))),
    }

    assert recorded_hosts(stored) == [InventoryHost("lab"), *nodes]
    assert recorded_hosts(stored, ["big"]) == [*nodes]
    assert recorded_hosts(stored, ["big/n2"]) == [nodes[1]]
    moved = Inventory.loads("hosts: {big: {slurm: {login: other, workdir: /s}}, n: }", "h.yaml")
    assert [each.slurm.login for each in recorded_hosts(stored, ["big"], moved) if each.slurm] == ["other", "other"]
    gone = Inventory.loads("hosts: {big: }", "h.yaml")
    assert recorded_hosts(stored, ["big"], gone) == [*nodes]
    with pytest.raises(UsageError, match="'big/n3' is not one of this run's hosts"):
        recorded_hosts(stored, ["big/n3"])


def test_a_host_of_another_run_is_refused() -> None:
    """With the one that was probably meant."""
    with pytest.raises(UsageError, match=r"--hosts: 'othr' is not one of this run's hosts; did you mean 'other'\?"):
        recorded_hosts(RUN, ["lab", "othr"])


def test_local_is_this_machine_and_all_else_is_reached_by_ssh(tmp_path: Path) -> None:
    """Nothing connects before it has to."""
    config = tmp_path / "ssh_config"
    config.write_text("Host lab\nProxyCommand exit 1\n")
    known = [InventoryHost("local", python="/nowhere/python3"), LAB]
    local, lab = make_targets(known, Options(core="controller", ssh_config=str(config)))

    assert (local.name, lab.name) == ("local", "lab")
    with pytest.raises(HostPythonError, match=r"^local: /nowhere/python3, its 'python:'"):
        local.facts()
    with pytest.raises(HostUnreachableError, match="'ssh lab true'"):
        lab.facts()


def test_a_transport_of_a_newer_version_is_refused() -> None:
    """As a stored run may have one, with those that there are."""
    with pytest.raises(UsageError, match=r"lab: unknown transport 'pigeon'; 'via:' is one of auto, local, fabric"):
        make_targets([InventoryHost("lab", via="pigeon")], Options())


def test_options_of_an_older_run_have_the_defaults_of_today() -> None:
    """And what a newer one added is left out."""
    assert Options.from_json({"tune": True, "later": 1}) == Options(tune=True)
    stored = Options(hosts=(LAB.to_json(),), ssh_config="/c", core="host", at_once=2, patience_s=1.0)

    assert Options.from_json(dataclasses.asdict(stored)) == stored
