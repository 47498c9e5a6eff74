"""Where the processor was in the rounds of each case: perf's samples by function, of all cases and of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pageswap.analysis.explanations.profiles import FEWEST_SAMPLES, profiles
from pageswap.report.charts.vegalite import evenly
from pageswap.report.sections.section import Grid, Heading, Section, case_name, notes, number
from pageswap.text.numbers import share_text
from pageswap.text.words import clipped, plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pageswap.analysis.explanations.profiles import Profile, Share
    from pageswap.report.sections.reported_run import ReportedRun

    Named = tuple[str, Profile]

MOST_GRIDS: Final = 24
_NAMED_FUNCTIONS: Final = 3
_LONGEST_FUNCTION: Final = 80


def section(run: ReportedRun) -> Section | None:
    """Show the profiles of a run's cases, and of those without one the reason; None where none was asked for."""
    found = profiles(run.run_data)
    if not found:
        return None
    named = [(case_name(run.every, each.host, each.levels) or "the only case", each) for each in found]
    told = [each for each in named if each[1].is_told]
    chosen = evenly(told, MOST_GRIDS)
    without: dict[str, int] = {}
    for _, each in named:
        if not each.is_told:
            without[each.reason] = without.get(each.reason, 0) + 1
    of_told = [each for _, each in told]
    said = notes("profiled", of_told, len(chosen), FEWEST_SAMPLES) if told else ()
    said += notes("unprofiled", list(without.items()))
    grids = (_cases(told), *(_functions(*each) for each in chosen)) if told else ()
    return Section("profile", "Where the processor was", said, (), grids)


def _cases(told: Sequence[Named]) -> Grid:
    rows = tuple(
        (name, f"{each.samples:,}", _amount(each.kernel_samples, each.in_kernel), _first(each)) for name, each in told
    )
    columns = (
        Heading("Case"),
        number("Samples"),
        number("In the kernel", "[95 % CI]"),
        Heading("Functions with most samples"),
    )
    return Grid("Samples in the timed rounds", columns, rows)


def _first(profile: Profile) -> str:
    shown = profile.functions[:_NAMED_FUNCTIONS]
    return ", ".join(
        f"{share_text(each.share.value) if each.share else each.samples} {clipped(each.name, _LONGEST_FUNCTION)}"
        for each in shown
    )


def _functions(name: str, profile: Profile) -> Grid:
    rows = [
        (each.name, each.object, f"{each.samples:,}", _only_share(each.share), _only_share(each.of_kernel))
        for each in profile.functions
    ]
    rest = profile.samples - sum(each.samples for each in profile.functions)
    columns = (
        Heading("Function"),
        Heading("Of"),
        number("Samples"),
        number("Share", "of all [95 % CI]"),
        number("Share", "of the kernel's [95 % CI]"),
    )
    caption = f"{name}: {plural(profile.samples, 'sample')}, {rest:,} of them in functions that are not shown"
    return Grid(caption, columns, tuple(rows), is_folded=True)


def _amount(samples: int, share: Share | None) -> str:
    return share_text(share.value, share.interval) if share else f"{samples:,} samples"


def _only_share(share: Share | None) -> str:
    return share_text(share.value, share.interval) if share else ""
