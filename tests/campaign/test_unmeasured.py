"""What hosts cannot do of a run is told once for each reason, with the one cure that is enough for all cases."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from pageswap.agent.journal.job import job_from_json
from pageswap.campaign.unmeasured import foreseen, grouped, questions
from pageswap.errors import HostError
from pageswap.fleet.inventory import InventoryHost
from tests.store.fakes import make_plan

CASES: dict[str, dict[str, Any]] = {
    f"c{number:04}": {"method": method, "region_size": size << 20}
    for number, (size, method) in enumerate((size, method) for size in (128, 512) for method in ("memcpy", "uffd_move"))
}


def huge_pages(count: int, kib: int = 2048) -> str:
    """Return why a region of huge pages cannot be had."""
    return f"needs {count} free huge pages of {kib} KiB; as root: echo {count} > /sys/hugepages-{kib}kB/nr_hugepages"


def test_cures_of_one_kind_are_the_largest() -> None:
    """It is enough for the others."""
    ended = [
        ("local", f"b00.{case}", "unavailable", huge_pages(pages))
        for case, pages in zip(CASES, (64, 65, 257, 256), strict=True)
    ]
    (group,) = grouped(reversed(ended), CASES)

    assert group.text(noun="case") == f"unavailable: all cases (4 cases): {huge_pages(257)}"
    assert group.trial_ids == ["b00.c0000", "b00.c0001", "b00.c0002", "b00.c0003"]


def test_numbers_are_compared_as_numbers() -> None:
    """Not as text, and with their commas."""
    reasons = ("needs up to 9 mappings, the limit is 8", "needs up to 1,200,000 mappings, the limit is 8")
    ended = [("local", f"b00.{case}", "unavailable", reason) for case, reason in zip(CASES, reasons, strict=False)]

    assert [group.reason for group in grouped(ended, CASES)] == [reasons[1]]


def test_huge_pages_of_two_sizes_have_a_cure_each() -> None:
    """The number in a name is no amount."""
    ended = [
        ("local", "b00.c0000", "unavailable", huge_pages(64)),
        ("local", "b00.c0001", "unavailable", huge_pages(1, 1048576)),
    ]

    assert len(grouped(ended, CASES)) == 2


def test_groups_are_in_the_order_of_the_factors_and_say_what_sets_them_apart() -> None:
    """Whatever order the trials ran in; a factor whose levels all are meant is not named."""
    ended = [
        ("b", "b00.c0003", "skipped", "needs 9 MiB"),
        ("b", "b01.c0001", "unavailable", "no userfaultfd"),
        ("b", "b00.c0003", "unavailable", "no userfaultfd"),
    ]

    assert [group.text(("a", "b")) for group in grouped(ended, CASES)] == [
        "unavailable: b: uffd_move (2 trials): no userfaultfd",
        "skipped: b: uffd_move, region_size 512MiB (1 trial): needs 9 MiB",
    ]


def test_all_cases_are_said_only_where_it_is_all() -> None:
    """Every level may be among the cases of a group, and yet not every case."""
    needs = [("local", f"b00.{case}", "unavailable", "no such CPU") for case in ("c0000", "c0003")]
    apart = {f"{case}{host}": {**levels, "host": host} for case, levels in CASES.items() for host in "ab"}
    named = [("local", f"b00.{case}", "skipped", "no room") for case in ("c0000a", "c0003a")]

    assert grouped(needs, CASES)[0].text(noun="case") == "unavailable: 2 of 4 cases (2 cases): no such CPU"
    assert grouped(named, apart)[0].text() == "skipped: 2 of 4 cases of host a (2 trials): no room"


@pytest.mark.parametrize(("status", "groups"), [("failed", 2), ("corrupt", 2), ("skipped", 1)])
def test_only_what_the_host_cannot_do_joins_cases(status: str, groups: int) -> None:
    """Damage in one case says nothing of another."""
    ended = [("local", f"b00.{case}", status, "slot 3 is wrong") for case in ("c0000", "c0001")]

    assert len(grouped(ended, CASES)) == groups


def test_a_host_is_asked_for_each_case_once_as_the_inventory_limits_it() -> None:
    """A run's trials are many, and its agents get the same limits."""
    plan: Any = make_plan(cases=3, blocks=5)
    hosts = [InventoryHost("a", cpu=3, memory_bytes=1 << 30), InventoryHost("b")]
    asked = questions(plan, hosts, tune=True)
    job = job_from_json(asked["a"]["job"])

    assert list(asked) == ["a", "b"]
    assert sorted(trial.case_id for trial in job.trials) == ["c0000", "c0001", "c0002"]
    assert (asked["a"]["cpu"], job.cpu, job.memory_cap_bytes, job.tune) == (3, 3, 1 << 30, True)


def test_a_host_without_an_answer_says_nothing_of_cases() -> None:
    """Its error is told by itself."""
    plan: Any = SimpleNamespace(cases=[SimpleNamespace(case_id="c0000", levels={"method": "memcpy"})])
    answers = {"a": HostError("a: no route"), "b": {"refusals": [["b00.c0000", "unavailable", "no such CPU"]]}}
    (group,) = foreseen(plan, answers)

    assert (group.host, group.reason) == ("b", "no such CPU")
