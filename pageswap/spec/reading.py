"""Reads values out of a file's tree, each error with the file, its line, its key path and the cure."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from pageswap.errors import SpecError
from pageswap.spec.nodes import Node, Scalar, Sequence

if TYPE_CHECKING:
    from collections.abc import Callable

_T = TypeVar("_T")


class TreeReader:
    """Walks one file's tree; collects the line of each key path on its way, for the errors that come later.

    A parser takes a value's text, and its ValueError is the message.
    """

    def __init__(self, name: str) -> None:
        """Take what the file is called in errors."""
        self.name = name
        self.lines: dict[str, int] = {}

    def error(self, line: int, key_path: str, message: str) -> SpecError:
        """Make the error that `message` is at a place."""
        return SpecError(f"{self.name}:{line}: {key_path}: {message}")

    def checked(self, node: Scalar, key_path: str, parse: Callable[[str], _T]) -> _T:
        """Read what is known to be one value, such as a key."""
        try:
            return parse(node.text)
        except ValueError as error:
            raise self.error(node.line, key_path, str(error)) from None

    def scalar(self, node: Node, key_path: str, parse: Callable[[str], _T]) -> _T:
        """Read what must be one value."""
        self.lines[key_path] = node.line
        if not isinstance(node, Scalar):
            kind = "a list" if isinstance(node, Sequence) else "a mapping"
            raise self.error(node.line, key_path, f"is {kind}; write a single value")
        if node.is_null:
            raise self.error(node.line, key_path, "has no value; write one or delete the key")
        return self.checked(node, key_path, parse)

    def several(self, node: Node, key_path: str, parse: Callable[[str], _T]) -> tuple[_T, ...]:
        """Read a value or a list of different values."""
        if not isinstance(node, Sequence):
            return (self.scalar(node, key_path, parse),)
        self.lines[key_path] = node.line
        if not node.items:
            raise self.error(node.line, key_path, "is an empty list; write at least one value or delete the key")
        found: list[_T] = []
        for index, item in enumerate(node.items):
            value = self.scalar(item, f"{key_path}[{index}]", parse)
            if value in found:
                raise self.error(
                    item.line, f"{key_path}[{index}]", f"is the same as {key_path}[{found.index(value)}]; keep one"
                )
            found.append(value)
        return tuple(found)
