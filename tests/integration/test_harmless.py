"""What a run leaves on a host, and what it shows meanwhile: its work folder, and command lines without secrets."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from tests.integration.fleet import check_quiet, check_whole
from tests.integration.network import USER, USERS

if TYPE_CHECKING:
    from tests.integration.fleet import Fleet

# Wherever a user of a host may write.
PLACES = ("/home", "/tmp", "/var/tmp", "/dev/shm", "/run", "/srv")  # noqa: S108 - the host's
SECRET = "hunter2-s3cr3t"  # noqa: S105 - that is the point
WRAPPER = """#!/bin/sh
for word; do printf '%s\\n' "$word"; done >>"{log}"
exec "{ssh}" "$@"
"""


def test_a_run_writes_into_its_work_folder_only(fleet: Fleet) -> None:
    """Whatever is the user's afterwards was there before or is below the cache; so with an interrupted start."""
    host = fleet.network.add("lab1")
    listing = ("find", *PLACES, "-xdev", "-user", str(USERS[USER]))
    before = set(host.run(*listing).splitlines())
    ended = fleet.run("lab1")
    assert ended.code == 0, ended.errors
    check_quiet(host)
    made = set(host.run(*listing).splitlines()) - before
    cache = f"/home/{USER}/.cache/pageswap"

    assert made
    assert {path for path in made if not path.startswith(f"{cache}/")} == {cache, os.path.dirname(cache)}  # noqa: PTH120 - a path of the host's


def test_command_lines_show_nothing_of_an_ssh_config(fleet: Fleet) -> None:
    """Of ssh's own words there are an alias and places of ours; over fabric there is no command line at all."""
    hosts = [fleet.network.add("lab1"), fleet.network.add("lab2")]
    folder = fleet.folder / SECRET
    folder.mkdir()
    key, known = folder / "key", folder / "known_hosts"
    shutil.copy(fleet.network.user_key, key)
    known.write_text("".join(f"{SECRET}-{host.name} {host.public_key}\n" for host in hosts))
    for host in hosts:
        fleet.network.configure(
            host.name,
            IdentityFile=key,
            UserKnownHostsFile=known,
            HostKeyAlias=f"{SECRET}-{host.name}",
            SetEnv=f"TOKEN={SECRET}",
        )
    inventory = fleet.folder / "hosts.yaml"
    inventory.write_text("hosts: {lab1: {via: fabric}, lab2: {via: openssh}}\n")
    log, wrapper = fleet.folder / "typed", fleet.folder / "bin" / "ssh"
    wrapper.parent.mkdir()
    wrapper.write_text(WRAPPER.format(log=log, ssh=shutil.which("ssh")))
    wrapper.chmod(0o755)
    fleet.environment["PATH"] = f"{wrapper.parent}:{os.environ['PATH']}"
    ended = fleet.run("lab1", "lab2", inventory=inventory)
    assert ended.code == 0, ended.errors
    typed = log.read_text().splitlines()

    assert {"-G", "-M", "lab1", "lab2"} <= set(typed)
    assert [word for word in typed if SECRET in word] == []
    assert ended.run_dir is not None
    check_whole(ended.run_dir, fleet.spec(repeats=1), ["lab1", "lab2"])
