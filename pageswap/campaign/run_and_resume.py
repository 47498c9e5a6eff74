"""Runs a plan on its hosts, or what a run still lacks: hosts side by side, interrupts, the report and the exit code."""

from __future__ import annotations

import collections
import contextlib
import ctypes
import dataclasses
import queue
import shutil
import signal
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from pageswap.campaign.events import Finished, HostEnded, HostFailed, Started, Stopping
from pageswap.campaign.host_run import HostRun
from pageswap.campaign.options import Options, chosen_hosts, make_targets, recorded_hosts
from pageswap.campaign.outcome import NoHostError, Outcome, exit_code, host_outcomes
from pageswap.campaign.reconnect import jitter_s
from pageswap.campaign.run_folders import held, make_run_dir, new_run_id, open_run
from pageswap.errors import HostError, HostUnreachableError, PageswapError, StoreError
from pageswap.fleet import make_bundle
from pageswap.fleet.inventory import InventoryHost
from pageswap.fleet.target import named
from pageswap.spec.hostnames import LOCAL
from pageswap.store import Store
from pageswap.store.schema import DATABASE, REPORT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path
    from types import FrameType

    from pageswap.campaign.events import Event
    from pageswap.fleet import Bundle, Target
    from pageswap.fleet.inventory import Inventory
    from pageswap.plan.plan import Plan

_STOPS = ("drain", "kill")

_M_ARENA_MAX = -8  # of malloc.h


def run(  # noqa: PLR0913 - what a run is made of, and who watches
    plan: Plan,
    *,
    results_dir: Path,
    options: Options | None = None,
    targets: Sequence[Target] | None = None,
    provenance: Mapping[str, Any] | None = None,
    on_event: Callable[[Event], None] = lambda _event: None,
    render: Callable[[Store, Path], Path] | None = None,
) -> Outcome:
    """Execute `plan` on `targets` (this machine by default) into `results_dir`/<experiment>/<run id>/.

    `on_event` is called in this thread; `render` makes the report, pageswap.report's by default. While this runs,
    Ctrl-C drains the hosts, twice kills their trials. A host that fails stops no other. Raises NoHostError when nothing
    could be measured; the run's folder is removed unless an agent has begun. Raises StoreError when results cannot be
    stored: `resume` goes on from what is.
    """
    options = options or Options()
    targets = targets or make_targets([InventoryHost(LOCAL)], options)
    bundle = make_bundle()
    run_id = new_run_id()
    run_dir = make_run_dir(results_dir, plan.experiment.name, run_id)
    with held(run_dir):
        try:
            store = Store.create(
                run_dir / DATABASE,
                run_id=run_id,
                plan=plan,
                hosts=[target.name for target in targets],
                provenance=provenance or {},
                options=options.to_json(),
            )
            with store:
                return _Campaign(store, targets, options, on_event).execute(bundle, render)
        except PageswapError:
            _remove_unless_begun(run_dir)
            raise


def resume(  # noqa: PLR0913 - as many as may be said anew, and who watches
    run_dir: Path,
    *,
    wait: bool | None = None,
    only: Sequence[str] = (),
    inventory: Inventory | None = None,
    ssh_config: str | None = None,
    accept_new: bool = False,
    targets: Sequence[Target] | None = None,
    on_event: Callable[[Event], None] = lambda _event: None,
    render: Callable[[Store, Path], Path] | None = None,
) -> Outcome:
    """Finish what the run in `run_dir` still lacks, with the options it was started with and its hosts as they were.

    What its hosts have measured in the meantime is collected first. Trials that ended killed, interrupted or lost are
    measured once more; every other outcome is final. What may be said anew: `wait`, which hosts go on (`only` these),
    what an `inventory` says of them, and the `ssh_config` that leads there. Raises as `run` does.
    """
    with held(run_dir), open_run(run_dir) as store:
        meta = store.meta()
        options = Options.from_json(meta["options"])
        hosts = chosen_hosts(recorded_hosts(meta), only, inventory)
        options = dataclasses.replace(
            options,
            wait=options.wait if wait is None else wait,
            ssh_config=ssh_config or options.ssh_config,
            hosts=tuple(host.to_json() for host in hosts),
        )
        targets = targets or make_targets(hosts, options, accept_new=accept_new)
        return _Campaign(store, targets, options, on_event).execute(make_bundle(), render)


class _Campaign:
    """One invocation's work on one run."""

    def __init__(
        self, store: Store, targets: Sequence[Target], options: Options, on_event: Callable[[Event], None]
    ) -> None:
        self._store = store
        self._options = options
        self._on_event = on_event
        # A SimpleQueue, as a signal handler may put into it whatever the main thread is doing.
        self._events: queue.SimpleQueue[Event | _Ended | _Signal] = queue.SimpleQueue()
        self._hosts = [HostRun(target, store, options, self._events.put) for target in targets]
        self._waiting = collections.deque(self._hosts)
        self._signals = 0

    def execute(self, bundle: Bundle, render: Callable[[Store, Path], Path] | None) -> Outcome:
        """Bring every host to its end, then make the report."""
        known = self._store.outcome_count()
        self._tell_start()
        errors = self._drive(bundle)
        self._tell_end()
        for error in errors.values():
            if isinstance(error, StoreError) or not isinstance(error, PageswapError):
                raise error
        known_errors = {host: error for host, error in errors.items() if isinstance(error, PageswapError)}
        if errors and not self._signals and self._store.outcome_count() == known:
            raise NoHostError(self._outcome(known_errors, _keep_report)) from next(iter(errors.values()))
        return self._outcome(known_errors, render)

    def _tell_start(self) -> None:
        meta = self._store.meta()
        owed = {host.host: self._store.missing_count(host.host) for host in self._hosts}
        trials = sum(self._store.trial_count(host) for host in owed)
        self._on_event(
            Started(
                meta["run_id"],
                self._store.path.parent,
                tuple(owed),
                trials=trials,
                done=trials - sum(owed.values()),
                owed=owed,
            )
        )

    def _tell_end(self) -> None:
        """Say how its hosts' part of the run is stored."""
        counts = self._store.host_status_counts()
        hosts = [host.host for host in self._hosts]
        self._on_event(
            Finished(
                trials=sum(self._store.trial_count(host) for host in hosts),
                statuses=sum((Counter(counts.get(host, {})) for host in hosts), Counter()),
                missing=sum(self._store.missing_count(host) for host in hosts),
            )
        )

    def _drive(self, bundle: Bundle) -> dict[str, Exception]:
        """Run all hosts side by side until each has ended; gives what went wrong, by host."""
        errors: dict[str, Exception] = {}
        _share_one_heap()
        with _interrupts(self._events):
            for _ in range(min(self._options.at_once, len(self._hosts))):
                threading.Thread(target=self._work, args=(bundle,), daemon=True).start()
            left = {host.host for host in self._hosts}
            while left:
                event = self._events.get()
                if isinstance(event, _Ended):
                    if event.host in left:
                        left.remove(event.host)
                        self._note_end(event, errors)
                elif isinstance(event, _Signal):
                    self._stop()
                else:
                    self._on_event(event)
        return errors

    def _work(self, bundle: Bundle) -> None:
        """Bring hosts to their end, one after the other, until none is left that nobody has begun."""
        while True:
            try:
                host = self._waiting.popleft()
            except IndexError:
                return
            time.sleep(jitter_s(len(self._hosts)))
            error: Exception | None = None
            try:
                with contextlib.closing(host):
                    host.run(bundle)
            except Exception as caught:  # noqa: BLE001 - carried to the main thread, which raises it
                error = named(host.host, caught)
            self._events.put(_Ended(host.host, error))

    def _note_end(self, event: _Ended, errors: dict[str, Exception]) -> None:
        host, error = event.host, event.error
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
            self._on_event(HostFailed(host, error))

    def _stop(self) -> None:
        how = _STOPS[min(self._signals, len(_STOPS) - 1)]
        self._signals += 1
        self._on_event(Stopping(how))
        for host in self._hosts:
            host.interrupt(how)
        # A thread that connects may take as long as a network does to say that nobody answers; no more wait for it.
        for host in [host for host in self._hosts if host.is_connecting]:
            error = HostUnreachableError(f"{host.host}: connecting was given up; 'inv resume' tries again")
            self._events.put(_Ended(host.host, error))
        with contextlib.suppress(IndexError):
            while True:
                self._events.put(_Ended(self._waiting.popleft().host, None))

    def _outcome(self, errors: dict[str, PageswapError], render: Callable[[Store, Path], Path] | None) -> Outcome:
        statuses = self._store.status_counts()
        hosts = host_outcomes(self._store)
        report_path = None
        if statuses:
            report_path = (render or _render_report)(self._store, self._store.path.with_name(REPORT))
        return Outcome(
            run_id=self._store.meta()["run_id"],
            run_dir=self._store.path.parent,
            report_path=report_path,
            statuses=statuses,
            missing=sum(host.missing for host in hosts),
            hosts=hosts,
            host_errors=errors,
            exit_code=exit_code(statuses, errors, interrupted=bool(self._signals), strict=self._options.strict),
        )


@dataclasses.dataclass(frozen=True, slots=True)
class _Ended:
    """A host's thread has ended."""

    host: str
    error: Exception | None


@dataclasses.dataclass(frozen=True, slots=True)
class _Signal:
    """Ctrl-C was typed."""


def _keep_report(_store: Store, path: Path) -> Path:
    """Leave the report as it is, for nothing has come."""
    return path


def _render_report(store: Store, path: Path) -> Path:
    # Importing it takes about a second and all memory bandwidth: never while something is measured.
    from pageswap.report import render

    return render(store, path)


@contextlib.contextmanager
def _interrupts(events: queue.SimpleQueue[Any]) -> Iterator[None]:
    """Turn SIGINT and SIGTERM into events; the third one has its former meaning again."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    former = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    seen = 0

    def restore() -> None:
        for number, handler in former.items():
            signal.signal(number, handler)

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        nonlocal seen
        seen += 1
        if seen == len(_STOPS):
            restore()
        events.put(_Signal())

    for number in former:
        signal.signal(number, on_signal)
    try:
        yield
    finally:
        restore()


def _share_one_heap() -> None:
    """Have glibc's malloc serve all threads from one heap.

    Otherwise each of up to eight a CPU keeps what its largest job took: 16 hosts of 15,000 trials each took 480 MiB
    rather than 160. Threads that hold Python's lock do not compete for it anyway.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


def _remove_unless_begun(run_dir: Path) -> None:
    """Remove the folder of a run that no agent was ever started for, so that `latest` is not an empty one."""
    if (run_dir / DATABASE).exists():
        try:
            with open_run(run_dir) as store:
                if store.has_begun():
                    return
        except StoreError:
            return
    shutil.rmtree(run_dir, ignore_errors=True)
    with contextlib.suppress(OSError):
        run_dir.parent.rmdir()
