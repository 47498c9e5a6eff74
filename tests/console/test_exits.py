"""Every way a command can end: its code, and the one line that says why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pageswap.console.exits import guarded
from pageswap.errors import HostError, StoreError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest


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
