"""The table of cases in the terminal: no word without what it rests on, and no line for what was never measured."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from pageswap.analysis.explanations.profiles import profiles
from pageswap.analysis.summary import summarise
from pageswap.campaign.outcome import Outcome
from pageswap.console.run_view import CASES_SHOWN, conclude, say_profiles, show_cases
from tests.fake_run import make_run, profile_of
from tests.stored_run import store_run

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_host_that_gave_nothing_has_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """And takes no room from the others, whose cases are all shown."""
    run = make_run(hosts=("dead", "alive"), blocks=6, method=["memcpy", *(f"m{index}" for index in range(14))])
    run.outcomes = run.of(host="alive")
    show_cases(summarise(run))
    shown = capsys.readouterr().out

    assert CASES_SHOWN == 60
    assert sum(line.startswith("alive ") for line in shown.splitlines()) == 60
    assert "more cases" not in shown
    assert "not measured" not in shown.replace("60 cases not measured", "")
    assert shown.splitlines()[-1] == "nothing came from dead: 60 cases not measured"


def test_where_nothing_came_at_all_the_cases_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """There is nothing else to show."""
    run = make_run(blocks=6)
    run.outcomes = []
    show_cases(summarise(run))

    assert capsys.readouterr().out.count("not measured") == 12


def test_the_reason_stands_beside_an_interval_that_excludes_1(capsys: pytest.CaptureFixture[str]) -> None:
    """Half a percent, sharp in its own pairs, on a host whose control varies by percents."""
    one = {"region_size": [128 << 20], "touch": ["none"]}
    run = make_run(method=["memcpy", "better"], speeds={"better": 796.0}, noise=0.0001, replicas=True, blocks=20, **one)
    chance = np.random.default_rng(8)
    for outcome in run.of(replica=1):
        outcome["elapsed_ns"] = round(outcome["elapsed_ns"] * math.exp(chance.normal(0, 0.05)))
    show_cases(summarise(run))

    assert "no difference found: within the noise floor of " in capsys.readouterr().out


def test_profiles_have_a_line_and_each_reason_why_there_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    """A run without them says nothing."""
    run = make_run(blocks=6)
    say_profiles(profiles(run))
    assert capsys.readouterr().out == ""
    lacking = [
        profile_of(run, each, status="unavailable", reason="no perf; install it", samples=0)
        for each in ("c0002", "c0003")
    ]
    run.profiled = [profile_of(run, "c0000", samples=2500), profile_of(run, "c0001"), *lacking]
    say_profiles(profiles(run))

    assert capsys.readouterr().out.splitlines() == [
        "profile: 2 cases of 2,000 to 2,500 samples; the report has their functions",
        "no profile of 2 cases: no perf; install it",
    ]


def test_what_is_still_to_be_profiled_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run that was interrupted then is whole otherwise; one without profiles says nothing."""
    for number, options in enumerate(({"tune": False}, {"profile": "perf"})):
        folder = store_run(tmp_path, number, options=options)
        outcome = Outcome(folder.name, "faster", folder, None, Counter(), 0, (), {}, 130)
        assert conclude(outcome, as_json=False) == 130
        told = f"still to profile: 3 cases; `inv resume --run {folder.name}` does that"
        assert (told in capsys.readouterr().out.splitlines()) == bool(number)
