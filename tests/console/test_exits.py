"""Every way a command can end: its code, and the one line that says why."""

from __future__ import annotations

import contextlib
import importlib
import io
import signal
import sqlite3
import sys
import threading
import weakref
from typing import TYPE_CHECKING

import pytest

from pageswap.console.exits import ended, interruptible
from pageswap.errors import HostError, StoreError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def guarded(body: Callable[[], int | None], log: Path) -> int:
    """Run a command's body as ./inv does; return the exit code."""
    return ended(lambda: interruptible(body), log)


def fail_with(error: BaseException) -> Callable[[], int]:
    """Make a command's body that raises."""

    def body() -> int:
        raise error

    return body


def test_a_body_that_ends_gives_its_code(tmp_path: Path) -> None:
    """No code is 0."""
    assert [0, 0, 4] == [guarded(lambda code=code: code, tmp_path / "log") for code in (None, 0, 4)]  # type: ignore[misc]


def test_errors_end_with_their_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each error's own exit code is used; Ctrl-C is 130."""
    errors = (UsageError("a"), HostError("b"), StoreError("c"), KeyboardInterrupt())

    assert [1, 3, 74, 130] == [guarded(fail_with(error), tmp_path / "log") for error in errors]
    assert capsys.readouterr().err == "error: a\nerror: b\nerror: c\ninterrupted\n"


@pytest.fixture
def _own_signals() -> Iterator[None]:
    """Have what was interrupted leave Ctrl-C to the tests that follow."""
    former = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGALRM)}
    yield
    for number, handler in former.items():
        signal.signal(number, handler)


def press_ctrl_c() -> None:
    """Have the signal arrive right here."""
    signal.raise_signal(signal.SIGINT)


class Finalised:
    """Something that goes away while Ctrl-C is typed."""

    def __del__(self) -> None:
        """Press it."""
        press_ctrl_c()


def press_it_in_an_import(folder: Path) -> None:
    """Import a module that goes on without whatever it cannot have."""
    text = "import signal\ntry:\n    signal.raise_signal(signal.SIGINT)\nexcept BaseException:\n    pass\n"
    (folder / "careless_module.py").write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        importlib.import_module("careless_module")
    del sys.modules["careless_module"]


def press_it_in_a_callback(_folder: Path) -> None:
    """Let go of what a weak reference refers to."""
    referred = threading.Event()
    reference = weakref.ref(referred, lambda _gone: press_ctrl_c())
    del referred
    assert reference() is None


@pytest.mark.usefixtures("_own_signals")
@pytest.mark.parametrize("press", [press_it_in_an_import, lambda _folder: Finalised(), press_it_in_a_callback])
def test_ctrl_c_is_never_lost(
    press: Callable[[Path], object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where an exception would be swallowed it waits until it is outside, and ends the body there."""

    def body() -> int:
        press(tmp_path)
        return int(threading.Event().wait(60))

    assert guarded(body, tmp_path / "log") == 130
    assert capsys.readouterr().err == "interrupted\n"


@pytest.mark.usefixtures("_own_signals")
def test_a_body_that_takes_ctrl_c_for_something_else_was_interrupted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its end is not a good one."""

    def body() -> int:
        with contextlib.suppress(BaseException):
            press_ctrl_c()
        return 0

    assert guarded(body, tmp_path / "log") == 130
    assert capsys.readouterr().err == "interrupted\n"


@pytest.mark.usefixtures("_own_signals")
def test_ctrl_c_in_a_function_that_a_library_calls_is_no_error_of_the_library(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """SQLite, for one, says of any exception in a function of ours that its statement has failed."""

    def body() -> int:
        with contextlib.closing(sqlite3.connect(":memory:")) as connection:
            connection.create_function("checksum", 0, press_ctrl_c)
            try:
                connection.execute("SELECT checksum()")
            except sqlite3.Error as error:
                raise StoreError("the file is damaged") from error
        return 0

    assert guarded(body, tmp_path / "log") == 130
    assert capsys.readouterr().err == "interrupted\n"


class Pressed(io.StringIO):
    """Standard error of somebody who presses Ctrl-C again as soon as anything is said."""

    def write(self, text: str) -> int:
        """Take the text and press it."""
        written = super().write(text)
        press_ctrl_c()
        return written


@pytest.mark.usefixtures("_own_signals")
def test_a_second_ctrl_c_says_nothing_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither while the line of the first is printed nor between that and the program's end."""
    said = Pressed()
    monkeypatch.setattr(sys, "stderr", said)
    heard: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _frame: heard.append(number))

    code = guarded(press_ctrl_c, tmp_path / "log")
    press_ctrl_c()

    assert (130, "interrupted\n", []) == (code, said.getvalue(), heard)


def test_a_command_leaves_signals_as_it_found_them(tmp_path: Path) -> None:
    """As the next one in the same process may want them."""
    numbers = (signal.SIGINT, signal.SIGALRM)
    before = [signal.getsignal(number) for number in numbers], sys.unraisablehook
    guarded(lambda: 0, tmp_path / "log")

    assert before == ([signal.getsignal(number) for number in numbers], sys.unraisablehook)


def test_a_bug_is_one_line_and_a_logged_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An error nobody foresaw names its type and the file that has the traceback; code 70."""
    log = tmp_path / "build" / "error.log"

    assert guarded(fail_with(ZeroDivisionError("by zero")), log) == 70
    assert capsys.readouterr().err == f"error: ZeroDivisionError: by zero (a bug; traceback: {log})\n"
    assert "Traceback" in log.read_text()


def test_a_bug_is_told_where_nothing_can_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a place for the traceback the error is told all the same."""
    assert guarded(fail_with(ZeroDivisionError("by zero")), tmp_path) == 70
    assert capsys.readouterr().err.startswith("error: ZeroDivisionError: by zero (a bug; no traceback, as ")
