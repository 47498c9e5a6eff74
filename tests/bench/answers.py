"""Fills the table of docs/answers.md from the newest finished run of each experiment it names.

Usage: answers.py [RESULTS]. Prints each row that it writes, and what is missing: a row without its runs stays as it is.
Make the runs on a quiet machine first: `for spec in ...; do ./inv run --spec $spec --tune; done`, as the page itself
says.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pageswap.agent.trace import name_of
from pageswap.analysis.explanations.costs import call_stacks
from pageswap.analysis.explanations.readers import SERVED, Met, readers_met
from pageswap.analysis.summary import summarise
from pageswap.analysis.trials.run_data import levels_key
from pageswap.analysis.trials.table import frame
from pageswap.analysis.verdicts import FASTER, NOT_SIGNIFICANT, SLOWER, WITHIN_NOISE, judge, paired
from pageswap.comparison.measured_run import Measured, Part
from pageswap.statistics.intervals import Interval, median_intervals
from pageswap.statistics.rank_tests import shift
from pageswap.statistics.trimmed_means import two_sample_p
from pageswap.store.store import Store
from pageswap.text.numbers import figure_text, interval_text, ratio_text, scaled
from pageswap.units import format_size
from tests.bench import answers_page
from tests.bench.answers_page import Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

ROOT = Path(__file__).resolve().parents[2]
BLOCKS = 7
HOLDS, ONLY, NOT = "holds", "holds only when", "does not hold"
UNDECIDED = "no difference found"
# Up to so many times as long as alone a read counts as left in peace.
UNHARMED = 1.1


class MissingError(Exception):
    """What a claim needs and no run has."""


@dataclasses.dataclass(frozen=True)
class Figure:
    """A speed-up with the word that a report has for it, or a time in ns per operation, with its 95 % interval.

    ``held`` says what kept a difference from being called one although the interval excludes 1.
    """

    value: float
    ci: Interval | None
    word: str = ""
    held: str = ""

    @property
    def speed(self) -> str:
        """Print it as a speed-up."""
        return f"{ratio_text(self.value, self.ci)}{f' [{interval_text(self.value, self.ci)}]' if self.ci else ''}"

    @property
    def ns(self) -> str:
        """Print it as a time."""
        return f"{figure_text(self.value, self.ci)} ns"

    @property
    def rate(self) -> str:
        """Print it as operations per second."""
        return f"{scaled(1e9 / self.value, self.ci, self.value).strip()}/s"

    def verdict(self, faster: str, slower: str) -> str:
        """Choose by the word."""
        return {FASTER: faster, SLOWER: slower}.get(self.word, UNDECIDED)


class Run:
    """The newest finished run of an experiment on one host."""

    def __init__(self, folder: Path) -> None:
        """Read it."""
        self.id = folder.name
        with Store.open(folder / "run.sqlite") as store:
            self.measured = Measured(Part(store, None, self.id))
            self.host = self.measured.hosts[0]
            self.summary = summarise(store)
            self.readers = readers_met(frame(store))
            self.served = readers_met(frame(store), SERVED)
            self.environment = store.environments()[self.host]
            self.is_finished = not any(store.missing(host) for host in self.measured.hosts)
        self.matrix = self.summary.matrix
        self.rows = {case_id: row for row, (host, case_id) in enumerate(self.matrix.keys) if host == self.host}

    def cases(self, **levels: Any) -> list[str]:
        """Return the ids of the measured cases with these levels."""
        return [
            case_id
            for case_id, own in self.measured.levels.items()
            if all(own.get(name) == level for name, level in levels.items()) and self.matrix.n[self.rows[case_id]]
        ]

    def one(self, **levels: Any) -> int:
        """Return the matrix's row of the one case with these levels."""
        found = self.cases(**levels)
        if len(found) != 1:
            raise MissingError(f"{self.id}: {len(found)} measured cases have {levels}, expected one")
        return self.rows[found[0]]

    def time(self, **levels: Any) -> Figure:
        """Return a case's median time."""
        point, low, high = (float(part[0]) for part in median_intervals(self.matrix.ns[[self.one(**levels)]]))
        return Figure(point, None if math.isnan(low) else Interval(low, high))

    def logs(self, **levels: Any) -> Any:
        """Return the logarithm of what is compared, the faster half of a case's rounds, by block."""
        return np.log(self.matrix.fast_ns[[self.one(**levels)]])

    def speedup(self, new: dict[str, Any], old: dict[str, Any]) -> Figure:
        """Return how many times as fast one case is as another, paired by block, and the report's word for it.

        Against its own baseline that is the run's comparison; else the two are judged as any two methods of a contest.
        """
        row, other = self.one(**new), self.one(**old)
        if self.matrix.partners[row] == other != row:
            case = next(each for each in self.summary.cases if (each.host, each.case_id) == self.matrix.keys[row])
            return Figure(case.ratio or math.nan, case.ratio_ci, case.verdict, case.held)
        floors = np.fmax.reduce(self.summary.floors[[row, other]], keepdims=True)
        others = Counter(levels_key(self.measured.levels[each], without=("method",)) for each in self.rows)
        family = sum(math.comb(methods, 2) for methods in others.values())
        (word,), (obstacle,), ratios = paired(self.logs(**old) - self.logs(**new), floors, family)
        ratio, low, high = (math.exp(part[0]) for part in ratios)
        held = {
            WITHIN_NOISE: f"within the noise floor of {math.expm1(floors[0]):.0%}",
            NOT_SIGNIFICANT: f"after correction for {family} comparisons",
        }
        told = word if word in (FASTER, SLOWER) else ""
        return Figure(ratio, Interval.known(low, high), told, held.get(obstacle, ""))

    def levels(self, name: str, **levels: Any) -> list[Any]:
        """Return the levels that the measured cases have of one factor."""
        return list(dict.fromkeys(self.measured.levels[case_id][name] for case_id in self.cases(**levels)))


def between(new: tuple[Run, dict[str, Any]], old: tuple[Run, dict[str, Any]]) -> Figure:
    """Return how many times as fast a case of one run is as a case of another, judged as `inv compare` judges."""
    ours, theirs = (run.logs(**levels) for run, levels in (new, old))
    point, ends = shift(*(logs[~np.isnan(logs)] for logs in (ours, theirs)))
    if ends is None:
        raise MissingError(f"{new[0].id} and {old[0].id}: too few blocks to compare")
    floors = [run.summary.floors[run.one(**levels)] for run, levels in (new, old)]
    ratios = np.array([point]), np.array([ends.low]), np.array([ends.high])
    (word,), _ = judge(ratios, np.array([np.fmax(*floors)]), two_sample_p(ours, theirs))
    return Figure(math.exp(point), Interval(math.exp(ends.low), math.exp(ends.high)), word)


@dataclasses.dataclass(frozen=True)
class Claim:
    """A row: what was said, the experiments that test it, and how the figure and the verdict come of them."""

    text: str
    experiments: tuple[str, ...]
    judge: Callable[..., tuple[str, str]]


def _joint(figures: Iterable[Figure], faster: str, slower: str) -> str:
    """Choose by several figures: what is said of all holds where all agree, and not where one says the contrary.

    Where neither is so it says what kept differences from being called one.
    """
    figures = list(figures)
    words = {figure.verdict(faster, slower) for figure in figures}
    if NOT in words or words == {HOLDS}:
        return NOT if NOT in words else HOLDS
    held = dict.fromkeys(figure.held for figure in figures if figure.held)
    return ": ".join([UNDECIDED, *(["; ".join(held)] if held else [])])


def _why(run: Run) -> tuple[str, str]:
    (alone,) = (
        stack
        for stack in call_stacks(run.summary)
        if (stack.levels["threads"], stack.levels["neighbours"]) == (1, "idle")
    )
    shares = [(part.name, part.share or 0.0, part.share_interval) for part in alone.parts]
    shown = ", ".join(f"{name} {percents(share, ends)}" for name, share, ends in shares)
    second = run.time(method="mremap_touched", threads=2)
    one = run.time(method="mremap_touched", threads=1, neighbours="idle")
    text = f"of one call ({one.ns}) {shown}; with two threads {second.ns} a call of both together"
    mapping = next(ends for name, _, ends in shares if name == "the mapping")
    others = [ends for name, _, ends in shares if name != "the mapping"]
    if mapping is None or any(ends is None for ends in others):
        raise MissingError(f"{run.id}: too few blocks to take the call apart")
    if all(mapping.low > ends.high for ends in others if ends):
        return text, HOLDS
    return text, NOT if any(ends.low > mapping.high for ends in others if ends) else UNDECIDED


def percents(share: float, ends: Interval | None) -> str:
    """Print a share with its interval."""
    return f"{share:.0%}" + (f" [{ends.low:z.0%} to {ends.high:z.0%}]" if ends else "")


def best(run: Run, against: dict[str, Any], **levels: Any) -> tuple[str, Figure]:
    """Return the fastest method with these levels beside one case, and its speed-up."""
    methods = [name for name in run.levels("method", **levels) if name not in (against["method"], "null", "index")]
    found = {
        name: run.speedup({**levels, "method": name}, against) for name in methods if run.cases(**levels, method=name)
    }
    if not found:
        raise MissingError(f"{run.id}: nothing was measured with {levels}")
    name = max(found, key=lambda each: found[each].value)
    return name, found[name]


def _slower_than_copying(run: Run) -> tuple[str, str]:
    figures = []
    for size in run.levels("region_size", method="mremap_fixed"):
        case = {"region_size": size, "touch": "none"}
        figures.append(run.speedup({**case, "method": "mremap_fixed"}, {**case, "method": "memcpy"}))
    if not figures:
        raise MissingError(f"{run.id}: mremap_fixed was not measured; run it with --tune")
    text = "mremap at " + " and ".join(figure.speed for figure in figures) + " the speed of memcpy"
    return text, _joint(figures, NOT, HOLDS)


def _another_api(run: Run) -> tuple[str, str]:
    touch = {"touch": "moved"}
    base = {"method": "mremap_fixed", "backing": "private_anon", **touch}
    uffd = run.speedup({"method": "uffd_move", **touch}, base)
    copy = run.speedup({"method": "memcpy", "backing": "private_anon", **touch}, base)
    # A file's mappings are compared with mremap of a file's pages.
    memfd = {"backing": "memfd", **touch}
    others = ", ".join(
        f"{name} {run.speedup({'method': name, **memfd}, {'method': 'mremap_fixed', **memfd}).speed}"
        for name in ("memfd_map_fixed", "remap_file_pages")
    )
    text = f"uffd_move {uffd.speed} mremap's speed, {others}; copying {copy.speed}"
    return text, uffd.verdict(HOLDS, NOT)


def of_kernels(run: Run) -> tuple[str, str]:
    """Say how much faster than memcpy the fastest kernel is, and whether the claim holds."""
    name, figure = best(run, {"method": "memcpy"})
    return f"{name} {figure.speed} memcpy's speed", figure.verdict(NOT, HOLDS)


def _batch(batch: Run, single: Run) -> tuple[str, str]:
    """Compare each size of batch, by memcpy and by the fastest of its methods, with memcpy one by one."""
    parts, words = [], []
    for count in sorted(batch.levels("iterations", method="memcpy")):
        levels = {"iterations": count}
        name, gain = best(batch, {"method": "memcpy", **levels}, **levels)
        plain = between((batch, {"method": "memcpy", **levels}), (single, {"method": "memcpy"}))
        pages = batch.measured.levels[batch.cases(**levels)[0]]
        times = 2 * count / (pages["region_size"] / pages["page_size"])
        parts.append(
            f"{count:,} swaps in one batch, each page {times:.2g} times on average: memcpy {plain.speed} its speed one"
            f" by one, {name} {gain.speed} memcpy's in the same batch"
        )
        words.append((count, plain.word))
    alone = single.time(method="memcpy").ns
    pays = [f"{count:,}" for count, word in words if word == FASTER]
    verdict = NOT if not pays else HOLDS if len(pays) == len(words) else f"{ONLY} the batch has {pays[0]} swaps or more"
    if not pays and not all(word == SLOWER for _, word in words):
        verdict = UNDECIDED
    return f"one by one {alone} a swap; " + "; ".join(parts), verdict


def _small_batches(run: Run) -> tuple[str, str]:
    """Compare composing with exchanging the same batch's pairs, and what chooses between them with both."""
    parts, figures = [], {}
    for count in sorted(run.levels("batch", method="pairwise_avx2")):
        pairwise = {"method": "pairwise_avx2", "batch": count}
        figures[count] = run.speedup({"method": "exchange_prefetch_avx2", "batch": count}, pairwise)
        chosen = run.speedup({"method": "permute_avx2", "batch": count}, pairwise)
        parts.append(f"batches of {count:,} {figures[count].speed}, by permute_avx2 {chosen.speed}")
    text = "; ".join(parts)
    return f"composed, at the speed of exchanging their pairs times: {text}", _from_size(
        figures, "a batch has", "{:,} swaps".format
    )


def _multi(run: Run) -> tuple[str, str]:
    figures = {
        n: run.speedup({"method": "mremap_multi", "run_pages": n}, {"method": "mremap_fixed", "run_pages": n})
        for n in (8, 64)
    }
    text = ", ".join(f"{figure.speed} the speed of single calls for runs of {n}" for n, figure in figures.items())
    won = [str(n) for n, figure in figures.items() if figure.word == FASTER]
    is_part = 0 < len(won) < len(figures)
    return text, f"{ONLY} runs have {won[0]} pages" if is_part else _joint(figures.values(), HOLDS, NOT)


def _compaction(run: Run) -> tuple[str, str]:
    """Compare UFFDIO_MOVE with copying where what a move leaves is given back."""
    places = {"source": "into places with memory", "both": "into empty places"}
    parts, figures = [], []
    for release, place in places.items():
        for pages in sorted(run.levels("run_pages", method="uffd_move", release=release)):
            levels = {"release": release, "run_pages": pages}
            figures.append(run.speedup({"method": "uffd_move", **levels}, {"method": "memcpy", **levels}))
            parts.append(f"{place}, runs of {pages}, {figures[-1].speed}")
    return f"uffd_move at memcpy's speed times: {'; '.join(parts)}", _joint(figures, NOT, HOLDS)


def _sliding(run: Run) -> tuple[str, str]:
    """Compare UFFDIO_MOVE with copying where a heap slides together and gives back what it leaves."""
    parts, figures = [], []
    for pages in sorted(run.levels("run_pages", method="uffd_move", release="source")):
        for percent in sorted(run.levels("occupancy", method="uffd_move", release="source", run_pages=pages)):
            levels = {"release": "source", "run_pages": pages, "occupancy": percent}
            figures.append(run.speedup({"method": "uffd_move", **levels}, {"method": "memcpy", **levels}))
            parts.append(f"{percent}% live in runs of {pages} {figures[-1].speed}")
    if not figures:
        raise MissingError(f"{run.id}: uffd_move was not measured")
    return f"uffd_move at memcpy's speed times: {'; '.join(parts)}", _joint(figures, HOLDS, NOT)


def _decommit(run: Run) -> tuple[str, str]:
    """Compare MADV_FREE with MADV_DONTNEED where the memory is taken again at once."""
    parts, figures = [], []
    for pages in sorted(run.levels("run_pages", method="madvise_free", touch="moved")):
        levels = {"touch": "moved", "run_pages": pages}
        figures.append(run.speedup({"method": "madvise_free", **levels}, {"method": "madvise_dontneed", **levels}))
        parts.append(f"runs of {pages} {figures[-1].speed}")
    if not figures:
        raise MissingError(f"{run.id}: madvise_free was not measured")
    return f"MADV_FREE at MADV_DONTNEED's speed times: {', '.join(parts)}", _joint(figures, HOLDS, NOT)


def _own_trace(run: Run) -> tuple[str, str]:
    """Compare UFFDIO_MOVE with copying on each example of a program's moves."""
    figures = {
        name_of(trace): run.speedup({"method": "uffd_move", "trace": trace}, {"method": "memcpy", "trace": trace})
        for trace in run.levels("trace", method="uffd_move")
    }
    parts = "; ".join(f"{name} {figure.speed}" for name, figure in figures.items())
    return f"uffd_move at memcpy's speed times: {parts}", _joint(figures.values(), NOT, HOLDS)


def _longer(run: Run, met: Mapping[tuple[str, str], Met], what: str, **levels: Any) -> tuple[Figure, Interval]:
    """Say how many times as long 99 of 100 reads of a case took as those of the same readers alone."""
    (case_id,) = run.cases(neighbours="reading", **levels) or (None,)
    one = case_id and met.get((run.host, case_id))
    if not one or one.slower is None or one.slower_ci is None:
        raise MissingError(f"{run.id}: no percentile 99 of {what}")
    return Figure(one.slower, one.slower_ci), one.slower_ci


def _readers(run: Run) -> tuple[str, str]:
    """Say how much longer 99 of 100 reads take beside a mover than alone; of what mremap moves there is no read."""
    parts, ends = [], {}
    for method, reads in (("exchange_prefetch_avx2", "moving"), ("uffd_move", "moving"), ("mremap_fixed", "resting")):
        what = f"reads of {reads} memory beside {method}"
        figure, ends[method] = _longer(run, run.readers, what, method=method, reads=reads)
        parts.append(f"beside {method} {figure.speed} as long (reads of {reads} memory)")
    copies, moves = ends["exchange_prefetch_avx2"], ends["uffd_move"]
    is_so, is_not = copies.high <= UNHARMED < moves.low, copies.low > UNHARMED or moves.high <= UNHARMED
    verdict = HOLDS if is_so else NOT if is_not else UNDECIDED
    return f"99 of 100 reads stay within a time that is, against the same readers alone, {', '.join(parts)}", verdict


def _served(run: Run) -> tuple[str, str]:
    """Compare what those wait who come before their page, by runs of pages, under UFFDIO_MOVE and under UFFDIO_COPY."""
    parts, words = [], []
    for pages in sorted(run.levels("run_pages", method="uffd_move", reads="missing")):
        levels = {"reads": "missing", "run_pages": pages}
        what = f"reads that came before their page, in runs of {pages}"
        moved, moves = _longer(run, run.served, what, method="uffd_move", **levels)
        copied, copies = _longer(run, run.served, what, method="uffd_copy", **levels)
        parts.append(f"runs of {pages} uffd_move {moved.speed}, uffd_copy {copied.speed}")
        words.append(HOLDS if moves.high < copies.low else NOT if copies.high < moves.low else UNDECIDED)
    verdict = words[0] if len(set(words)) == 1 else UNDECIDED
    return f"99 of 100 who came before their page waited, against any read alone, times: {'; '.join(parts)}", verdict


def _ldt(run: Run) -> tuple[str, str]:
    figure = run.speedup({"method": "ldt_window", "touch": "moved"}, {"method": "mremap_fixed", "touch": "moved"})
    return f"{figure.speed} mremap's speed, for at most 8,192 pages", figure.verdict(HOLDS, NOT)


def _roundtrip(calls: Run, moves: Run) -> tuple[str, str]:
    call, copy = {"method": "getpid"}, {"method": "memcpy", "run_pages": 1}
    figure = between((calls, call), (moves, copy))
    text = f"system call {calls.time(**call).ns}, copying 4 KiB to another place {moves.time(**copy).ns}"
    return f"{text}: the call is {figure.speed} as fast", figure.verdict(NOT, HOLDS)


def _getpid(run: Run) -> tuple[str, str]:
    real, cached = run.time(method="getpid"), run.time(method="getpid_cached")
    text = f"system call {real.rate}; a function that remembers {cached.rate}"
    if real.ci is None:
        raise MissingError(f"{run.id}: too few blocks")
    claimed_ns = 1e9 / 81e6
    return text, NOT if real.ci.low > claimed_ns else HOLDS if real.ci.high < claimed_ns else UNDECIDED


def _from_size(figures: dict[int, Figure], what: str, show: Callable[[int], str] = format_size) -> str:
    """Say from which size on all are called faster; by size, ascending."""
    sizes = list(figures)
    last_other = max((place for place, size in enumerate(sizes) if figures[size].word != FASTER), default=-1)
    if last_other == -1:
        return HOLDS
    if last_other < len(sizes) - 1:
        return f"{ONLY} {what} {show(sizes[last_other + 1])} or more"
    return _joint(figures.values(), HOLDS, NOT)


def _realloc(run: Run) -> tuple[str, str]:
    sizes = sorted(run.levels("region_size", method="mremap_may_move"))
    figures = {
        size: run.speedup(
            {"method": "mremap_may_move", "region_size": size}, {"method": "malloc_copy", "region_size": size}
        )
        for size in sizes
    }
    text = ", ".join(
        f"{format_size(size)}: {figures[size].speed}" for size in (sizes[0], sizes[len(sizes) // 2], sizes[-1])
    )
    return f"mremap that must move the block, against copying it: {text}", _from_size(figures, "the block has")


def _by_page_size(run: Run, method: str, name: str) -> tuple[str, str]:
    sizes = sorted(run.levels("page_size", method=method))
    figures = {
        size: run.speedup({"method": method, "page_size": size}, {"method": "memcpy", "page_size": size})
        for size in sizes
    }
    shown = ", ".join(f"{format_size(size)} {figures[size].speed}" for size in sizes)
    return f"{name} at memcpy's speed times: {shown}", _from_size(figures, "pages have")


def _crossover(run: Run) -> tuple[str, str]:
    return _by_page_size(run, "mremap_fixed", "mremap")


def _mover(run: Run) -> tuple[str, str]:
    return _by_page_size(run, "auto", "the mover")


def _exchanged_entries(run: Run, method: str, takes: str) -> tuple[str, str]:
    """Compare who exchanges page-table entries by itself with the faster way to copy, by the swaps of a batch."""
    figures = {
        count: run.speedup({"method": method, "batch": count}, {"method": "permute_avx2", "batch": count})
        for count in sorted(run.levels("batch", method=method))
    }
    if not figures:
        raise MissingError(f"{run.id}: {method} was not measured; it takes {takes}")
    shown = ", ".join(f"batches of {count:,} {figure.speed}" for count, figure in figures.items())
    return f"{method} at permute_avx2's speed times: {shown}", _from_size(figures, "a batch has", "{:,} swaps".format)


def _module(run: Run) -> tuple[str, str]:
    return _exchanged_entries(run, "module_swap", "the module pageswap loaded")


def _guest(run: Run) -> tuple[str, str]:
    return _exchanged_entries(run, "guest_pte", "a KVM that has the CPU run a guest's supervisor code")


def _huge(run: Run) -> tuple[str, str]:
    figure = run.speedup({"method": "uffd_move", "backing": "thp"}, {"method": "memcpy", "backing": "thp"})
    mremap = run.speedup({"method": "mremap_fixed", "backing": "thp"}, {"method": "memcpy", "backing": "thp"})
    text = f"2 MiB pages, transparent huge: uffd_move {figure.speed}, mremap {mremap.speed} memcpy's speed"
    return text, figure.verdict(HOLDS, NOT)


def _folios(run: Run) -> tuple[str, str]:
    """Compare each way to move pages of 64 KiB in one folio with itself on single pages."""
    figures = {
        name: run.speedup({"method": name, "backing": "mthp_64k"}, {"method": name, "backing": "thp_off"})
        for name in ("memcpy", "mremap_fixed", "uffd_move")
        if run.cases(method=name, backing="mthp_64k")
    }
    if not figures:
        raise MissingError(f"{run.id}: no folios of 64 KiB were measured")
    parts = ", ".join(f"{name} {figure.speed}" for name, figure in figures.items())
    return f"64 KiB in one folio, against 16 single pages: {parts}", _joint(figures.values(), HOLDS, NOT)


def _migration(run: Run) -> tuple[str, str]:
    """Compare the kernel with a program that copies, away from the CPU's node and to it."""
    ways = {"local": "away from the CPU", "remote": "to the CPU"}
    parts, figures = [], []
    for numa, way in ways.items():
        for pages in sorted(run.levels("run_pages", method="move_pages", numa=numa)):
            levels = {"numa": numa, "run_pages": pages}
            figures.append(run.speedup({"method": "move_pages", **levels}, {"method": "copy_to_node", **levels}))
            parts.append(f"{way}, runs of {pages}, {figures[-1].speed}")
    if not figures:
        raise MissingError(f"{run.id}: move_pages was not measured; it takes memory on two NUMA nodes")
    return f"move_pages at copy_to_node's speed times: {'; '.join(parts)}", _joint(figures, HOLDS, NOT)


def _threads(run: Run) -> tuple[str, str]:
    gains = {}
    for name in ("memcpy", "mremap_fixed", "uffd_move"):
        if run.cases(method=name, threads=2):
            gains[name] = run.speedup(
                {"method": name, "threads": 2}, {"method": name, "threads": 1, "neighbours": "idle"}
            )
    text = ", ".join(f"{name} {gain.speed}" for name, gain in gains.items())
    return f"two threads against one, both together: {text}", gains["mremap_fixed"].verdict(NOT, HOLDS)


CLAIMS = (
    Claim(
        "mremap is slow because of mappings, not because of pages or of entering the kernel",
        ("why_mremap_is_slow",),
        _why,
    ),
    Claim("Exchanging 4 KiB pages by mremap is slower than by copying", ("mremap_vs_copy",), _slower_than_copying),
    Claim("Another call of the kernel is faster than mremap", ("remap_apis",), _another_api),
    Claim("There is no faster mechanism in user land than memcpy", ("copy_kernels",), of_kernels),
    Claim("Many scattered swaps pay as one batch", ("batch_permutation", "copy_kernels"), _batch),
    Claim("Composing a batch of swaps pays, however small it is", ("small_batches",), _small_batches),
    Claim("One mremap of many mappings (Linux 6.17) is faster than a call for each", ("compacting_moves",), _multi),
    Claim("Copying is the fastest way to compact a heap that gives memory back", ("compaction",), _compaction),
    Claim(
        "UFFDIO_MOVE slides a heap together faster than copying, however full it is",
        ("sliding_compaction",),
        _sliding,
    ),
    Claim(
        "MADV_FREE is faster than MADV_DONTNEED where memory that was given back is taken again",
        ("decommit",),
        _decommit,
    ),
    Claim("Copying is the fastest way to make the moves of one's own program", ("own_trace",), _own_trace),
    Claim("Copying leaves threads that read in peace, and UFFDIO_MOVE does not", ("readers_beside_movers",), _readers),
    Claim(
        "Under UFFDIO_MOVE a thread that comes to a page before it was moved waits less than under UFFDIO_COPY",
        ("concurrent_compaction",),
        _served,
    ),
    Claim("modify_ldt is an alternative", ("modify_ldt",), _ldt),
    Claim(
        "A round trip into the kernel costs more than moving 4 KiB",
        ("syscall_roundtrip", "compacting_moves"),
        _roundtrip,
    ),
    Claim("getpid can be called 81 million times a second", ("syscall_roundtrip",), _getpid),
    Claim("mremap pays for realloc of at least 100 KiB", ("realloc_growth",), _realloc),
    Claim("Remapping is faster than copying when pages are large", ("page_size_crossover",), _crossover),
    Claim(
        "A program that calls the mover exchanges pages faster than by memcpy, whatever their size", ("auto",), _mover
    ),
    Claim(
        "A kernel module that exchanges page-table entries beats copying, however few swaps a call has",
        ("kernel_module",),
        _module,
    ),
    Claim(
        "Page tables of one's own, changed without a lock, beat copying, however few swaps share a flush",
        ("private_page_tables",),
        _guest,
    ),
    Claim("Huge pages move faster than they are copied", ("huge_pages",), _huge),
    Claim("Pages move faster in large folios than as single pages", ("large_folios",), _folios),
    Claim(
        "The kernel brings pages to another NUMA node faster than a program that copies them there",
        ("node_migration",),
        _migration,
    ),
    Claim("Locks keep mremap from gaining by a second thread", ("thread_scaling",), _threads),
)


def main(results: Path) -> int:
    """Print the rows that the runs give, and write them among those that stand on the page; return the exit code."""
    told, conditions = answers_page.rows(), answers_page.conditions()
    table, missing = [], []
    for claim in CLAIMS:
        try:
            runs = [newest(results, name) for name in claim.experiments]
            row = Row(claim.text, claim.experiments, *claim.judge(*runs), tuple(run.id for run in runs))
        except MissingError as error:
            missing.append(f"{claim.text}: {error}")
            row = told.get((claim.text, claim.experiments), Row(claim.text, claim.experiments))
        else:
            conditions |= {run.id: _conditions(run) for run in runs}
            print(row.line)
        table.append(row)
    for text in missing:
        print(f"missing: {text}", file=sys.stderr)
    answers_page.write(table, conditions)
    return 1 if missing else 0


@functools.cache
def newest(results: Path, experiment: str) -> Run:
    """Read the newest run of an experiment that has seven blocks or more and no trial still to come."""
    for folder in sorted((results / experiment).glob("*/run.sqlite"), reverse=True):
        run = Run(folder.parent)
        if run.is_finished and int(run.measured.meta["experiment"]["repeats"]) >= BLOCKS:
            return run
    raise MissingError(
        f"there is no finished run of {experiment} with {BLOCKS} blocks; ./inv run --spec {experiment}.yaml --tune"
    )


def _conditions(run: Run) -> str:
    facts = run.environment
    commit = run.measured.meta["provenance"].get("commit") or "unknown"
    parts = (
        f"{facts['cpu_model']}, {facts['cpus']} CPUs, hypervisor {facts['hypervisor']}",
        f"{facts['mem_total'] / 2**30:.0f} GiB of memory",
        f"Linux {facts['kernel']}",
        str(facts["libc"]),
        f"transparent huge pages {facts['thp']['enabled']}",
        f"core built by {facts['core']['compiler']}",
        f"commit {commit[:12]}",
    )
    return "; ".join(parts)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "results"))
