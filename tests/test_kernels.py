"""The table of kernels is of the methods and hosts that there are, and what the kernels' lab calls wrong is found."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from pageswap import native
from tests.bench import kernel_experiments, kernel_truths, kernels_page
from tests.bench.kernel_hosts import HOSTS, PLAIN, VARIED
from tests.bench.kernels_page import Seen

METHODS = [method.name for method in native.methods()]
OLD = PLAIN[0]


def cells(name: str) -> list[list[str]]:
    """Return the rows of one of the page's tables, the head first."""
    rows = [line for line in kernels_page.page().lines(name) if line.startswith("| ")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def seen(kernel: str, **available: bool) -> Seen:
    """Return a host's account of its methods, all available but those that are said not to be."""
    methods = {name: available.get(name, True) for name in METHODS if not name.endswith(("_avx2", "_avx512"))}
    told = {name: {"available": is_so, "reason": "" if is_so else "no"} for name, is_so in methods.items()}
    return Seen(kernel, "3.11.2", "2.36", methods=told)


def test_every_method_and_every_host_has_its_row() -> None:
    """What was added, removed or renamed since the tables were written shows here: './inv bench --only kernels'."""
    head, *rows = cells("methods")

    assert METHODS == [row[0].strip("`") for row in rows]
    assert len(PLAIN) == len(head) - 1
    assert [host.name for host in HOSTS] == [row[0] for row in cells("hosts")[1:]]
    assert [host.name for host in VARIED] == [row[0] for row in cells("conditions")[1:]]


def test_every_reason_that_a_cell_names_is_told() -> None:
    """A cell is `yes` or the letter of a reason below the table."""
    told = set(re.findall(r"^- (\*\*\w+\*\*): ", "\n".join(kernels_page.page().lines("methods")), re.MULTILINE))
    named = {cell for row in cells("methods")[1:] for cell in row[1:]}

    assert named == told | {kernels_page.YES}


def test_every_method_is_in_an_experiment(tmp_path: Path) -> None:
    """In one that all hosts do."""
    kernel_experiments.write(tmp_path)
    texts = [(tmp_path / f"{name}.yaml").read_text() for name in kernel_experiments.EVERYWHERE]
    named = {word for text in texts for word in re.findall(r"\w+", text.split("method:")[1].split("]")[0])}

    assert set(METHODS) <= named


@pytest.mark.parametrize(
    ("kernel", "method", "available", "found"),
    [
        ("5.10.0-32-cloud-amd64", "uffd_copy", True, ["uffd_copy is available without Linux 5.11"]),
        ("5.10.0-32-cloud-amd64", "uffd_copy", False, []),
        ("6.12.117+deb13-cloud-amd64", "uffd_move", False, ["uffd_move is unavailable: no"]),
        ("7.3.4+deb13-cloud-amd64", "move_pages", True, ["move_pages is available without two nodes"]),
    ],
)
def test_a_method_that_a_kernel_cannot_have_or_must_have_is_found(
    kernel: str, method: str, available: bool, found: list[str]
) -> None:
    """By the release that brought it."""
    host = seen(kernel)
    for name, told in host.methods.items():
        told["available"] = not kernel_truths.lacks(name, OLD, host)
    host.methods[method] = {"available": available, "reason": "" if available else "no"}

    assert found == list(kernel_truths.wrong_methods(OLD, host))


@pytest.mark.parametrize(
    ("status", "reason", "found"),
    [
        ("ok", "", ""),
        ("corrupt", "page 3", "corrupt: page 3"),
        ("timeout", "60 s", "timeout: 60 s"),
        ("unavailable", "never heard of", "unavailable: never heard of"),
        ("unavailable", "memcpy does not work on thp, only on memfd", ""),
    ],
)
def test_an_ending_that_nobody_knows_of_is_found(status: str, reason: str, found: str) -> None:
    """Of a method that the host has."""
    row: dict[str, Any] = {"method": "memcpy", "status": status, "reason": reason}

    assert found == kernel_truths.wrong_ending(row, OLD, seen("7.3.4"))


def test_a_trial_says_what_was_said_of_its_method() -> None:
    """Another reason, or a measurement, is found."""
    host = seen("7.3.4", memcpy=False)
    row: dict[str, Any] = {"method": "memcpy", "status": "unavailable", "reason": "no"}

    assert not kernel_truths.wrong_ending(row, OLD, host)
    assert "but 'methods' said: no" in kernel_truths.wrong_ending(row | {"status": "ok"}, OLD, host)


def test_the_tables_are_written_where_the_page_marks_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A method without any measurement has its reason, and a condition what differs from the same Debian's host."""
    monkeypatch.setattr(kernels_page, "PAGE", Path(shutil.copy(kernels_page.PAGE, tmp_path)))
    around = kernels_page.PAGE.read_text(encoding="utf-8").split("<!-- ")[0]
    told = {host: seen("7.3.4") for host in HOSTS}
    for host, each in told.items():
        each.connecting_s = [3.0]
        lacks = host == OLD or host.name == "small"
        each.add({"method": "memcpy", "status": "unavailable" if lacks else "ok", "reason": "no" if lacks else None})
    kernels_page.write(told)
    (memcpy,) = (row for row in cells("methods") if row[0] == "`memcpy`")

    assert memcpy[1:] == ["**a**", *("yes" for _ in PLAIN[1:])]
    assert "- **a**: no" in kernels_page.page().lines("methods")
    assert [OLD.name, "7.3.4", "3.11.2", "2.36", "", "0", "1", "0", "0", "3 s"] == cells("hosts")[1]
    assert {row[0]: row[1] for row in cells("conditions")}["small"] == "lacks `memcpy`: no"
    assert {row[0]: row[1] for row in cells("conditions")}["no-faults"] == "has `memcpy`"
    assert kernels_page.PAGE.read_text(encoding="utf-8").startswith(around)
