"""How a case relates to what its host can do at best, and where the time of a remapping swap, or of one call, goes."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from pageswap.analysis.trials.run_data import levels_key
from pageswap.statistics.intervals import MINIMUM_N, Interval, median_intervals, ratio_intervals
from pageswap.statistics.rank_tests import shift
from pageswap.units import BASE_PAGE_BYTES

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping

    from pageswap.analysis.summary import CaseSummary, HostsSummary, Summary
    from pageswap.statistics.medians import Floats

TOO_FEW_BLOCKS: Final = "too few blocks"
NOT_NESTED: Final = "not nested"


@dataclasses.dataclass(frozen=True)
class Share:
    """A case's bytes per second as a share of the most that workload ``limit`` reached on its host.

    1.0 is the limit; ``method`` reached ``limit_bytes_per_s`` with the same backing, threads and size of a region.
    ``interval`` is None for too few blocks on either side.
    """

    share: float
    interval: Interval | None
    limit_bytes_per_s: float
    method: str


def shares(summary: HostsSummary, limit: HostsSummary | None = None) -> dict[tuple[str, str], Share]:
    """Relate bytes per second to the most that workload ``limit`` reached on the host, by (host, case_id).

    ``limit`` is the summary of a run of that workload that has the same hosts; a run of it is its own. A limit counts
    for the cases with the same backing, as many threads and a region of the same size: what fits into a cache is no
    limit of what does not. A case without such a limit has no share.

    Within one run the share is the median over blocks of what each block's own trials reached, so that what slows a
    whole block cancels; of another run's limit it is the distance of two samples (Hodges and Lehmann).
    """
    source = limit or (summary if summary.workload == "limit" else None)
    if source is None:
        return {}
    best: dict[tuple[object, ...], CaseSummary] = {}
    for case in sorted(source.cases, key=lambda case: -(case.bytes_per_s or 0.0)):
        best.setdefault(_conditions(case), case)
    found = {}
    for case in summary.cases:
        top = best.get(_conditions(case))
        if case.bytes_per_s and top and top.bytes_per_s:
            own, best_of = _log_rates(summary, case), _log_rates(source, top)
            if source is summary:
                point, low, high = (float(part[0]) for part in ratio_intervals((own - best_of)[np.newaxis]))
                interval = Interval.known(low, high)
            else:
                point, interval = shift(*(rates[~np.isnan(rates)] for rates in (best_of, own)))
            found[case.host, case.case_id] = Share(
                share=math.exp(point),
                interval=interval and Interval(math.exp(interval.low), math.exp(interval.high)),
                limit_bytes_per_s=top.bytes_per_s,
                method=str(top.levels.get("method")),
            )
    return found


def _log_rates(summary: HostsSummary, case: CaseSummary) -> Floats:
    """Return the logarithm of each block's bytes per second, NaN for none."""
    moved_bytes = (case.bytes_per_s or 0.0) * (case.median_ns or 0.0) / 1e9
    ns = summary.matrix.ns[summary.matrix.rows[case.host, case.case_id]]
    return np.asarray(np.log(moved_bytes * 1e9 / ns))


def _conditions(case: CaseSummary) -> tuple[object, ...]:
    return case.host, *(case.levels.get(name) for name in ("backing", "threads", "region_size"))


@dataclasses.dataclass(frozen=True)
class CostPart:
    """One layer of a stack: ``ns`` in all; ``call`` is the formula, such as ``3 x getpid``.

    Where both sides were measured in the same blocks ``interval`` is that of ``ns``, and ``share`` of the total the
    median over blocks, with its own; None where they come from different runs, intervals also for too few blocks.
    """

    name: str
    call: str
    ns: float
    interval: Interval | None = None
    share: float | None = None
    share_interval: Interval | None = None


@dataclasses.dataclass(frozen=True)
class CostStack:
    """Where the time of one swap by a remapping method goes: the measured costs of the calls it makes.

    ``total_ns`` is the swap's median; ``parts`` come from a run of workload ``call`` on the same host; ``rest_ns`` is
    what they leave unexplained, negative when they cost more alone than in the swap. ``levels`` are the case's.

    A run of workload ``call`` has stacks of its own: of one call, from the calls nested in it, and ``rest_ns`` is 0.

    One that cannot be taken apart has no parts, and ``obstacle`` says why: `TOO_FEW_BLOCKS` (less than six), or
    `NOT_NESTED` (what was taken for an inner call took longer than the one around it).
    """

    host: str
    method: str
    levels: dict[str, Any]
    total_ns: float
    parts: tuple[CostPart, ...]
    rest_ns: float
    obstacle: str = ""


@dataclasses.dataclass(frozen=True)
class _Layer:
    """A part of a swap: ``times`` x (one ``call`` - ``less_times`` x the call that is inside it)."""

    name: str
    times: int
    call: str
    less: str = ""
    less_times: int = 1
    is_of_touch: bool = False

    @property
    def calls(self) -> tuple[str, ...]:
        """Return the calls that it is computed from."""
        return (self.call, self.less) if self.less else (self.call,)

    @property
    def formula(self) -> str:
        """Return how it was computed, as the reader may check it in the run of `call`."""
        several = f"{self.less_times} x " if self.less_times > 1 else ""
        inner = f"{self.call} - {several}{self.less}" if self.less else self.call
        if self.times == 1:
            return inner
        return f"{self.times} x {f'({inner})' if self.less else inner}"

    def cost(self, ns: Mapping[str, Any]) -> Any:  # noqa: ANN401 - a number, or an array of one a block
        """Return what it takes in all, of how many ns each call takes."""
        return self.times * (ns[self.call] - (self.less_times * ns[self.less] if self.less else 0.0))


def _moves(times: int, trips: str, mappings: str, entries: str) -> tuple[_Layer, ...]:
    """Take so many mremap of one page apart, each call being inside the next."""
    return (
        _Layer(trips, times, "getpid"),
        _Layer(mappings, times, "mremap_untouched", "getpid"),
        _Layer(entries, times, "mremap_touched", "mremap_untouched"),
    )


# What one swap asks of the kernel, by method; each file in native/methods begins with its calls. A munmap is a trip of
# its own, so mmap_munmap has two of them inside.
_TRIPS, _MAPPINGS, _ENTRIES = "trips into the kernel", "the mappings", "page-table entries and TLB flushes"
_MOVES: Final = _moves(3, _TRIPS, _MAPPINGS, _ENTRIES)
_READS: Final = _Layer("first reads after the move", 2, "mremap_touched_read", "mremap_touched", is_of_touch=True)
_MAPPED: Final = (_Layer(_TRIPS, 2, "getpid"), _Layer(_MAPPINGS, 2, "mmap_munmap", "getpid", 2))
_RECIPES: Final[dict[str, tuple[_Layer, ...]]] = {
    "mremap_fixed": (*_MOVES, _READS),
    "uffd_move": (_MOVES[0], _MOVES[2], _READS),
    "memfd_map_fixed": (*_MAPPED, _Layer("page faults at the first reads", 2, "page_fault", is_of_touch=True)),
    "memfd_map_populate": (*_MAPPED, _Layer("bringing the pages in", 2, "mmap_touch_munmap", "mmap_munmap")),
}
# Calls that hold other calls. What is left when they are taken out one by one is all there is, so nothing remains.
_MOVE: Final = _moves(1, "the way into the kernel", "the mapping", "the page's entry and its TLB flush")
_NESTS: Final[dict[str, tuple[_Layer, ...]]] = {
    "mremap_touched": _MOVE,
    "mremap_touched_read": (
        *_MOVE,
        _Layer("the first read after the move", 1, "mremap_touched_read", "mremap_touched"),
    ),
}


def cost_stacks(summary: HostsSummary, calls: Summary | None = None) -> tuple[CostStack, ...]:
    """Stack the measured costs of system calls against a swap of one page by each method that makes them.

    ``calls`` is the summary of a run of workload ``call`` that has the same hosts. Only swaps of 4 KiB pages by one
    thread alone are explained: the calls were measured so. A run of that workload needs no other, see `call_stacks`.
    """
    if summary.workload == "call":
        return call_stacks(summary)
    if calls is None or summary.workload != "swap":
        return ()
    priced: dict[str, dict[str, CaseSummary]] = {}
    for case in calls.cases:
        if case.median_ns and _is_alone(case):
            priced.setdefault(case.host, {}).setdefault(str(case.levels.get("method")), case)
    found = []
    for case in summary.cases:
        method = str(case.levels.get("method"))
        is_plain = case.levels.get("page_size") == BASE_PAGE_BYTES and _is_alone(case)
        if not case.median_ns or method not in _RECIPES or not is_plain:
            continue
        is_touched = case.levels.get("touch") in ("moved", "every")
        layers = [layer for layer in _RECIPES[method] if is_touched or not layer.is_of_touch]
        calls_of, inside = priced.get(case.host, {}), {name for layer in layers for name in layer.calls}
        if inside <= calls_of.keys():
            ns = {name: calls_of[name].median_ns for name in inside}
            parts = tuple(CostPart(each.name, each.formula, each.cost(ns)) for each in layers)
            is_few = min(case.n, *(calls_of[name].n for name in inside)) < MINIMUM_N
            obstacle = TOO_FEW_BLOCKS if is_few else NOT_NESTED if any(part.ns < 0 for part in parts) else ""
            parts = () if obstacle else parts
            rest = case.median_ns - sum(part.ns for part in parts)
            found.append(CostStack(case.host, method, case.levels, case.median_ns, parts, rest, obstacle))
    return tuple(found)


def _is_alone(case: CaseSummary) -> bool:
    # A TLB flush that must reach another CPU costs many times what one at home does.
    return (case.levels.get("threads", 1), case.levels.get("neighbours", "idle")) == (1, "idle")


def call_stacks(summary: HostsSummary) -> tuple[CostStack, ...]:
    """Take the baseline of a run of calls apart, under each condition that it and the calls inside it were measured.

    Each layer is the median over blocks of its share of the whole call in the block's own trials, by the faster half
    of their rounds as all that is compared, with the interval of a median: what slows a whole block cancels. Its ns are
    this share of the call's time. The layers of a block add up to its call exactly, their medians nearly. Empty where
    the baseline holds no other call of the run.
    """
    layers = _NESTS.get(str(summary.baseline.get("method")), ())
    if not layers or set(summary.baseline) != {"method"}:
        return ()
    siblings: dict[Hashable, dict[str, int]] = {}
    beside = [(case.host, levels_key(case.levels, without=("method",))) for case in summary.cases]
    for case, key in zip(summary.cases, beside, strict=True):
        if case.n:
            siblings.setdefault(key, {})[str(case.levels.get("method"))] = summary.matrix.rows[case.host, case.case_id]
    found = []
    for case, key in zip(summary.cases, beside, strict=True):
        method, inside = str(case.levels.get("method")), siblings.get(key, {})
        if method != summary.baseline["method"] or not case.median_ns:
            continue
        if all(name in inside for layer in layers for name in layer.calls):
            ns = {name: summary.matrix.fast_ns[row] for name, row in inside.items()}
            parts, obstacle = _nested(layers, ns, method, case.median_ns)
            found.append(CostStack(case.host, method, case.levels, case.median_ns, parts, 0.0, obstacle))
    return tuple(found)


def _nested(
    layers: Iterable[_Layer], ns: Mapping[str, Floats], method: str, total_ns: float
) -> tuple[tuple[CostPart, ...], str]:
    """Return the parts of each block's call, or the obstacle; a block counts that has all calls."""
    raw = np.stack([each.cost(ns) for each in layers])
    is_whole = ~np.isnan(raw.sum(axis=0))
    shares = median_intervals(raw[:, is_whole] / ns[method][is_whole])
    if is_whole.sum() < MINIMUM_N:
        return (), TOO_FEW_BLOCKS
    if (shares[0] < 0).any():
        return (), NOT_NESTED
    parts = tuple(
        CostPart(
            name=layer.name,
            call=layer.formula,
            ns=share * total_ns,
            interval=Interval(low * total_ns, high * total_ns),
            share=share,
            share_interval=Interval(low, high),
        )
        for layer, share, low, high in zip(layers, *(part.tolist() for part in shares), strict=True)
    )
    return parts, ""
