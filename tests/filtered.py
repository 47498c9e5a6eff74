"""Executes a command under a seccomp filter (seccomp(2)) for one of the kernel's calls: filtered.py NUMBER HOW COMMAND.

HOW is `kill`, or `hang`: such a call is left to a supervisor, and there is none that answers.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys

KILL_PROCESS, USER_NOTIF, ALLOW = 0x80000000, 0x7FC00000, 0x7FFF0000
NEW_LISTENER = 1 << 3
LOAD_WORD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
PR_SET_NO_NEW_PRIVS, SYS_SECCOMP, SET_MODE_FILTER = 38, 317, 1


def install(number: int, how: str) -> None:
    """Filter this process and what it starts from now on."""
    action, flags = (KILL_PROCESS, 0) if how == "kill" else (USER_NOTIF, NEW_LISTENER)
    code = b"".join(
        struct.pack("HBBI", *line)
        for line in (
            (LOAD_WORD, 0, 0, 0),  # the call's number is first in struct seccomp_data
            (JUMP_IF_EQUAL, 0, 1, number),
            (RETURN, 0, 0, action),
            (RETURN, 0, 0, ALLOW),
        )
    )
    lines = ctypes.create_string_buffer(code)
    program = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(lines))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    listener = libc.syscall(SYS_SECCOMP, SET_MODE_FILTER, flags, program)
    if listener < 0:
        raise OSError(ctypes.get_errno(), "seccomp")
    if flags:
        os.set_inheritable(listener, True)  # once it is closed the call fails instead


if __name__ == "__main__":
    install(int(sys.argv[1]), sys.argv[2])
    os.execvp(sys.argv[3], sys.argv[3:])  # noqa: S606 - the command is the test's own
