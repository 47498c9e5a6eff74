"""What a program on a host prints comes through a real sshd as it is printed."""

from __future__ import annotations

import contextlib
import stat
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from fleet.sshd import Sshd, is_alive, wait_for

from pageswap.errors import (
    HostError,
    HostLinkLostError,
)
from pageswap.fleet.transport import local

if TYPE_CHECKING:
    from collections.abc import Callable

    from pageswap.fleet.target import Target


def on_disk() -> int:
    """Return how many bytes of a disk the files take that are open here and have no name."""
    taken = 0
    for path in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            found = path.stat()
            taken += found.st_blocks * 512 if stat.S_ISREG(found.st_mode) and not found.st_nlink else 0
    return taken


class TestStreams:
    """Reading what comes, when it comes, from beyond a network."""

    def test_lines_come_as_they_are_printed(self, talking: Callable[[str], Target]) -> None:
        """Nothing in time is not the end."""
        stream = talking("print('line', flush=True)\nsys.stdin.readline()\nprint('last')").follow("/w", 0)
        first = stream.read()
        nothing = stream.read(0.05)
        stream.send(b"go\n")  # type: ignore[attr-defined]

        assert (first, nothing) == (b"line\n", None)
        assert stream.read() == b"last\n"
        assert stream.read() == b""
        assert stream.close() == ""
        assert stream.close() == ""

    def test_a_program_that_dies_is_an_end_with_its_complaint(self, talking: Callable[[str], Target]) -> None:
        """Not a lost link: the host is there and says so; also when a signal ended it."""
        with pytest.raises(HostError, match=r"lab1: status: ended without an answer: .*broken python") as raised:
            talking("sys.exit('broken python')").call("status", {})
        assert not isinstance(raised.value, HostLinkLostError)
        with pytest.raises(HostError, match="ended without an answer") as raised:
            talking("os.kill(os.getpid(), 9)").call("status", {})
        assert not isinstance(raised.value, HostLinkLostError)

    def test_endless_complaints_neither_block_nor_fill_memory(self, talking: Callable[[str], Target]) -> None:
        """Only their end is kept."""
        target = talking("sys.stderr.write('x' * (8 << 20) + 'end')\nprint('{\"done\": 1}')")
        stream = target.open("status", {})

        assert b"".join(iter(stream.read, b"")) == b'{"done": 1}\n'
        assert stream.close() == "x" * 1997 + "end"

    def test_complaints_without_end_fill_no_disk(
        self, talking: Callable[[str], Target], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Of what was complained about long ago nothing is kept."""
        monkeypatch.setattr(local, "MOST_COMPLAINTS_BYTES", 1 << 20)
        before = on_disk()
        stream = talking("os.write(2, b'x' * (32 << 20))\nprint('{}', flush=True)\ntime.sleep(600)").open("status", {})

        assert stream.read() == b"{}\n"
        wait_for(lambda: stream.read(0.01) is None and on_disk() - before <= 1 << 20)
        stream.close()

    @pytest.mark.parametrize("how", ["cancel", "close"])
    def test_a_program_that_is_no_longer_wanted_is_ended(
        self, sshd: Sshd, talking: Callable[[str], Target], how: str, via: str
    ) -> None:
        """What it writes to is closed; and where the library can, its sshd is asked to kill it, unless it is root's."""
        source = (
            "import select\n"
            "print(os.getpid(), flush=True)\n"
            "output = select.poll()\n"
            "output.register(1, 0)\n"
            "output.poll(60_000)\n"
        )
        stream = talking(source).open("start", {})
        pid = int(stream.read() or b"")
        before = sshd.said().count("req signal")
        assert is_alive(pid)
        getattr(stream, how)()

        wait_for(lambda: not is_alive(pid))
        if via == "fabric":
            wait_for(lambda: sshd.said().count("req signal") > before)
        stream.close()

    def test_cancelling_wakes_a_reader(self, talking: Callable[[str], Target]) -> None:
        """In another thread, with the end."""
        stream = talking("time.sleep(600)").open("start", {})
        got: list[object] = []
        reader = threading.Thread(target=lambda: got.append(stream.read()))
        reader.start()
        time.sleep(0.1)
        stream.cancel()
        reader.join(20)

        assert got == [b""]
        assert stream.close() == ""

    def test_a_follower_gets_signs_of_life(self, talking: Callable[[str], Target]) -> None:
        """While somebody reads, and only then."""
        stream = talking("print(document['signs_s'], repr(os.read(0, 1)))").follow("/w", 0)

        assert stream.read() == b"20 b'\\n'\n"
        stream.close()

    def test_a_follower_that_is_never_silent_gets_them_too(self, talking: Callable[[str], Target]) -> None:
        """As one that has a long journal to catch up with."""
        source = (
            "import select\n"
            "until = time.monotonic() + 20\n"
            "while not select.select([0], [], [], 0)[0] and time.monotonic() < until: print('x' * 99)\n"
            "print('sign' if time.monotonic() < until else 'none')"
        )
        stream = talking(source).follow("/w", 0)

        assert b"".join(iter(stream.read, b"")).splitlines()[-1] == b"sign"
        stream.close()
