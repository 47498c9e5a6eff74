"""The C core as Python sees it: allocate, call, turn a return code into an exception; nothing else imports it."""

from __future__ import annotations

import array
import dataclasses
import errno
import functools
import itertools
import json
import mmap
import pathlib
from typing import TYPE_CHECKING, Any

from pageswap.errors import CoreError, MethodUnavailableError
from pageswap.native._core import ffi, lib

if TYPE_CHECKING:
    from collections.abc import Iterable

_UNSUPPORTED = 2**64 - 1


def _names(name_of: Any) -> tuple[str, ...]:  # noqa: ANN401 - a cffi function, which returns NULL from the end on
    names = itertools.takewhile(lambda name: name != ffi.NULL, map(name_of, itertools.count()))
    return tuple(ffi.string(name).decode() for name in names)


WORKLOADS = _names(lib.ps_workload_name)
COUNTERS = _names(lib.ps_counter_name)


@dataclasses.dataclass(frozen=True)
class BackingInfo:
    """What the memory under test can be made of; sizes in bytes.

    `kernel_page_bytes` is the least that the kernel maps at once, `fault_bytes` the most that one fault brings.
    `folio_bytes` is the size of the large folios (mTHP) that it is made of, which a setting of that size allows; 0
    where it claims none. The
    pages of a reserved backing are of the pool of huge pages that the host keeps apart, and take no free memory.
    """

    name: str
    kernel_page_bytes: int
    fault_bytes: int
    folio_bytes: int
    is_reserved: bool


def backings() -> list[BackingInfo]:
    """List what regions can be made of, in the table's order."""
    found = []
    info = ffi.new("ps_backing_info *")
    for index in range(lib.ps_backing_count()):
        lib.ps_backing_describe(index, info)
        name = ffi.string(info.name).decode()
        sizes = (info.kernel_page_bytes, info.fault_bytes, info.folio_bytes)
        found.append(BackingInfo(name, *sizes, is_reserved=bool(info.is_reserved)))
    return found


# Name -> whether its methods bring pages elsewhere.
FAMILIES = {name: bool(lib.ps_family_moves_pages(index)) for index, name in enumerate(_names(lib.ps_family_name))}
BACKINGS = tuple(backing.name for backing in backings())
# The levels of every factor that is a choice of words.
CHOICES = {"backing": BACKINGS} | {
    field: _names(functools.partial(lib.ps_word_level, field.encode())) for field in _names(lib.ps_word_field)
}


@dataclasses.dataclass(frozen=True)
class MethodInfo:
    """One way to move pages, and whether this host can; `reason` names what is missing and the cure.

    `without_scratch` are the workloads that it does without a page of scratch memory for each thread.
    """

    name: str
    summary: str
    family: str
    workloads: tuple[str, ...]
    backings: tuple[str, ...]
    without_scratch: tuple[str, ...]
    splits_mappings: bool
    available: bool
    reason: str


class _Struct:
    """A struct and all that it points to, which cffi frees with the last reference; texts become C's."""

    def __init__(self, name: str, fields: dict[str, Any]) -> None:
        self._held = {
            field: ffi.new("char[]", value.encode()) if isinstance(value, str) else value
            for field, value in fields.items()
        }
        self.pointer = ffi.new(f"{name} *", self._held)


class TrialParams:
    """What one trial measures.

    `fields` are those of ps_trial in api.cdef.h by their names: sizes in bytes, words as text; a word left out is the
    first of CHOICES. `cpus` are the CPUs that the threads are pinned to, thread 0's first; empty takes the last ones
    allowed. `pairs` is a schedule of `iterations` pairs of slots instead of a random one. `trace` has three numbers for
    each line of a trace: the slot where pages go, that where they come from, how many; no pages end a batch.
    """

    def __init__(
        self,
        *,
        cpus: tuple[int, ...] = (),
        pairs: tuple[tuple[int, int], ...] = (),
        trace: Iterable[int] = (),
        **fields: int | str,
    ) -> None:
        """Take the fields by name."""
        self.fields, self.cpus, self.pairs = fields, tuple(cpus), tuple(pairs)
        self.trace = trace if isinstance(trace, array.array) else array.array("I", trace)
        pointed: dict[str, Any] = {"cpus": ffi.new("int32_t[]", self.cpus)} if cpus else {}
        for side, slots in zip(("given_a", "given_b"), zip(*self.pairs)):
            pointed[side] = ffi.new("uint32_t[]", slots)
        if self.trace:
            pointed["trace"] = ffi.from_buffer("ps_trace_line[]", self.trace)
            pointed["trace_lines"] = len(pointed["trace"])
        self.struct = _Struct("ps_trial", {**fields, "cpu_count": len(self.cpus), **pointed})


@dataclasses.dataclass(frozen=True)
class TrialResult:
    """What one trial measured; times in ns; counters cover the timed rounds; `reason` tells the first wrong page.

    `counters` maps each of COUNTERS to its count, or to None where the host does not count it.
    """

    verified: bool
    reason: str
    elapsed_ns: int
    rounds_ns: list[int]
    setup_ns: int
    verify_ns: int
    minor_faults: int
    major_faults: int
    voluntary_switches: int
    involuntary_switches: int
    vmas_peak: int
    cpu: int
    counters: dict[str, int | None]


# Its fields that ps_result has in the same form.
_COPIED = {field.name for field in dataclasses.fields(TrialResult)} - {"verified", "reason", "rounds_ns", "counters"}
_CONTROLS = {name for index, name in enumerate(FAMILIES) if lib.ps_family_is_control(index)}


def is_control(family: str | None) -> bool:
    """Return whether the methods of a family are no way to move pages, but there to be compared with those that are."""
    return family in _CONTROLS


def moves_pages(family: str | None) -> bool:
    """Return whether the methods of a family bring pages elsewhere; of one that only a newer core has, that they do."""
    return FAMILIES.get(family or "", True)


def _chosen(names: tuple[str, ...], bits: int) -> tuple[str, ...]:
    return tuple(name for index, name in enumerate(names) if bits >> index & 1)


def methods() -> list[MethodInfo]:
    """List every method in the table's order, each probed on this host."""
    found = []
    info = ffi.new("ps_method_info *")
    for index in range(lib.ps_method_count()):
        lib.ps_method_describe(index, info)
        found.append(
            MethodInfo(
                **{name: ffi.string(getattr(info, name)).decode() for name in ("name", "summary", "family", "reason")},
                workloads=_chosen(WORKLOADS, info.workloads),
                backings=_chosen(BACKINGS, info.backings),
                without_scratch=_chosen(WORKLOADS, info.without_scratch),
                splits_mappings=bool(info.splits_mappings),
                available=bool(info.available),
            )
        )
    return found


def core_info() -> dict[str, str]:
    """Return core_hash (sha256 of the binary), source_hash, compiler and flags, as the build noted them.

    And `build`: "host" for a core made on the host that runs it, else "controller".
    """
    core, build = (pathlib.Path(__file__).with_name(name) for name in ("_core.json", "build.json"))
    facts = json.loads(build.read_text(encoding="utf-8")) if build.exists() else {}
    return {"build": "controller", **facts, **json.loads(core.read_text(encoding="utf-8"))}


def _raise(error: Any) -> None:  # noqa: ANN401 - a cffi struct
    call, detail = ffi.string(error.call).decode(), ffi.string(error.detail).decode()
    if call == "probe":
        raise MethodUnavailableError(detail)
    name = errno.errorcode.get(error.errnum, f"errno {error.errnum}")
    raise CoreError(call, error.errnum, name, detail)


def _call(function: Any, struct: _Struct, *arguments: Any) -> None:  # noqa: ANN401 - cffi's
    """Call one of the core's functions, and raise what the error says that is its last argument.

    It takes the struct itself, so that all that it points to is there until the function returns.
    """
    error = ffi.new("ps_error *")
    if function(struct.pointer, *arguments, error):
        _raise(error)


def run_trial(params: TrialParams) -> TrialResult:
    """Run one trial in this process, which gets pinned and whose mappings change: call it in a child.

    Raises MethodUnavailableError when the host lacks what the method needs, CoreError when a call failed.
    """
    result, rounds_ns = ffi.new("ps_result *"), ffi.new("uint64_t[]", params.fields["rounds"])
    _call(lib.ps_run_trial, params.struct, result, rounds_ns)
    return _result(result, ffi.unpack(rounds_ns, params.fields["rounds"]))


def check_trial(params: TrialParams) -> None:
    """Ask this host for what a trial needs, and give it back; call it in a child. Raises as `run_trial` does."""
    _call(lib.ps_check_trial, params.struct)


def _result(result: Any, rounds_ns: list[int]) -> TrialResult:  # noqa: ANN401 - a cffi struct
    reason = ""
    if not result.verified:
        reason = (
            f"slot {result.wrong_slot} is wrong from byte {result.wrong_offset} on: "
            + ("on NUMA node {}, expected on {}" if result.is_misplaced else "found {:#018x}, expected {:#018x}")
        ).format(result.found_word, result.expected_word)
    counts = ffi.unpack(result.counters, len(COUNTERS))
    return TrialResult(
        verified=bool(result.verified),
        reason=reason,
        rounds_ns=rounds_ns,
        counters={name: None if count == _UNSUPPORTED else count for name, count in zip(COUNTERS, counts)},
        **{field: getattr(result, field) for field in _COPIED},
    )


def _conditions(cpus: Iterable[int] = (), address_bytes: int | None = None, group: str | None = None) -> _Struct:
    allowed = ffi.new("int32_t[]", sorted(cpus))
    fields = {"cpus": allowed, "cpu_count": len(allowed), "address_bytes": address_bytes or 0}
    return _Struct("ps_conditions", fields | ({} if group is None else {"group": group}))


def enter_child(parent: int, **conditions: Any) -> None:  # noqa: ANN401 - as _conditions has them
    """Make this process, a fork of `parent`, one that dies with it and has none of its descriptors and handlers.

    Of the conditions `cpus` are those it may run on, `address_bytes` the most it may map, `group` the cgroup.procs file
    of the control group to enter; each as the parent has it when left out. Raises CoreError.
    """
    _call(lib.ps_enter_child, _conditions(**conditions), parent)


class TrialProcess:
    """A process of its own for one trial, in which nothing but the core runs."""

    def __init__(self, params: TrialParams, *, is_stamped: bool = False) -> None:
        """Make the trial, and the memory for its result that the process will share.

        One that `is_stamped` leaves there when each round began, too.
        """
        self._trial = params.struct
        self._rounds = int(params.fields["rounds"])
        rounds_bytes = self._rounds * ffi.sizeof("uint64_t")
        self._memory = mmap.mmap(-1, ffi.sizeof("ps_outcome") + rounds_bytes)
        self._outcome = ffi.from_buffer("ps_outcome *", self._memory)
        self._begins = ffi.from_buffer("uint64_t[]", mmap.mmap(-1, rounds_bytes)) if is_stamped else ()
        if is_stamped:
            self._trial.pointer.begins_ns = self._begins

    def start(self, **conditions: Any) -> int:  # noqa: ANN401 - as _conditions has them
        """Fork the process under conditions as `enter_child` has them, and return its id; raises CoreError."""
        pid, entered = ffi.new("int32_t *"), _conditions(**conditions)
        _call(lib.ps_start_trial, self._trial, entered.pointer, self._outcome, pid)
        return int(pid[0])

    def result(self) -> TrialResult | None:
        """Return what the process measured, once it has ended; None when it ended without a result.

        Raises as `run_trial` does.
        """
        if self._outcome.state == lib.PS_TRIAL_UNFINISHED:
            return None
        if self._outcome.state != lib.PS_TRIAL_MEASURED:
            _raise(self._outcome.error)
        return _result(self._outcome.result, ffi.unpack(ffi.addressof(self._outcome.rounds_ns, 0), self._rounds))

    def begins_ns(self) -> list[int]:
        """Return when each round began, by CLOCK_MONOTONIC_RAW; nothing of a trial that is not stamped."""
        return list(self._begins)[: self._rounds]
