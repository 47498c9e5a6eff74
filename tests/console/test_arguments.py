"""What was typed is read strictly: what cannot be meant is a usage error that starts with its argument."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from pageswap.console import arguments
from pageswap.console.arguments import HostAccess
from pageswap.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_what_is_typed_is_kept_without_the_wrapper(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run's provenance has the command as a person would type it again."""
    monkeypatch.setattr(sys, "argv", ["invoke", "--search-root", "/x", "run", "--spec", "smoke.yaml"])

    assert arguments.typed() == ["run", "--spec", "smoke.yaml"]


def test_what_can_be_meant_is_read(tmp_path: Path) -> None:
    """A file becomes a path that holds from any folder; what was not typed is None."""
    (tmp_path / "f").touch()

    assert (arguments.number("--n", "12", 1), arguments.number("--n", None)) == (12, None)
    assert (arguments.seconds("--s", "5min"), arguments.seconds("--s", "0s")) == (300.0, 0.0)
    assert arguments.one_of("--w", "b", ("a", "b")) == "b"
    assert (arguments.file("--f", str(tmp_path / "f")), arguments.file("--f", "")) == (str(tmp_path / "f"), None)


@pytest.mark.parametrize(
    ("read", "words"),
    [
        (lambda: arguments.number("--n", "1.5"), "--n: expected a whole number, found '1.5'"),
        (lambda: arguments.number("--n", "0", 1), "--n: expected at least 1, found 0"),
        (lambda: arguments.seconds("--s", "5"), "--s: "),
        (lambda: arguments.seconds("--s", "0s", 1.0), "--s: expected at least 1.0s, found '0s'"),
        (lambda: arguments.one_of("--w", "x", ("a", "b", "c")), "--w: expected a, b or c, found 'x'"),
        (lambda: arguments.file("--f", "/nowhere"), "--f: there is no file '/nowhere'"),
    ],
)
def test_what_cannot_be_meant_is_refused(read: Callable[[], object], words: str) -> None:
    """With what was expected and what was found."""
    with pytest.raises(UsageError) as raised:
        read()

    assert str(raised.value).startswith(words)


def test_hosts_are_those_typed_else_this_machine(tmp_path: Path) -> None:
    """As the inventory knows them that was named."""
    inventory = tmp_path / "h.yaml"
    inventory.write_text("hosts: {lab1: {cpu: 3}, lab2: }\ngroups: {rack: [lab2, lab1]}\n")
    access = HostAccess(str(inventory))

    assert [(host.name, host.cpu) for host in access.hosts("@rack, other")] == [
        ("lab2", None),
        ("lab1", 3),
        ("other", None),
    ]
    assert [host.name for host in access.hosts(None)] == ["local"]


@pytest.mark.parametrize("typed", ["", " ", "\t "])
def test_a_word_that_names_no_host_is_not_left_out_hosts(typed: str) -> None:
    """Else a script whose variable is unset would measure here, or clean everywhere."""
    with pytest.raises(
        UsageError, match=r"^--hosts: '.*' names no host; write such as lab1,@rack, or leave --hosts out"
    ):
        HostAccess().hosts(typed)
