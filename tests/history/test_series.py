"""A case's way over runs: what is followed, where it changed, what changed with it, and what is never put together."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from pageswap.errors import UsageError
from pageswap.history.series import History, Series, history
from pageswap.history.told import sentences
from tests.history.records import record, records

STEP = [1.0] * 15 + [0.8] * 10


def of(found: History, method: str) -> Series:
    """Return the series of a method."""
    (only,) = [each for each in found.series if each.levels["method"] == method]
    return only


def test_a_change_stands_with_its_run_and_what_changed_with_it() -> None:
    """The run from which on it is slower, the one before, how much, and the kernel that was another one."""
    runs = records(STEP)
    for run in runs[15:]:
        run["hosts"][0]["kernel"] = "6.19.1"
    found = history("demo", runs)
    (change,) = of(found, "mremap_fixed").changes

    assert (15, runs[15]["run_id"], runs[14]["run_id"], "slower") == (
        change.place,
        change.run_id,
        change.after_run,
        change.verdict,
    )
    assert change.low < 0.8 < change.high
    assert [("kernel", "6.18.5", "6.19.1")] == [(mark.key, mark.before, mark.after) for mark in change.marks]
    assert of(found, "copy_words").changes == ()
    headline, told, *_ = sentences(found)
    assert "1 of 2 cases changed over 25 runs against memcpy; the newest: mremap_fixed, " in headline
    assert f"slower from run {runs[15]['run_id']} on, together with Kernel." in headline
    assert f"than up to run {runs[14]['run_id']}; with it changed: Kernel 6.18.5 to 6.19.1." in told


def test_times_are_longer_where_ratios_are_lower() -> None:
    """The verdict is the same in both."""
    found = history("demo", records(STEP), quantity="time")
    (change,) = of(found, "mremap_fixed").changes

    assert change.verdict == "slower"
    assert abs(change.factor - 1 / 0.8) < 0.01
    assert {"memcpy", "copy_words", "mremap_fixed"} == {each.levels["method"] for each in found.series}


def test_unlike_machines_are_never_in_one_series() -> None:
    """Two that take turns under one host's name are two series, and no change comes of it."""
    runs = records([1.0, 0.5] * 12)
    for run in runs[1::2]:
        run["hosts"][0]["cpu_model"] = "Intel Xeon"
    found = history("demo", runs)

    assert len(found.series) == 4
    assert not found.changed
    assert found.has_several_machines


@pytest.mark.parametrize("name", ["seed", "rounds", "warmups", "baseline"])
def test_other_work_is_never_in_one_series(name: str) -> None:
    """Its figures are of something else."""
    runs = records(STEP)
    for run in runs[15:]:
        run["work"] = {**run["work"], name: "7"}

    assert not history("demo", runs).changed


def test_what_the_last_run_alone_shows_is_not_yet_a_change() -> None:
    """It is said, with what it takes."""
    found = history("demo", records([1.0] * 20 + [0.7]))

    assert not found.changed
    hint = of(found, "mremap_fixed").not_yet
    assert hint is not None
    assert (hint.runs, hint.verdict) == (1, "slower")
    assert any(
        "Not yet a change: mremap_fixed is " in line and "in the last run alone; it takes 3 runs to tell." in line
        for line in sentences(found)
    )


def test_runs_are_ordered_by_kernel_as_numbers() -> None:
    """6.2 comes before 6.12, whenever it was measured."""
    runs = records([1.0] * 6)
    for run, kernel in zip(runs, ["6.12.1", "6.2.0", "6.12.1", "5.10.0", "6.2.0", "6.12.0"], strict=True):
        run["hosts"][0]["kernel"] = kernel
    found = history("demo", runs, by="kernel")
    points = of(found, "mremap_fixed").points

    assert ["5.10.0", "6.2.0", "6.2.0", "6.12.0", "6.12.1", "6.12.1"] == [point.group for point in points]
    assert [1, 4] == [place for place, run in enumerate(runs) if run["run_id"] in {p.run_id for p in points[1:3]}]


@pytest.mark.parametrize("by", ["commit", "core"])
def test_runs_of_one_commit_or_core_stand_together(by: str) -> None:
    """In the order in which the first of each was measured."""
    runs = records([1.0] * 6)
    for run, name in zip(runs, "babcab", strict=True):
        run["commit"], run["hosts"][0]["core.core_hash"] = name * 40, name * 12
    groups = [point.group[0] for point in history("demo", runs, by=by).series[0].points]

    assert ["b", "a", "c"] == [name for name, _ in itertools.groupby(groups)]


def test_one_host_can_be_looked_at() -> None:
    """And one that no run has is refused by name."""
    runs = [*records([1.0] * 3), *records([1.0] * 3, host={"host": "lab2"})]
    assert {"lab2"} == {each.host for each in history("demo", runs, host="lab2").series}
    assert history("demo", runs).has_several_hosts

    with pytest.raises(UsageError, match="--host lab3: no run of demo has it; there are lab2, local"):
        history("demo", runs, host="lab3")


@pytest.mark.parametrize("wish", [{"by": "moon"}, {"quantity": "weight"}])
def test_other_words_are_refused(wish: dict[str, Any]) -> None:
    """With those there are."""
    with pytest.raises(UsageError, match="expected "):
        history("demo", records([1.0] * 3), **wish)


def test_runs_without_a_figure_have_no_history() -> None:
    """With what helps."""
    with pytest.raises(UsageError, match="no run has a time to follow"):
        history("demo", [record(1, {}, figures=[])])


def test_too_few_runs_are_said_to_be() -> None:
    """Rather than that nothing changed."""
    (headline, *_) = sentences(history("demo", records([1.0] * 5)))

    assert "Too few runs to tell a change: it takes 12 of one case under like conditions, and there are 5" in headline


def test_without_a_change_it_is_said_what_would_have_been_found() -> None:
    """An absence of evidence has its size."""
    headline, told = sentences(history("demo", records([1.0] * 30)))

    assert headline == "No change of 2 cases over 30 runs against memcpy."
    assert told.startswith("In 2 cases without a change one of ")


def test_a_run_that_cannot_be_read_is_named() -> None:
    """With its reason, last."""
    told = sentences(history("demo", records([1.0] * 3), left_out={"x": "is damaged"}))

    assert told[-1] == "Left out: x: is damaged"
