"""Shows a campaign on standard error: a bar with the time left on a terminal, plain lines anywhere else."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING, Final, TextIO

from pageswap.agent.job import OK, SKIPPED, UNAVAILABLE, case_id_of
from pageswap.agent.lease import describe
from pageswap.campaign.events import (
    Finished,
    HostFailed,
    Measuring,
    Noted,
    Started,
    Stopping,
    TrialsEnded,
    Waiting,
)
from pageswap.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.progress import Progress, TaskID

    from pageswap.campaign.events import Event

# A file gets a line when so much time has passed; a bar moves only when rows come, so that nothing ticks beside a
# measurement.
LINE_EVERY_S: Final = 5.0

_STOPPING = {
    "drain": "interrupted: the trial in hand ends, then the run stops; again to kill it",
    "kill": "interrupted again: killing the trial in hand",
}


@contextlib.contextmanager
def shown(stream: TextIO | None = None) -> Iterator[Callable[[Event], None]]:
    """Give what `campaign.run` and `resume` take as `on_event`; everything is written to `stream`, standard error."""
    stream = stream or sys.stderr
    if not stream.isatty():
        yield Lines(stream)
        return
    # Only here: it takes 80 ms to import, which nobody needs to pay whose output goes to a file.
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[endings]}", markup=False),
    )
    with Progress(*columns, console=Console(file=stream), auto_refresh=False) as bar:
        yield Bar(bar)


class _Tally:
    """What both ways of showing count: trials ended, how, and which unhappy endings were told already."""

    def __init__(self) -> None:
        self.run_id = ""
        self.trials = 0
        self.done = 0
        self._statuses: dict[str, int] = {}
        self._told: set[tuple[str, str, str, str]] = set()

    def start(self, event: Started) -> None:
        """Begin counting."""
        self.run_id, self.trials, self.done = event.run_id, event.trials, event.done

    def add(self, event: TrialsEnded) -> list[str]:
        """Count, and give a line for each new way that a trial did not end ok."""
        lines = []
        for trial in event.trials:
            status, reason = trial["status"], trial["reason"]
            self.done += 1
            self._statuses[status] = self._statuses.get(status, 0) + 1
            case_id = case_id_of(trial["trial_id"])
            # A method that the host lacks says so in every block: once a case is enough for those.
            place = case_id if status in (UNAVAILABLE, SKIPPED) else trial["trial_id"]
            if status != OK and (event.host, place, status, reason) not in self._told:
                self._told.add((event.host, place, status, reason))
                lines.append(f"{event.host}: {place}: {status}: {reason}")
        return lines

    def is_last_word(self, event: Event) -> bool:
        """Tell whether the command itself will end with what the event says: nothing was measured then."""
        return isinstance(event, HostFailed) and not self._statuses

    def endings(self) -> str:
        """Give ``ok 12, failed 1``."""
        return ", ".join(f"{status} {count}" for status, count in self._statuses.items())


def _words(event: Event) -> str | None:
    """Say in one line what happened, for the events that need no counting."""
    match event:
        case Waiting(host, holder):
            return f"{host}: waiting for {describe(holder)}"
        case Measuring(host, segment, pid, is_reattached=True):
            return f"{host}: agent {pid} still works on segment {segment}; following it"
        case Noted(host, text):
            return f"{host}: {text}"
        case HostFailed(_, error):
            return f"error: {error}"
        case Stopping(how):
            return _STOPPING[how]
        case _:
            return None


class Lines:
    """Plain lines, few enough for a log."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        """Take where to write and what tells the time in seconds."""
        self._stream = stream
        self._clock = clock
        self._tally = _Tally()
        self._started_s = 0.0
        self._first = 0
        self._said_s = 0.0

    def __call__(self, event: Event) -> None:
        """Say what is new."""
        if isinstance(event, Started):
            self._tally.start(event)
            self._first = event.done
            self._started_s = self._said_s = self._clock()
            done = f", {event.done:,} done" if event.done else ""
            self._say(f"run {event.run_id}: {event.trials:,} trials on {', '.join(event.hosts)}{done}: {event.run_dir}")
        elif isinstance(event, TrialsEnded):
            for line in self._tally.add(event):
                self._say(line)
            if self._clock() - self._said_s >= LINE_EVERY_S:
                self._say_state()
        elif isinstance(event, Finished):
            self._say_state()
        elif self._tally.is_last_word(event):
            pass
        elif words := _words(event):
            self._say(words)

    def _say_state(self) -> None:
        tally, now_s = self._tally, self._clock()
        self._said_s = now_s
        measured, left = tally.done - self._first, tally.trials - tally.done
        time_left = ""
        if measured and left > 0:
            time_left = f", about {format_duration((now_s - self._started_s) / measured * left)} left"
        endings = f": {tally.endings()}" if tally.endings() else ""
        self._say(f"{tally.done:,} of {tally.trials:,} trials{endings}{time_left}")

    def _say(self, text: str) -> None:
        print(text, file=self._stream, flush=True)


class Bar:
    """A bar on a terminal, lines above it."""

    def __init__(self, progress: Progress) -> None:
        """Take a progress display that refreshes when told to."""
        self._progress = progress
        self._task: TaskID | None = None
        self._tally = _Tally()

    def __call__(self, event: Event) -> None:
        """Show what is new."""
        lines = []
        if isinstance(event, Started):
            self._tally.start(event)
            lines.append(f"run {event.run_id}: {event.run_dir}")
            self._task = self._progress.add_task(
                ", ".join(event.hosts), total=event.trials, completed=event.done, endings=""
            )
        elif isinstance(event, TrialsEnded):
            lines += self._tally.add(event)
        elif self._tally.is_last_word(event):
            pass
        elif words := _words(event):
            lines.append(words)
        for line in lines:
            self._progress.console.print(line, markup=False, highlight=False)
        if self._task is not None:
            self._progress.update(self._task, completed=self._tally.done, endings=self._tally.endings(), refresh=True)
