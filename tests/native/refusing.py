"""A kernel that refuses calls: a seccomp filter in a forked child, which is the only process it can be laid upon."""

from __future__ import annotations

import ctypes
import json
import os
import traceback
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

# x86-64 numbers of system calls that tests refuse.
IOCTL = 16
FLOCK = 73

libc = ctypes.CDLL(None, use_errno=True)


def in_child(work: Callable[[], Any]) -> Any:
    """Give what `work` returns in a forked child, through JSON; the child must end well."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(writer, json.dumps(work()).encode())
        except BaseException:  # noqa: BLE001 - whatever it is, it must not reach pytest, which goes on in the parent
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        text = pipe.read()
    _, status = os.waitpid(pid, 0)
    assert status == 0, f"the child ended with wait status {status}"
    return json.loads(text)


class _Filter(ctypes.Structure):
    _fields_ = (("code", ctypes.c_ushort), ("jt", ctypes.c_ubyte), ("jf", ctypes.c_ubyte), ("k", ctypes.c_uint))


class _Program(ctypes.Structure):
    _fields_ = (("len", ctypes.c_ushort), ("filter", ctypes.POINTER(_Filter)))


def refuse(call: int, errnum: int, request: int | None = None) -> None:
    """Make the kernel refuse this process a system call, or one request of ioctl, with an errno: a seccomp filter."""
    load, equal, answer, allow = 0x20, 0x15, 0x06, 0x7FFF0000
    rules = [(load, 0, 0, 0), (equal, 0, 1 if request is None else 3, call)]
    if request is not None:
        rules += [(load, 0, 0, 24), (equal, 0, 1, request)]  # the low half of the second argument
    rules += [(answer, 0, 0, 0x00050000 | errnum), (answer, 0, 0, allow)]
    program = _Program(len(rules), (_Filter * len(rules))(*(_Filter(*rule) for rule in rules)))
    assert libc.prctl(38, 1, 0, 0, 0) == 0  # PR_SET_NO_NEW_PRIVS
    assert libc.prctl(22, 2, ctypes.byref(program), 0, 0) == 0  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER
