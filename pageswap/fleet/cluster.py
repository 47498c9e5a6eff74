"""A Slurm cluster as the inventory knows it: who schedules its nodes, which are meant, and how they are asked for."""

from __future__ import annotations

import dataclasses
import math
import re
from typing import Any, Final, Self

from pageswap.spec.quoting import quoted
from pageswap.units import format_duration, parse_duration

ALL_NODES: Final = "all"

# As Slurm's own commands take them; none of it means anything to a shell or begins an option.
_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}")
_NODES = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}(?:\[[0-9]+(?:[-,][0-9]+)*\])?")
_MOST_NODES: Final = 100_000
_LEAST_S, _MOST_S = 60.0, 31 * 86_400.0


@dataclasses.dataclass(frozen=True)
class Cluster:
    """Whoever reaches `login` may submit jobs there; `workdir` is a folder that it shares with all nodes.

    `nodes` is "all", a count, or a list in Slurm's own form, of which those are meant that have each feature of
    `constraint`. `minutes` is the most that a job may take (None: what the partition allows). `node` is the one of
    them that a host is, "" for all of them.
    """

    login: str
    workdir: str
    partition: str | None = None
    constraint: tuple[str, ...] = ()
    nodes: str = ALL_NODES
    minutes: int | None = None
    account: str | None = None
    node: str = ""

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Self:
        """Read what `dataclasses.asdict` makes of one, leaving out what this version does not know."""
        fields = {each.name: document[each.name] for each in dataclasses.fields(cls) if each.name in document}
        return cls(**{**fields, "constraint": tuple(fields.get("constraint", ()))})

    def placement(self) -> dict[str, Any]:
        """Return what the agent's verbs are told of how a job for the node is asked for."""
        return {
            "node": self.node,
            "partition": self.partition,
            "account": self.account,
            "constraint": "&".join(self.constraint) or None,
            "minutes": self.minutes,
        }

    @property
    def count(self) -> int | None:
        """How many nodes are meant, None where they are named or all."""
        return int(self.nodes) if self.nodes.isdigit() else None


def parse_word(text: str) -> str:
    """Read the name of a partition, a feature or an account; raises ValueError."""
    if not _WORD.fullmatch(text):
        raise ValueError(f"{quoted(text)} is no name that Slurm knows; write letters, digits, '.', '-' and '_'")
    return text


def parse_nodes(text: str) -> str:
    """Read ``all``, a count, or nodes in Slurm's own form such as ``n[01-16]``; raises ValueError."""
    if text == ALL_NODES or _NODES.fullmatch(text):
        if text.isdigit() and not 1 <= int(text) <= _MOST_NODES:
            raise ValueError(f"{quoted(text)} is not from 1 to {_MOST_NODES:,}; it is how many nodes are measured")
        return text
    raise ValueError(f"{quoted(text)} is no node; write all, a count such as 4, or names: n3, n[01-16], [n1, n2]")


def joined_nodes(parts: tuple[str, ...]) -> str:
    """Return several `parse_nodes` as one list in Slurm's form; raises ValueError where one is no name."""
    for part in parts if len(parts) > 1 else ():
        if part == ALL_NODES or part.isdigit():
            raise ValueError(f"{quoted(part)} stands alone, and in no list of nodes")
    return ",".join(parts)


def parse_minutes(text: str) -> int:
    """Read a job's time limit as minutes, which Slurm counts in; raises ValueError."""
    seconds = parse_duration(text)
    if not _LEAST_S <= seconds <= _MOST_S:
        raise ValueError(f"{quoted(text)} is not from 1min to {format_duration(_MOST_S)}; it is a job's time limit")
    return math.ceil(seconds / 60)
