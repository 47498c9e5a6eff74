"""The part of the page that tells where the processor was: shares with intervals where samples allow them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pageswap.report.sections import profiles
from tests.fake_run import FakeRun, make_run, profile_of
from tests.report.reported import reported

if TYPE_CHECKING:
    from pageswap.report.sections.section import Section


def told(run: FakeRun) -> Section:
    """Return the section of a run that has one."""
    section = profiles.section(reported(run))
    assert section
    return section


@pytest.fixture
def run() -> FakeRun:
    """Return a run of three cases, of which one has a profile of 2,000 samples."""
    made = make_run(region_size=[128 << 20], touch=["none"])
    made.profiled = [profile_of(made, "c0001")]
    return made


def test_a_run_without_profiles_has_no_such_part() -> None:
    """Nothing was asked for."""
    assert profiles.section(reported(make_run())) is None


def test_functions_have_their_shares_of_all_and_of_the_kernel(run: FakeRun) -> None:
    """With intervals; the rest is told, so that nobody adds the lines up to the whole."""
    cases, functions = told(run).grids

    assert cases.rows == (("memcpy", "2,000", "95.0 % [94.0 to 95.9]", "48 % move_pages_ptes, 3.0 % __GI___ioctl"),)
    assert functions.caption == "memcpy: 2,000 samples, 990 of them in functions that are not shown"
    assert functions.rows == (
        ("move_pages_ptes", "kernel", "950", "47.5 % [45.3 to 49.7]", "50.0 % [47.8 to 52.2]"),
        ("__GI___ioctl", "libc.so.6", "60", "3.0 % [2.3 to 3.8]", ""),
    )
    assert functions.is_folded


def test_a_handful_of_samples_gives_counts_alone(run: FakeRun) -> None:
    """And the page says why."""
    symbols = [{"name": "a", "object": "kernel", "is_kernel": True, "samples": 5}]
    run.profiled = [profile_of(run, "c0001", samples=8, kernel_samples=5, symbols=symbols)]
    section = told(run)

    assert section.grids[0].rows == (("memcpy", "8", "5 samples", "5 a"),)
    assert section.grids[1].rows == (("a", "kernel", "5", "", ""),)
    assert "%" not in str([grid.rows for grid in section.grids])
    assert any(note.startswith("Of 1 case there are fewer than 30 samples") for note in section.notes)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "This host has no counter of cycles for perf, so its samples are taken by a timer."),
        ({"event": "cpu-clock:ppp"}, "are taken by a timer"),
        (
            {"names_hidden": True},
            "The names of the kernel's functions are hidden from this user (kernel.kptr_restrict)",
        ),
        ({"status": "unavailable", "reason": "no perf; install it", "samples": 0}, "No profile of 1 case: no perf; "),
    ],
)
def test_what_limits_it_is_said(run: FakeRun, changes: dict[str, object], words: str) -> None:
    """Beside the figures that it limits."""
    cycles = profile_of(run, "c0000", event="cycles:P")
    run.profiled = [cycles]
    assert words not in " ".join(told(run).notes)
    run.profiled = [cycles, profile_of(run, "c0001", **changes)]

    assert words in " ".join(told(run).notes)


def test_without_any_profile_the_reason_stands_alone(run: FakeRun) -> None:
    """Once for all cases that have it."""
    run.profiled = [
        profile_of(run, each, status="unavailable", reason="no perf", samples=0) for each in ("c0000", "c0001")
    ]
    section = told(run)

    assert section.notes == ("No profile of 2 cases: no perf.",)
    assert section.grids == ()


def test_of_many_cases_some_are_shown_by_function() -> None:
    """The table has more of them."""
    run = make_run(method=[f"m{index}" for index in range(30)], region_size=[1 << 20], touch=["none"])
    run.profiled = [profile_of(run, f"c{index:04d}") for index in range(30)]
    section = told(run)

    assert len(section.grids) == 1 + profiles.MOST_GRIDS
    assert len(section.grids[0].rows) == 30
    assert any(note.startswith("The functions of 24 of 30 cases are shown") for note in section.notes)
