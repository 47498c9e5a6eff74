"""Times as the journal writes them are times that its reader takes."""

from __future__ import annotations

import time

import pytest

from pageswap.agent.journal.timestamps import time_problem, utc_now


def test_the_present_time_has_milliseconds_and_says_utc() -> None:
    """Written and read by the same form."""
    now = utc_now()

    assert "" == time_problem(now)
    assert len("2025-01-31T12:00:00.123Z") == len(now)
    assert str(time.gmtime().tm_year) in {now[:4], str(int(now[:4]) + 1)}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2025-01-31",
        "2025-01-31T12:00:00",
        "2025-01-31T12:00:00+01:00",
        "2025-01-31T12:00:00.Z",
        "\uff12025-01-31T12:00:00Z",
    ],
)
def test_what_is_no_time_in_utc_is_named(text: str) -> None:
    """The reader's message quotes it."""
    assert f"{text!r} is no time in UTC" == time_problem(text)
