"""Progress is a few plain lines in a file, and a bar with the time left on a terminal."""

from __future__ import annotations

import io
import os
import pty
import select
import sys
from pathlib import Path
from typing import Any

import pytest

from pageswap.campaign import events, progress
from pageswap.errors import HostError

DONE = events.Finished(trials=10, statuses={"ok": 10}, missing=0)
STARTED = events.Started("20250131T120000Z-0a1b2c", Path("results/a/x"), trials=10, owed={"local": 8})


def ended(status: str = "ok", reason: str = "", trial_id: str = "b00.c0001") -> dict[str, Any]:
    """Give a trial's journal line, as far as it is shown."""
    return {"trial_id": trial_id, "status": status, "reason": reason}


def several(count: int) -> tuple[dict[str, Any], ...]:
    """Give so many trials that ended well."""
    return tuple(ended(trial_id=f"b{number:02}.c0001") for number in range(count))


class Clock:
    """A clock that is set by hand."""

    now_s = 0.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.now_s


def say(*told: events.Event | float) -> list[str]:
    """Give the lines for events; a number sets the clock."""
    stream, clock = io.StringIO(), Clock()
    show = progress.Lines(stream, clock)
    for event in told:
        if isinstance(event, float):
            clock.now_s = event
        else:
            show(event)
    return stream.getvalue().splitlines()


def test_a_run_begins_with_its_id_and_folder() -> None:
    """And how much was done before."""
    assert say(STARTED) == ["run 20250131T120000Z-0a1b2c: 10 trials on local, 2 done: results/a/x"]


def test_lines_are_few_and_tell_the_time_left() -> None:
    """Half of the eight trials took four seconds, so the rest takes four more."""
    four = events.TrialsEnded("local", several(4))

    assert say(STARTED, 1.0, events.TrialsEnded("local", ()), 6.0, four, 7.0, events.TrialsEnded("local", ()))[1:] == [
        "6 of 10 trials: ok 4, about 6.0s left"
    ]


def test_the_end_is_always_told() -> None:
    """However soon it came."""
    eight = events.TrialsEnded("local", several(8))

    assert say(STARTED, eight, DONE)[1:] == ["10 of 10 trials: ok 10"]


def test_the_last_line_foretells_nothing() -> None:
    """A host that gave up leaves trials that no time will bring."""
    two = events.TrialsEnded("local", several(2))

    stored = events.Finished(trials=10, statuses={"ok": 3, "killed": 1}, missing=7)

    assert say(STARTED, 1.0, two, stored)[1:] == ["4 of 10 trials: ok 3, killed 1; 7 still to run"]


def test_a_trial_that_ends_once_more_is_one_trial() -> None:
    """Cut short by an earlier agent, then measured: what it ended as first is counted no more."""
    cut, measured = (events.TrialsEnded("a", (ended(status),)) for status in ("killed", "ok"))

    assert say(TWO, cut, measured, events.HostEnded("a", 0))[-1] == "a: done, 2 of 4 trials: ok 1"


def test_every_bad_ending_is_told_once() -> None:
    """What the host lacks once for all cases and blocks; `ok` never."""
    trials = (
        ended("failed", "mremap: ENOMEM", "b00.c0001"),
        ended("failed", "mremap: ENOMEM", "b01.c0001"),
        ended("unavailable", "no AVX-512", "b00.c0002"),
        ended("unavailable", "no AVX-512", "b01.c0002"),
        ended("unavailable", "no AVX-512", "b01.c0003"),
        ended(),
    )

    assert say(STARTED, events.TrialsEnded("local", trials))[1:] == [
        "local: b00.c0001: failed: mremap: ENOMEM",
        "local: b01.c0001: failed: mremap: ENOMEM",
        "local: c0002: unavailable: no AVX-512",
    ]


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (events.Noted("h", "odd"), "h: odd"),
        (events.Stopping("drain"), "interrupted: the trial in hand ends, then the run stops; again to kill it"),
        (events.Stopping("kill"), "interrupted again: killing the trial in hand"),
    ],
)
def test_what_happens_is_said_in_a_line(event: events.Event, line: str) -> None:
    """One a kind of event."""
    assert say(event) == [line]


TWO = events.Started("r", Path("x"), trials=8, owed={"a": 3, "b": 4})


def test_of_several_hosts_each_end_is_told() -> None:
    """With how its trials ended and what it still owes."""
    failed = events.HostEnded("b", 0, HostError("b: no core"))
    two = (ended(trial_id="b00.c0000"), ended("killed", "SIGBUS"))
    told = (TWO, events.TrialsEnded("a", two), events.HostEnded("a", 2), failed)

    assert say(*told)[1:] == [
        "a: b00.c0001: killed: SIGBUS",
        "a: done, 3 of 4 trials: ok 1, killed 1; 2 still to run",
        "error: b: no core",
    ]


def test_what_a_terminal_would_obey_is_only_shown() -> None:
    """A host cannot clear the screen, or turn the line around."""
    hostile = events.TrialsEnded("local", (ended("failed", "\x1b[2J\x9b1m\u202eoh\rno\x00"),))

    assert say(STARTED, hostile)[1] == r"local: b00.c0001: failed: \x1b[2J\x9b1m\u202eoh\rno\x00"


def test_many_hosts_are_counted_rather_than_named() -> None:
    """A line has only so much room."""
    names = tuple(f"h{number}" for number in range(12))
    many = events.Started("r", Path("x"), trials=24, owed=dict.fromkeys(names, 2))

    assert say(many) == ["run r: 24 trials on 12 hosts: x"]


@pytest.mark.parametrize(("count", "bars"), [(3, ["h0 ", "h1 ", "h2 ", "1/2", "0/2"]), (20, ["20 hosts ", "1/40"])])
def test_a_terminal_gets_a_bar_a_host_or_one_for_many(
    count: int, bars: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many as a screen has room for."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    names = tuple(f"h{number}" for number in range(count))
    shown = terminal_of(
        events.Started("r", Path("x"), trials=2 * count, owed=dict.fromkeys(names, 2)),
        events.TrialsEnded("h1", (ended(),)),
        events.HostEnded("h1", 1),
        DONE,
    )

    assert [] == [bar for bar in bars if bar not in shown]
    assert "h1: done, 1 of 2 trials: ok 1; 1 still to run" in shown


def test_a_host_s_failure_is_told_unless_the_command_ends_with_it() -> None:
    """Where nothing was measured it is the command's own error, and would stand there twice."""
    failed = events.HostEnded("h", 0, HostError("h: no core"))

    assert say(STARTED, failed)[1:] == []
    assert say(STARTED, events.TrialsEnded("h", (ended(),)), failed)[1:] == ["error: h: no core"]


def test_a_run_goes_on_when_nobody_reads_of_it() -> None:
    """As with `inv run 2>&1 | head`: it is no reason to stop measuring."""
    read, write = os.pipe()
    with os.fdopen(write, "w") as stream:
        os.close(read)
        with progress.shown(stream) as show:
            show(STARTED)
            show(DONE)
        os.dup2(os.open(os.devnull, os.O_WRONLY), write)  # for what is still buffered, when it is closed


def test_a_file_gets_lines_without_rich(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which is not even imported."""
    monkeypatch.setitem(sys.modules, "rich.progress", None)
    stream = io.StringIO()
    with progress.shown(stream) as show:
        show(STARTED)

    assert stream.getvalue().startswith("run 20250131T120000Z-0a1b2c: ")


def terminal_of(*told: events.Event) -> str:
    """Give what a terminal shows of events, escapes and all."""
    master, slave = pty.openpty()
    with os.fdopen(slave, "w") as terminal, progress.shown(terminal) as show:
        for event in told:
            show(event)
    shown = b""
    while select.select([master], [], [], 0)[0]:
        try:
            shown += os.read(master, 1 << 16)
        except OSError:
            break
    os.close(master)
    return shown.decode()


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    """With counts, endings and lines above it; markup in a reason is only text."""
    monkeypatch.setenv("TERM", "xterm")
    trials = (ended(trial_id="b00.c0000"), ended("failed", "[bold]mremap"))
    shown = terminal_of(STARTED, events.TrialsEnded("local", trials), DONE)

    assert "4/10" in shown
    assert "ok 1, failed 1" in shown
    assert "failed: [bold]mremap" in shown


def test_progress_names_the_command_as_it_was_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cure in it can be typed."""
    monkeypatch.setenv("PAGESWAP_INV", "./inv")

    assert say(STARTED, events.Noted("local", "'inv resume' collects it"))[1:] == ["local: './inv resume' collects it"]
