"""The atlas: who won where, in how many runs, and like machines together."""

from __future__ import annotations

from pageswap.answers.words import say
from pageswap.history.atlas import Winner, atlas
from tests.history.records import record


def won(*methods: str, **levels: object) -> dict[str, object]:
    """Return a contest that these methods were not beaten in."""
    return {"host": "local", "levels": levels, "methods": list(methods), "of": 4}


def test_a_cell_has_each_winner_with_its_runs() -> None:
    """A method counts once a run, however many contests it won there."""
    runs = [
        record(1, {}, wins=[won("memcpy", page_size=4096), won("memcpy", page_size=4096, threads=2)]),
        record(2, {}, wins=[won("memcpy", "uffd_move", page_size=4096), won("mremap_fixed", page_size=2 << 20)]),
    ]
    found = atlas(runs)
    (sheet,) = found.sheets
    (row,) = sheet.rows

    assert (sheet.workload, sheet.page_sizes, found.runs, found.hosts) == ("swap", (4096, 2 << 20), 2, 1)
    assert ("AMD EPYC 9R45", "KVM", "6.18") == (row.cpu, row.hypervisor, row.kernel)
    assert (row.cells[4096].runs, row.cells[4096].contests) == (2, 3)
    assert row.cells[4096].winners == (Winner("memcpy", 2, 1), Winner("uffd_move", 1, 0))
    assert row.cells[2 << 20].winners == (Winner("mremap_fixed", 1, 1),)


def test_kernels_are_rows_in_the_order_of_their_numbers() -> None:
    """A patch level is no row of its own."""
    runs = [
        record(number, {}, host={"kernel": kernel})
        for number, kernel in enumerate(["6.12.5", "6.2.1", "6.12.9", "6.2.0-14-generic", "next"])
    ]
    (sheet,) = atlas(runs).sheets

    assert ["next", "6.2", "6.12"] == [row.kernel for row in sheet.rows]
    assert [1, 2, 2] == [row.cells[4096].runs for row in sheet.rows]


def test_no_contest_is_no_atlas() -> None:
    """Which is said."""
    found = atlas([record(1, {}, wins=[])])

    assert found.sheets == ()
    assert say("atlas", "headline", found) == "No run has let two methods compete yet."


def test_the_headline_counts_where_one_method_stands_alone() -> None:
    """Of all places, over all runs."""
    runs = [record(1, {}, wins=[won("memcpy", "uffd_move")]), record(2, {}, wins=[won("a", page_size=8192)])]

    assert say("atlas", "headline", atlas(runs)) == (
        "In 1 of 2 places of this atlas one method was the fastest in every run; it is made of 2 runs on 1 host."
    )
