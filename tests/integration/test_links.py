"""Cables, daemons and agents that fail in the middle of a trial: no row is lost or doubled, no process left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration import random_faults
from tests.integration.lab import dice

if TYPE_CHECKING:
    from tests.integration.fleet import Fleet
    from tests.integration.links import Links


@pytest.mark.parametrize("who", ["agent", "agent and keeper"])
def test_an_agent_killed(links: Links, who: str) -> None:
    """Is replaced without anyone typing resume."""
    assert "the agent is gone" in links[who]


def test_a_follower_killed(links: Links) -> None:
    """Is replaced in silence."""
    links["follower"]


def test_sshd_killed(links: Links) -> None:
    """The agent goes on; the controller comes back when sshd does."""
    assert "reached again after" in links["sshd"]


def test_a_link_down_for_five_seconds(links: Links) -> None:
    """Is outlived, whether it was noticed or not: TCP delivers what was under way."""
    links["5 s"]


@pytest.mark.slow
def test_a_link_down_for_ever(links: Links) -> None:
    """Exit code 3 with the rows until then and the way on; the host stops by itself; resume measures the rest."""
    assert "resume" in links["for ever"]


@pytest.mark.slow
def test_a_link_down_for_a_minute(links: Links) -> None:
    """Longer than the lease: the agent has stopped by then, and another one goes on."""
    assert "reached again after" in links["60 s"]


@pytest.mark.slow
def test_hosts_that_fail_at_random_give_each_row_once(fleet: Fleet) -> None:
    """Links cut, sshd and agents killed, over either transport: all rows are there in the end, no process is left."""
    taken = random_faults.measure(fleet, dice(), 4, most=10, pause_s=0.5)

    assert taken.faults.total() > 0
