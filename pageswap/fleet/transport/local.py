"""Programs on the machine that the controller runs on: the same as on a remote one, without a network."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from pageswap.fleet.transport.process_stream import ProcessStream
from pageswap.fleet.transport.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pageswap.fleet.transport.transport import Stream

# All that a program inherits: the size of the environment moves the stack of the measured process, so it should not
# depend on the shell that `inv` was typed in. The rest is what Python and a sanitizer's runtime need to load.
_INHERITED: Final = (
    *("HOME", "PATH", "USER", "LOGNAME", "TMPDIR", "XDG_CACHE_HOME", "PAGESWAP_HOME"),
    *("LD_LIBRARY_PATH", "LD_PRELOAD", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"),
)


class LocalTransport(Transport):
    """The machine that the controller runs on."""

    is_here = True

    def start(self, argv: Sequence[str], stdin: bytes, *, keeps_input: bool = False) -> Stream:
        """Start a child process; raises HostError when there is no such program."""
        environment = {key: os.environ[key] for key in _INHERITED if key in os.environ}
        return ProcessStream(self.name, argv, stdin, keeps_input=keeps_input, environment=environment)

    def close(self) -> None:
        """Let go of nothing: a machine needs no connection to itself."""
