"""Reads hosts.yaml: which machines there are, what groups they form, and what measuring each of them needs."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from pageswap.errors import UsageError, raise_all
from pageswap.fleet.cluster import Cluster, joined_nodes, parse_minutes, parse_nodes, parse_word
from pageswap.fleet.provision.host_python import SAFE_PATH, SAFE_WORDS
from pageswap.fleet.transport.registry import AUTO, TRANSPORTS
from pageswap.spec.amounts import MAX_SIZE_BYTES, parse_count
from pageswap.spec.hostnames import EVERY_HOST, LOCAL, check_alias, check_group, check_host, check_machine, parts_of
from pageswap.spec.quoting import guess, quoted, short_list
from pageswap.spec.source import FileKind, read_text, shown_path
from pageswap.spec.tree import Mapping, Node, Scalar, TreeReader
from pageswap.units import parse_size

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

_T = TypeVar("_T")

DEFAULT_NAME: Final = "hosts.yaml"
INVENTORY: Final = FileKind(
    "an inventory", "hosts", "--inventory takes a path; hosts.example.yaml shows what is in one"
)

VIAS: Final = tuple(via for via in TRANSPORTS if via != LOCAL)

_KEYS = ("hosts", "groups")
_HOST_KEYS = ("tags", "via", "python", "workdir", "cpu", "memory", "notes", "slurm")
_SLURM_KEYS = ("login", "workdir", "partition", "constraint", "nodes", "time", "account")
_SLURM_EXAMPLE = "{login: login1, workdir: /shared/me/pageswap, partition: zen4}"
_HOST_KEYS_CURE = (
    f"how a host is reached is for ~/.ssh/config to say, under 'Host ALIAS', and all else by {short_list(_HOST_KEYS)}"
)
_MAX_CPU = 8191  # the kernel's own bound, CONFIG_NR_CPUS
_LEAST_MEMORY_BYTES = 64 << 20
_LONGEST_PATH = 200
_LONGEST_NOTES = 500
_FOLDER = re.compile(r"(?:/(?!\.\.?(?:/|$))[^/]+)+")
_PYTHON = re.compile(r"(?:/[A-Za-z0-9_.+-]+)+|[A-Za-z_][A-Za-z0-9_.+-]*")


@dataclasses.dataclass(frozen=True)
class InventoryHost:
    """A host as the inventory knows it; where it is and who to be there is ssh_config's to say.

    `via` names the transport that reaches it, `python` runs the agent there, `workdir` holds bundles and journals,
    trials are pinned to `cpu` and get at most `memory_bytes`. None: the agent finds out by itself. With `slurm` it is a
    cluster, or a node of one, whose login host is what `via` reaches.
    """

    name: str
    python: str | None = None
    workdir: str | None = None
    cpu: int | None = None
    memory_bytes: int | None = None
    tags: tuple[str, ...] = ()
    notes: str = ""
    via: str = AUTO
    slurm: Cluster | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the host as a JSON object with the field names above."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Self:
        """Read `to_json`'s object, leaving out what this version does not know."""
        known = {field.name for field in dataclasses.fields(cls)}
        fields = {name: value for name, value in document.items() if name in known}
        cluster = Cluster.from_json(fields["slurm"]) if fields.get("slurm") else None
        return cls(**{**fields, "tags": tuple(fields.get("tags", ())), "slurm": cluster})

    def as_node(self, node: str) -> InventoryHost:
        """Return the host that a node of this cluster is."""
        assert self.slurm is not None  # noqa: S101 - whoever asks knows that it is one
        return dataclasses.replace(self, name=f"{self.name}/{node}", slurm=dataclasses.replace(self.slurm, node=node))


@dataclasses.dataclass(frozen=True)
class Inventory:
    """The hosts in the file's order, and groups of them; `name` is the file's in errors."""

    name: str = ""
    hosts: dict[str, InventoryHost] = dataclasses.field(default_factory=dict)
    groups: dict[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)

    @classmethod
    def load(cls, path: Path | None) -> Self:
        """Read an inventory; without `path` that is ./hosts.yaml, or an empty one where there is none.

        Raises SpecError whose text starts with file:line and the key path.
        """
        if path is None:
            path = Path(DEFAULT_NAME)
            if not path.exists():
                return cls()
        return cls.loads(read_text(path, INVENTORY), shown_path(path))

    @classmethod
    def loads(cls, text: str, name: str) -> Self:
        """Read an inventory's text; `name` stands for the file in errors, which are SpecError."""
        return cls(name, *_Reader(text, name, INVENTORY).read())

    def select(self, wanted: Iterable[str], where: str = "--hosts") -> tuple[InventoryHost, ...]:
        """Return the hosts that aliases, ``@group``, ``@tag``, ``@all`` and ``cluster/node`` mean, each once, as named.

        An alias that is not in the inventory is one of ssh_config's. Raises UsageError, which names `where` it stood,
        for an alias that cannot be one and for an unknown group.
        """
        found: dict[str, InventoryHost] = {}
        for text in wanted:
            try:
                names = self._members(text[1:]) if check_host(text).startswith("@") else (text,)
                for name in names:
                    found.setdefault(name, self.find(name) or InventoryHost(check_alias(name)))
            except ValueError as error:
                raise UsageError(f"{where}: {error}") from None
        return tuple(found.values())

    def find(self, name: str) -> InventoryHost | None:
        """Return what the inventory says of a host, or of a node of a cluster; None where that is nothing.

        Raises ValueError for a node of what is no cluster.
        """
        alias, node = parts_of(name)
        return _cluster_of(name, self.hosts).as_node(node) if node else self.hosts.get(alias)

    def _members(self, group: str) -> tuple[str, ...]:
        members = {EVERY_HOST: tuple(self.hosts)}
        for host in self.hosts.values():
            members.update({tag: (*members.get(tag, ()), host.name) for tag in host.tags})
        members |= self.groups
        if not self.hosts:
            raise ValueError(
                f"{quoted('@' + group)}: groups are in an inventory: write {DEFAULT_NAME}, or --inventory PATH"
            )
        if not members.get(group):
            hint = guess(group, members) or f"; there are @{', @'.join(members)}"
            raise ValueError(f"no host of {self.name} is in the group or has the tag {quoted('@' + group)}{hint}")
        return members[group]


class _Reader(TreeReader):
    def read(self) -> tuple[dict[str, InventoryHost], dict[str, tuple[str, ...]]]:
        self.check_keys(self.root, _KEYS, f"it is one of {short_list(_KEYS)}")
        if "hosts" not in self.root.entries:
            raise_all(self.errors)
            raise self.error(1, "hosts", "is missing; add a line such as 'hosts: {lab1: {cpu: 3}, lab2: }'")
        hosts = {}
        for key, node in self.entries(self.root, "hosts"):
            with self.collecting():
                alias = self.checked(key, check_alias)
                hosts[alias] = self.host(alias, node)
        groups = {}
        for key, node in self.entries(self.root, "groups"):
            with self.collecting():
                group = self.checked(key, check_group)
                if group == EVERY_HOST:
                    raise self.error_at(key, f"'@{EVERY_HOST}' means every host already; choose another name")
                groups[group] = self.several(node, lambda text: _member(text, hosts))
        raise_all(self.errors)
        self.check_tags(hosts, groups)
        return hosts, groups

    def host(self, alias: str, node: Node) -> InventoryHost:
        if isinstance(node, Scalar) and node.is_null:
            return InventoryHost(alias)
        if not isinstance(node, Mapping):
            raise self.error_at(node, "is no mapping; write such as {cpu: 3, tags: [zen]}, or nothing at all")
        self.check_keys(node, _HOST_KEYS, _HOST_KEYS_CURE)
        given = {key: value for key, (_, value) in node.entries.items()}

        def one(key: str, parse: Callable[[str], _T]) -> _T | None:
            return self.scalar(given[key], parse) if key in given else None

        cluster = self.cluster(given["slurm"]) if "slurm" in given else None
        if cluster and "workdir" in given:
            raise self.error_at(given["workdir"], "of a cluster stands in its slurm:, as all nodes must share it")
        return InventoryHost(
            name=alias,
            via=one("via", _parse_via) or AUTO,
            python=one("python", _parse_python),
            workdir=one("workdir", _parse_folder),
            cpu=one("cpu", lambda text: parse_count(text, 0, _MAX_CPU, "Linux knows no more CPUs")),
            memory_bytes=one("memory", _parse_memory),
            tags=self.several(given["tags"], check_group) if "tags" in given else (),
            notes=one("notes", _parse_notes) or "",
            slurm=cluster,
        )

    def cluster(self, node: Node) -> Cluster:
        """Read who schedules a cluster; each fault of it is an error of its own."""
        if not isinstance(node, Mapping):
            raise self.error_at(node, f"is no mapping; write such as {_SLURM_EXAMPLE}")
        self.check_keys(node, _SLURM_KEYS, f"it is one of {short_list(_SLURM_KEYS)}")
        missing = [name for name in ("login", "workdir") if name not in node.entries]
        self.errors += [self.error_at(node, f"lacks '{name}'; write such as {_SLURM_EXAMPLE}") for name in missing]
        read: dict[str, Callable[[Node], Any]] = {
            "login": lambda value: self.scalar(value, check_alias),
            "workdir": lambda value: self.scalar(value, _parse_folder),
            "partition": lambda value: self.scalar(value, parse_word),
            "constraint": lambda value: self.several(value, parse_word),
            "nodes": self.nodes,
            "time": lambda value: self.scalar(value, parse_minutes),
            "account": lambda value: self.scalar(value, parse_word),
        }
        found: dict[str, Any] = {"login": "", "workdir": ""}
        for key, value in node.entries.values():
            if key.text in read:
                with self.collecting():
                    found["minutes" if key.text == "time" else key.text] = read[key.text](value)
        return Cluster(**found)

    def nodes(self, node: Node) -> str:
        """Read which nodes of a cluster are meant."""
        parts = self.several(node, parse_nodes)
        try:
            return joined_nodes(parts)
        except ValueError as error:
            raise self.error_at(node, str(error)) from None

    def check_tags(self, hosts: dict[str, InventoryHost], groups: dict[str, tuple[str, ...]]) -> None:
        """Refuse a word that is both a group and a tag: ``@word`` would mean either."""
        for host in hosts.values():
            for tag in host.tags:
                if tag in groups or tag == EVERY_HOST:
                    path = f"hosts.{host.name}.tags"
                    what = "means every host" if tag == EVERY_HOST else "is the name of a group"
                    raise self.error(self.lines[path], path, f"'{tag}' {what} already; choose another tag")

    def entries(self, root: Mapping, key: str) -> Collection[tuple[Scalar, Node]]:
        if key not in root.entries:
            return ()
        node = root.entries[key][1]
        if not isinstance(node, Mapping) or not node.entries:
            example = "{lab1: {cpu: 3}, lab2: }" if key == "hosts" else "{rack: [lab1, lab2]}"
            raise self.error_at(node, f"is no mapping with entries; write such as {example}")
        return node.entries.values()


def _cluster_of(name: str, hosts: dict[str, InventoryHost]) -> InventoryHost:
    """Return the cluster that a node's name begins with; raises ValueError where it is none."""
    alias, _ = parts_of(name)
    clusters = {each.name: each for each in hosts.values() if each.slurm}
    if alias not in clusters:
        hint = guess(alias, clusters) or (f"; it is one of {short_list(clusters)}" if clusters else "")
        raise ValueError(f"{quoted(name)}: the inventory has no cluster {quoted(alias)}{hint}")
    return clusters[alias]


def _member(text: str, hosts: dict[str, InventoryHost]) -> str:
    name = check_machine(text)
    if parts_of(name)[1]:
        _cluster_of(name, hosts)
    return name


def _parse_via(text: str) -> str:
    if text not in VIAS:
        raise ValueError(
            f"{quoted(text)} is no way to reach a host{guess(text, VIAS) or f'; it is one of {short_list(VIAS)}'}"
        )
    return text


def _parse_python(text: str) -> str:
    if len(text) > _LONGEST_PATH or not _PYTHON.fullmatch(text) or ".." in text:
        raise ValueError(f"{quoted(text)} is no Python; write an absolute path or a name such as python3.11")
    return text


def _parse_folder(text: str) -> str:
    if len(text) > _LONGEST_PATH or not _FOLDER.fullmatch(text) or not SAFE_PATH.fullmatch(text):
        raise ValueError(
            f"{quoted(text)} is not a folder's absolute path; write such as /var/tmp/pageswap, of at most "
            f"{_LONGEST_PATH} {SAFE_WORDS}, without '..' or a '/' at its end"
        )
    return text


def _parse_memory(text: str) -> int:
    size_bytes = parse_size(text)
    if not _LEAST_MEMORY_BYTES <= size_bytes <= MAX_SIZE_BYTES:
        raise ValueError(f"{quoted(text)} is not from 64MiB to 64TiB; it is the most that a trial may use")
    return size_bytes


def _parse_notes(text: str) -> str:
    if len(text) > _LONGEST_NOTES:
        raise ValueError(f"has {len(text):,} characters; at most {_LONGEST_NOTES}")
    return " ".join(text.split())
