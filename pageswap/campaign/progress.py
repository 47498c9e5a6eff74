"""Shows a campaign on standard error: a bar a host with the time left on a terminal, plain lines anywhere else."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, TextIO

from pageswap.agent.journal.job import OK, SKIPPED, UNAVAILABLE, case_id_of
from pageswap.campaign.events import Event, Finished, HostEnded, Noted, Started, Stopping, TrialsEnded
from pageswap.spec.quoting import as_called, printable
from pageswap.text.words import without_numbers
from pageswap.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from rich.progress import Progress, TaskID


# A file gets a line when so much time has passed; a bar moves only when rows come, so that nothing ticks beside a
# measurement.
LINE_EVERY_S: Final = 5.0

# More hosts than this share one bar: a screen has not many more lines.
_MOST_BARS: Final = 16
_MOST_NAMED: Final = 8

_STOPPING = {
    "drain": "interrupted: the trial in hand ends, then the run stops; again to kill it",
    "kill": "interrupted again: killing the trial in hand",
}


@contextlib.contextmanager
def shown(stream: TextIO | None = None) -> Iterator[Callable[[Event], None]]:
    """Yield what `run` and `resume` take as `on_event`; everything is written to `stream`, standard error.

    A run goes on when nobody can be shown it any more: a pipe's reader went away, or a disk is full.
    """
    stream = stream or sys.stderr
    with contextlib.ExitStack() as open_bars:
        show: Callable[[Event], None] = Lines(stream)
        if stream.isatty():
            # Only here: it takes 80 ms to import, which nobody needs to pay whose output goes to a file.
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            columns = (
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("left"),
                TimeRemainingColumn(),
                TextColumn("{task.fields[endings]}", markup=False),
            )
            bars = Progress(*columns, console=Console(file=stream), auto_refresh=False)
            show = Bars(open_bars.enter_context(bars))

        def on_event(event: Event) -> None:
            with contextlib.suppress(OSError):
                show(event)

        yield on_event


@dataclasses.dataclass
class _Count:
    """Trials of one host, or of all: how many there are, how many had ended before, and how others ended since."""

    trials: int
    before: int
    statuses: Counter[str] = dataclasses.field(default_factory=Counter)

    @property
    def done(self) -> int:
        """How many have ended."""
        return self.before + self.statuses.total()

    def endings(self) -> str:
        """Return ``ok 12, failed 1``."""
        return ", ".join(f"{status} {count}" for status, count in self.statuses.items() if count)

    def text(self) -> str:
        """Return ``13 of 20 trials: ok 12, failed 1``."""
        return f"{self.done:,} of {self.trials:,} trials{': ' if +self.statuses else ''}{self.endings()}"


class _Tally:
    """What both ways of showing count, and say: trials ended, how, and which unhappy endings were told already."""

    def __init__(self) -> None:
        self.all = _Count(0, 0)
        self.hosts: dict[str, _Count] = {}
        # A trial that an earlier agent left cut short ends once more.
        self._ended: dict[tuple[str, str], str] = {}
        self._told: set[tuple[str, str, str, str]] = set()

    def lines(self, event: Event) -> list[str]:
        """Count what happened and say it, unless there is nothing to say or the command itself will end with it."""
        lines: list[str] = []
        match event:
            case Started():
                lines = [self._start(event)]
            case TrialsEnded(host, trials):
                lines = [line for trial in trials if (line := self._add(host, trial))]
            case Noted(host, said, granted):
                for count in self._counts_of(host):
                    count.trials += granted
                lines = [f"{host}: {said}"]
            case HostEnded(host, missing, None) if len(self.hosts) > 1:
                lines = [f"{host}: done, {self.hosts[host].text()}{_owed(missing)}"]
            case HostEnded(error=Exception() as error) if self.all.statuses or len(self.hosts) > 1:
                lines = [f"error: {error}"]
            case Stopping(how):
                lines = [_STOPPING[how]]
            case Finished(trials, statuses, missing):
                lines = [_Count(trials, 0, Counter(statuses)).text() + _owed(missing)]
        return [as_called(printable(line)) for line in lines]

    def _start(self, event: Started) -> str:
        self.all = _Count(event.trials, event.trials - sum(event.owed.values()))
        each = event.trials // max(1, len(event.owed))
        self.hosts = {host: _Count(each, each - owed) for host, owed in event.owed.items()}
        done = f", {self.all.done:,} done" if self.all.done else ""
        return f"run {event.run_id}: {event.trials:,} trials on {_listed(event.owed)}{done}: {event.run_dir}"

    def _add(self, host: str, trial: Mapping[str, Any]) -> str:
        """Count a trial, and return a line if it did not end ok in a way that is new."""
        trial_id, status, reason = trial["trial_id"], trial["status"], trial["reason"]
        former = self._ended.get((host, trial_id))
        self._ended[host, trial_id] = status
        for count in self._counts_of(host):
            count.statuses[status] += 1
            count.statuses.subtract([former] if former else [])
        # What the host cannot do is told once: its first case is enough, as the end names all of them.
        is_hosts = status in (UNAVAILABLE, SKIPPED)
        alike = (host, "" if is_hosts else trial_id, status, without_numbers(reason))
        if status == OK or alike in self._told:
            return ""
        self._told.add(alike)
        return f"{host}: {case_id_of(trial_id) if is_hosts else trial_id}: {status}: {reason}"

    def _counts_of(self, host: str) -> list[_Count]:
        return [self.all, *(self.hosts[name] for name in (host,) if name in self.hosts)]


def _owed(missing: int) -> str:
    return f"; {missing:,} still to run" if missing else ""


class Lines:
    """Plain lines, few enough for a log."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        """Take where to write and what tells the time in seconds."""
        self._stream = stream
        self._clock = clock
        self._tally = _Tally()
        self._started_s = self._said_s = 0.0

    def __call__(self, event: Event) -> None:
        """Say what is new."""
        lines = self._tally.lines(event)
        if isinstance(event, Started):
            self._started_s = self._said_s = self._clock()
        elif isinstance(event, TrialsEnded) and self._clock() - self._said_s >= LINE_EVERY_S:
            lines.append(self._state())
        for line in lines:
            print(line, file=self._stream, flush=True)

    def _state(self) -> str:
        count, self._said_s = self._tally.all, self._clock()
        measured, left = count.statuses.total(), count.trials - count.done
        if not measured or left <= 0:
            return count.text()
        left_s = (self._said_s - self._started_s) / measured * left
        return f"{count.text()}, about {format_duration(left_s)} left"


class Bars:
    """A bar a host on a terminal, or one for many hosts, and lines above them."""

    def __init__(self, progress: Progress) -> None:
        """Take a progress display that refreshes when told to."""
        self._progress = progress
        self._bars: list[tuple[TaskID, _Count]] = []
        self._tally = _Tally()

    def __call__(self, event: Event) -> None:
        """Show what is new."""
        for line in self._tally.lines(event):
            self._progress.console.print(line, markup=False, highlight=False, overflow="ignore", crop=False)
        if isinstance(event, Started):
            hosts = self._tally.hosts
            shown = hosts if len(hosts) <= _MOST_BARS else {_listed(hosts): self._tally.all}
            self._bars = [(self._progress.add_task(name, endings=""), count) for name, count in shown.items()]
        for task, count in self._bars:
            self._progress.update(task, total=count.trials, completed=count.done, endings=count.endings())
        self._progress.refresh()


def _listed(hosts: Collection[str]) -> str:
    """Name a few hosts, or say how many there are."""
    return ", ".join(hosts) if len(hosts) <= _MOST_NAMED else f"{len(hosts)} hosts"
