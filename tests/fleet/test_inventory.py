"""An inventory says which hosts there are and what groups they form, and refuses what could mean something else."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pageswap.errors import SpecError, UsageError
from pageswap.fleet.cluster import Cluster
from pageswap.fleet.inventory import VIAS, Inventory, InventoryHost

ROOT = Path(__file__).resolve().parents[2]
TEXT = """\
hosts:
  lab1: {tags: [zen, quiet], python: /usr/bin/python3, workdir: /srv/ps, cpu: 3, memory: 8GiB, notes: rack  2}
  lab2: {tags: zen, python: python3.11}
  lab3:
groups:
  rack: [lab1, lab3]
  one: lab2
"""
TRICKS = (
    "",
    "-oProxyCommand=touch canary",
    "-F/etc/passwd",
    "a/b",
    "../x",
    "a..b",
    "..",
    ".hidden",
    "a b",
    "a\nb",
    "a\tb",
    "a\x1b[2Jb",
    "a;reboot",
    "$(reboot)",
    "`x`",
    "a*",
    "?",
    "a,b",
    "café",
    "x" * 201,
    "a\0",
)


def names(found: tuple[InventoryHost, ...]) -> list[str]:
    """Return the hosts' names."""
    return [host.name for host in found]


@pytest.fixture
def inventory() -> Inventory:
    """Return an inventory of three hosts."""
    return Inventory.loads(TEXT, "h.yaml")


def test_a_host_has_what_the_file_says(inventory: Inventory) -> None:
    """Sizes in bytes, notes on one line; what is not said is None."""
    assert inventory.hosts["lab1"] == InventoryHost(
        "lab1",
        "/usr/bin/python3",
        "/srv/ps",
        3,
        8 << 30,
        ("zen", "quiet"),
        "rack 2",
    )
    assert inventory.hosts["lab2"] == InventoryHost("lab2", "python3.11", tags=("zen",))
    assert inventory.hosts["lab3"] == InventoryHost("lab3")


def test_a_host_survives_being_stored(inventory: Inventory) -> None:
    """A resume knows what the run knew; keys of a later version are left out."""
    for host in inventory.hosts.values():
        assert InventoryHost.from_json({**host.to_json(), "later": 1}) == host


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (["lab2", "lab1"], ["lab2", "lab1"]),
        (["@rack"], ["lab1", "lab3"]),
        (["@zen", "lab3", "lab1"], ["lab1", "lab2", "lab3"]),
        (["@one", "@quiet"], ["lab2", "lab1"]),
        (["@all"], ["lab1", "lab2", "lab3"]),
        (["local", "elsewhere.example.org", "10.0.0.7"], ["local", "elsewhere.example.org", "10.0.0.7"]),
    ],
)
def test_aliases_groups_and_tags_select_each_host_once(
    inventory: Inventory, wanted: list[str], expected: list[str]
) -> None:
    """In the order they are named; an alias of ssh_config alone needs no entry."""
    assert names(inventory.select(wanted)) == expected


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("@rak", r"--hosts: no host of h\.yaml is in the group or has the tag '@rak'; did you mean 'rack'\?"),
        ("@x", r"'@x'; there are @all, @zen, @quiet, @rack, @one"),
        ("@", "'' is not a group's or tag's name; write at most 200 .* the first a letter, digit or '_', without"),
        ("-x", "'-x' is not a host; .* the first a letter, digit or '_', without"),
        ("root@lab1", r"'root@lab1' is not an alias; user, port and address belong into ~/\.ssh/config"),
        ("lab1:22", "is not an alias"),
        ("[::1]:22", "is not an alias"),
    ],
)
def test_what_selects_nothing_is_refused(inventory: Inventory, wanted: str, message: str) -> None:
    """With what was probably meant."""
    with pytest.raises(UsageError, match=message):
        inventory.select([wanted])


@pytest.mark.parametrize("trick", TRICKS)
def test_a_name_is_no_option_path_pattern_or_command(inventory: Inventory, trick: str) -> None:
    """Neither on the command line nor in the file, where it stands as a host, in a group or as a tag."""
    with pytest.raises(UsageError):
        inventory.select([trick])
    quoted = "'" + trick.replace("'", "''") + "'"
    for text in (
        f"hosts: {{{quoted}: }}",
        f"hosts: {{a: }}\ngroups: {{g: [{quoted}]}}",
        f"hosts: {{a: {{tags: {quoted}}}}}",
    ):
        with pytest.raises(SpecError):
            Inventory.loads(text, "h.yaml")


@settings(deadline=None)
@given(st.text(max_size=40))
def test_whatever_is_selected_is_a_plain_word(text: str) -> None:
    """Any text is an alias of harmless characters, or refused."""
    try:
        (host,) = Inventory().select([text])
    except UsageError:
        return

    assert host.name == text
    assert set(text) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
    assert text[0] not in ".-"
    assert ".." not in text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "h.yaml:1: is empty; an inventory has at least hosts"),
        ("- a", "h.yaml:1: is a list; an inventory is a mapping"),
        ("groups: {a: b}", "h.yaml:1: hosts: is missing; add a line such as"),
        ("host: {a: }", "h.yaml:1: host: unknown key; did you mean 'hosts'?"),
        ("hosts: {a: }\ngroup: {}", "h.yaml:2: group: unknown key; did you mean 'groups'?"),
        ("hosts: [a, b]", "h.yaml:1: hosts: is no mapping with entries; write such as"),
        ("hosts:\n  a: {cpus: 3}", "h.yaml:2: hosts.a.cpus: unknown key; did you mean 'cpu'?"),
        ("hosts:\n  a: {user: me}", "h.yaml:2: hosts.a.user: unknown key; how a host is reached is for ~/.ssh/config"),
        ("hosts:\n  a: {cpu: 3}\n  a: {cpu: 4}", "h.yaml:3: hosts.a: the key is given twice, first on line 2"),
        ("hosts:\n  a: {cpu: 3, cpu: 4}", "h.yaml:2: hosts.a.cpu: the key is given twice"),
        ("hosts:\n  a: 3", "h.yaml:2: hosts.a: is no mapping"),
        ("hosts: {a: {cpu: -1}}", "h.yaml:1: hosts.a.cpu: '-1' is negative"),
        ("hosts: {a: {cpu: [1, 2]}}", "h.yaml:1: hosts.a.cpu: is a list; write a single value"),
        ("hosts: {a: {cpu: }}", "h.yaml:1: hosts.a.cpu: has no value"),
        ("hosts: {a: {memory: 8GB}}", "h.yaml:1: hosts.a.memory: "),
        ("hosts: {a: {memory: 1KiB}}", "h.yaml:1: hosts.a.memory: '1KiB' is not from 64MiB"),
        ("hosts: {a: {python: 'python3 -c x'}}", "h.yaml:1: hosts.a.python: 'python3 -c x' is no Python"),
        ("hosts: {a: {python: -c}}", "hosts.a.python: '-c' is no Python"),
        ("hosts: {a: {python: ../python}}", "hosts.a.python: '../python' is no Python"),
        ("hosts: {a: {workdir: tmp}}", "hosts.a.workdir: 'tmp' is not a folder's absolute path"),
        ("hosts: {a: {workdir: /tmp/../etc}}", "hosts.a.workdir: "),
        (
            "hosts:\n  a: {workdir: /tmp/$(id)}",
            "h.yaml:2: hosts.a.workdir: '/tmp/$(id)' is not a folder's absolute path",
        ),
        ("hosts: {a: {workdir: '/tmp/`id`'}}", "of at most 200 letters, digits, spaces and ./+@=:,~_-, without '..'"),
        ("hosts: {a: {workdir: /tmp/x;id}}", "hosts.a.workdir: "),
        ('hosts: {a: {workdir: "/tmp/\\x07"}}', "hosts.a.workdir: holds the character U+0007"),
        ("hosts: {a: {tags: [x, x]}}", "hosts.a.tags[1]: is the same as hosts.a.tags[0]; keep one"),
        ("hosts: {a: {tags: []}}", "hosts.a.tags: is an empty list"),
        ("hosts: {a: }\ngroups: {all: a}", "h.yaml:2: groups.all: '@all' means every host already"),
        ("hosts: {a: {tags: x}}\ngroups: {x: a}", "h.yaml:1: hosts.a.tags: 'x' is the name of a group already"),
        (
            "hosts:\n  a:\n    tags: [y, x]\ngroups: {x: a}",
            "h.yaml:3: hosts.a.tags: 'x' is the name of a group",
        ),
        ("hosts:\n  b:\n  a: {tags: all}", "h.yaml:3: hosts.a.tags: 'all' means every host already"),
        ("hosts: {a: &x {cpu: 1}, b: *x}", "YAML anchors and aliases"),
        ("hosts: {a: !!python/name:os.system x}", "YAML tags"),
        ("hosts: {a: }\n---\nhosts: {b: }", "h.yaml:2: a second document starts; an inventory is one document"),
    ],
)
def test_a_wrong_file_is_refused_with_its_line_and_cure(text: str, message: str) -> None:
    """The error begins with file:line and the key's path."""
    with pytest.raises(SpecError) as caught:
        Inventory.loads(text, "h.yaml")

    assert message in str(caught.value)
    assert str(caught.value).startswith("h.yaml:")


def test_a_large_file_is_refused_unread(tmp_path: Path) -> None:
    """Over 1 MiB it is something else."""
    path = tmp_path / "big.yaml"
    path.write_text("#" * (1 << 20) + "\nhosts: {a: }\n")
    with pytest.raises(SpecError, match=r"1,048,590 bytes; an inventory has at most"):
        Inventory.load(path)


def test_hosts_yaml_of_the_current_folder_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without --inventory; where there is none every alias is ssh_config's, and there are no groups."""
    monkeypatch.chdir(tmp_path)
    assert Inventory.load(None) == Inventory()
    with pytest.raises(UsageError, match=r"'@all': groups are in an inventory: write hosts\.yaml, or --inventory PATH"):
        Inventory.load(None).select(["@all"])
    (tmp_path / "hosts.yaml").write_text(TEXT)

    assert list(Inventory.load(None).hosts) == ["lab1", "lab2", "lab3"]


def test_an_inventory_that_is_asked_for_must_be_there(tmp_path: Path) -> None:
    """The error says what to give."""
    with pytest.raises(SpecError, match=r"none\.yaml: there is no such file; --inventory takes a path"):
        Inventory.load(tmp_path / "none.yaml")


def test_the_example_can_be_copied() -> None:
    """It has a host with every key and one with none, a group and a tag."""
    inventory = Inventory.load(ROOT / "hosts.example.yaml")

    assert names(inventory.select(["@rack", "@office"])) == ["lab1", "lab2", "lab3", "local"]
    assert names(inventory.select(["@zen4"])) == ["lab1", "lab2", "cluster"]
    shown = [inventory.hosts[name].to_json() for name in ("lab1", "lab2", "cluster")]
    assert all(any(host[key] for host in shown) for key in shown[0])
    assert all(value for key, value in shown[-1]["slurm"].items() if key != "node")
    assert inventory.hosts["lab3"] == InventoryHost("lab3")


CLUSTER = """\
hosts:
  here:
  big:
    tags: zen
    cpu: 3
    slurm: {login: gate, workdir: /shared/ps, partition: zen4, constraint: [avx512, quiet], nodes: "n[01-04]",
            time: 90min, account: lab}
groups:
  few: [big/n01, here]
"""


def test_a_cluster_has_what_the_file_says() -> None:
    """Minutes are Slurm's unit of time; lists of nodes are in its form; what is not said is None or all nodes."""
    found = Inventory.loads(CLUSTER, "h.yaml").hosts["big"]

    assert found.slurm == Cluster("gate", "/shared/ps", "zen4", ("avx512", "quiet"), "n[01-04]", 90, "lab")
    assert InventoryHost.from_json(json.loads(json.dumps({**found.to_json(), "later": 1}))) == found
    text = "hosts: {a: {slurm: {login: local, workdir: /s, nodes: [n1, 'n[3,5-7]'], time: 30s}}}"
    with pytest.raises(SpecError, match="'30s' is not from 1min to 744h 0min; it is a job's time limit"):
        Inventory.loads(text, "h.yaml")
    several = Inventory.loads(text.replace("30s", "61s"), "h.yaml").hosts["a"].slurm
    assert several == Cluster("local", "/s", nodes="n1,n[3,5-7]", minutes=2)


def test_a_node_of_a_cluster_is_a_host() -> None:
    """By its name, on the command line and in groups, with all that is said of the cluster."""
    inventory = Inventory.loads(CLUSTER, "h.yaml")
    node, here = inventory.select(["@few"])

    assert here == InventoryHost("here")
    assert node.name == "big/n01"
    assert node.cpu == 3
    assert node.slurm == dataclasses.replace(inventory.hosts["big"].slurm, node="n01")  # type: ignore[type-var]
    assert inventory.select(["big/n01", "big"]) == (node, inventory.hosts["big"])
    for wanted, message in (
        ("bg/n1", "'bg/n1': the inventory has no cluster 'bg'; did you mean 'big'"),
        ("here/n1", "'here/n1': the inventory has no cluster 'here'; it is one of big"),
        ("big/", "'' is not a node of a cluster; write at most 200"),
        ("big/a/b", "'a/b' is not a node of a cluster"),
        ("big/../x", "'../x' is not a node"),
    ):
        with pytest.raises(UsageError, match=f"--hosts: {message}"):
            inventory.select([wanted])


@pytest.mark.parametrize(
    ("entry", "messages"),
    [
        ("3", ["slurm: is no mapping; write such as {login: login1"]),
        ("{}", ["slurm: lacks 'login'; write such as", "slurm: lacks 'workdir'"]),
        ("{login: -x, workdir: tmp}", ["login: '-x' is not a host", "workdir: 'tmp' is not a folder's absolute path"]),
        ("{login: l, workdir: /s, node: 3}", ["slurm.node: unknown key; did you mean 'nodes'"]),
        ("{login: l, workdir: /s, nodes: 0}", ["nodes: '0' is not from 1 to 100,000"]),
        ("{login: l, workdir: /s, nodes: [all, n1]}", ["nodes: 'all' stands alone, and in no list of nodes"]),
        ("{login: l, workdir: /s, nodes: [4, n1]}", ["nodes: '4' stands alone"]),
        ("{login: l, workdir: /s, nodes: 'n1;id'}", ["nodes: 'n1;id' is no node; write all, a count such as 4"]),
        ("{login: l, workdir: /s, partition: --wrap=id}", ["partition: '--wrap=id' is no name that Slurm knows"]),
        ("{login: l, workdir: /s, constraint: [a, 'b|c']}", ["constraint[1]: 'b|c' is no name that Slurm knows"]),
        ("{login: l, workdir: /s, account: $(id)}", ["account: '$(id)' is no name that Slurm knows"]),
        ("{login: l, workdir: /s, time: 1}", ["time: '1' is not a duration"]),
        ("{login: l, workdir: /s}, workdir: /x", ["hosts.a.workdir: of a cluster stands in its slurm:"]),
    ],
)
def test_each_fault_of_a_cluster_is_told_with_its_cure(entry: str, messages: list[str]) -> None:
    """All of them at once, each with its place."""
    with pytest.raises(SpecError) as caught:
        Inventory.loads(f"hosts: {{a: {{slurm: {entry}}}}}", "h.yaml")

    text = str(caught.value)
    for message in messages:
        assert message in text
    assert text.count("h.yaml:1: ") == len(messages)


@settings(deadline=None)
@given(st.text(alphabet="hosts:group{}[],'\"&*!|>-# \n\tab1@é\\", max_size=60))
def test_any_text_is_an_inventory_or_refused_with_its_place(text: str) -> None:
    """Never a traceback."""
    complaint = "h.yaml: nothing"
    try:
        Inventory.loads(text, "h.yaml")
    except SpecError as error:
        complaint = str(error)

    assert complaint.startswith("h.yaml:")


@pytest.mark.parametrize("via", VIAS)
def test_each_transport_may_be_named(via: str) -> None:
    """Those of the registry, and it is stored with a run as the rest is."""
    (host,) = Inventory.loads(f"hosts: {{lab1: {{via: {via}}}}}", "hosts.yaml").hosts.values()

    assert host.via == via
    assert InventoryHost.from_json(host.to_json()) == host


@pytest.mark.parametrize("via", ["local", "pigeon", "''"])
def test_another_way_to_a_host_is_refused_with_those_there_are(via: str) -> None:
    """Where it stands; `local` is a host and no way to one."""
    with pytest.raises(SpecError, match=r"hosts\.yaml:1: hosts\.lab1\.via: .*is no way to reach a host.*auto, fabric"):
        Inventory.loads(f"hosts: {{lab1: {{via: {via}}}}}", "hosts.yaml")
