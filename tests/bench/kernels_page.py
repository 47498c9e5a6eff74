"""The tables of docs/kernels.md: what was seen of each machine of the kernels' lab, and how it is written there."""

from __future__ import annotations

import dataclasses
import re
import statistics
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.bench.kernel_hosts import PLAIN, VARIED
from tests.bench.marked_page import MarkedPage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tests.bench.kernel_hosts import KernelHost

PAGE = Path(__file__).resolve().parents[2] / "docs" / "kernels.md"
WRITER = "./inv bench --only kernels"
STATUSES = ("ok", "unavailable", "skipped")
YES = "yes"


@dataclasses.dataclass
class Seen:
    """What was seen of a host: its software, what 'methods' said of each, and how its trials ended."""

    kernel: str
    python: str
    libc: str
    flags: frozenset[str] = frozenset()
    methods: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
    statuses: Counter[str] = dataclasses.field(default_factory=Counter)
    reasons: dict[str, Counter[str]] = dataclasses.field(default_factory=dict)
    connecting_s: list[float] = dataclasses.field(default_factory=list)
    problems: list[str] = dataclasses.field(default_factory=list)

    def add(self, row: Mapping[str, Any]) -> None:
        """Count a trial, and by its method why it was not measured, "" where it was."""
        self.statuses[row["status"]] += 1
        self.reasons.setdefault(row["method"], Counter())[row["reason"] or ""] += 1

    def all_reasons(self) -> list[str]:
        """Return each reason that a trial had for not being measured."""
        return [reason for reasons in self.reasons.values() for reason in reasons if reason]

    def why_not(self, method: str) -> str:
        """Return the reason that was given most for a method that was never measured, "" for one that was."""
        reasons = self.reasons.get(method, Counter())
        return "" if reasons[""] or not reasons else reasons.most_common(1)[0][0]


def page() -> MarkedPage:
    """Return the page, in which the tables are marked."""
    return MarkedPage(PAGE, WRITER)


def write(seen: Mapping[KernelHost, Seen]) -> None:
    """Write all tables."""
    by_name = {host.name: each for host, each in seen.items()}
    plain = {host: by_name[host.name] for host in PLAIN}
    page().replace(
        "hosts",
        _table(
            ("host", "Linux", "Python", "glibc", "differs by", *STATUSES, "others", "connecting"),
            (_host_row(host, each) for host, each in seen.items()),
        ),
    )
    page().replace("methods", _methods(plain))
    page().replace(
        "conditions",
        _table(
            ("host", "what it changes"),
            (
                (host.name, "; ".join(_changes(by_name[host.name], _same_debian(host, plain))) or "nothing")
                for host in VARIED
            ),
        ),
    )


def _host_row(host: KernelHost, seen: Seen) -> tuple[str, ...]:
    others = sum(count for status, count in seen.statuses.items() if status not in STATUSES)
    counts = (*(seen.statuses[status] for status in STATUSES), others)
    connecting = f"{statistics.median(seen.connecting_s):.0f} s"
    return (
        host.name,
        seen.kernel,
        seen.python,
        seen.libc,
        host.condition,
        *(f"{count:,}" for count in counts),
        connecting,
    )


def _methods(plain: Mapping[KernelHost, Seen]) -> list[str]:
    """Print a row a method, whose cells name reasons by letters, and the reasons below."""
    letters: dict[str, str] = {}
    names = list(next(iter(plain.values())).methods)
    rows = []
    for name in names:
        reasons = [seen.why_not(name) for seen in plain.values()]
        cells = [letters.setdefault(reason, _letter(len(letters))) if reason else YES for reason in reasons]
        rows.append((f"`{name}`", *cells))
    head = ("method", *(f"{'.'.join(seen.kernel.split('.')[:2])}" for seen in plain.values()))
    return [*_table(head, rows), "", *(f"- {letter}: {reason}" for reason, letter in letters.items())]


def _letter(number: int) -> str:
    return f"**{chr(ord('a') + number)}**"


def _same_debian(host: KernelHost, plain: Mapping[KernelHost, Seen]) -> Seen:
    return next(seen for other, seen in plain.items() if other.debian == host.debian)


def _changes(seen: Seen, usual: Seen) -> list[str]:
    """Tell which methods a host has that its Debian's other host lacks, and which it lacks, by reason."""
    given = [name for name in seen.methods if usual.why_not(name) and not seen.why_not(name)]
    lacking: dict[str, list[str]] = {}
    for name in seen.methods:
        reason = seen.why_not(name)
        if reason and reason != usual.why_not(name):
            lacking.setdefault(reason, []).append(name)
    words = [f"has {_list(given)}"] if given else []
    words += [f"lacks {_list(names)}: {reason.replace(';', ',')}" for reason, names in lacking.items()]
    known = {_shape(reason) for reason in usual.all_reasons()} | {_shape(reason) for reason in lacking}
    new = {_shape(reason): reason for reason in seen.all_reasons() if _shape(reason) not in known}
    return words + [f"some trials: {reason.replace(';', ',')}" for reason in new.values()]


def _shape(reason: str) -> str:
    """Return what is the same of a reason whatever its numbers and its method are."""
    return re.sub(r"[\d,]+", "N", reason)


def _list(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    cells = (" | ".join(cell.replace("|", "\\|") for cell in row) for row in rows)
    return [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *(f"| {row} |" for row in cells)]
