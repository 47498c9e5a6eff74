"""A host's time is counted once, in the innermost phase it was spent in."""

from __future__ import annotations

import contextlib

from pageswap.campaign.phase_clock import PhaseClock


class Clock:
    """A clock that is set by hand."""

    now_s = 100.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.now_s


def test_of_phases_inside_one_another_the_innermost_counts() -> None:
    """And what is outside of all is not counted."""
    clock = Clock()
    ledger = PhaseClock(clock)
    clock.now_s += 50
    with ledger.phase("running"):
        clock.now_s += 3
        with ledger.phase("waiting"):
            clock.now_s += 4
        clock.now_s += 1
    clock.now_s += 50

    assert ledger.take() == {"running": 4, "waiting": 4}
    assert ledger.take() == {}


def test_a_phase_that_ends_with_an_error_is_counted() -> None:
    """An attempt that failed took time too."""
    clock = Clock()
    ledger = PhaseClock(clock)
    with contextlib.suppress(ZeroDivisionError), ledger.phase("connecting"):
        clock.now_s += 2
        clock.now_s += 1 / 0
    clock.now_s += 1

    assert ledger.take() == {"connecting": 2}


def test_time_moves_to_where_it_was_really_spent() -> None:
    """A target says how long it uploaded while it was being reached; no more can move than there was."""
    clock = Clock()
    ledger = PhaseClock(clock)
    with ledger.phase("connecting"):
        clock.now_s += 10
        ledger.move({"uploading": 7.0, "building": 100.0})

    assert ledger.take() == {"uploading": 7, "building": 3}
