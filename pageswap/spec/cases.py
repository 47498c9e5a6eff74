"""Builds an experiment's cases from its factors, and refuses those that could not be measured or compared."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Final

from pageswap.agent.workloads import WORKLOADS
from pageswap.errors import UsageError, raise_all
from pageswap.spec.factors import FACTORS, MAX_PAGES
from pageswap.spec.quoting import short, short_list
from pageswap.units import format_size

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pageswap.agent.journal.job import Level
    from pageswap.errors import SpecError
    from pageswap.spec.experiment import Experiment

    Case = dict[str, Level]
    Levels = Mapping[str, tuple[Level, ...]]

# A plan that memory holds.
_MAX_TRIALS = 1_000_000
_OWN_PAGES = 2
_HUGE_PAGE_BYTES = 2 << 20
_SMALLEST_BLOCK_BYTES = 64 << 10


def build_cases(experiment: Experiment) -> list[Case]:
    """Return every case as factor -> level: the product, less `exclude`, plus `include`, of that what --filter keeps.

    An entry of `include` is a product of its own: factors that it does not name keep all their levels. The order is
    that of the registry, the first factor varying slowest. Raises SpecError when the cases are too many or none, when
    one makes no sense (a page larger than its region), when the baseline is not among them, and, unless the command
    line changed the levels, when an entry of `exclude` or `include` changes nothing.
    """
    _check_count(experiment)
    cases = _without_excluded(experiment, _product(experiment.factors))
    cases = _kept(experiment, _with_included(experiment, cases))
    cases = [_with_own_levels(experiment, case) for case in cases]
    checks = (_wrong_sizes, _wrong_spans, _wrong_blocks, _wrong_rounds, _wrong_passes, _wrong_reads, _wrong_baseline)
    raise_all(error for check in checks for error in check(experiment, cases))
    return cases


def _product(levels: Levels) -> list[Case]:
    return [dict(zip(levels, combination, strict=True)) for combination in itertools.product(*levels.values())]


def _with_own_levels(experiment: Experiment, case: Case) -> Case:
    """Add the levels that follow from others: what a call's methods work on, and the work of a trial that is whole."""
    page_bytes, threads = int(case["page_size"]), int(case["threads"])
    own: Case = {}
    if "trace" in case:
        trace = experiment.traces[case["trace"]].trace
        own = {
            "region_size": _whole_huge_pages(trace.slots * page_bytes, page_bytes) * threads,
            "iterations": trace.moves * threads,
        }
    elif "occupancy" in case:
        pages = int(case["region_size"]) // page_bytes
        shares = (pages * (thread + 1) // threads - pages * thread // threads for thread in range(threads))
        own = {"iterations": sum(max(1, share * int(case["occupancy"]) // 100) for share in shares)}
    elif "region_size" not in case:
        own = {"region_size": _OWN_PAGES * page_bytes * threads}
    sized = {**case, **own}
    return {name: sized[name] for name in FACTORS if name in sized}


def _whole_huge_pages(size_bytes: int, page_bytes: int) -> int:
    """Round up to what every backing can be made of, where pages of that size allow it."""
    return size_bytes if _HUGE_PAGE_BYTES % page_bytes else -(-size_bytes // _HUGE_PAGE_BYTES) * _HUGE_PAGE_BYTES


def _has_levels(case: Case, levels: Levels) -> bool:
    return all(case[name] in allowed for name, allowed in levels.items())


def _check_count(experiment: Experiment) -> None:
    """Refuse a plan that is too large from its numbers alone, before anything of that size is built."""
    cases = sum(math.prod(map(len, {**experiment.factors, **entry}.values())) for entry in ({}, *experiment.include))
    trials = cases * (experiment.repeats + experiment.warmups)
    if trials > _MAX_TRIALS:
        raise experiment.error(
            "repeats",
            f"{cases:,} cases x ({experiment.repeats:,} repeats + {experiment.warmups:,} warmups) are {trials:,} "
            f"trials; at most {_MAX_TRIALS:,}, counted before exclude; take fewer levels or fewer repeats",
        )


def _without_excluded(experiment: Experiment, cases: list[Case]) -> list[Case]:
    for index, entry in enumerate(experiment.exclude):
        left = [case for case in cases if not _has_levels(case, entry)]
        if len(left) == len(cases) and not experiment.overrides:
            raise experiment.error(
                f"exclude[{index}]",
                "removes no case, since earlier entries of exclude already remove all it matches; delete it",
            )
        cases = left
    if not cases and not experiment.include and not experiment.overrides:
        raise experiment.error("exclude", "removes every case; nothing is left to measure; make an entry narrower")
    return cases


def _with_included(experiment: Experiment, cases: list[Case]) -> list[Case]:
    every = {tuple(case.values()): case for case in cases}
    for index, entry in enumerate(experiment.include):
        count = len(every)
        every |= {tuple(case.values()): case for case in _product({**experiment.factors, **entry})}
        if len(every) == count and not experiment.overrides:
            raise experiment.error(f"include[{index}]", "adds no case, since all of them are there already; delete it")
    return list(every.values())


def _kept(experiment: Experiment, cases: list[Case]) -> list[Case]:
    for name, wanted in experiment.keep.items():
        present = {case[name] for case in cases}
        for level in wanted:
            if cases and level not in present:
                no_case = f"no case has {FACTORS[name].show(level)}"
                raise UsageError(f"--filter {name}: {no_case}; the cases have {_shown(name, present)}")
        cases = [case for case in cases if case[name] in wanted]
    if not cases:
        raise UsageError(f"{_arguments(experiment)}: no case is left; keep or set other levels")
    return cases


def _arguments(experiment: Experiment) -> str:
    return " ".join(map(short, experiment.overrides))


def _shown(name: str, levels: set[Level]) -> str:
    return short_list(map(FACTORS[name].show, sorted(levels, key=lambda level: (isinstance(level, str), level))))


def _wrong_sizes(experiment: Experiment, cases: list[Case]) -> Iterator[SpecError]:
    pairs = {(int(c["page_size"]), int(c["region_size"]), int(c["threads"])): c for c in reversed(cases)}
    for (page_bytes, region_bytes, threads), case in reversed(pairs.items()):
        page, region, factor = format_size(page_bytes), format_size(region_bytes), "region_size"
        pages = region_bytes // page_bytes
        if page_bytes > region_bytes:
            factor, what = "page_size", f"{page} is larger than the region of {region}"
        elif region_bytes % page_bytes:
            what = f"{region} is not a multiple of the page_size {page}"
        elif pages < 2 * threads:
            has = "one page" if pages == 1 else f"{pages:,} pages"
            needs = "two pages" if threads == 1 else f"two pages for each of its {threads:,} threads"
            what = f"a region of {region} has {has} of {page}; a swap needs {needs}"
        elif pages > MAX_PAGES:
            what = f"a region of {region} has {pages:,} pages of {page}; the core counts at most {MAX_PAGES:,}"
        else:
            continue
        cure = f"choose others, or exclude: [{{page_size: {page}, region_size: {region}}}]"
        yield experiment.error(_path_of(experiment, factor, case), f"{what}; {cure}")


def _wrong_spans(experiment: Experiment, cases: list[Case]) -> Iterator[SpecError]:
    """Yield the pairs and runs that are longer than the pages that each thread has of the region.

    Of a pair each side is a run, and its distance counts runs.
    """
    for case in cases:
        share = int(case["region_size"]) // int(case["page_size"]) // int(case["threads"])
        pairs_of = int(case.get("run_pages", 1)) if "distance" in case else 0
        most_of = {"distance": share // max(pairs_of, 1) // 2, "run_pages": share // 2 if pairs_of else share}
        for name, most in most_of.items():
            if int(case.get(name, 1)) > most > 0:
                yield experiment.error(
                    _path_of(experiment, name, case),
                    f"{case[name]:,} is more than {most:,}, as each thread has {share:,} pages of "
                    f"{format_size(int(case['page_size']))} in this case; write a smaller number or a larger region",
                )


def _wrong_blocks(experiment: Experiment, cases: list[Case]) -> Iterator[SpecError]:
    """Yield the doublings before which a block would be smaller than the core begins with."""
    for case in (case for case in cases if int(case.get("doublings", 1)) > 1):
        region_bytes, doublings = int(case["region_size"]), int(case["doublings"])
        most = max(region_bytes // _SMALLEST_BLOCK_BYTES, 1).bit_length() - 1
        if doublings > most > 0:
            yield experiment.error(
                _path_of(experiment, "doublings", case),
                f"{doublings:,} is more than {most:,}, as a block of {format_size(region_bytes)} begins with "
                f"{format_size(_SMALLEST_BLOCK_BYTES)} at least; write a smaller number or a larger region_size",
            )


def _path_of(experiment: Experiment, name: str, case: Case) -> str:
    """Return the key path of the level that `case` has of a factor: in its list, or in the include that brought it."""
    if name not in experiment.factors:  # it follows from the trace
        return "trace"
    levels = experiment.factors[name]
    if case[name] in levels:
        return f"{name}[{levels.index(case[name])}]" if len(levels) > 1 else name
    index = next(i for i, entry in enumerate(experiment.include) if case[name] in entry.get(name, ()))
    return f"include[{index}]"


def _wrong_rounds(experiment: Experiment, cases: list[Case]) -> Iterator[SpecError]:
    if WORKLOADS[experiment.workload].is_whole:
        return
    fewest = min(cases, key=_iterations_a_thread)
    share = _iterations_a_thread(fewest)
    if share < experiment.rounds:
        threads = int(fewest["threads"])
        of = f" of each of {threads:,} threads" if threads > 1 else ""
        lower = f"write 'rounds: {share}' or less, or more iterations" if share else "write more iterations"
        yield experiment.error(
            _path_of(experiment, "iterations", fewest),
            f"{share:,} iterations{of} cannot be cut into {experiment.rounds:,} rounds; {lower}",
        )


# Of which a round takes each run once at most, unless `_why_once` has no reason for it, and what they are called.
_ONCE_A_ROUND: Final = {"move": "moves", "decommit": "decommits", "migrate": "migrations"}


def _wrong_passes(experiment: Experiment, cases: list[Case]) -> Iterator[SpecError]:
    """Yield the rounds that take more runs than there are, where only what is between rounds makes one ready again."""
    if experiment.workload not in _ONCE_A_ROUND:
        return
    what = _ONCE_A_ROUND[experiment.workload]
    for case, why in ((case, _why_once(experiment.workload, case)) for case in cases):
        threads, run_pages = int(case["threads"]), int(case["run_pages"])
        runs = math.ceil(int(case["region_size"]) // int(case["page_size"]) // threads / run_pages)
        taken = math.ceil(math.ceil(int(case["iterations"]) / threads) / experiment.rounds)
        if why and taken > runs > 0:
            yield experiment.error(
                _path_of(experiment, "iterations", case),
                f"a round of {taken:,} {what} is more than the {runs:,} runs of {run_pages:,} that a thread has, and "
                f"{why} in a round; write fewer iterations, more rounds or a larger region",
            )


def _why_once(workload: str, case: Case) -> str:
    """Say why a round takes no run twice; "" where it may."""
    if workload == "decommit":
        return "no memory is given back twice"
    if workload == "migrate":
        return "no page gets to the same node twice"
    if case["release"] == "source":
        return "with release source no place is filled twice"
    is_awaited = (case["neighbours"], case["reads"]) == ("reading", "missing")
    return "with reads missing no place is awaited twice" if is_awaited else ""


def _wrong_reads(experiment: Experiment, cases: list[Case]) -> Iterator[SpecError]:
    """Yield the first readers that would come to places without a page, and the first that would bring pages there."""
    reading = [case for case in cases if (case["neighbours"], case["reads"]) == ("reading", "moving")]
    resting = "write 'reads: resting': as much memory beside it, which nobody moves"
    fresh = next((case for case in cases if case.get("pages") == "fresh" and _reads_region(case)), None)
    if reading and not WORKLOADS[experiment.workload].is_full:
        is_served = experiment.workload in FACTORS["reads"].level_for["missing"]
        missing = ", or 'missing': who comes before a page waits for it" if is_served else ""
        what = f"'{experiment.workload}' leaves places without a page, which nobody can read; {resting}{missing}"
        yield experiment.error(_path_of(experiment, "reads", reading[0]), what)
    elif fresh:
        what = f"a page that somebody reads has memory and is not fresh any more; {resting}"
        yield experiment.error(_path_of(experiment, "reads", fresh), what)


def _reads_region(case: Case) -> bool:
    return case["neighbours"] == "reading" and case["reads"] != "resting"


def _iterations_a_thread(case: Case) -> int:
    return int(case["iterations"]) // int(case["threads"])


def _wrong_baseline(experiment: Experiment, cases: list[Case]) -> Iterator[SpecError]:
    baseline = {name: (level,) for name, level in experiment.baseline.items()}
    if not any(_has_levels(case, baseline) for case in cases):
        levels = ", ".join(f"{name}: {FACTORS[name].show(level)}" for name, level in experiment.baseline.items())
        yield experiment.error(
            "baseline",
            f"no case has {levels}; {_nearest_cases(experiment, cases)}; "
            f"choose a baseline among the cases{', or keep it' if experiment.overrides else ''}",
        )


def _nearest_cases(experiment: Experiment, cases: list[Case]) -> str:
    """Say which levels the cases do have of the first factor whose baseline level none has."""
    for name, level in experiment.baseline.items():
        present = {case[name] for case in cases}
        if level not in present:
            after = f" after {_arguments(experiment)}" if experiment.overrides else ""
            return f"their {name}{after} is {_shown(name, present)}"
    return "each level is there, but no case has them together"
