"""Publishing as it is typed and seen: where to, and what became of every run."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import TYPE_CHECKING

from pageswap.console.arguments import destination
from pageswap.console.output import print_json, say
from pageswap.errors import UsageError
from pageswap.publish import Destination, Published, split
from pageswap.spec.hostnames import LOCAL, check_alias
from pageswap.text.words import first_few

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pageswap.console.arguments import HostAccess

_NAMED = 5


@contextlib.contextmanager
def opened(to: str, access: HostAccess) -> Iterator[Destination]:
    """Yield the folder that --to names, here or over SSH, and let go of the connection after; raises UsageError."""
    host, path = split(to)
    try:
        alias = check_alias(host or LOCAL)
    except ValueError as error:
        raise UsageError(f"--to: {error}") from None
    (target,) = access.targets(access.hosts(alias))
    with contextlib.closing(target):
        if target.transport.is_here:
            destination("--to", path.rstrip("/"))
        yield Destination(target, path)


def conclude(published: Published, *, as_json: bool) -> None:
    """Tell what became of the runs, those that were left out with their reasons, and last where the site is."""
    if as_json:
        print_json(dataclasses.asdict(published))
        return
    for run_id, reason in published.left_out.items():
        say(f"left out: {run_id}: {reason}")
    for word in ("added", "updated", "removed"):
        names: tuple[str, ...] = getattr(published, word)
        if names:
            say(f"{word}: {first_few(names, _NAMED)}")
    sent = f"{published.sent_bytes / 1e6:.1f} MB sent" if published.sent_bytes else "nothing to send"
    say(f"{len(published.unchanged)} unchanged, {sent}")
    if not published.is_atomic:
        say("this file system cannot exchange two folders: for an instant there was no site")
    say(f"site: {published.where}")
