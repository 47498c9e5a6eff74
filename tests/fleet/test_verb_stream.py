"""What a verb prints is bounded, and one that lasts is shown that somebody reads."""

from __future__ import annotations

import pytest

from pageswap.errors import HostError
from pageswap.fleet.target import VerbStream


class Endless:
    """A stream that never ends; a read that is to wait finds nothing in time."""

    def __init__(self) -> None:
        """Note what is done to it."""
        self.sent: list[bytes] = []
        self.waited: list[float | None] = []
        self.is_cancelled = False

    def send(self, data: bytes) -> None:
        """Note it."""
        self.sent.append(data)

    def end_input(self) -> None:
        """Do nothing."""

    def read(self, timeout_s: float | None = None) -> bytes | None:
        """Say something unless it was to wait."""
        self.waited.append(timeout_s)
        return b"x" * 1000 if timeout_s is None else None

    def cancel(self) -> None:
        """Note it."""
        self.is_cancelled = True

    def close(self) -> str:
        """Complain about nothing."""
        return ""


def test_endless_output_is_cut_off() -> None:
    """Whoever reads it; the program is ended."""
    inner = Endless()
    stream = VerbStream("lab1", inner, most_bytes=2500)
    with pytest.raises(HostError, match=r"^lab1: sent more than .* which is no journal"):
        list(iter(stream.read, b""))

    assert inner.is_cancelled
    assert len(inner.waited) == 3
    assert inner.sent == []


@pytest.mark.parametrize("timeout_s", [0.0, 0.001])
def test_a_reader_waits_no_longer_than_it_may(timeout_s: float) -> None:
    """Also when the next sign of life is far away."""
    inner = Endless()

    assert VerbStream("lab1", inner, sign_s=100.0).read(timeout_s) is None
    assert max(wait or 0.0 for wait in inner.waited) <= timeout_s
    assert inner.sent == []


def test_signs_come_as_long_as_somebody_reads() -> None:
    """However long a reader waits at once."""
    inner = Endless()
    stream = VerbStream("lab1", inner, sign_s=0.0)

    assert stream.read(0.01) is None
    assert set(inner.sent) == {b"\n"}
    assert len(inner.sent) == len(inner.waited)
