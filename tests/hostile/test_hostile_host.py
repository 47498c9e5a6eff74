"""Hosts that lie in every answer: no bug, no word taken for more than a word, and the honest host's report stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.hostile.rounds import ask_round, run_round

if TYPE_CHECKING:
    from pathlib import Path

# tests/bench/hostile_host.py tells ten thousand.
LEAST_TOLD = 100


def test_what_hosts_answer_that_are_only_asked(tmp_path: Path) -> None:
    """By plan, methods, doctor, build and clean, for a person and as JSON."""
    found = ask_round("9", tmp_path, hosts=16)

    assert found.faults == []
    assert found.told >= LEAST_TOLD


@pytest.mark.slow
def test_what_hosts_answer_that_are_measured(tmp_path: Path) -> None:
    """In the run itself, and in every output of it: terminal, page, Markdown, exports, comparison, site and feed."""
    found = run_round("11", tmp_path, hosts=16)

    assert found.faults == []
    assert found.told >= LEAST_TOLD
