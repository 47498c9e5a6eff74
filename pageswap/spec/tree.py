"""Reads a YAML file into a tree whose nodes know their lines, and values out of it; all errors come at once."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import re
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import yaml

from pageswap.errors import SpecError
from pageswap.spec.quoting import guess, quoted, short
from pageswap.spec.source import EXPERIMENT, MAX_BYTES, FileKind, forbidden_character
from pageswap.spec.yaml_mistakes import LINE_END, diagnosis

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

_T = TypeVar("_T")

# The deepest meaningful place is exclude[0].method[0]; the rest is slack for a clear error about the key itself.
MAX_DEPTH = 8
MAX_NODES = 20_000
_LONGEST_PATH = 1_000  # every node keeps its own

# The word "null" is not among them: a method has that name, and here text means itself.
_NULL = ("", "~")
# 200,000 is meant as one number.
_THOUSANDS = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+")


@dataclasses.dataclass(frozen=True)
class Scalar:
    """A value as it was written, or a key; `is_null` when nothing, or ``~``, stands there unquoted."""

    text: str
    line: int
    path: str
    is_null: bool = False


@dataclasses.dataclass(frozen=True)
class Sequence:
    """A list and the line it starts on."""

    items: list[Node]
    line: int
    path: str


@dataclasses.dataclass(frozen=True)
class Mapping:
    """Keys in the order they were written, each with its own place, and their values."""

    entries: dict[str, tuple[Scalar, Node]]
    line: int
    path: str


Node: TypeAlias = "Scalar | Sequence | Mapping"
# One of yaml.Event, whose types call the marks that it always has optional.
_Event: TypeAlias = Any


class TreeReader:
    """Reads one file's tree, and values out of it; collects every error on its way.

    `root` is the mapping at the top, `lines` has the line of each key path. A parser takes a value's text, and its
    ValueError is the message.
    """

    def __init__(self, text: str, name: str, kind: FileKind = EXPERIMENT) -> None:
        """Read one YAML document whose top is a mapping; `name` is the file's name in errors.

        Anchors, aliases, tags, merge keys, directives and a second document are refused when they are met, before
        anything is built from them. Raises SpecError with ``file:line``.
        """
        self.name = name
        self.lines: dict[str, int] = {}
        self.errors: list[SpecError] = []
        self._kind = kind
        self._nodes = 0
        self._text = text
        if len(text) > MAX_BYTES:
            raise SpecError(f"{name}: holds more than {MAX_BYTES:,} bytes; {kind.one} has at most that (1 MiB)")
        hidden = forbidden_character(text)
        if hidden:
            line = len(re.findall(LINE_END, text[: hidden[0]])) + 1
            raise SpecError(f"{name}:{line}: holds the character {hidden[1]}, which cannot be seen; delete it")
        self._events: Iterator[_Event] = yaml.parse(text, Loader=yaml.SafeLoader)
        try:
            root = self._document()
        except yaml.MarkedYAMLError as error:
            line, message = diagnosis(text, error)
            raise self.error(line, "", message) from None
        except SpecError:  # is a ValueError too
            raise
        except (yaml.YAMLError, ValueError, OverflowError) as error:
            # PyYAML converts escapes and version numbers with chr() and int(), whose own errors get through.
            raise SpecError(f"{name}: is not YAML: {str(error).splitlines()[0][:200]}") from None
        if root is None or (isinstance(root, Scalar) and root.is_null):
            raise self.error(1, "", f"is empty; {kind.one} has at least {kind.least}")
        if not isinstance(root, Mapping):
            found = "a list" if isinstance(root, Sequence) else "a single value"
            raise self.error(root.line, "", f"is {found}; {kind.one} is a mapping of 'key: value' lines")
        self.root = root

    def error(self, line: int, key_path: str, message: str) -> SpecError:
        """Make the error that `message` is at a place; no key path is the top."""
        return SpecError(f"{self.name}:{line}: {short(key_path) + ': ' if key_path else ''}{message}", line)

    @contextlib.contextmanager
    def collecting(self) -> Iterator[None]:
        """Keep the error of a part in `errors`, so that those of other parts are found too."""
        try:
            yield
        except SpecError as error:
            self.errors.append(error)

    def error_at(self, node: Node, message: str) -> SpecError:
        """Make the error that `message` is of a key or a value."""
        return self.error(node.line, node.path, message)

    def check_keys(self, node: Mapping, known: Collection[str], cure: str) -> bool:
        """Return whether all keys are known, and keep an error for each other; `cure` tells what may stand there."""
        unknown = [scalar for scalar, _ in node.entries.values() if scalar.text not in known]
        self.errors += [self.error_at(key, f"unknown key{guess(key.text, known) or ';'} {cure}") for key in unknown]
        return not unknown

    def checked(self, node: Scalar, parse: Callable[[str], _T]) -> _T:
        """Read what is known to be one value, such as a key."""
        try:
            return parse(node.text)
        except ValueError as error:
            raise self.error_at(node, str(error)) from None

    def scalar(self, node: Node, parse: Callable[[str], _T]) -> _T:
        """Read what must be one value."""
        if not isinstance(node, Scalar):
            kind = "a list" if isinstance(node, Sequence) else "a mapping"
            raise self.error_at(node, f"is {kind}; write a single value")
        if node.is_null:
            raise self.error_at(node, "has no value; write one or delete the key")
        return self.checked(node, parse)

    def several(self, node: Node, parse: Callable[[str], _T]) -> tuple[_T, ...]:
        """Read a value or a list of different values; the errors of a list's values are collected."""
        if isinstance(node, Scalar):
            return (self.scalar(node, lambda text: _not_a_list(text, parse)),)
        if not isinstance(node, Sequence):
            raise self.error_at(node, "is a mapping; write a single value or a list")
        if not node.items:
            raise self.error_at(node, "is an empty list; write at least one value or delete the key")
        places: dict[_T, str] = {}
        for item in node.items:
            with self.collecting():
                value = self.scalar(item, parse)
                if value in places:
                    raise self.error_at(item, f"is the same as {places[value]}; keep one")
                places[value] = item.path
        return tuple(places)

    def _document(self) -> Node | None:
        root = None
        for event in self._events:
            line = event.start_mark.line + 1
            if isinstance(event, yaml.NodeEvent):
                root = self._node(event, "", 0)
            elif isinstance(event, yaml.DocumentStartEvent):
                if root is not None:
                    raise self.error(line, "", f"a second document starts; {self._kind.one} is one document")
                if event.version or event.tags:
                    raise self.error(line, "", "YAML directives (%YAML, %TAG) are not allowed; delete the line")
        return root

    def _node(self, event: _Event, path: str, depth: int) -> Node:
        """Build a node from its events; `depth` is bounded, so recursion is. A key is at first where its mapping is."""
        line = event.start_mark.line + 1
        self._refuse(event, line, path, depth)
        if isinstance(event, yaml.ScalarEvent):
            return Scalar(event.value, line, path, is_null=not event.style and event.value in _NULL)
        inside = itertools.takewhile(lambda inner: not isinstance(inner, yaml.CollectionEndEvent), self._events)
        if isinstance(event, yaml.SequenceStartEvent):
            items: list[Node] = []
            for inner in inside:
                items.append(self._node(inner, f"{path}[{len(items)}]", depth + 1))
                self.lines[items[-1].path] = items[-1].line
            return Sequence(items, line, path)
        entries: dict[str, tuple[Scalar, Node]] = {}
        for inner in inside:
            key = self._node(inner, path, depth + 1)
            if not isinstance(key, Scalar):
                raise self.error_at(key, "a key is a list or a mapping; a key is a word")
            if key.text == "<<":
                raise self.error_at(key, "YAML merge keys ('<<') are not allowed; write the keys out")
            key = dataclasses.replace(key, path=(f"{path}.{key.text}" if path else key.text)[:_LONGEST_PATH])
            value = self._node(next(self._events), key.path, depth + 1)
            self.lines[key.path] = value.line
            first = entries.setdefault(key.text, (key, value))[0]
            if first is not key:
                self.errors.append(self.error_at(key, f"the key is given twice, first on line {first.line}; keep one"))
        return Mapping(entries, line, path)

    def _refuse(self, event: _Event, line: int, path: str, depth: int) -> None:
        """Raise SpecError for what is not read of YAML."""
        written = self._text[event.start_mark.index : event.end_mark.index]
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise self.error(line, "", f"has more than {MAX_NODES:,} values; {self._kind.one} has fewer")
        anchor, tag = getattr(event, "anchor", None), getattr(event, "tag", None)
        if anchor is not None:
            sign = "*" if isinstance(event, yaml.AliasEvent) else "&"
            what = f"YAML anchors and aliases ({quoted(sign + anchor)}) are not allowed; write the value out"
            raise self.error(line, path, what)
        if tag is not None:
            raise self.error(line, path, f"YAML tags ({quoted(tag)}) are not allowed; write the plain value")
        if isinstance(event, yaml.CollectionStartEvent) and depth >= MAX_DEPTH:
            raise self.error(line, "", f"lists and mappings are nested more than {MAX_DEPTH} deep")
        if isinstance(event, yaml.ScalarEvent):
            hidden = forbidden_character(event.value)
            if hidden:
                raise self.error(line, path, f"holds the character {hidden[1]}, which cannot be seen; delete it")
            dash = None if event.style else re.search(r"[\r\n] *- ", written)
            if dash:
                line += len(re.findall(LINE_END, written[: dash.end()]))
                raise self.error(line, path, "this '-' is in no list; write all dashes of a list in one column")


def _not_a_list(text: str, parse: Callable[[str], _T]) -> _T:
    """Read one value, and say how a list is written where it seems to be one."""
    try:
        return parse(text)
    except ValueError:
        parts = re.split(r",\s*", text)
        if len(parts) == 1 or "" in parts or _THOUSANDS.fullmatch(text):
            raise
        raise ValueError(f"{quoted(text)} is a list, which stands in brackets; write {short(f'[{text}]')}") from None
