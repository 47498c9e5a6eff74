"""The limit of the gate as it is written, and the exit code that follows from what it decided."""

from __future__ import annotations

import pytest

from pageswap.comparison.gate import Gate, conclude, parse_limit
from pageswap.errors import UsageError


@pytest.mark.parametrize(("text", "limit"), [("5%", 0.05), ("0%", 0), ("12.5 %", 0.125), ("100%", 1)])
def test_a_limit_is_a_percentage(text: str, limit: float) -> None:
    """Written as one reads it."""
    assert limit == parse_limit(text)


@pytest.mark.parametrize(("text", "hint"), [("5", "; write '5%'"), ("0.05", "; write '0.05%'"), ("-5%", ""), ("x", "")])
def test_another_limit_is_refused(text: str, hint: str) -> None:
    """A bare number might mean either."""
    with pytest.raises(UsageError) as error:
        parse_limit(text)

    assert f"--fail-above: expected a percentage such as 5%, found {text!r}{hint}" == str(error.value)


def gate(*, passed: bool | None) -> Gate:
    """Make a gate that decided so."""
    return Gate(limit=0.05, judged=1, tripped=1, passed=passed, text="nothing is known.")


def test_a_gate_decides_the_exit_code() -> None:
    """One that was passed, and none, is 0; one that tripped 5; one that decides nothing is an error with its reason."""
    assert [0, 0, 5] == [conclude(each) for each in (None, gate(passed=True), gate(passed=False))]
    with pytest.raises(UsageError, match="--fail-above: nothing is known; leave the gate out"):
        conclude(gate(passed=None))
