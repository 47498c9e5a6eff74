"""How a case relates to what its host can do at best, and where the time of a remapping swap goes."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

from pageswap.analysis.findings import CostPart, CostStack, Share

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pageswap.analysis.summary import CaseSummary, Summary

_BASE_PAGE: Final = 4096


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
    def formula(self) -> str:
        """Say how it was computed, as the reader may check it in the run of `call`."""
        several = f"{self.less_times} x " if self.less_times > 1 else ""
        inner = f"({self.call} - {several}{self.less})" if self.less else self.call
        return f"{self.times} x {inner}"


# What one swap asks of the kernel, by method; each file in native/methods begins with its calls. A munmap is a trip of
# its own, so mmap_munmap has two of them inside.
_MAPPINGS: Final = _Layer("the mappings", 2, "mmap_munmap", "getpid", 2)
_RECIPES: Final[dict[str, tuple[_Layer, ...]]] = {
    "mremap_fixed": (
        _Layer("trips into the kernel", 3, "getpid"),
        _Layer("the mappings", 3, "mremap_untouched", "getpid"),
        _Layer("page-table entries and TLB flushes", 3, "mremap_touched", "mremap_untouched"),
        _Layer("first reads after the move", 2, "mremap_touched_read", "mremap_touched", is_of_touch=True),
    ),
    "uffd_move": (
        _Layer("trips into the kernel", 3, "getpid"),
        _Layer("page-table entries and TLB flushes", 3, "mremap_touched", "mremap_untouched"),
        _Layer("first reads after the move", 2, "mremap_touched_read", "mremap_touched", is_of_touch=True),
    ),
    "memfd_map_fixed": (
        _Layer("trips into the kernel", 2, "getpid"),
        _MAPPINGS,
        _Layer("page faults at the first reads", 2, "page_fault", is_of_touch=True),
    ),
    "memfd_map_populate": (
        _Layer("trips into the kernel", 2, "getpid"),
        _MAPPINGS,
        _Layer("bringing the pages in", 2, "mmap_touch_munmap", "mmap_munmap"),
    ),
}


def shares(summary: Summary, limit: Summary | None = None) -> dict[tuple[str, str], Share]:
    """Relate each case's bytes per second to the most that workload ``limit`` reached on its host.

    ``limit`` is the summary of a run of that workload that has the same hosts; a run of it is its own. A limit counts
    for the cases with as many threads and a region of the same size: what fits into a cache is no limit of what does
    not. A case without such a limit has no share.
    """
    source = limit or (summary if summary.workload == "limit" else None)
    if source is None:
        return {}
    best: dict[tuple[str, Any, Any], CaseSummary] = {}
    for case in source.cases:
        key = _conditions(case)
        if case.bytes_per_s and (key not in best or (best[key].bytes_per_s or 0) < case.bytes_per_s):
            best[key] = case
    found = {}
    for case in summary.cases:
        top = best.get(_conditions(case))
        if case.bytes_per_s and top and top.bytes_per_s:
            found[case.host, case.case_id] = Share(
                host=case.host,
                case_id=case.case_id,
                share=case.bytes_per_s / top.bytes_per_s,
                limit_bytes_per_s=top.bytes_per_s,
                method=str(top.levels.get("method")),
            )
    return found


def _conditions(case: CaseSummary) -> tuple[str, Any, Any]:
    return case.host, case.levels.get("threads"), case.levels.get("region_size")


def cost_stacks(summary: Summary, calls: Summary | None = None) -> tuple[CostStack, ...]:
    """Stack the measured costs of system calls against a swap of one page by each method that makes them.

    ``calls`` is the summary of a run of workload ``call`` that has the same hosts. Only swaps of 4 KiB pages by one
    thread are explained: the calls were measured with such.
    """
    if calls is None or summary.workload != "swap":
        return ()
    prices: dict[str, dict[str, float]] = {}
    for case in calls.cases:
        if case.median_ns and case.levels.get("threads", 1) == 1:
            prices.setdefault(case.host, {}).setdefault(str(case.levels.get("method")), case.median_ns)
    found = []
    for case in summary.cases:
        method = str(case.levels.get("method"))
        is_plain = case.levels.get("page_size") == _BASE_PAGE and case.levels.get("threads", 1) == 1
        if not case.median_ns or method not in _RECIPES or not is_plain:
            continue
        is_touched = case.levels.get("touch") == "moved"
        layers = [layer for layer in _RECIPES[method] if is_touched or not layer.is_of_touch]
        parts = _parts(layers, prices.get(case.host, {}))
        if parts:
            rest = case.median_ns - sum(part.ns for part in parts)
            found.append(CostStack(case.host, case.case_id, method, case.levels, case.median_ns, parts, rest))
    return tuple(found)


def _parts(layers: Iterable[_Layer], prices: Mapping[str, float]) -> tuple[CostPart, ...]:
    """Price each layer; none at all when one of its calls was not measured."""
    parts = []
    for layer in layers:
        if layer.call not in prices or (layer.less and layer.less not in prices):
            return ()
        price = prices[layer.call] - layer.less_times * prices.get(layer.less, 0.0)
        # Two figures that differ by less than their noise may come out the wrong way round.
        parts.append(CostPart(layer.name, layer.formula, float(layer.times), layer.times * max(0.0, price)))
    return tuple(parts)
