"""A site goes to one folder, here or on one other host."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pageswap.console.arguments import HostAccess
from pageswap.console.publish_view import opened
from pageswap.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(("to", "path"), [("site", "site"), ("./a:b", "./a:b"), ("local:site", "site")])
def test_a_folder_of_this_machine_is_reached_without_ssh(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, to: str, path: str
) -> None:
    """Under any of its names, from the current folder on."""
    monkeypatch.chdir(tmp_path)
    with opened(to, HostAccess()) as place:
        assert place.name == path
        assert place.look()["state"] == "absent"


def test_another_host_is_named_and_let_go_of(tmp_path: Path) -> None:
    """Nothing connects before it has to."""
    config = tmp_path / "ssh_config"
    config.touch()
    with opened("web:/srv/www", HostAccess(ssh_config=str(config))) as place:
        assert place.name == "web:/srv/www"


@pytest.mark.parametrize("host", ["@rack", "@all", "lab1,lab2", "me@lab1", "-oProxyCommand=x"])
def test_several_hosts_and_what_is_no_host_are_refused(tmp_path: Path, host: str) -> None:
    """A site has one place, also where a group has one host."""
    inventory = tmp_path / "h.yaml"
    inventory.write_text("hosts: {lab1: , lab2: }\ngroups: {rack: [lab1, lab2]}\n")
    with (
        pytest.raises(UsageError, match=r"^--to: '.*' is not a(n alias| host); "),
        opened(f"{host}:/srv/www", HostAccess(str(inventory))),
    ):
        pass
