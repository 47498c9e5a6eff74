"""The fields of a journal's lines: which must be there, which may, and which are a newer agent's."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from pageswap.agent.host_words import misfit
from pageswap.agent.journal.line_fields import (
    COUNTERS,
    FIELDS_FROM_COUNTERS,
    MEASURES,
    METHODS,
    line_problem,
    time_problem,
    utc_now,
)
from pageswap.agent.trial.core_calls import native_core


def trial_line(**changes: Any) -> dict[str, Any]:
    """Return the line of a trial that was refused, with changes."""
    labels = {"seq": 1, "run_id": "r1", "host": "here", "segment": 0}
    trial = {
        "trial_id": "b00.c0000",
        "attempt": 0,
        "status": "skipped",
        "reason": "",
        "started_at": "2025-01-31T12:00:00Z",
    }
    return {"kind": "trial", **labels, **trial, **dict.fromkeys(MEASURES), **changes}


@pytest.mark.parametrize("name", COUNTERS)
def test_each_count_must_be_there(name: str) -> None:
    """A count in the table is one that every line has, None where nothing was measured."""
    line = trial_line()
    del line[name]

    assert f"trial line: {name} is missing" == line_problem(line)
    assert "" == line_problem(trial_line(**{name: 7}))
    assert f"trial line: {name} is '7', which it cannot be" == line_problem(trial_line(**{name: "7"}))
    assert f"{name} is negative" == line_problem(trial_line(**{name: -1}))


@pytest.mark.parametrize("name", FIELDS_FROM_COUNTERS)
def test_a_named_counter_with_a_field_of_its_own_may_be_there(name: str) -> None:
    """An older agent's line lacks it."""
    assert "" == line_problem(trial_line())
    assert "" == line_problem(trial_line(**{name: 7}))
    assert f"trial line: {name} is 'x', which it cannot be" == line_problem(trial_line(**{name: "x"}))


def test_a_further_counter_needs_no_line_in_the_table() -> None:
    """A newer core's counters come through by name."""
    line = trial_line(counters={"page_moves": 512, "uffd_refusals": None})

    assert "" == line_problem(line)


def profile_line(**changes: Any) -> dict[str, Any]:
    """Return the line of a profile of ten samples, with changes."""
    head = {"kind": "profile", "seq": 1, "run_id": "r1", "host": "here", "segment": 0, "trial_id": "b00.c0000"}
    found = {
        "status": "ok",
        "reason": "",
        "started_at": "2025-01-31T12:00:00Z",
        "event": "cycles:P",
        "frequency_hz": 9973,
        "trials": 2,
        "elapsed_ns": 1000,
        "samples": 10,
        "kernel_samples": 6,
        "outside": 3,
        "names_hidden": False,
        "symbols": [symbol(samples=6), symbol(name="memcpy", is_kernel=False)],
    }
    return {**head, **found, **changes}


def symbol(**changes: Any) -> dict[str, Any]:
    """Return a function of a profile with one sample."""
    return {"name": "do_syscall_64", "object": "kernel", "is_kernel": True, "samples": 1, **changes}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({}, ""),
        ({"symbols": [], "samples": 0, "kernel_samples": 0}, ""),
        ({"symbols": [symbol()] * 13}, "profile line: symbols is ["),
        ({"symbols": [symbol(name="x" * 1601)]}, "is no name of a function"),
        ({"symbols": [symbol(object=7)]}, "7 is no name of a function"),
        ({"symbols": [symbol(samples=0)]}, "the samples of its functions are more than there are, or none"),
        ({"symbols": [symbol(samples=-3), symbol(samples=4)]}, "are more than there are, or none"),
        ({"symbols": [symbol(samples=7)]}, "are more than there are, or none"),
        ({"symbols": [symbol(samples=11, is_kernel=False)]}, "are more than there are, or none"),
        ({"kernel_samples": 11}, "are more than there are, or none"),
        ({"samples": -1}, "samples is negative"),
        ({"outside": -1}, "outside is negative"),
        ({"names_hidden": 0}, "names_hidden is 0"),
        ({"event": None}, "None is no name of a function"),
        ({"status": "corrupt"}, "status is 'corrupt', expected one of ok, unavailable, skipped, failed"),
    ],
)
def test_a_profile_adds_up(change: dict[str, Any], problem: str) -> None:
    """It has no more functions than there is room for, and no more samples than there are."""
    said = line_problem(profile_line(**change))

    assert problem in said if problem else said == ""


def test_what_is_quoted_in_a_message_fits_it() -> None:
    """A host's text may be of any length."""
    assert f"kind is '{59 * 'a'}, expected one of begin, tune, trial, profile, end" == line_problem(
        {"kind": 1000 * "a"}
    )


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
        "2025-02-30T12:00:00Z",
        "2025-01-31T24:00:00Z",
        "9999-01-31T12:00:00Z",
        "99999-01-31T12:00:00Z",
        "\uff12025-01-31T12:00:00Z",
    ],
)
def test_what_is_no_time_in_utc_is_named(text: str) -> None:
    """The reader's message quotes it."""
    assert f"{text!r} is no time in UTC" == time_problem(text)


def test_this_hosts_methods_are_right() -> None:
    """As they come back from JSON."""
    assert "" == misfit(json.loads(json.dumps(native_core().methods())), METHODS)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"name": 1}, "name is 1, which it cannot be"),
        ({"family": None}, "family is None, which it cannot be"),
        ({"available": 1}, "available is 1, which it cannot be"),
        ({"workloads": "swap"}, "workloads is 'swap', which it cannot be"),
        ({"backings": [1]}, "backings[0] is 1, which it cannot be"),
    ],
)
def test_what_a_method_cannot_be_is_named(change: dict[str, Any], problem: str) -> None:
    """Also which method's."""
    good = json.loads(json.dumps(native_core().methods()))[0]

    assert f"methods[1].{problem}" == misfit([good, {**good, **change}], METHODS, "methods")
    del good["family"]
    assert "methods[0].family is missing" == misfit([good], METHODS, "methods")
