"""Ends a command as documented: one line on stderr and an exit code for every error, never a traceback."""

from __future__ import annotations

import os
import sys
import traceback
from typing import TYPE_CHECKING

from pageswap.errors import PageswapError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

INTERRUPTED = 130
INTERNAL_ERROR = 70  # EX_SOFTWARE of sysexits.h


def guarded(body: Callable[[], int | None], error_log: Path) -> int:
    """Run a command's body and return its exit code; None from the body is 0.

    A PageswapError gives its own code, Ctrl-C gives 130. A reader that went away (`| head`) is no error. Anything
    else is a bug: its traceback goes to `error_log`, and the code is 70.
    """
    try:
        code = body() or 0
        sys.stdout.flush()
    except PageswapError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The interpreter flushes once more at its end, which must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001 - the last stop
        print(f"error: {type(error).__name__}: {error} (a bug; {_write_down(error_log)})", file=sys.stderr)
        return INTERNAL_ERROR
    return code


def _write_down(error_log: Path) -> str:
    try:
        error_log.parent.mkdir(exist_ok=True)
        error_log.write_text(traceback.format_exc(), encoding="utf-8")
    except OSError as error:
        return f"no traceback, as {error_log} cannot be written: {error.strerror}"
    return f"traceback: {error_log}"
