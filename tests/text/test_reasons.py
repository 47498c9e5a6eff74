"""Reasons that differ in amounts are one, and the largest need has the cure for all."""

from __future__ import annotations

from pageswap.text.reasons import most_needed, without_numbers

POOL = "needs {0} free huge pages of {1} KiB; echo {0} > hugepages-{1}kB/nr_hugepages"


def test_amounts_do_not_set_reasons_apart_but_names_do() -> None:
    """Pools of two sizes of pages have a cure each."""
    assert without_numbers(POOL.format(64, 2048)) == without_numbers(POOL.format(257, 2048))
    assert without_numbers(POOL.format(64, 2048)) != without_numbers(POOL.format(64, 1048576))


def test_the_largest_need_is_found_as_a_number() -> None:
    """Not as text, and with its commas; a reason without any is the least."""
    reasons = ["needs 9 mappings", "needs up to 1,200,000 mappings; 2 now", "no userfaultfd"]

    assert most_needed(reasons) == reasons[1]


def test_a_version_is_no_bug() -> None:
    """Its parts are numbers; all of them together are none."""
    reasons = ["needs Linux 5.7.2", "needs Linux 6.8.0"]

    assert most_needed(reasons) == reasons[1]
    assert len(set(map(without_numbers, reasons))) == 1
