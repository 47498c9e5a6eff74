"""Turns YAML text into a small tree whose every node knows its line, refusing all of YAML that could surprise."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, TypeAlias

import yaml

from pageswap.errors import SpecError
from pageswap.spec.quoting import quoted, short
from pageswap.spec.source import EXPERIMENT, MAX_BYTES, FileKind, forbidden_character

if TYPE_CHECKING:
    from collections.abc import Iterator

# The deepest meaningful place is exclude[0].method[0]; the rest is slack for a clear error about the key itself.
MAX_DEPTH = 8
MAX_NODES = 20_000

# The word "null" is not among them: a method has that name, and here text means itself.
_NULL = ("", "~")


@dataclasses.dataclass(frozen=True)
class Scalar:
    """A value as it was written; `is_null` when nothing, or ``~``, stands there unquoted."""

    text: str
    line: int
    is_null: bool = False


@dataclasses.dataclass(frozen=True)
class Sequence:
    """A list and the line it starts on."""

    items: list[Node]
    line: int


@dataclasses.dataclass(frozen=True)
class Mapping:
    """Keys in the order they were written, each with its own place, and their values."""

    entries: dict[str, tuple[Scalar, Node]]
    line: int


Node: TypeAlias = "Scalar | Sequence | Mapping"


def parse_tree(text: str, name: str, kind: FileKind = EXPERIMENT) -> Mapping:
    """Read one YAML document whose top is a mapping; `name` is the file's name in errors.

    Anchors, aliases, tags, merge keys, directives, duplicate keys and a second document are refused when they are
    met, before anything is built from them. Raises SpecError with ``file:line``.
    """
    if len(text) > MAX_BYTES:
        raise SpecError(f"{name}: holds more than {MAX_BYTES:,} bytes; {kind.one} has at most that (1 MiB)")
    hidden = forbidden_character(text)
    if hidden:
        line = len(re.findall(r"\r\n|\r|\n", text[: hidden[0]])) + 1
        raise SpecError(f"{name}:{line}: holds the character {hidden[1]}, which cannot be seen; delete it")
    try:
        tree = _Builder(name, kind).build(yaml.parse(text, Loader=yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise SpecError(f"{name}:{_line_of(mark)}: is not YAML: {error.problem or error.context}") from None
    except SpecError:  # is a ValueError too
        raise
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        # PyYAML converts escapes and version numbers with chr() and int(), whose own errors get through.
        raise SpecError(f"{name}: is not YAML: {str(error).splitlines()[0][:200]}") from None
    if tree is None:
        raise SpecError(f"{name}:1: is empty; {kind.one} has at least {kind.least}")
    if not isinstance(tree, Mapping):
        found = "a list" if isinstance(tree, Sequence) else "a single value"
        raise SpecError(f"{name}:{tree.line}: is {found}; {kind.one} is a mapping of 'key: value' lines")
    return tree


@dataclasses.dataclass
class _Open:
    """A list or mapping whose end has not come yet, and the key its next value belongs to."""

    node: Sequence | Mapping
    path: str
    key: Scalar | None = None

    def next_path(self) -> str:
        if isinstance(self.node, Sequence):
            return f"{self.path}[{len(self.node.items)}]"
        if self.key is None:
            return self.path
        return _joined(self.path, self.key.text)


def _line_of(mark: object) -> int:
    """Give a mark's line, counted from 1; PyYAML has two classes of marks, and errors without one."""
    line: int = getattr(mark, "line", 0)
    return line + 1


def _joined(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


class _Builder:
    """Builds the tree from parser events with a stack of its own, so that depth costs no recursion."""

    def __init__(self, name: str, kind: FileKind) -> None:
        self.name = name
        self.kind = kind
        self.open: list[_Open] = []
        self.root: Node | None = None
        self.nodes = 0
        self.documents = 0

    def build(self, events: Iterator[yaml.Event]) -> Node | None:
        for event in events:
            line = _line_of(event.start_mark)
            if isinstance(event, yaml.DocumentStartEvent):
                self._document(event, line)
            elif isinstance(event, yaml.NodeEvent):
                self._check(event, line)
                self._node(event, line)
            elif isinstance(event, yaml.CollectionEndEvent):
                self.open.pop()
        if isinstance(self.root, Scalar) and self.root.is_null:
            return None
        return self.root

    def _fail(self, line: int, message: str, path: str | None = None) -> SpecError:
        where = (self.open[-1].next_path() if self.open else "") if path is None else path
        return SpecError(f"{self.name}:{line}: {_shown(where)}{message}")

    def _document(self, event: yaml.DocumentStartEvent, line: int) -> None:
        self.documents += 1
        if self.documents > 1:
            raise self._fail(line, f"a second document starts; one file is one {self.kind.noun}")
        if event.version or event.tags:
            raise self._fail(line, "YAML directives (%YAML, %TAG) are not allowed; delete the line")

    def _check(self, event: yaml.NodeEvent, line: int) -> None:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise self._fail(line, f"has more than {MAX_NODES:,} values; {self.kind.one} has fewer", "")
        if event.anchor is not None:
            sign = "*" if isinstance(event, yaml.AliasEvent) else "&"
            raise self._fail(
                line, f"YAML anchors and aliases ({quoted(sign + event.anchor)}) are not allowed; write the value out"
            )
        tag = getattr(event, "tag", None)
        if tag is not None:
            raise self._fail(line, f"YAML tags ({quoted(tag)}) are not allowed; write the plain value")
        if isinstance(event, yaml.CollectionStartEvent) and len(self.open) >= MAX_DEPTH:
            raise self._fail(line, f"lists and mappings are nested more than {MAX_DEPTH} deep", "")

    def _node(self, event: yaml.NodeEvent, line: int) -> None:
        top = self.open[-1] if self.open else None
        path = top.next_path() if top else ""
        node: Node
        if isinstance(event, yaml.ScalarEvent):
            node = self._scalar(event, line)
        elif isinstance(event, yaml.SequenceStartEvent):
            node = Sequence([], line)
        else:
            node = Mapping({}, line)
        if top is None:
            self.root = node
        elif isinstance(top.node, Sequence):
            top.node.items.append(node)
        elif top.key is None:
            top.key = self._key(node, top, line)
        else:
            top.node.entries[top.key.text] = (top.key, node)
            top.key = None
        if not isinstance(node, Scalar):
            self.open.append(_Open(node, path))

    def _scalar(self, event: yaml.ScalarEvent, line: int) -> Scalar:
        hidden = forbidden_character(event.value)
        if hidden:
            raise self._fail(line, f"holds the character {hidden[1]}, which cannot be seen; delete it")
        return Scalar(event.value, line, is_null=not event.style and event.value in _NULL)

    def _key(self, node: Node, top: _Open, line: int) -> Scalar:
        if not isinstance(node, Scalar):
            raise self._fail(line, "a key is a list or a mapping; a key is a word")
        if node.text == "<<":
            raise self._fail(line, "YAML merge keys ('<<') are not allowed; write the keys out")
        assert isinstance(top.node, Mapping)  # noqa: S101 - told to the type checker; _node has looked
        if node.text in top.node.entries:
            first = top.node.entries[node.text][0].line
            raise self._fail(
                line, f"the key is given twice, first on line {first}; keep one", _joined(top.path, node.text)
            )
        return node


def _shown(path: str) -> str:
    """Give the key path before its colon, safe to print; nothing for the top."""
    return f"{short(path)}: " if path else ""
