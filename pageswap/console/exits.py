"""Ends a command as documented: one line on stderr and an exit code for every error, never a traceback."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import sys
import threading
import traceback
from typing import TYPE_CHECKING, Any, TextIO

from pageswap.errors import PageswapError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import FrameType

INTERRUPTED = 130
INTERNAL_ERROR = 70  # EX_SOFTWARE of sysexits.h

# Ctrl-C that came where no exception may be raised is looked at again after so many seconds.
_AGAIN_S = 0.02


class _Output:
    """Standard output that says what is wrong when it cannot be written to; a reader that went away is left alone."""

    def __init__(self, stream: Any) -> None:  # noqa: ANN401 - any text stream
        self._stream = stream

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - the stream's own
        found = getattr(self._stream, name)
        return functools.partial(_tried, found) if name in ("write", "flush") else found


def _tried(call: Callable[..., Any], *given: Any) -> Any:  # noqa: ANN401 - the stream's own
    try:
        return call(*given)
    except BrokenPipeError:
        raise
    except OSError as error:
        cure = "make room there, or send it elsewhere"
        raise UsageError(f"standard output cannot be written: {error.strerror}; {cure}") from None


def ended(body: Callable[[], int | None], error_log: Path) -> int:
    """Run a body and return its exit code; None from the body is 0.

    A PageswapError gives its own code, Ctrl-C gives 130. A reader that went away (`| head`) is no error, and what
    standard output's encoding lacks is printed as `?`. Anything else is a bug: its traceback goes to `error_log`, and
    the code is 70.
    """
    try:
        if hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(errors="replace")
        with contextlib.redirect_stdout(_Output(sys.stdout)):
            code = body() or 0
            sys.stdout.flush()
    except PageswapError as error:
        _discard(sys.stdout)
        tell(f"error: {error}")
        return error.exit_code
    except KeyboardInterrupt:
        tell("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        _discard(sys.stdout)
        return 0
    except Exception as error:  # noqa: BLE001 - the last stop
        tell(f"error: {type(error).__name__}: {error} (a bug; {_write_down(error_log)})")
        return INTERNAL_ERROR
    return code


def tell(text: str) -> None:
    """Print on standard error, which nobody may be reading any more: that changes no command's end."""
    # Only here: a command must hear Ctrl-C before it has imported much.
    from pageswap.agent.host_words import plain
    from pageswap.spec.quoting import as_called

    try:
        print(as_called(plain(text)), file=sys.stderr, flush=True)
    except OSError:
        _discard(sys.stderr)


def interruptible(body: Callable[[], int | None]) -> int | None:
    """Run a body in which Ctrl-C is an exception where it is heard, so that it can tidy up; return what it does.

    Whoever was interrupted ends, and hears no further Ctrl-C after the body: it would be told twice.

    In the middle of an import it would be lost, as libraries take any exception there for a part that is not installed,
    and so it would in a finaliser or a weak reference's callback, whose exceptions Python only prints. There it waits.
    """
    former = signal.getsignal(signal.SIGINT)
    typed: list[int] = []
    if not callable(former) or threading.current_thread() is not threading.main_thread():
        return body()  # a shell that began this in the background wants no Ctrl-C to reach it
    hook = sys.unraisablehook
    is_over = False

    def on_signal(number: int, frame: FrameType | None) -> None:
        typed.append(number)
        if is_over:
            return
        while frame is not None:
            if frame.f_code.co_filename.startswith("<frozen importlib"):
                signal.setitimer(signal.ITIMER_REAL, _AGAIN_S)
                return
            frame = frame.f_back
        raise KeyboardInterrupt

    def on_unraisable(lost: sys.UnraisableHookArgs) -> None:
        if issubclass(lost.exc_type, KeyboardInterrupt):
            signal.setitimer(signal.ITIMER_REAL, _AGAIN_S)
        else:
            hook(lost)

    sys.unraisablehook = on_unraisable
    alarm = signal.signal(signal.SIGALRM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    try:
        return body()
    finally:
        is_over = True
        # First what may set the timer again, then what an alarm would end.
        sys.unraisablehook = hook
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, alarm)
        if not typed:
            signal.signal(signal.SIGINT, former)
        # Something in the body may have taken the exception for another one, or made another one of it.
        if typed:
            raise KeyboardInterrupt


def _discard(stream: TextIO) -> None:
    """Let what is still buffered go nowhere, where it cannot be written: the interpreter flushes at its end."""
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _write_down(error_log: Path) -> str:
    try:
        error_log.parent.mkdir(exist_ok=True)
        error_log.write_text(traceback.format_exc(), encoding="utf-8")
    except OSError as error:
        return f"no traceback, as {error_log} cannot be written: {error.strerror}"
    return f"traceback: {error_log}"
