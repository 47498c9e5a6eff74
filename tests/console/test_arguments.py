"""What was typed is read strictly: what cannot be meant is a usage error that starts with its argument."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pageswap.console import arguments
from pageswap.console.arguments import HostAccess
from pageswap.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_what_can_be_meant_is_read(tmp_path: Path) -> None:
    """A file becomes a path that holds from any folder; what was not typed is None."""
    (tmp_path / "f").touch()

    assert (arguments.number("--n", "12", 1), arguments.number("--n", None)) == (12, None)
    assert (arguments.seconds("--s", "5min"), arguments.seconds("--s", "0s")) == (300.0, 0.0)
    assert arguments.one_of("--w", "b", ("a", "b")) == "b"
    assert HostAccess(ssh_config=str(tmp_path / "f")).ssh_config_file() == str(tmp_path / "f")
    assert HostAccess().ssh_config_file() is None


@pytest.mark.parametrize(
    ("read", "words"),
    [
        (lambda: arguments.number("--n", "1.5"), "--n: expected a whole number, found '1.5'"),
        (lambda: arguments.number("--n", "0", 1), "--n: expected at least 1, found 0"),
        (lambda: arguments.seconds("--s", "5"), "--s: "),
        (lambda: arguments.seconds("--s", "0s", 1.0), "--s: expected at least 1.0s, found '0s'"),
        (lambda: arguments.one_of("--w", "x", ("a", "b", "c")), "--w: expected a, b or c, found 'x'"),
        (HostAccess(ssh_config="/nowhere").ssh_config_file, "--ssh-config: there is no file '/nowhere'"),
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


@pytest.mark.parametrize(("to", "path"), [("site", "site"), ("./a:b", "./a:b"), ("local:site", "site")])
def test_a_folder_of_this_machine_is_reached_without_ssh(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, to: str, path: str
) -> None:
    """Under any of its names, from the current folder on."""
    monkeypatch.chdir(tmp_path)
    with HostAccess().site(to) as place:
        assert place.name == path
        assert place.look()["state"] == "absent"


def test_another_host_is_named_and_let_go_of(tmp_path: Path) -> None:
    """Nothing connects before it has to."""
    config = tmp_path / "ssh_config"
    config.touch()
    with HostAccess(ssh_config=str(config)).site("web:/srv/www") as place:
        assert place.name == "web:/srv/www"


@pytest.mark.parametrize("host", ["@rack", "@all", "lab1,lab2", "me@lab1", "-oProxyCommand=x"])
def test_several_hosts_and_what_is_no_host_are_refused(tmp_path: Path, host: str) -> None:
    """A site has one place, also where a group has one host."""
    inventory = tmp_path / "h.yaml"
    inventory.write_text("hosts: {lab1: , lab2: }\ngroups: {rack: [lab1, lab2]}\n")
    with (
        pytest.raises(UsageError, match=r"^--to: '.*' is not a(n alias| host); "),
        HostAccess(str(inventory)).site(f"{host}:/srv/www"),
    ):
        pass
