"""The agents of one host, each with a segment of its journal: started, followed into the store, and stopped."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from pageswap.agent.host_words import read_object
from pageswap.agent.journal.journal import MAX_LINE_BYTES
from pageswap.agent.journal.line_fields import ENDS
from pageswap.agent.workspace.host_lease import describe
from pageswap.campaign.ask_hosts import ask, check_answer, holder_from
from pageswap.campaign.events import Noted, TrialsEnded
from pageswap.campaign.reconnect import BROKEN
from pageswap.errors import HostError, JournalError, StoreError
from pageswap.spec.quoting import printable
from pageswap.store.schema import CONNECTING, WAITING
from pageswap.text.words import first_few
from pageswap.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Callable

    from pageswap.agent.journal.job import Job
    from pageswap.campaign.events import Event
    from pageswap.campaign.reconnect import PhaseClock
    from pageswap.fleet.target import Target
    from pageswap.fleet.transport.transport import Stream
    from pageswap.store.store import Store

GONE = "the agent is gone"

# So many followers in a row that end without a new byte although the agent lives.
_MAX_LOST_FOLLOWERS = 5
_FOLLOW_AGAIN_S = 0.2

# Beyond a trial's own timeout an agent writes something within so many seconds.
_QUIET_S = 60.0
_QUIET = (
    "nothing has come for {}, longer than a trial may take: look whether its agent is stopped there; Ctrl-C ends the"
    " run, and 'inv resume' goes on"
)

# How often a queue is asked how a job stands that another controller has submitted.
_TURN_AGAIN_S = 5.0

# A link that broke is noticed within so many seconds; that time was lost, not measured in.
_NOTICED_S = 15.0

# Rows that come fast are stored together, at most this often; one that comes alone is stored at once.
COMMIT_S: Final = 0.25

# How a journal's line on a setting begins, and how many are named where the same is true of them.
_TUNE_LINE: Final = b'{"kind":"tune",'
_MOST_NAMED: Final = 3

# More than this is stored at once, so that a journal of any length needs no memory.
_FULL_BYTES: Final = 1 << 20


class HostAgents:
    """Speaks with a host's agents from the host's own thread; `interrupt` may be called from any other."""

    def __init__(self, target: Target, store: Store, phases: PhaseClock, emit: Callable[[Event], None]) -> None:
        """Take the host, where rows go, where its time is written down, and whom to tell."""
        self._target = target
        self._store = store
        self._phases = phases
        self._emit = emit
        meta = store.meta()
        self._run_id = str(meta["run_id"])
        quiet_s = float(meta["experiment"].get("timeout_s", 0.0)) + _QUIET_S
        self._intake = JournalIntake(store, target.name, emit, quiet_s)
        self._guard = threading.Lock()
        self._followed: int | None = None
        self._waiting: Stream | None = None
        # How to stop, "" while nobody interrupted; and what ends all pauses then.
        self.stopping = ""
        self.halt = threading.Event()

    def start(self, job: Job, on_read: Callable[[], None]) -> tuple[int | None, dict[str, Any] | None]:
        """Start an agent, `on_read` being called when it has read its job; raises HostError.

        Return its process, or who else holds the lease; neither when the start was given up.
        """
        with contextlib.ExitStack() as phases:

            def on_line(line: dict[str, Any], stream: Stream) -> None:
                on_read()
                check_answer(job.host, "start", line)
                holder = holder_from(line, "waiting_for")
                if holder is None and "pending" not in line:
                    return
                self.note(f"waiting for {describe(holder)}" if holder else f"waiting: {printable(line['pending'])}")
                phases.enter_context(self._phases.phase(WAITING))
                with self._guard:
                    self._waiting, stopping = stream, self.stopping
                if stopping:
                    stream.cancel()

            timeout = {"timeout_s": None} if job.wait or self._target.is_queued else {}
            document = {**self._place(job.segment), "job": dataclasses.asdict(job)}
            try:
                answer = ask(self._target, "start", document, on_line=on_line, **timeout)
                return answer.get("pid"), holder_from(answer, "held_by")
            finally:
                self._waiting = None

    def follow(self, segment: int) -> None:
        """Store a segment's journal to its end, whatever happens to followers on the way."""
        with self._guard:
            self._followed, stopping = segment, self.stopping
        # An interrupt that came while the agent started is passed on now.
        if stopping:
            self.stop(segment, stopping)
        try:
            self._follow(segment)
        finally:
            self._followed = None

    def interrupt(self, how: str) -> bool:
        """Have the agent at work stopped, `how` being drain or kill; tell whether there is one. Waits for nothing."""
        with self._guard:
            self.stopping = how
            segment, waiting = self._followed, self._waiting
        self.halt.set()
        if waiting is not None:
            waiting.cancel()
        elif segment is not None:
            # A host that does not answer must not keep the others from hearing it.
            threading.Thread(target=self.stop, args=(segment, how), daemon=True).start()
        return waiting is not None or segment is not None

    def stop(self, segment: int, how: str) -> None:
        """Have a segment's agent stopped, or note why that could not be said."""
        try:
            self._target.call("stop", {**self._place(segment), "how": how})
        except HostError as error:
            self.note(f"the agent could not be told to stop: {error}")

    def status(self, segment: int) -> dict[str, Any]:
        """Ask how a segment stands on its host; raises HostError.

        {"alive", "pid", "journal_bytes", "log"}, and "pending" where it waits for its turn.
        """
        return ask(self._target, "status", self._place(segment))

    def settle(self, segment: int) -> dict[str, Any]:
        """Return `status` of a segment for good: where nothing has begun yet, it cannot any more; raises HostError.

        The start of an agent may outlive the link, and the controller, that asked for it.
        """
        status = self.status(segment)
        if status["alive"] or status["journal_bytes"]:
            return status
        ask(self._target, "stop", {**self._place(segment), "how": "forbid"})
        return self.status(segment)

    def await_turn(self, segment: int, status: dict[str, Any]) -> dict[str, Any]:
        """Wait while what is to measure a segment waits for its turn, telling why; return its `status` after.

        It ends, too, when the run is to stop. Raises HostError.
        """
        if "pending" not in status:
            return status
        told = ""
        with self._phases.phase(WAITING):
            while "pending" in status and not self.halt.is_set():
                if status["pending"] != told:
                    told = status["pending"]
                    self.note(f"waiting: {printable(told)}")
                self.halt.wait(_TURN_AGAIN_S)
                status = self.settle(segment)
        return status

    def offset(self, segment: int) -> int:
        """Return how many bytes of a segment's journal are stored."""
        return self._store.segments(self._target.name)[segment - 1].journal_offset

    def _follow(self, segment: int) -> None:
        lost = 0
        while True:
            before = self.offset(segment)
            try:
                if self._follow_once(segment, before):
                    return
            except JournalError as error:
                self.note(f"{error}; what it lacks is measured again")
                self.stop(segment, "kill")
                self._store.end_segment(self._target.name, segment, f"refused: {error}")
                return
            except StoreError:
                self.stop(segment, "drain")
                raise
            is_fruitful = self.offset(segment) > before
            if not is_fruitful and self._is_read(segment):
                self.note(f"{GONE} before the end of its journal")
                self._store.end_segment(self._target.name, segment, GONE)
                return
            lost = 0 if is_fruitful else lost + 1
            if lost > _MAX_LOST_FOLLOWERS:
                work_dir = self._place(segment)["work_dir"]
                raise HostError(
                    f"{self._target.name}: the journal in {work_dir} cannot be followed; resume the run later"
                )
            if lost:
                time.sleep(_FOLLOW_AGAIN_S)

    def _is_read(self, segment: int) -> bool:
        """Tell whether an agent is gone and all of its journal has come, a line that was cut off included.

        A follower that was killed may have brought nothing of what the agent wrote until it ended.
        """
        status = self.status(segment)
        return not status["alive"] and bool(status["journal_bytes"] <= self._intake.reached)

    def _follow_once(self, segment: int, offset: int) -> bool:
        """Store what one follower streams; tell whether it was the journal's end."""
        with contextlib.closing(self._target.follow(self._place(segment)["work_dir"], offset)) as stream:
            try:
                return self._intake.take(stream, segment, offset)
            except BROKEN:
                silent_s = time.monotonic() - self._intake.heard_at
                self._phases.move({CONNECTING: min(silent_s, _NOTICED_S)})
                raise

    def _place(self, segment: int) -> dict[str, str]:
        return {"work_dir": self._target.work_dir(self._run_id, segment)}

    def note(self, text: str) -> None:
        """Tell what was dealt with on the host."""
        self._emit(Noted(self._target.name, text))


@dataclasses.dataclass
class JournalIntake:
    """The way from one host's followers into the store; `emit` is told of the rows that are stored.

    When nothing came for `quiet_s` seconds it is told so, once for each follower. `heard_at` is when something came
    last, by the monotonic clock, and `reached` the byte of the journal up to which the last follower has brought it.
    """

    store: Store
    host: str
    emit: Callable[[Event], None]
    quiet_s: float
    heard_at: float = dataclasses.field(default_factory=time.monotonic, init=False)
    reached: int = dataclasses.field(default=0, init=False)

    def take(self, stream: Stream, segment: int, offset: int) -> bool:
        """Store a segment's journal as it streams from byte `offset` on; return whether its end has come.

        Raises JournalError at what is no journal, after storing what came before it; HostError and StoreError.
        """
        pending = b""
        stored_at = 0.0
        quiet_s: float | None = self.quiet_s
        self.heard_at = time.monotonic()
        self.reached = offset
        while True:
            is_waiting = b"\n" not in pending
            data = stream.read(quiet_s if is_waiting else max(0.0, stored_at + COMMIT_S - time.monotonic()))
            if data:
                self.heard_at = time.monotonic()
            elif data is None and is_waiting and quiet_s is not None:
                self.emit(Noted(self.host, _QUIET.format(format_duration(quiet_s))))
                quiet_s = None
            pending += data or b""
            self.reached += len(data or b"")
            is_due = not data or len(pending) >= _FULL_BYTES or time.monotonic() >= stored_at + COMMIT_S
            if is_due and b"\n" in pending:
                whole, _, pending = pending.rpartition(b"\n")
                ended = self._ingest(segment, offset, whole + b"\n")
                offset += len(whole) + 1
                stored_at = time.monotonic()
                if ended in ENDS:
                    return True
            if len(pending) > MAX_LINE_BYTES and b"\n" not in pending:
                raise JournalError(f"{self.host}, segment {segment}: a line longer than {MAX_LINE_BYTES} bytes")
            if data == b"":
                return False

    def _ingest(self, segment: int, offset: int, data: bytes) -> str | None:
        lines = [line + b"\n" for line in data[:-1].split(b"\n")]
        if lines[0].startswith(b'{"error":'):
            raise HostError(f"{self.host}: {_error_of(lines[0])}")
        try:
            trials, ended = self.store.ingest(self.host, segment, offset, lines)
        except JournalError as error:
            if error.stored:
                self.emit(TrialsEnded(self.host, error.stored))
            raise
        for note in _unchanged(lines):
            self.emit(Noted(self.host, note))
        if trials:
            self.emit(TrialsEnded(self.host, tuple(trials)))
        return ended


def _unchanged(lines: list[bytes]) -> list[str]:
    """Say of lines that are stored which settings could not be changed, or put back, a sentence a reason."""
    names: dict[str, list[str]] = {}
    for line in lines:
        if line.startswith(_TUNE_LINE):
            record = read_object(line)
            names.setdefault(record.get("reason", ""), []).append(record["name"])
    return [f"{first_few(each, _MOST_NAMED, 'setting')}: {reason}" for reason, each in names.items() if reason]


def _error_of(line: bytes) -> str:
    try:
        return printable(f"{read_object(line)['error']!s:.2000}")
    except (ValueError, KeyError):
        return f"expected a journal, found: {line[:80].decode('utf-8', 'backslashreplace')}"
