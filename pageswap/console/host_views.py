"""What a command prints of several hosts: the inventory, each host's part of a run, facts, and what failed where."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from pageswap.console.exits import tell
from pageswap.console.output import print_json, say, show_table
from pageswap.errors import PageswapError
from pageswap.fleet.inventory import InventoryHost
from pageswap.spec.quoting import printable
from pageswap.store.schema import RUNNING
from pageswap.text.words import first_few, plural
from pageswap.units import format_duration, format_size

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pageswap.campaign.outcome import HostOutcome
    from pageswap.fleet.inventory import Inventory

_BAD_LINE_EXIT = 2
_REASONS_NAMED = 8
_UNKNOWN = {"available": False, "reason": "is unknown to its core"}


def show_hosts(hosts: Sequence[HostOutcome]) -> None:
    """Print one line a host of a run: its rows and how they ended, where its time went, and what stopped it."""
    rows = (
        (
            host.host,
            f"{host.rows:,}",
            ", ".join(f"{status} {count:,}" for status, count in host.statuses.items()),
            f"{host.missing:,}" if host.missing else "",
            format_duration(host.ledger[RUNNING]) if RUNNING in host.ledger else "",
            _lost(host),
            host.problem,
        )
        for host in hosts
    )
    headings = ("host", "rows", "ended", "owed", RUNNING, "lost", "why no more")
    show_table(headings, rows, frozenset({"rows", "owed", RUNNING}))


def _lost(host: HostOutcome) -> str:
    """Return the time lost and what took most of it: ``4.2s, connecting 3.9s``."""
    if not host.lost:
        return ""
    phase, seconds = max(host.lost.items(), key=lambda part: part[1])
    total = format_duration(sum(host.lost.values()))
    return f"{total}, {phase}" if len(host.lost) == 1 else f"{total}, {phase} {format_duration(seconds)}"


def tell_inventory(inventory: Inventory, *, as_json: bool) -> None:
    """Print each host of an inventory with its groups, tags and settings, or all of it as JSON, sizes in bytes."""
    if as_json:
        hosts = [host.to_json() for host in inventory.hosts.values()]
        groups = {name: list(members) for name, members in inventory.groups.items()}
        print_json({"inventory": inventory.name or None, "hosts": hosts, "groups": groups})
        return
    if not inventory.hosts:
        say("no inventory: --hosts takes any alias of ~/.ssh/config; hosts.example.yaml shows how to write one")
        return
    say(f"{inventory.name}:")
    # Groups may name hosts that have no entry of their own, such as this machine.
    names = dict.fromkeys([*inventory.hosts, *(name for members in inventory.groups.values() for name in members)])
    rows = (
        (
            host.name,
            ", ".join(f"@{group}" for group, members in inventory.groups.items() if host.name in members),
            ", ".join(f"@{tag}" for tag in host.tags),
            "" if host.cpu is None else str(host.cpu),
            "" if host.memory_bytes is None else format_size(host.memory_bytes),
            host.python or "",
            host.workdir or "",
            host.notes,
        )
        for host in (inventory.hosts.get(name) or InventoryHost(name) for name in names)
    )
    show_table(("host", "groups", "tags", "cpu", "memory", "python", "workdir", "notes"), rows)


def findings(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the doctor has to say of a host's facts: {"checks", "lease"}."""
    return {"checks": facts["doctor"], "lease": facts["lease"]}


def findings_code(found: Mapping[str, Any]) -> int:
    """Return 2 where a host's facts have a line that says ``bad``, else 0; hosts with an error have none."""
    return _BAD_LINE_EXIT if any(map(bad_checks, found.values())) else 0


def bad_checks(answer: dict[str, Any] | PageswapError) -> list[dict[str, Any]]:
    """Return the checks of a host's facts that found what spoils a measurement; of an error there are none."""
    checks = [] if isinstance(answer, PageswapError) else answer["doctor"]
    return [check for check in checks if check["status"] == "bad"]


def show_findings(found: Mapping[str, Mapping[str, Any]]) -> None:
    """Print one line a finding of each host's `findings`, with its cure, never folded."""
    lines = [
        (host, *(str(check.get(key) or "") for key in ("status", "check", "found", "cure")))
        for host, answer in found.items()
        for check in answer["checks"]
    ]
    widths = [max((len(line[column]) for line in lines), default=0) for column in range(3)]
    for host, status, check, what, cure in lines:
        place = f"{host:{widths[0]}}  {status:{widths[1]}}  {check:{widths[2]}}"
        say(printable(f"{place}  {what}{f'; cure: {cure}' if cure else ''}"))


def show_method_matrix(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Print every method of one host; of several, which host has which, and below why the others have not."""
    if len(found) <= 1:
        for host, every in found.items():
            say(f"{host}:")
            show_table(
                ("method", "family", "workloads", "", "what it does, or what it lacks"),
                (
                    (
                        str(method["name"]),
                        str(method["family"]),
                        ", ".join(method["workloads"]),
                        "ok" if method["available"] else "unavailable",
                        str(method["summary"] if method["available"] else method["reason"]),
                    )
                    for method in every
                ),
            )
        return
    have = {host: {method["name"]: method for method in methods} for host, methods in found.items()}
    reasons: dict[tuple[str, str], list[str]] = {}
    rows = []
    for name in dict.fromkeys(name for methods in have.values() for name in methods):
        cells = [name]
        for host, methods in have.items():
            method = methods.get(name, _UNKNOWN)
            if not method["available"]:
                reasons.setdefault((name, str(method["reason"])), []).append(host)
            cells.append("ok" if method["available"] else "-")
        rows.append(cells)
    show_table(("method", *found), rows)
    if reasons:
        print()
    for (name, reason), hosts in reasons.items():
        say(printable(f"{name} on {', '.join(hosts)}: {reason}"))


def show_readiness(found: Mapping[str, Mapping[str, Any]]) -> None:
    """Print one line a host that could measure now: which core it has, whose build, on which Python and kernel."""
    for host, answer in found.items():
        spent = ", ".join(f"{phase} {format_duration(seconds)}" for phase, seconds in answer["ledger"].items())
        place = f"core {str(answer['core_hash'])[:12]}, built by the {answer['build']}, Python {answer['python']}"
        say(printable(f"{host}: ready: {place}, Linux {answer['kernel']}{f' ({spent})' if spent else ''}"))


def show_cleaned(found: Mapping[str, Mapping[str, Any]]) -> None:
    """Print one line a host: what was removed there, and what was kept because an agent may still need it."""
    for host, answer in found.items():
        kept = Counter(str(each["why"]) for each in answer["kept"])
        told = first_few((f"{count:,} ({printable(why)})" for why, count in kept.items()), _REASONS_NAMED)
        rest = f"; kept {told}" if kept else ""
        say(f"{host}: removed {plural(answer['removed'], 'folder')}, {answer['bytes'] / 2**20:,.1f} MiB{rest}")


def conclude(
    found: Mapping[str, Any],
    show: Callable[[Mapping[str, Any]], None],
    *,
    as_json: bool,
    part: Callable[[Any], Any] = lambda answer: answer,
    document: Callable[[dict[str, Any]], dict[str, Any]] = lambda hosts: hosts,
) -> int:
    """Tell each host's answer, or `part` of it, by `show` or as JSON, and on standard error who has an error instead.

    `document` makes the JSON of what each host has. Return the exit code: the first error's, 0 without any.
    """
    errors = {host: answer for host, answer in found.items() if isinstance(answer, PageswapError)}
    if as_json:
        hosts = {host: {"error": str(errors[host])} if host in errors else part(found[host]) for host in found}
        print_json(document(hosts))
    else:
        show({host: part(answer) for host, answer in found.items() if host not in errors})
    for error in errors.values():
        tell(f"error: {error}")
    return next((error.exit_code for error in errors.values()), 0)


def conclude_build(core: Mapping[str, str], found: Mapping[str, Any], *, as_json: bool) -> int:
    """Tell which core was built here, and as `conclude` what each host would measure with; return the exit code."""
    if not as_json:
        say(f"core {core['core_hash'][:12]} by {core['compiler']} with {core['flags']}")
    return conclude(found, show_readiness, as_json=as_json, document=lambda hosts: {"core": core, "hosts": hosts})
