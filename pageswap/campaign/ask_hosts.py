"""Asks hosts, one or several at once, and checks what they answer before anything is made of it."""

from __future__ import annotations

import collections
import contextlib
import queue
import threading
import time
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pageswap.agent.host_words import misfit
from pageswap.agent.journal import job
from pageswap.agent.journal.line_fields import ANSWERS, HOLDER
from pageswap.campaign.events import next_in
from pageswap.campaign.reconnect import Link, PhaseClock, jitter_s
from pageswap.errors import HostError, PageswapError
from pageswap.fleet.target import named
from pageswap.spec.quoting import printable
from pageswap.text.words import first_few
from pageswap.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pageswap.fleet.provision.bundle import Bundle
    from pageswap.fleet.target import Target

_T = TypeVar("_T")

# Clocks that differ by less serve: times of day only tell when something was, never how long it took.
_CLOCK_TOLERANCE_S: Final = 1.0

_LONGEST_WORD: Final = 200

# A run begins after so many seconds without having asked the hosts that are not ready.
BEFORE_RUN_S: Final = 15.0
_HOSTS_NAMED: Final = 8
# Letting go of hosts waits no longer for one that is just connecting.
_CLOSE_S: Final = 2.0


def ask_each(  # noqa: PLR0913 - who is asked what, and how
    targets: Sequence[Target],
    bundle: Bundle,
    question: Callable[[Target], _T],
    *,
    at_once: int = 32,
    keep: bool = False,
    wait_s: float = threading.TIMEOUT_MAX,
    tell: Callable[[str], None] = lambda _text: None,
) -> dict[str, _T | PageswapError]:
    """Return each host's answer, or why there is none, in the order of `targets`; one that fails stops no other.

    The connections are let go of unless `keep`. `tell` gets a line about a host that keeps the others waiting, in that
    host's thread. After `wait_s` seconds no more hosts are asked: those without an answer have a HostError and are
    told; a target stays `in_use` until what was begun with it has ended.
    """
    halt = threading.Event()
    waiting = collections.deque(targets)
    answers: queue.SimpleQueue[tuple[str, _T | Exception]] = queue.SimpleQueue()

    def answer_of(target: Target) -> _T | Exception:
        try:
            halt.wait(jitter_s(len(targets)))
            with target.in_use, contextlib.nullcontext() if keep else contextlib.closing(target):
                link = Link(
                    target, PhaseClock(), patience_s=0.0, tell=lambda text: tell(f"{target.name}: {text}"), halt=halt
                )
                link.reach(bundle)
                if halt.is_set():
                    return HostError(f"{target.name}: was no longer asked")
                return question(target)
        except Exception as error:  # noqa: BLE001 - carried to the main thread, which raises what is no host's
            return named(target.name, error)

    def work() -> None:
        with contextlib.suppress(IndexError):
            while True:
                target = waiting.popleft()
                answers.put((target.name, answer_of(target)))

    found: dict[str, _T | PageswapError] = {}
    until = time.monotonic() + wait_s
    try:
        # Not a pool, whose threads are waited for: one that connects may take as long as a network does to say nothing.
        for _ in range(min(at_once, len(targets))):
            threading.Thread(target=work, daemon=True).start()
        with contextlib.suppress(queue.Empty):
            for _ in targets:
                name, answer = next_in(answers, until - time.monotonic())
                if isinstance(answer, Exception) and not isinstance(answer, PageswapError):
                    raise answer
                found[name] = answer
    finally:
        halt.set()
        waiting.clear()
    late = [target.name for target in targets if target.name not in found]
    if late:
        tell(f"not asked before the run, as not ready in time: {first_few(late, _HOSTS_NAMED, 'host')}")
    found |= {name: HostError(f"{name}: gave no answer in time") for name in late}
    return {target.name: found[target.name] for target in targets}


@contextlib.contextmanager
def closing_each(targets: Sequence[Target]) -> Iterator[None]:
    """Let go of all hosts in the end, whatever became of them; one that is just connecting is not waited for."""
    try:
        yield
    finally:
        # In threads, as a connection that is being made is closed only when that has succeeded or failed.
        closers = [threading.Thread(target=target.close, daemon=True) for target in targets]
        for closer in closers:
            closer.start()
        until = time.monotonic() + _CLOSE_S
        for closer in closers:
            closer.join(max(0.0, until - time.monotonic()))


def named_twice(host: str, other: str) -> HostError:
    """Return the error of a name that leads to the machine that another host is."""
    return HostError(f"{host}: is the machine that is measured as {other} already; name it once")


def names_too_many(targets: Sequence[Target]) -> dict[str, HostError]:
    """Return the error of each of the hosts that were asked that is the same machine as one before it."""
    machines: dict[str, str] = {}
    first = {each.name: machines.setdefault(each.machine or each.name, each.name) for each in targets}
    return {name: named_twice(name, other) for name, other in first.items() if other != name}


def facts(target: Target, *, questions: Mapping[str, dict[str, Any]] | None = None) -> dict[str, Any]:
    """Ask for a host's facts; among its doctor's findings is how its clock differs from this machine's.

    `questions` has by host what its agent is asked beside: to look at the `cpu` that the inventory pins its trials to,
    rather than its own choice, and at the trials of a `job`.
    """
    sent_ns = time.time_ns()
    question = (questions or {}).get(target.name, {})
    found = ask(target, "facts", question)
    if "job" in question:
        left = {trial["trial_id"] for trial in question["job"]["trials"]}
        for refusal in found.get("refusals", [None]):
            match refusal:
                case [trial_id, job.UNAVAILABLE | job.SKIPPED, _] if trial_id in left:
                    left.remove(trial_id)
                case _:
                    raise _no_answer(target.name, "facts", f"refuses {refusal!r:.200}")
    return {**found, "doctor": [*found["doctor"], clock_finding(sent_ns, time.time_ns(), found["time"])]}


def readiness(target: Target) -> dict[str, Any]:
    """Tell what a host would measure with: {"core_hash", "build", "python", "kernel", "ledger"}."""
    environment = ask(target, "facts", {})["environment"]
    core = environment.get("core") or {}
    return {
        "core_hash": core.get("core_hash"),
        "build": core.get("build", "controller"),
        "python": environment.get("python"),
        "kernel": environment.get("kernel"),
        "ledger": target.phase_seconds(),
    }


def clock_finding(sent_ns: int, received_ns: int, host_ns: int) -> dict[str, str]:
    """Compare a host's clock with the controller's: it was read after `sent_ns` and before `received_ns`.

    All are nanoseconds since 1970, UTC. The clocks differ by no less than what lies outside of that time.
    """
    ahead_s, behind_s = (host_ns - received_ns) / 1e9, (sent_ns - host_ns) / 1e9
    off_s = max(ahead_s, behind_s)
    if off_s <= _CLOCK_TOLERANCE_S:
        return {"check": "clock", "status": "ok", "found": "agrees with the controller's", "cure": ""}
    how = "ahead of" if ahead_s > behind_s else "behind"
    return {
        "check": "clock",
        "status": "warn",
        "found": f"at least {format_duration(off_s)} {how} the controller's: when a trial ran is told wrongly",
        "cure": "as root: timedatectl set-ntp true",
    }


def ask(target: Target, verb: str, document: dict[str, Any], **how: Any) -> dict[str, Any]:  # noqa: ANN401 - `call`'s
    """Call a verb of a host as `Target.call` does and return its answer; raises HostError, also if it is none."""
    answer = target.call(verb, document, **how)
    check_answer(target.name, verb, answer)
    return answer


def check_answer(host: str, verb: str, answer: dict[str, Any]) -> None:
    """Raise HostError where a line that answers a verb is not what an agent says."""
    problem = misfit(answer, ANSWERS[verb])
    if problem:
        raise _no_answer(host, verb, problem)


def _no_answer(host: str, verb: str, problem: str) -> HostError:
    return HostError(
        f"{host}: {verb}: what it answers is not an agent's answer: {problem}; look at who runs the host, or measure"
        " without it"
    )


def holder_from(answer: dict[str, Any], name: str) -> dict[str, Any] | None:
    """Read from a checked answer who holds a host's lease, in words that are cut; None where it says nothing."""
    if name not in answer:
        return None
    words = {part: answer[name][part] for part in HOLDER}
    return {part: printable(word[:_LONGEST_WORD]) if isinstance(word, str) else word for part, word in words.items()}
