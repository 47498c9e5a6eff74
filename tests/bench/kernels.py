"""Measures Debian's kernels by every method, few iterations each, in emulated machines reached as any host.

Usage: kernels.py [HOST]. Checks that every trial has a row, that nothing is corrupt, crashed or timed out, and that
what is unavailable is so for a reason known of that kernel; and tries the kernel module. Times mean nothing and are
not printed. Over all hosts it writes the tables of docs/kernels.md. Needs root, Debian's archive, and `guests.TOOLS`.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pageswap.errors import PageswapError
from tests.bench import guest as commands
from tests.bench import kernel_experiments, kernel_truths, kernels_page
from tests.bench.kernel_hosts import HOSTS, PLAIN, KernelHost
from tests.bench.kernels_page import Seen
from tests.integration import guests, kernels, module_check, roots

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Machines that are up at a time, and of these as many measure as this machine is to have CPUs.
UP_AT_ONCE: Final = len(PLAIN)
AT_ONCE: Final = 2
_FACTS: Final = """
uname -r && python3 -c 'import platform, sys; print(sys.version.split()[0], platform.libc_ver()[1])'
grep -m1 ^flags /proc/cpuinfo
"""


class Lab:
    """Machines that are up, one controller's way to them, and what was seen of each."""

    def __init__(self, folder: Path) -> None:
        """Begin with none."""
        self.seen: dict[KernelHost, Seen] = {}
        self._folder = folder
        self._ssh_config = Path()
        kernel_experiments.write(folder)

    @contextlib.contextmanager
    def up(self, hosts: Sequence[KernelHost]) -> Iterator[None]:
        """Boot these machines; they end with the block."""
        machines = {host.machine: roots.make(host.debian) for host in hosts}
        with guests.booted(self._folder, machines) as booted:
            self._ssh_config = booted[0].ssh_config
            for host, guest, root in zip(hosts, booted, machines.values(), strict=True):
                self.seen[host] = _prepared(host, guest, root, self._folder / host.name)
                print(f"{host.name}: Linux {self.seen[host].kernel} is up", flush=True)
            yield

    def ask(self, hosts: Sequence[KernelHost]) -> None:
        """Hold what 'methods' and 'doctor' say of hosts against what is known of them."""
        methods = commands.inv("methods", *self._access(hosts))
        checks = commands.inv("doctor", *self._access(hosts), ends=(0, 2))
        for host in hosts:
            seen = self.seen[host]
            seen.methods = {each["name"]: each for each in methods[host.name]}
            _note(host, seen, kernel_truths.wrong_methods(host, seen))
            _note(host, seen, kernel_truths.wrong_checks(host, checks[host.name]["checks"]))

    def measure(self, name: str, hosts: Sequence[KernelHost]) -> None:
        """Run one experiment on hosts, and judge the rows of each."""
        spec = ("--spec", str(self._folder / f"{name}.yaml"))
        planned = len(commands.inv("plan", *spec, "--json")["trials"])
        # 2 and 4: trials ended badly; which and how is told from their rows.
        access = (*self._access(hosts), "--at-once", str(AT_ONCE))
        outcome, rows = commands.run(*spec, *access, ends=(0, 2, 4))
        ledgers = {each["host"]: each["ledger"] for each in outcome["hosts"]}
        for host in hosts:
            seen, own = self.seen[host], [row for row in rows if row["host"] == host.name]
            seen.connecting_s.append(ledgers[host.name].get("connecting", 0.0))
            if len(own) != planned:
                _note(host, seen, [f"{name}: {planned} trials planned, {len(own)} rows"])
            for row in own:
                seen.add(row)
                wrong = kernel_truths.wrong_ending(row, host, seen)
                _note(host, seen, [f"{name}: {_case(row)}: {wrong}"] if wrong else [])
        print(f"{name}: {len(rows)} outcomes on {len(hosts)} hosts", flush=True)

    def _access(self, hosts: Sequence[KernelHost]) -> tuple[str, ...]:
        names = ",".join(host.name for host in hosts)
        return "--hosts", names, "--ssh-config", str(self._ssh_config), "--json"


def _prepared(host: KernelHost, guest: guests.Guest, root: Path, folder: Path) -> Seen:
    """Make a host what it is to be, the module loaded where its kernel takes it."""
    kernel, python, libc, *flags = guest.shell(_FACTS).split()
    guest.shell(f"chown {guests.USER}: /home/{guests.USER} && {host.prepare}")
    seen = Seen(kernel, python, libc, frozenset(flags))
    if not kernel_truths.lacks("module_swap", host, seen):
        module = kernels.build_module(root, folder).read_bytes()
        guest.shell("cat >/tmp/pageswap.ko && insmod /tmp/pageswap.ko && chmod 666 /dev/page_exchange", module)
    return seen


def _note(host: KernelHost, seen: Seen, problems: Iterator[str] | Sequence[str]) -> None:
    """Keep and print what a host did that it must not."""
    for problem in problems:
        seen.problems.append(problem)
        print(f"FAILED  {host.name}: {problem}", flush=True)


def _case(row: dict[str, Any]) -> str:
    levels = ("method", "backing", "page_size", "region_size", "release", "pages", "neighbours", "reads")
    return " ".join(str(row[level]) for level in levels if row.get(level) is not None)


def look_at(hosts: Sequence[KernelHost]) -> dict[KernelHost, Seen]:
    """Boot hosts, do with each all that is asked of it, and return what was seen."""
    with tempfile.TemporaryDirectory(prefix="pageswap-kernels-") as text:
        lab = Lab(Path(text))
        with lab.up(hosts):
            lab.ask(hosts)
            for name in kernel_experiments.NAMES:
                asked = [host for host in hosts if name in (*kernel_experiments.EVERYWHERE, *host.experiments)]
                if asked:
                    lab.measure(name, asked)
    return lab.seen


def check_module(host: KernelHost, seen: Seen) -> None:
    """Try the kernel module in a machine of its own, under the kernel of a host."""
    with tempfile.TemporaryDirectory(prefix="pageswap-module-") as text:
        console = module_check.emulate(roots.make(host.debian), Path(text))
    failed = [check for check in module_check.CHECKS if not module_check.holds(check, console)]
    _note(host, seen, [f"the kernel module under {seen.kernel}: {check}" for check in failed])
    swaps = next((line for line in console.splitlines() if "swaps: " in line), "")
    print(f"kernel module under {seen.kernel}: {len(module_check.CHECKS)} checks, {len(failed)} failed; {swaps}")


def main(names: Sequence[str] = ()) -> int:
    """Look at all hosts, or at those that are named; return 1 when one was not as it is to be."""
    missing = guests.what_is_missing()
    if missing:
        print(f"kernels: cannot be made here: {missing}")
        return 0
    chosen = [host for host in HOSTS if not names or host.name in names]
    seen: dict[KernelHost, Seen] = {}
    for first in range(0, len(chosen), UP_AT_ONCE):
        seen |= look_at(chosen[first : first + UP_AT_ONCE])
    for host in PLAIN:
        if host in seen and not kernel_truths.lacks("module_swap", host, seen[host]):
            check_module(host, seen[host])
    outcomes = sum(each.statuses.total() for each in seen.values())
    problems = sum(len(each.problems) for each in seen.values())
    print(f"{outcomes:,} outcomes on {len(seen)} hosts; {problems or 'no'} problems")
    if len(seen) == len(HOSTS):
        kernels_page.write(seen)
    return int(problems > 0)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except PageswapError as failure:
        sys.exit(f"error: {failure}")
