"""Reads what was typed after a command: numbers, durations, files, and which hosts are meant."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pageswap.errors import UsageError
from pageswap.spec.hostnames import LOCAL, check_alias, is_plain_name
from pageswap.units import format_duration, parse_duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pageswap.fleet.inventory import Inventory, InventoryHost
    from pageswap.fleet.target import Target
    from pageswap.publish.destination import Destination
    from pageswap.spec.experiment import Experiment

_LONGEST_TAG: Final = 200
_LONGEST_NOTE: Final = 2_000


def number(flag: str, text: str | None, least: int | None = None) -> int | None:
    """Read a whole number, None where nothing was typed; raises UsageError."""
    if text is None:
        return None
    try:
        value = int(text)
    except ValueError:
        raise UsageError(f"{flag}: expected a whole number, found {text!r}") from None
    if least is not None and value < least:
        raise UsageError(f"{flag}: expected at least {least}, found {value}")
    return value


def blocks(flag: str, text: str, planned: int) -> int:
    """Return how many blocks a run is to have that has so many `planned`: N in all, or +N more; raises UsageError."""
    from pageswap.spec.loader import MAX_REPEATS

    count = number(flag, text, 1) or 1
    wanted = planned + count if text.strip().startswith("+") else count
    if wanted < planned:
        raise UsageError(
            f"{flag}: the run has {planned:,} blocks, and none is taken away; write how many there are to be in all, or"
            f" such as +{wanted} for {wanted} more"
        )
    if wanted > MAX_REPEATS:
        raise UsageError(f"{flag}: a run has at most {MAX_REPEATS:,} blocks, found {wanted:,}")
    return wanted


def tags(flag: str, texts: Iterable[str]) -> dict[str, str]:
    """Read key=value texts; raises UsageError."""
    found: dict[str, str] = {}
    for text in texts:
        key, equals, value = (part.strip() for part in text.partition("="))
        if not equals or not is_plain_name(key) or not value or len(value) > _LONGEST_TAG or not value.isprintable():
            raise UsageError(
                f"{flag}: expected key=value such as purpose=nightly, the key of letters, digits, '.', '-' and '_', the"
                f" value at most {_LONGEST_TAG} characters on one line, found {text!r:.80}"
            )
        if found.setdefault(key, value) != value:
            raise UsageError(f"{flag}: {key} is given twice, {found[key]!r} and {value!r}; a run has one value of each")
    return found


def said(texts: Iterable[str], note: str) -> dict[str, Any]:
    """Return what --tag and --note say of a run, by what its provenance calls it; raises UsageError."""
    if len(note) > _LONGEST_NOTE:
        raise UsageError(f"--note: at most {_LONGEST_NOTE:,} characters, found {len(note):,}")
    known = {"tags": tags("--tag", texts), "note": note.strip()}
    return {name: value for name, value in known.items() if value}


def time_since(flag: str, text: str, now: dt.datetime | None = None) -> str:
    """Return the UTC time, in ISO 8601, that a date, a time or an age such as 7d means; raises UsageError."""
    if not text:
        return ""
    days = re.fullmatch(r"([0-9]{1,5}) ?d(?:ays?)?", text.strip())
    try:
        if days:
            when = (now or dt.datetime.now(dt.UTC)) - dt.timedelta(days=int(days[1]))
        else:
            when = dt.datetime.fromisoformat(text.strip())
        # A time without a zone is of the one that runs are listed in.
        when = when.astimezone(dt.UTC) if when.tzinfo else when.replace(tzinfo=dt.UTC)
    except (ValueError, OverflowError):
        raise UsageError(f"{flag}: expected such as 2026-11-22, 2026-11-22T18:30 (UTC) or 7d, found {text!r}") from None
    return when.strftime("%Y-%m-%dT%H:%M:%S")


def seconds(flag: str, text: str, least: float = 0.0) -> float:
    """Read a duration such as 60s; raises UsageError."""
    try:
        value = parse_duration(text)
    except ValueError as error:
        raise UsageError(f"{flag}: {error}") from None
    if value < least:
        raise UsageError(f"{flag}: expected at least {format_duration(least)}, found {text!r}")
    return value


def one_of(flag: str, text: str, words: tuple[str, ...]) -> str:
    """Return one of some words; raises UsageError for any other."""
    if text not in words:
        expected = " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))
        raise UsageError(f"{flag}: expected {expected}, found {text!r}")
    return text


def destination(flag: str, path: str) -> Path:
    """Return where something is to be written; UsageError where its folder is not there: a mistyped one is not made."""
    try:
        place = Path(path).expanduser()
        folder = place if path.endswith("/") else place.parent
        if place.is_dir() or folder.is_dir():
            return place
    except (OSError, RuntimeError) as error:
        raise UsageError(f"{flag}: {error}") from None
    raise UsageError(f"{flag}: there is no folder '{folder}'; make it, or name another place")


@dataclasses.dataclass(frozen=True)
class HostAccess:
    """What the commands share that reach hosts: which inventory, which ssh_config, and whether to trust new keys.

    The fields are arguments of each such command, and text as it was typed.
    """

    inventory: str = ""
    ssh_config: str = ""
    accept_new: bool = False

    def known(self) -> Inventory:
        """Read the inventory, the one of the current folder unless another was named; raises SpecError."""
        from pageswap.fleet.inventory import Inventory

        return Inventory.load(Path(self.inventory) if self.inventory else None)

    def hosts(self, wanted: str | None, experiment: Experiment | None = None) -> tuple[InventoryHost, ...]:
        """Return the hosts that --hosts names, or else the experiment, or else this machine; raises UsageError.

        None is what was not typed. An empty word was, as by a script whose variable is unset: it means no host at all.
        """
        known = self.known()
        if wanted is not None:
            if not wanted.strip():
                raise UsageError(f"--hosts: {wanted!r} names no host; write such as lab1,@rack, or leave --hosts out")
            return known.select([text.strip() for text in wanted.split(",")])
        if experiment is None or not experiment.hosts:
            return known.select([LOCAL])
        return known.select(experiment.hosts, f"{experiment.path}:{experiment.lines.get('hosts', 1)}: hosts")

    def machines(self, wanted: str | None, experiment: Experiment | None = None) -> tuple[InventoryHost, ...]:
        """Return what `hosts` does, with each cluster's nodes in its place, which the cluster is asked for.

        Raises HostError where it does not answer.
        """
        chosen = self.hosts(wanted, experiment)
        if not any(host.slurm for host in chosen):
            return chosen
        from pageswap.fleet.cluster_nodes import each_node
        from pageswap.fleet.transport.transport import Reach

        file = self.ssh_config_file()
        return each_node(chosen, Reach(Path(file) if file else None, accept_new=self.accept_new))

    def targets(self, hosts: tuple[InventoryHost, ...], core: str = "auto") -> list[Target]:
        """Return what reaches the hosts, to be closed by the caller; raises UsageError."""
        from pageswap.campaign.options import CORES, Options, make_targets

        options = Options(core=one_of("--core", core, CORES), ssh_config=self.ssh_config_file())
        return make_targets(hosts, options, accept_new=self.accept_new)

    def ssh_config_file(self) -> str | None:
        """Return the absolute path of the ssh_config that was named; raises UsageError where there is no such file."""
        if self.ssh_config and not os.path.isfile(self.ssh_config):  # noqa: PTH113 - unlike Path.is_file, never raises
            raise UsageError(f"--ssh-config: there is no file {self.ssh_config!r}")
        return str(Path(self.ssh_config).absolute()) if self.ssh_config else None

    @contextlib.contextmanager
    def site(self, to: str) -> Iterator[Destination]:
        """Yield the folder that --to names, here or over SSH, and let go of the connection after; raises UsageError."""
        from pageswap.publish.destination import Destination, split

        host, path = split(to)
        try:
            alias = check_alias(host or LOCAL)
        except ValueError as error:
            raise UsageError(f"--to: {error}") from None
        (target,) = self.targets(self.hosts(alias))
        with contextlib.closing(target):
            if target.transport.is_here:
                destination("--to", path.rstrip("/"))
            yield Destination(target, path)
