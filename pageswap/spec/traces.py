"""Finds the traces that lie beside an experiment, and makes levels of their names and hashes."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pageswap.agent import trace as traces
from pageswap.spec.quoting import quoted
from pageswap.spec.source import FileKind, read_bytes, shown_path

if TYPE_CHECKING:
    from pageswap.agent.journal.job import Level

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_KIND: Final = FileKind(
    "a trace",
    "one move",
    "put it beside the experiment",
    form="a file of lines 'dst,src,pages'",
    most_bytes=traces.MAX_BYTES,
    may_be_link=False,
)


@dataclasses.dataclass(frozen=True)
class FoundTrace:
    """A trace, and its file as it was read, packed for hosts and the store."""

    trace: traces.Trace
    packed: str


class TracesBeside:
    """The traces in an experiment's folder; `found` has those that were asked for, by their levels."""

    def __init__(self, experiment: str) -> None:
        """Take the path of the experiment's file."""
        self._folder = Path(experiment).parent
        self._levels: dict[str, str] = {}
        self.found: dict[Level, FoundTrace] = {}

    def level(self, name: str) -> str:
        """Return ``name:hash`` of the trace in a file, read when it is first asked for.

        Raises ValueError, with file and line, for a name that leads elsewhere and for what is no trace.
        """
        if name not in self._levels:
            if not _NAME.fullmatch(name):
                raise ValueError(
                    f"{quoted(name)} is not the name of a file beside the experiment; put it there, with a name of 1 "
                    "to 80 letters, digits, '.', '_' and '-'"
                )
            path = self._folder / name
            data = read_bytes(path, _KIND)
            level = f"{name}:{hashlib.sha256(data).hexdigest()}"
            self.found[level] = FoundTrace(traces.trace_from(data, shown_path(path)), traces.packed(data))
            self._levels[name] = level
        return self._levels[name]
