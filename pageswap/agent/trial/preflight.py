"""Knows before a trial whether this host can run it: the method, the mappings it makes, the memory it needs."""

from __future__ import annotations

import dataclasses
import os
import resource
from typing import TYPE_CHECKING, Any

from pageswap.agent.host import cgroup
from pageswap.agent.host.settings import MAX_MAP_COUNT, THP, folio_setting
from pageswap.agent.journal import job
from pageswap.agent.workloads import WORKLOADS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pageswap.agent.host.host_files import HostFiles

_HUGE_PAGE_BYTES = 2 << 20
_GIGANTIC_PAGE_BYTES = 1 << 30
_THREAD_BYTES = 8 << 20  # a stack
# What a C library, the interpreter's heap and a method's small things may add.
_MARGIN_BYTES = 256 << 20
_SPARE_BYTES = 64 << 20
_SPARE_MAPPINGS = 64
# Sanitizers reserve terabytes of addresses for their shadow; no cap can be computed there.
_SHADOW_BYTES = 1 << 40
_STRICT_OVERCOMMIT = 2
# The backing that asks for huge pages.
_HUGE = "thp"
_TUNE = "run with --tune as root"


@dataclasses.dataclass(frozen=True)
class MemoryNeed:
    """The memory of one trial in bytes, by purpose."""

    region_bytes: int
    scratch_bytes: int
    schedule_bytes: int
    model_bytes: int

    @property
    def total_bytes(self) -> int:
        """Return the sum."""
        return self.region_bytes + self.scratch_bytes + self.schedule_bytes + self.model_bytes


def memory_need(trial: job.TrialSpec, *, scratch: bool = True, is_reserved: bool = False) -> MemoryNeed:
    """Compute what a trial allocates of the free memory.

    `scratch`: its method copies through a page of scratch memory, one for each thread. `is_reserved`: region and
    scratch are of the host's pool of huge pages, and take nothing else.
    """
    workload = WORKLOADS[trial.workload]
    # Of pages that a forked child shares, what is written is copied, and the child keeps the old ones.
    shares = 2 if trial.levels.get("pages") == "forked" else 1
    region_bytes = trial.region_size * workload.regions * shares
    things = trial.region_size // trial.page_size
    if workload.made_each:
        # What is made in one round lives together; a block that is copied has its old and its new place.
        made = trial.iterations // trial.rounds + 1
        region_bytes = int(trial.levels[workload.made_each]) * (made + 1)
        things = made
    region_bytes += _resting_bytes(trial)
    copies = scratch and not is_reserved
    run_bytes = trial.page_size * int(trial.levels.get("run_pages", 1))
    return MemoryNeed(
        region_bytes=0 if is_reserved else region_bytes,
        scratch_bytes=trial.threads * _round_up(run_bytes, _HUGE_PAGE_BYTES) if copies else 0,
        schedule_bytes=workload.iteration_bytes * trial.iterations,
        model_bytes=workload.thing_bytes * things,
    )


def _resting_bytes(trial: job.TrialSpec) -> int:
    """Return what readers of memory that nobody moves have to read."""
    is_read = (trial.levels.get("neighbours"), trial.levels.get("reads")) == ("reading", "resting")
    return trial.region_size if is_read else 0


def mappings_need(trial: job.TrialSpec, base: int) -> int:
    """Compute how many mappings a method that splits them may make; `base` is what the process has without it.

    A swap moves two pages, and each can make a mapping of its own out of the one it leaves and the one it enters.
    """
    slots = trial.region_size // trial.page_size * WORKLOADS[trial.workload].regions
    return min(slots, 4 * trial.iterations + 1) + base + _SPARE_MAPPINGS


@dataclasses.dataclass
class Preflight:
    """Decides about each trial from the probed methods' own word and the host's present numbers.

    `memory_cap_bytes` is the most that a trial may use, None for no such bound; `reserved_page_bytes` and `folio_bytes`
    are as in `CoreCalls`. `groups` bound this process's memory, `base_mappings` counts its mappings. `will_tune` tells
    that the settings will be changed that trials need, `tune_problems` why one was not, although that was asked for.
    """

    methods: list[dict[str, Any]]
    files: HostFiles
    memory_cap_bytes: int | None = None
    reserved_page_bytes: Mapping[str, int] = dataclasses.field(default_factory=dict)
    folio_bytes: Mapping[str, int] = dataclasses.field(default_factory=dict)
    will_tune: bool = False
    tune_problems: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        """Look at what stays the same for all trials."""
        self._method_of = {method["name"]: method for method in self.methods}
        self.groups = cgroup.memory_groups(self.files)
        # Which a forked child starts with.
        self.base_mappings = len((self.files.text("/proc/self/maps") or "").splitlines())

    def refusal(self, trial: job.TrialSpec) -> tuple[str, str] | None:
        """Return the status (`unavailable` or `skipped`) and the reason with numbers and cure; None when it can run."""
        reason = self._method_reason(trial) or self._mappings_reason(trial) or self._folios_reason(trial)
        if reason:
            return job.UNAVAILABLE, reason
        reason = self._memory_reason(trial)
        return (job.SKIPPED, reason) if reason else None

    def settings_wanted(self, trials: tuple[job.TrialSpec, ...]) -> dict[str, int | str]:
        """Map each setting of the host that trials need changed, by its name in `Tunables`, to what serves them all."""
        return {**self._mappings_wanted(trials), **self.folios_wanted(trials)}

    def _mappings_wanted(self, trials: tuple[job.TrialSpec, ...]) -> dict[str, int]:
        """Return a limit that suffices for the mappings of every trial, where one splits any.

        The agent itself may have a few more by the time of a trial, so as many as are spare are added once more.
        """
        wanted = [mappings_need(trial, self.base_mappings) for trial in trials if self._splits(trial)]
        return {MAX_MAP_COUNT: max(wanted) + _SPARE_MAPPINGS} if wanted else {}

    def folios_wanted(self, trials: tuple[job.TrialSpec, ...]) -> dict[str, str]:
        """Return as `settings_wanted` the settings of huge pages and large folios that are not given to who asks."""
        sizes = {self.folio_bytes.get(trial.backing, 0) for trial in trials} - {0}
        is_huge = any(trial.backing == _HUGE and trial.region_size >= _HUGE_PAGE_BYTES for trial in trials)
        words = {folio_setting(size): self.files.choice(folio_setting(size)) for size in sorted(sizes)}
        inherited = self.files.choice(f"{THP}/enabled")
        found = {name: inherited if word == "inherit" else word for name, word in words.items()}
        found |= {f"{THP}/enabled": inherited} if is_huge else {}
        return {name: "madvise" for name, word in found.items() if word not in (None, "always", "madvise")}

    def address_space_cap(self, trial: job.TrialSpec) -> int | None:
        """Compute RLIMIT_AS for a trial's process in bytes; None under a sanitizer.

        The region counts twice: aligned, reserved with its scratch, and for some methods mapped a second time. For the
        same reason a cap on memory allows twice as many addresses.
        """
        now = _address_space(self.files)
        if now is None or now > _SHADOW_BYTES:
            return None
        need = self.most_memory(trial)
        border = _GIGANTIC_PAGE_BYTES if trial.levels.get("alignment") == "1GiB" else _HUGE_PAGE_BYTES
        unit = max(border, self.reserved_page_bytes.get(trial.backing, 0))
        resting_bytes = _resting_bytes(trial)
        wanted = 2 * max(need.region_bytes, trial.region_size + resting_bytes) + need.schedule_bytes + need.model_bytes
        wanted += (8 if resting_bytes else 4) * unit
        wanted += trial.threads * (_round_up(trial.page_size, unit) + _THREAD_BYTES)
        if self.memory_cap_bytes is not None:
            wanted = min(wanted, 2 * self.memory_cap_bytes)
        return min(now + wanted + _MARGIN_BYTES, (1 << 63) - 1)

    def most_memory(self, trial: job.TrialSpec, *, scratch: bool = True) -> MemoryNeed:
        """Compute as `memory_need` does what a trial on this host allocates."""
        return memory_need(trial, scratch=scratch, is_reserved=bool(self.reserved_page_bytes.get(trial.backing)))

    def _splits(self, trial: job.TrialSpec) -> bool:
        method = self._method_of.get(trial.method)
        return bool(method and method["available"] and method["splits_mappings"])

    def _method_reason(self, trial: job.TrialSpec) -> str:
        method = self._method_of.get(trial.method)
        if method is None:
            return f"this core has no method '{trial.method}'; 'inv methods' lists them"
        if not method["available"]:
            return str(method["reason"])
        if trial.workload not in method["workloads"]:
            return f"{trial.method} does not do '{trial.workload}', only {', '.join(method['workloads'])}"
        backings = method.get("backings")
        if backings and trial.backing not in backings:
            return f"{trial.method} does not work on {trial.backing}, only on {', '.join(backings)}"
        return ""

    def _mappings_reason(self, trial: job.TrialSpec) -> str:
        limit = self.files.setting(MAX_MAP_COUNT)
        if limit is None or self.will_tune or not self._splits(trial):
            return ""
        need = mappings_need(trial, self.base_mappings)
        if need <= limit:
            return ""
        region = need - self.base_mappings - _SPARE_MAPPINGS
        return (
            f"needs up to {need:,} mappings ({region:,} of the region, "
            f"{self.base_mappings} of the process, {_SPARE_MAPPINGS} spare), "
            f"{MAX_MAP_COUNT} is {limit:,}; "
            + self.tune_problems.get(MAX_MAP_COUNT, _TUNE)
            + f", or: sysctl -w {MAX_MAP_COUNT}={need}"
        )

    def _folios_reason(self, trial: job.TrialSpec) -> str:
        size = self.folio_bytes.get(trial.backing)
        if size and self.files.names(THP) and self.files.text(folio_setting(size)) is None:
            return f"this kernel has no large folios of {size >> 10} KiB (mTHP); use Linux 6.8 or newer"
        wanted = {} if self.will_tune else self.folios_wanted((trial,))
        return " and ".join(
            f"{name} is '{self.files.choice(name)}'; {self.tune_problems.get(name, _TUNE)}, or: echo {word} > {name}"
            for name, word in wanted.items()
        )

    def _memory_reason(self, trial: job.TrialSpec) -> str:
        smaller = WORKLOADS[trial.workload].smaller
        scratch = trial.workload not in self._method_of[trial.method].get("without_scratch", ())
        need = self.most_memory(trial, scratch=scratch)
        cap_bytes = self.memory_cap_bytes
        # What a trial's process has before it begins is the agent's, so the cap is compared without any spare room.
        if cap_bytes is not None and cap_bytes < need.total_bytes:
            where = "are allowed to a trial on this host"
            return _short_of_memory(need, 0, cap_bytes, where, f"{smaller}, or raise the host's memory in hosts.yaml")
        wanted = need.total_bytes + _SPARE_BYTES
        for free_bytes, where in self._free(trial, wanted):
            if free_bytes < wanted:
                return _short_of_memory(need, _SPARE_BYTES, free_bytes, where, f"{smaller}, or free memory")
        return ""

    def _free(self, trial: job.TrialSpec, enough: int) -> Iterator[tuple[int, str]]:
        """Yield each bound on what may be allocated, in bytes, with the words that name it."""
        memory = self.files.table("/proc/meminfo")
        if "MemAvailable" in memory:
            yield memory["MemAvailable"], "are available on this host"
        if self.files.setting("vm.overcommit_memory") == _STRICT_OVERCOMMIT and "CommitLimit" in memory:
            free_bytes = memory["CommitLimit"] - memory.get("Committed_AS", 0)
            yield free_bytes, "may still be committed (vm.overcommit_memory is 2)"
        for group in self.groups:
            in_group = group.free_bytes(enough)
            if in_group is not None:
                yield in_group, f"are left in the control group {group.folder}"
        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        if limit != resource.RLIM_INFINITY:
            hugetlb_bytes = trial.region_size if self.reserved_page_bytes.get(trial.backing) else 0
            free_bytes = limit - (_address_space(self.files) or 0) - hugetlb_bytes
            yield free_bytes, "of addresses are left (ulimit -v)"


def _short_of_memory(need: MemoryNeed, spare_bytes: int, free_bytes: int, where: str, cure: str) -> str:
    return (
        f"needs {_mebibytes(need.total_bytes + spare_bytes)} ({_mebibytes(need.region_bytes)} region, "
        f"{_mebibytes(need.scratch_bytes)} scratch, {_mebibytes(need.schedule_bytes)} schedule, "
        f"{_mebibytes(need.model_bytes)} model, {_mebibytes(spare_bytes)} spare), "
        f"{max(free_bytes, 0) >> 20:,} MiB {where}; "
        f"use {cure}"
    )


def _address_space(files: HostFiles) -> int | None:
    words = (files.text("/proc/self/statm") or "").split()
    return int(words[0]) * os.sysconf("SC_PAGE_SIZE") if words else None


def _round_up(size_bytes: int, unit: int) -> int:
    return -(-size_bytes // unit) * unit


def _mebibytes(size_bytes: int) -> str:
    return f"{-(-size_bytes >> 20):,} MiB"
