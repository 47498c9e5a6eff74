"""The hosts of a run side by side: each in a thread of its own, until all have ended or Ctrl-C stops them."""

from __future__ import annotations

import collections
import contextlib
import ctypes
import queue
import signal
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from pageswap.campaign.events import Finished, HostEnded, Started, Stopping, next_in
from pageswap.campaign.host_run import HostRun
from pageswap.campaign.outcome import NoHostError, Outcome, exit_code, host_outcomes
from pageswap.campaign.reconnect import jitter_s
from pageswap.errors import HostError, HostUnreachableError, PageswapError, StoreError
from pageswap.fleet.target import named
from pageswap.store.schema import REPORT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from types import FrameType

    from pageswap.campaign.events import Event
    from pageswap.campaign.options import Options
    from pageswap.fleet.provision.bundle import Bundle
    from pageswap.fleet.target import Target
    from pageswap.store.store import Store

_STOPS: Final = ("drain", "kill")

_M_ARENA_MAX: Final = -8  # of malloc.h


class Campaign:
    """One invocation's work on one run: its hosts side by side, and what is said of them."""

    def __init__(
        self, store: Store, targets: Sequence[Target], options: Options, on_event: Callable[[Event], None]
    ) -> None:
        """Take the run, what reaches its hosts, how to measure, and whom to tell, who is called in this thread."""
        self._store = store
        self._options = options
        self._on_event = on_event
        # A SimpleQueue, as a signal handler may put into it whatever the main thread is doing.
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        # Of names that are known to be one machine's that one holds by which it was measured, else the first.
        machines = {target.machine: target.name for target in reversed(targets) if target.machine} | store.machines()
        self._hosts = [HostRun(target, store, options, self._events.put, machines) for target in targets]
        self._waiting = collections.deque(self._hosts)
        self._is_interrupted = False

    def execute(self, bundle: Bundle, render: Callable[[Store, Path], Path] | None) -> Outcome:
        """Bring every host to its end, then make the report.

        Raises NoHostError when nothing was measured, and StoreError when results could not be stored.
        """
        known = self._store.outcome_count()
        owed = {host.host: self._store.missing_count(host.host) for host in self._hosts}
        trials = sum(map(self._store.trial_count, owed))
        self._on_event(Started(self._store.meta()["run_id"], self._store.path.parent, trials, owed))
        errors = self._drive(bundle)
        counts = self._store.status_counts()
        self._on_event(
            Finished(
                trials=sum(map(self._store.trial_count, owed)),
                statuses=sum((counts.get(host, Counter()) for host in owed), Counter()),
                missing=sum(map(self._store.missing_count, owed)),
            )
        )
        for error in errors.values():
            if isinstance(error, StoreError) or not isinstance(error, PageswapError):
                raise error
        known_errors = {host: error for host, error in errors.items() if isinstance(error, PageswapError)}
        if errors and not self._is_interrupted and self._store.outcome_count() == known:
            # The report stays as it is, for nothing has come.
            outcome = self._outcome(known_errors, lambda _store, path: path)
            raise NoHostError(outcome) from next(iter(errors.values()))
        return self._outcome(known_errors, render or _render_report)

    def _drive(self, bundle: Bundle) -> dict[str, Exception]:
        """Run all hosts side by side until each has ended; return what went wrong, by host."""
        errors: dict[str, Exception] = {}
        _share_one_heap()
        with _interrupts(self._events):
            for _ in range(min(self._options.at_once, len(self._hosts))):
                threading.Thread(target=self._work, args=(bundle,), daemon=True).start()
            left = {host.host for host in self._hosts}
            while left:
                event = next_in(self._events)
                if isinstance(event, HostEnded):
                    if event.host in left:
                        left.remove(event.host)
                        self._note_end(event.host, event.error, errors)
                else:
                    self._on_event(event)
                    if isinstance(event, Stopping):
                        self._stop(event.how)
        return errors

    def _work(self, bundle: Bundle) -> None:
        """Bring hosts to their end, one after the other, until none is left that nobody has begun."""
        with contextlib.suppress(IndexError):
            while True:
                host = self._waiting.popleft()
                time.sleep(jitter_s(len(self._hosts)))
                error: Exception | None = None
                try:
                    with contextlib.closing(host.target):
                        host.run(bundle)
                except Exception as caught:  # noqa: BLE001 - carried to the main thread, which raises it
                    error = named(host.host, caught)
                self._events.put(HostEnded(host.host, 0, error))

    def _note_end(self, host: str, error: Exception | None, errors: dict[str, Exception]) -> None:
        try:
            is_hosts = isinstance(error, HostError)
            self._store.set_problem(host, str(error).removeprefix(f"{host}: ") if is_hosts else None)
            if error is None:
                self._on_event(HostEnded(host, self._store.missing_count(host)))
                return
        except StoreError as failed:
            error = failed
        errors[host] = error
        if not isinstance(error, HostError):
            # Nothing that the other hosts measure could be stored either.
            for other in self._hosts:
                other.interrupt("drain")
        if isinstance(error, PageswapError):
            self._on_event(HostEnded(host, 0, error))

    def _stop(self, how: str) -> None:
        self._is_interrupted = True
        for host in self._hosts:
            host.interrupt(how)
        # A thread that connects may take as long as a network does to say that nobody answers; no more wait for it.
        for host in [host for host in self._hosts if host.link.is_connecting]:
            error = HostUnreachableError(f"{host.host}: connecting was given up; 'inv resume' tries again")
            self._events.put(HostEnded(host.host, 0, error))
        with contextlib.suppress(IndexError):
            while True:
                self._events.put(HostEnded(self._waiting.popleft().host, 0))

    def _outcome(self, errors: dict[str, PageswapError], render: Callable[[Store, Path], Path]) -> Outcome:
        statuses = sum(self._store.status_counts().values(), Counter())
        hosts, meta = host_outcomes(self._store), self._store.meta()
        return Outcome(
            run_id=meta["run_id"],
            asks=meta["experiment"]["asks"],
            run_dir=self._store.path.parent,
            report_path=render(self._store, self._store.path.with_name(REPORT)) if statuses else None,
            statuses=statuses,
            missing=sum(host.missing for host in hosts),
            hosts=hosts,
            host_errors=errors,
            exit_code=exit_code(statuses, errors, interrupted=self._is_interrupted, strict=self._options.strict),
        )


def _render_report(store: Store, path: Path) -> Path:
    # Importing it takes about a second and all memory bandwidth: never while something is measured.
    from pageswap.catalogue.run_columns import keep_columns
    from pageswap.report.page.write import render

    made = render(store, path)
    keep_columns(store)
    return made


@contextlib.contextmanager
def _interrupts(events: queue.SimpleQueue[Any]) -> Iterator[None]:
    """Turn SIGINT and SIGTERM into events; the third one has its former meaning again."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    seen = 0
    with contextlib.ExitStack() as former:

        def on_signal(_number: int, _frame: FrameType | None) -> None:
            nonlocal seen
            # One may be heard more often while the former meaning is being restored.
            events.put(Stopping(_STOPS[min(seen, len(_STOPS) - 1)]))
            seen += 1
            if seen == len(_STOPS):
                former.close()

        for number in (signal.SIGTERM, signal.SIGINT):
            former.callback(signal.signal, number, signal.getsignal(number))
            signal.signal(number, on_signal)
        yield


def _share_one_heap() -> None:
    """Have glibc's malloc serve all threads from one heap.

    Otherwise each of up to eight a CPU keeps what its largest job took: 16 hosts of 15,000 trials each took 480 MiB
    rather than 160. Threads that hold Python's lock do not compete for it anyway.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)
