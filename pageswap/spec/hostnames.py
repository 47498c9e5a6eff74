"""The grammar of hosts' names in specs, inventories and `--hosts`: plain aliases, nodes of clusters, groups of them."""

from __future__ import annotations

import re
from typing import Final

from pageswap.spec.quoting import quoted

# This machine, reached without ssh.
LOCAL: Final = "local"

# In place of a group: every host of the inventory.
EVERY_HOST: Final = "all"

_ALIAS = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}")


def check_alias(text: str) -> str:
    """Return an alias of a host; raises ValueError with the cure.

    An alias is what a person types after `ssh`, and also a folder's name on the host: it can be neither an option nor
    a path, a pattern or anything that a shell reads. Who to be there and on which port is ssh_config's to say.
    """
    if re.fullmatch(r"[^@\s]+@[^@\s]+|[^:\s]+:[0-9]+|\[[^\]\s]+\](?::[0-9]+)?", text):
        raise ValueError(
            f"{quoted(text)} is not an alias; user, port and address belong into ~/.ssh/config, under 'Host NAME': "
            "write that NAME"
        )
    return _check_letters(text, "a host; write an alias as ssh takes it, of")


def check_machine(text: str) -> str:
    """Return an alias, or a node of a cluster as ``cluster/n3``; raises ValueError with the cure."""
    alias, node = parts_of(text)
    check_alias(alias)
    if "/" in text:
        _check_letters(node, "a node of a cluster; write")
    return text


def parts_of(name: str) -> tuple[str, str]:
    """Return the alias and the node of ``cluster/n3``; of any other host the node is ""."""
    alias, _, node = name.partition("/")
    return alias, node


def check_host(text: str) -> str:
    """Return what `check_machine` does, or a group or tag as ``@rack``; raises ValueError with the cure."""
    return f"@{check_group(text[1:])}" if text.startswith("@") else check_machine(text)


def check_group(text: str) -> str:
    """Return a group's or tag's name; raises ValueError with the cure."""
    return _check_letters(text, "a group's or tag's name; write")


def is_plain_name(text: str) -> bool:
    """Tell whether a name can be a folder's too: neither an option nor a path, nor anything that a shell reads."""
    return bool(_ALIAS.fullmatch(text)) and ".." not in text


def _check_letters(text: str, what: str) -> str:
    if not is_plain_name(text):
        raise ValueError(
            f"{quoted(text)} is not {what} at most 200 letters, digits, '.', '-' and '_', the first a letter, digit or "
            "'_', without '..'"
        )
    return text
