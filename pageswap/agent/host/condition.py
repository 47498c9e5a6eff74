"""What is to be known of one condition of a host, and the reasons for which a value of it lowers the trust."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from pageswap.agent.host.readers import Source

# What a difference is about. The code is usually what is being compared; it is no obstacle, it is the subject.
CODE = "code"
SETTING = "setting"
MACHINE = "machine"
HARMLESS = "harmless"

# What a condition's value is: one of its types, a list of them, or an object whose members are.
VALUE = "value"
LIST = "list"
OBJECT = "object"

_TEXT = (str, type(None))


@dataclasses.dataclass(frozen=True)
class Condition:
    """All that is known of one condition of a host.

    `key` is its name in an environment, ``core.flags`` that of a member. `why` says why a difference of this `kind`
    matters or does not. `absent` is what a missing value means, "" where it means that nothing was recorded. Numbers,
    or lists' first numbers, that differ by less than `step` are alike.
    """

    key: str
    label: str
    kind: str
    why: str
    read: Callable[[Source], Any]
    types: tuple[type, ...] = _TEXT
    holds: str = VALUE
    unit: str = ""
    absent: str = ""
    step: float = 0.0
    # Says of a value that was recorded why it lowers the trust in what is measured, "" where it does not.
    doubt: Callable[[Any], str] | None = None
    # Shown in a report's list of a host's conditions; and in the one line that a summary has for a host.
    is_shown: bool = True
    is_brief: bool = False


def shared_core(siblings: dict[str, str]) -> str:
    """Say that two measured CPUs are threads of one core."""
    pairs = [(cpu, other) for cpu, others in siblings.items() for other in others.split(",") if other in siblings]
    return f"measured CPUs {pairs[0][0]} and {pairs[0][1]} are threads of one core" if pairs else ""


def several_nodes(nodes: dict[str, int]) -> str:
    """Say that measured CPUs lie on several NUMA nodes."""
    found = sorted(set(nodes.values()))
    return f"measured CPUs lie on NUMA nodes {', '.join(map(str, found))}" if len(found) > 1 else ""


def foreign_provider(libraries: dict[str, str | None]) -> str:
    """Say which functions that are timed another library than the C library serves."""
    foreign = [f"{name} by {library}" for name, library in libraries.items() if library and not _is_libc(library)]
    return f"not served by the C library: {', '.join(foreign)}" if foreign else ""


def _is_libc(library: str) -> bool:
    return library.startswith(("libc.", "libc-", "ld-musl"))


def preloaded(settings: dict[str, str]) -> str:
    """Say what preloads libraries or tunes the C library's malloc."""
    return f"preloaded or tuned by {', '.join(settings)}" if settings else ""
