"""How a host's conditions are called and printed, alike wherever they are shown; and what of a run is not shown."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Final

from pageswap.agent.host.conditions import find

if TYPE_CHECKING:
    from collections.abc import Mapping

# Whoever reads a report on a site has no business with how its hosts are reached, nor with what is noted of them.
PRIVATE_OPTIONS: Final = ("hosts", "ssh_config")
_GIB: Final = 1 << 30
_SSH_CONFIG: Final = "--ssh-config"
_PLACEHOLDER: Final = "SSH_CONFIG"


def label(key: str) -> str:
    """Name a condition: ``mem_available`` as "Memory available at start", ``thp.enabled`` as "..., enabled"."""
    condition = find(key)
    if condition is None:
        return key
    return condition.label if condition.key == key else f"{condition.label}, {key.partition('.')[2]}"


def gibibytes(size_bytes: int, *, exactly: bool = True) -> str:
    """Print an amount of memory, by default with its bytes: ``23.44 GiB (25,165,824,000 bytes)``; none for 0."""
    if not size_bytes:
        return "none"
    return f"{size_bytes / _GIB:,.2f} GiB{f' ({size_bytes:,} bytes)' if exactly else ''}"


def shown_command(provenance: Mapping[str, object]) -> str:
    """Return the command that made a run as it may be shown: without where its ssh_config lies; "" where unknown."""
    command = str(provenance.get("command") or "")
    if _SSH_CONFIG not in command:
        return command
    try:
        words = shlex.split(command)
    except ValueError:
        return re.sub(rf"{_SSH_CONFIG}[= ]\S+", f"{_SSH_CONFIG} {_PLACEHOLDER}", command)
    hidden = [
        _PLACEHOLDER
        if place and words[place - 1] == _SSH_CONFIG
        else f"{_SSH_CONFIG}={_PLACEHOLDER}"
        if word.startswith(f"{_SSH_CONFIG}=")
        else word
        for place, word in enumerate(words)
    ]
    return shlex.join(hidden)
