"""A program's arguments as the one line of text that an sshd hands to its user's login shell."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pageswap.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Sequence

_PLAIN: Final = re.compile(r"[A-Za-z0-9_./-]+")


def shell_text(argv: Sequence[str]) -> str:
    """Return a command that any shell, however odd, reads as these arguments; raises HostError where none is certain.

    Between single quotes only a quote, a backslash (fish), an exclamation mark (csh) and a line's end mean something.
    """
    for word in argv:
        if any(char in word for char in "'\\!\n\r\0"):
            raise HostError(f"{word!r:.200} cannot be handed to a shell unharmed; give the host a name or path without")
    return " ".join(["exec", *(word if _PLAIN.fullmatch(word) else f"'{word}'" for word in argv)])
