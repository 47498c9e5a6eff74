"""Runs a plan on its hosts, or what a run still lacks: hosts side by side, interrupts, the report and the exit code."""

from __future__ import annotations

import contextlib
import dataclasses
import queue
import shutil
import signal
import threading
from typing import TYPE_CHECKING, Any, Final

from pageswap.agent.job import CORRUPT, OK, SKIPPED, UNAVAILABLE
from pageswap.campaign.events import Finished, HostFailed, Started, Stopping
from pageswap.campaign.host import HostCampaign
from pageswap.campaign.options import Options
from pageswap.campaign.runs import DATABASE, REPORT, held, make_run_dir, new_run_id
from pageswap.errors import HostError, PageswapError, StoreError
from pageswap.fleet import LocalTarget, make_bundle
from pageswap.store import Store

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path
    from types import FrameType

    from pageswap.campaign.events import Event
    from pageswap.fleet import Bundle, Target
    from pageswap.plan import Plan

INTERRUPTED_EXIT: Final = 130
_CORRUPT_EXIT = 4
_OTHERWISE_EXIT = 2
_STOPS = ("drain", "kill")


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a run stands now: the last attempts' statuses, and what no host has given yet or why it cannot."""

    run_id: str
    run_dir: Path
    report_path: Path | None
    statuses: Counter[str]
    missing: int
    host_errors: dict[str, PageswapError]
    exit_code: int


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
    Ctrl-C drains the hosts, twice kills their trials. Raises what made it impossible to measure anything; the run's
    folder is removed then. Raises StoreError when results cannot be stored: `resume` goes on from what is.
    """
    options = options or Options()
    targets = targets or [LocalTarget()]
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


def resume(
    run_dir: Path,
    *,
    wait: bool | None = None,
    targets: Sequence[Target] | None = None,
    on_event: Callable[[Event], None] = lambda _event: None,
    render: Callable[[Store, Path], Path] | None = None,
) -> Outcome:
    """Finish what the run in `run_dir` still lacks, with the options it was started with (`wait` may be given anew).

    What its hosts have measured in the meantime is collected first. Trials that ended killed, interrupted or lost are
    measured once more; every other outcome is final. Raises as `run` does.
    """
    with held(run_dir), Store.open(run_dir / DATABASE) as store:
        meta = store.meta()
        options = Options.from_json(meta["options"])
        if wait is not None:
            options = dataclasses.replace(options, wait=wait)
        targets = targets or [LocalTarget(name) for name in meta["hosts"]]
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
        self._hosts = [HostCampaign(target, store, options, self._events.put) for target in targets]
        self._signals = 0

    def execute(self, bundle: Bundle, render: Callable[[Store, Path], Path] | None) -> Outcome:
        """Bring every host to its end, then make the report."""
        known = self._store.outcome_count()
        self._tell_start()
        errors = self._drive(bundle)
        self._on_event(Finished(interrupted=bool(self._signals)))
        for error in errors.values():
            if isinstance(error, StoreError) or not isinstance(error, PageswapError):
                raise error
        if errors and not self._signals and self._store.outcome_count() == known:
            raise next(iter(errors.values()))
        return self._outcome(
            {host: error for host, error in errors.items() if isinstance(error, PageswapError)}, render
        )

    def _tell_start(self) -> None:
        meta = self._store.meta()
        trials = self._store.trial_count() * len(self._hosts)
        owed = sum(len(self._store.missing(host.host)) for host in self._hosts)
        self._on_event(
            Started(meta["run_id"], self._store.path.parent, tuple(meta["hosts"]), trials=trials, done=trials - owed)
        )

    def _drive(self, bundle: Bundle) -> dict[str, Exception]:
        """Run all hosts side by side until each has ended; gives what went wrong, by host."""
        errors: dict[str, Exception] = {}
        with _interrupts(self._events):
            for host in self._hosts:
                threading.Thread(target=self._run_host, args=(host, bundle), name=host.host, daemon=True).start()
            running = len(self._hosts)
            while running:
                event = self._events.get()
                if isinstance(event, _Ended):
                    running -= 1
                    if event.error is not None:
                        self._note_error(event.host, event.error, errors)
                elif isinstance(event, _Signal):
                    self._stop()
                else:
                    self._on_event(event)
        return errors

    def _run_host(self, host: HostCampaign, bundle: Bundle) -> None:
        error: Exception | None = None
        try:
            host.run(bundle)
        except Exception as caught:  # noqa: BLE001 - carried to the main thread, which raises it
            error = caught
        self._events.put(_Ended(host.host, error))

    def _note_error(self, host: str, error: Exception, errors: dict[str, Exception]) -> None:
        errors[host] = error
        if isinstance(error, PageswapError):
            self._on_event(HostFailed(host, error))
        if not isinstance(error, HostError):
            # Nothing that the other hosts measure could be stored either.
            for other in self._hosts:
                other.interrupt("drain")

    def _stop(self) -> None:
        how = _STOPS[min(self._signals, len(_STOPS) - 1)]
        self._signals += 1
        self._on_event(Stopping(how))
        for host in self._hosts:
            host.interrupt(how)

    def _outcome(self, errors: dict[str, PageswapError], render: Callable[[Store, Path], Path] | None) -> Outcome:
        statuses = self._store.status_counts()
        missing = sum(len(self._store.missing(host.host)) for host in self._hosts)
        report_path = None
        if statuses:
            report_path = (render or _render_report)(self._store, self._store.path.with_name(REPORT))
        return Outcome(
            run_id=self._store.meta()["run_id"],
            run_dir=self._store.path.parent,
            report_path=report_path,
            statuses=statuses,
            missing=missing,
            host_errors=errors,
            exit_code=self._exit_code(statuses, errors),
        )

    def _exit_code(self, statuses: Counter[str], errors: dict[str, PageswapError]) -> int:
        if self._signals:
            return INTERRUPTED_EXIT
        if statuses[CORRUPT]:
            return _CORRUPT_EXIT
        if errors:
            return next(iter(errors.values())).exit_code
        harmless = (OK,) if self._options.strict else (OK, UNAVAILABLE, SKIPPED)
        return _OTHERWISE_EXIT if any(statuses[status] for status in statuses if status not in harmless) else 0


@dataclasses.dataclass(frozen=True, slots=True)
class _Ended:
    """A host's thread has ended."""

    host: str
    error: Exception | None


@dataclasses.dataclass(frozen=True, slots=True)
class _Signal:
    """Ctrl-C was typed."""


def _render_report(store: Store, path: Path) -> Path:
    # Importing it takes about a second and all memory bandwidth: never while something is measured.
    from pageswap.report import render  # noqa: PLC0415

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


def _remove_unless_begun(run_dir: Path) -> None:
    """Remove the folder of a run that no agent was ever started for, so that `latest` is not an empty one."""
    database = run_dir / DATABASE
    if database.exists():
        try:
            with Store.open(database) as store:
                if store.has_begun():
                    return
        except StoreError:
            return
    shutil.rmtree(run_dir, ignore_errors=True)
    with contextlib.suppress(OSError):
        run_dir.parent.rmdir()
