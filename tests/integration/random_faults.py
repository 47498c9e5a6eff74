"""Has hosts fail at random moments while they are measured: links cut, sshd and agents killed, all come back."""

from __future__ import annotations

import dataclasses
import functools
import heapq
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING

from tests.integration.fleet import check_quiet, check_whole, finish, trial_ids
from tests.integration.random_kills import CODES, TRANSPORTS

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Sequence

    from tests.integration.fleet import Fleet
    from tests.integration.network import Host

# Longer than it takes to notice that a link is gone, and longer than a host is tried: some are given up.
LONGEST_CUT_S = 20.0
LONGEST_WITHOUT_SSHD_S = 5.0
PATIENCE_S = 15.0
LEASE_S = 15.0
RUN_S = 1800.0
MOST_RESUMES = 20

SPEC = """\
name: failing
question: Does every trial come back?
workload: swap
method: [memcpy, index]
page_size: 4KiB
region_size: 1MiB
iterations: 1_000_000
backing: private_anon
baseline: {method: memcpy}
repeats: 5
warmups: 0
rounds: 2
"""


@dataclasses.dataclass
class Taken:
    """What a measurement of failing hosts took."""

    trials: int = 0
    seconds: float = 0.0
    resumes: int = 0
    peak_mib: float = 0.0
    faults: Counter[str] = dataclasses.field(default_factory=Counter)


class Faults:
    """Has random ones of hosts fail, about one in `pause_s` seconds, `most` times at most; `counts` what was done."""

    def __init__(self, hosts: Sequence[Host], chance: random.Random, most: int, pause_s: float) -> None:
        """Begin."""
        self.counts: Counter[str] = Counter()
        self._well = list(hosts)
        self._chance = chance
        self._most = most
        self._pause_s = pause_s
        # When a host is to come back, its name, which tells those of the same moment apart, itself, and how.
        self._failing: list[tuple[float, str, Host, Callable[[], None] | None]] = []
        self._is_over = threading.Event()
        self._problem: Exception | None = None
        self._thread = threading.Thread(target=self._go_on)
        self._thread.start()

    def end(self) -> None:
        """Have everything back; raises what went wrong meanwhile."""
        self._is_over.set()
        self._thread.join()
        while self._failing:
            self._restore()
        if self._problem is not None:
            raise self._problem

    def _go_on(self) -> None:
        try:
            due = time.monotonic()
            while not self._is_over.wait(0.02):
                now = time.monotonic()
                if self._failing and self._failing[0][0] <= now:
                    self._restore()
                elif now >= due and self._well and self.counts.total() < self._most:
                    self._strike()
                    due = now + self._chance.uniform(0.0, 2 * self._pause_s)
        except Exception as error:  # noqa: BLE001 - `end` raises it
            self._problem = error

    def _restore(self) -> None:
        _, _, host, back = heapq.heappop(self._failing)
        if back is not None:
            back()
        self._well.append(host)

    def _strike(self) -> None:
        host = self._well.pop(self._chance.randrange(len(self._well)))
        kind = self._chance.choice(("link", "sshd", "agent", "agent and keeper", "follower"))
        seconds = 0.0
        back = None  # an agent comes back by itself
        if kind == "link":
            host.link("down")
            seconds = self._chance.uniform(0.2, LONGEST_CUT_S)
            back = functools.partial(host.link, "up")
        elif kind == "sshd":
            host.kill_sshd()
            seconds = self._chance.uniform(0.0, LONGEST_WITHOUT_SSHD_S)
            back = host.start_sshd
        elif not host.kill(*kind.split(" and ")):
            kind = ""
        if kind:
            self.counts[kind] += 1
        heapq.heappush(self._failing, (time.monotonic() + seconds, host.name, host, back))


def measure(fleet: Fleet, chance: random.Random, count: int, *, most: int, pause_s: float) -> Taken:
    """Measure so many hosts that fail, half of them over either transport, and resume where the run gives up.

    Asserts that in the end every host has given every trial once, and that nothing is left running on any.
    """
    hosts = [fleet.network.add(f"lab{number}") for number in range(1, count + 1)]
    inventory = fleet.folder / "hosts.yaml"
    lines = [f"  {host.name}: {{via: {TRANSPORTS[place % 2]}}}\n" for place, host in enumerate(hosts)]
    inventory.write_text("hosts:\n" + "".join(lines))
    spec = fleet.folder / "failing.yaml"
    spec.write_text(SPEC)
    names = [host.name for host in hosts]
    taken = Taken(trials=len(trial_ids(spec)))
    options = {"lease_s": LEASE_S, "patience_s": PATIENCE_S, "at_once": count}
    begin = functools.partial(fleet.begin, *names, spec=spec, inventory=inventory, **options)
    began = time.monotonic()
    controller = begin()
    faults = Faults(hosts, chance, most, pause_s)
    try:
        while True:
            ended = finish(controller, RUN_S)
            assert ended.code in CODES, ended.errors
            taken.peak_mib = max(taken.peak_mib, ended.peak_mib)
            runs = fleet.runs()
            if ended.code == 0:
                break
            taken.resumes += 1
            assert taken.resumes <= MOST_RESUMES, ended.errors
            # Where no host could be reached before the first fault there is no run yet.
            controller = fleet.start({"resume": str(runs[0])}) if runs else begin()
    finally:
        faults.end()
    taken.seconds = time.monotonic() - began
    taken.faults = faults.counts
    (run_dir,) = runs
    check_whole(run_dir, spec, names)
    for host in hosts:
        check_quiet(host, LEASE_S)
    return taken
