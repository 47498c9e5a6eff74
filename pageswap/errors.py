"""Every error pageswap raises on purpose: one base class, and the exit code each kind ends with."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# More of a file's errors at once help nobody.
MAX_SPEC_ERRORS = 20


class PageswapError(Exception):
    """Something a person must act on; its text says what, where, and the cure."""

    exit_code = 3


class UsageError(PageswapError, ValueError):
    """A command was given arguments that cannot be meant."""

    exit_code = 1


class SpecError(UsageError):
    """An experiment file is wrong; each line of the text starts with file:line and the key path of one error."""

    def __init__(self, text: str, line: int = 0) -> None:
        """Take the text and the line of the file, 0 where there is none or several."""
        super().__init__(text)
        self.line = line


def raise_all(errors: Iterable[SpecError]) -> None:
    """Raise what there is of errors as one SpecError, each once, on a line of its own, in the order of their lines."""
    texts = list(dict.fromkeys(str(error) for error in sorted(errors, key=lambda error: error.line)))
    if len(texts) > MAX_SPEC_ERRORS:
        texts[MAX_SPEC_ERRORS:] = [f"{texts[0].partition(':')[0]}: and {len(texts) - MAX_SPEC_ERRORS:,} more errors"]
    if texts:
        raise SpecError("\n".join(texts))


class HostError(PageswapError):
    """A host could not be used."""


class HostUnreachableError(HostError):
    """No connection to a host came about."""


class HostKeyError(HostError):
    """A host's key is unknown or not the one that is known; nothing was sent to it."""


class HostAuthError(HostError):
    """A host let nobody in with the keys at hand."""


class HostLinkLostError(HostError):
    """The connection to a host broke; what runs there goes on."""


class HostPythonError(HostError):
    """A host has no Python that an agent could run on."""


class HostBuildError(HostError):
    """The C core neither loads on a host nor could be built there."""


class StoreError(PageswapError):
    """A run's database, or a file made of it, could not be read or written."""

    exit_code = 74  # EX_IOERR of sysexits.h


class JournalError(HostError):
    """What a host sent back is not a journal of this run; `stored` has the trials that came before and are stored."""

    stored: tuple[dict[str, object], ...] = ()


class BuildError(PageswapError):
    """The C core could not be built."""

    exit_code = 1


class CoreError(PageswapError, OSError):
    """A call of the C core failed; holds the failing call's name and the errno."""

    exit_code = 2

    def __init__(self, call: str, errno: int, errno_name: str, detail: str = "") -> None:
        """Take the failing call's name, the positive errno and its symbolic name."""
        super().__init__(errno, f"{call}: {errno_name}{': ' + detail if detail else ''}")
        self.call = call
        self.errno_name = errno_name

    def __str__(self) -> str:
        """Return ``call: ERRNO`` rather than OSError's own form."""
        return str(self.strerror)


class MethodUnavailableError(PageswapError):
    """The host lacks what a method needs; the text names it and the cure."""

    exit_code = 2
