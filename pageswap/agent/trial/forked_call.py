"""Calls a Python function in a child, for what may crash or hang there; its answer comes through shared memory."""

from __future__ import annotations

import json
import mmap
import os
import struct
import traceback
from typing import TYPE_CHECKING, Any

from pageswap.agent.journal.journal import MAX_LINE_BYTES
from pageswap.errors import CoreError, MethodUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pageswap.agent.trial.child_watcher import ChildLimits
    from pageswap.agent.trial.core_calls import Core

# How long the answer is, which is written last: a child that is killed before has left none.
_LENGTH = struct.Struct("=Q")
# Made before anything can fail: reporting that memory is short must not need memory.
_NO_MEMORY = b'{"memory":true}'


class ForkedCall:
    """`child_watcher.Work` that is a Python function; what it gives must be plain JSON."""

    def __init__(self, core: Core, function: Callable[[], Any]) -> None:
        """Take who makes a fork a child, and what to call there."""
        self._enter_child = core.enter_child
        self._function = function
        self._memory = mmap.mmap(-1, _LENGTH.size + MAX_LINE_BYTES)

    def start(self, limits: ChildLimits) -> int:
        """Fork; only the parent returns."""
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._run_in_child(parent, limits)
        return pid

    def message(self) -> dict[str, Any] | None:
        """Read what the child wrote."""
        (length,) = _LENGTH.unpack_from(self._memory)
        if not 0 < length <= MAX_LINE_BYTES:
            return None
        try:
            message = json.loads(self._memory[_LENGTH.size : _LENGTH.size + length])
        except (ValueError, RecursionError):
            return None
        return message if isinstance(message, dict) else None

    def _run_in_child(self, parent: int, limits: ChildLimits) -> None:
        """Be the child; never returns."""
        status = 1
        try:
            answer = self._answer(parent, limits)
            self._memory[_LENGTH.size : _LENGTH.size + len(answer)] = answer
            _LENGTH.pack_into(self._memory, 0, len(answer))
            status = 0
        except BaseException:  # noqa: BLE001 - the parent sees a child without a message; the log has the rest
            _log_exception()
        finally:
            os._exit(status)

    def _answer(self, parent: int, limits: ChildLimits) -> bytes:
        try:
            try:
                self._enter_child(parent, limits)
                message: dict[str, Any] = {"result": self._function()}
            except CoreError as error:
                message = {"core": [error.call, error.errno_name, str(error)]}
            except MethodUnavailableError as error:
                message = {"unavailable": str(error)}
            except MemoryError:
                return _NO_MEMORY
            except Exception as error:  # noqa: BLE001 - whatever it is, it becomes the reason
                _log_exception()
                message = {"error": f"{type(error).__name__}: {error}"}
            answer = json.dumps(message, separators=(",", ":")).encode()
        except MemoryError:
            return _NO_MEMORY
        if len(answer) > MAX_LINE_BYTES:
            return b'{"error":"the result is too large"}'
        return answer


def _log_exception() -> None:
    try:
        # Not through sys.stderr: where the log cannot be written, that is no reason to lose the answer.
        os.write(2, traceback.format_exc().encode("utf-8", "replace"))
    except OSError:
        pass
