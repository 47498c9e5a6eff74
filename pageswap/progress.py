"""Shows a campaign while it runs, on stderr: a bar with the time left on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from pageswap.campaign.events import (
    Event,
    Finished,
    HostFailed,
    Measuring,
    Noted,
    Started,
    Stopping,
    TrialsEnded,
    Waiting,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

_LINE_EVERY_S = 10.0
_REASON_SHOWN = 200
_QUIET_STATUSES = ("ok", "unavailable", "skipped")


class ProgressShown(contextlib.AbstractContextManager["ProgressShown"]):
    """Takes a campaign's events and shows them until it is left."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Look at stderr once: a terminal gets a bar."""
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._bar = _bar(self._console) if self._console.is_terminal else None
        self._clock = clock
        self._task = None if self._bar is None else self._bar.add_task("starting", total=None)
        self._trials = self._done = 0
        self._told_at = clock()

    def __enter__(self) -> Self:
        """Start the bar."""
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the bar as it stands."""
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, event: Event) -> None:
        """Show one event."""
        match event:
            case Started():
                self._trials, self._done = event.trials, event.done
                self._say(f"run {event.run_id}: {event.trials - event.done:,} trials to run")
                self._move("measuring")
            case TrialsEnded():
                self._done += len(event.trials)
                for trial in event.trials:
                    if trial["status"] not in _QUIET_STATUSES:
                        reason = str(trial["reason"])[:_REASON_SHOWN]
                        self._say(f"{event.host}: {trial['trial_id']}: {trial['status']}: {reason}")
                self._move("measuring")
            case Finished():
                self._move("interrupted" if event.interrupted else "measured", is_last=True)
            case _:
                text = _words(event)
                if text:
                    self._say(text)

    def _say(self, text: str) -> None:
        self._console.print(text, markup=False)

    def _move(self, what: str, *, is_last: bool = False) -> None:
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, description=what, total=self._trials, completed=self._done)
        elif is_last or self._clock() - self._told_at >= _LINE_EVERY_S:
            self._told_at = self._clock()
            self._say(f"{what}: {self._done:,} of {self._trials:,} trials")


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left:"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=sys.stderr.isatty(),
    )


def _words(event: Event) -> str:  # noqa: PLR0911 - one a kind of event
    match event:
        case Waiting():
            held = event.holder
            since = f" since {held['since']}" if held.get("since") else ""
            return f"{event.host}: waiting for process {held.get('pid')} of {held.get('user')}, measuring{since}"
        case Measuring(is_reattached=True):
            return f"{event.host}: the agent still runs (process {event.pid}); following it"
        case Noted():
            return f"{event.host}: {event.text}"
        case Stopping(how="drain"):
            return "stopping after the trial in hand; Ctrl-C again to kill it"
        case Stopping():
            return "killing the trial in hand"
        case HostFailed():
            return f"{event.host}: {event.error}"
        case _:
            return ""
