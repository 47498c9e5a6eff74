"""The registry of factors: what may be varied, how each level is read, printed and defaulted."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, TypeAlias

from pageswap.spec.wording import guess, listed, quoted
from pageswap.units import format_size, parse_size

if TYPE_CHECKING:
    from collections.abc import Callable

    from pageswap.spec.vocabulary import Vocabulary

Level: TypeAlias = "int | str"
LevelParser: TypeAlias = "Callable[[str, Vocabulary, str], Level]"

BASE_PAGE_BYTES = 4096

# Half of what x86-64 gives a process with four-level page tables; also far above any host's memory.
MAX_SIZE_BYTES = 64 << 40

# The schedule is made before the clock starts and takes 8 bytes (two slots of 4) an iteration.
MAX_ITERATIONS = 1_000_000_000

# The core's own bound, PS_MAX_THREADS. A host with fewer CPUs calls the trial unavailable.
MAX_THREADS = 1024

# The core numbers slots with 32 bits.
MAX_PAGES = 2**32 - 1

_LONGEST_NUMBER = 30
_COUNT = re.compile(r"0|[1-9][0-9]*(?:_[0-9]+)*")


@dataclasses.dataclass(frozen=True)
class Factor:
    """Something that an experiment may vary.

    `parse` reads one level from its text, the vocabulary and the workload, and raises ValueError with the cure.
    `default` is the text of the one level taken when the spec names none; None: the spec must name it.
    `workloads` are those it has a meaning for; None: all.
    """

    name: str
    parse: LevelParser
    default: str | None
    show: Callable[[Level], str]
    workloads: tuple[str, ...] | None = None


def parse_count(text: str, least: int, most: int, why: str = "") -> int:
    """Read a whole number written in decimal digits, with ``_`` between them if wanted.

    YAML's other spellings (``010``, ``1:30``, ``1e3``, ``0x10``) are refused, as they mean different numbers to
    different readers. Raises ValueError outside `least` to `most`; `why` explains the upper limit.
    """
    if not _COUNT.fullmatch(text):
        if re.fullmatch(r"-[0-9_]+", text):
            raise ValueError(f"{quoted(text)} is negative; write a whole number from {least:,} to {most:,}")
        raise ValueError(
            f"{quoted(text)} is not a whole number; write decimal digits without leading zeros, "
            "such as 200000 or 200_000"
        )
    # int() of thousands of digits is refused by Python, with a text that helps nobody.
    if len(text) > _LONGEST_NUMBER or int(text) > most:
        raise ValueError(f"{quoted(text)} is more than {most:,}{f' ({why})' if why else ''}; write a smaller number")
    if int(text) < least:
        raise ValueError(f"{quoted(text)} is less than {least:,}; write a whole number from {least:,} to {most:,}")
    return int(text)


def _size(text: str) -> int:
    if len(text) > _LONGEST_NUMBER or not text.isprintable():
        raise ValueError(f"{quoted(text)} is not a size; write 4096, 4KiB, 2MiB or 1GiB")
    if re.match(r"-[0-9]", text):
        raise ValueError(f"{quoted(text)} is negative; write '{text[1:]}' if that is meant")
    if re.match(r"0[0-9_]", text) or re.search(r"__|_(?![0-9])", text):
        raise ValueError(f"{quoted(text)} is not a size; write the number without leading zeros or stray '_'")
    size_bytes = parse_size(text)
    if size_bytes > MAX_SIZE_BYTES:
        raise ValueError(f"{quoted(text)} is more than {format_size(MAX_SIZE_BYTES)}; no process can map it")
    return size_bytes


def _page_size(text: str, _vocabulary: Vocabulary, _workload: str) -> int:
    size_bytes = _size(text)
    if size_bytes == 0 or size_bytes % BASE_PAGE_BYTES:
        above = max(1, -(-size_bytes // BASE_PAGE_BYTES)) * BASE_PAGE_BYTES
        raise ValueError(f"{quoted(text)} is not a multiple of 4KiB, the smallest page; write '{format_size(above)}'")
    return size_bytes


def _region_size(text: str, _vocabulary: Vocabulary, _workload: str) -> int:
    size_bytes = _size(text)
    if size_bytes == 0:
        raise ValueError(f"{quoted(text)} is no region; a swap needs at least two pages")
    return size_bytes


def _iterations(text: str, _vocabulary: Vocabulary, _workload: str) -> int:
    return parse_count(text, 1, MAX_ITERATIONS, "the schedule takes 8 bytes of memory an iteration")


def _threads(text: str, _vocabulary: Vocabulary, _workload: str) -> int:
    return parse_count(text, 1, MAX_THREADS, "the core runs no more")


def _method(text: str, vocabulary: Vocabulary, workload: str) -> str:
    method = vocabulary.methods.get(text)
    if method is None:
        hint = guess(text, vocabulary.methods)
        raise ValueError(f"unknown method {quoted(text)}{hint or ';'} 'inv methods' lists them")
    if workload not in method.workloads:
        raise ValueError(
            f"method {quoted(text)} does not do the workload '{workload}'; it does {listed(method.workloads)}"
        )
    return text


def _pages(what: str) -> LevelParser:
    def parse(text: str, _vocabulary: Vocabulary, _workload: str) -> int:
        return parse_count(text, 1, MAX_PAGES, f"{what} at most all pages of a region")

    return parse


def _choice(factor: str) -> LevelParser:
    def parse(text: str, vocabulary: Vocabulary, _workload: str) -> str:
        names = vocabulary.choices[factor]
        if text not in names:
            raise ValueError(f"unknown {factor} {quoted(text)}{guess(text, names) or ';'} it is one of {listed(names)}")
        return text

    return parse


def _show_size(level: Level) -> str:
    return format_size(int(level))


# The order is that of the cases: the first factor varies slowest. A factor here is a key in YAML, of --set and of
# --filter; what it takes besides is a field of the same name in agent/job.py and in the core's parameters.
FACTORS: dict[str, Factor] = {
    factor.name: factor
    for factor in (
        Factor("method", _method, None, str),
        Factor("page_size", _page_size, "4KiB", _show_size),
        # A call works on two pages a thread, whatever is asked for: spec/cases.py gives its cases their size.
        Factor("region_size", _region_size, "256MiB", _show_size, ("swap", "permute", "move", "grow", "limit")),
        Factor("iterations", _iterations, "200_000", str),
        Factor("backing", _choice("backing"), "private_anon", str),
        Factor("threads", _threads, "1", str),
        Factor("touch", _choice("touch"), "none", str, ("swap", "permute", "move", "grow", "limit")),
        Factor("pattern", _choice("pattern"), "random", str, ("swap", "permute", "grow")),
        Factor("distance", _pages("a pair spans"), "1", str, ("swap", "permute")),
        Factor("run_pages", _pages("a run has"), "1", str, ("move",)),
        Factor("alignment", _choice("alignment"), "2MiB", str, ("swap", "permute", "move", "limit")),
        Factor("neighbours", _choice("neighbours"), "idle", str),
    )
}


def find_factor(name: str, workload: str) -> Factor:
    """Give the factor of that name; raises ValueError when there is none or the workload has no use for it."""
    factor = FACTORS.get(name)
    if factor is None:
        raise ValueError(f"unknown factor{guess(name, FACTORS) or ';'} it is one of {listed(FACTORS)}")
    if factor.workloads is not None and workload not in factor.workloads:
        raise ValueError(f"the workload '{workload}' has no use for it; it is for {listed(factor.workloads)}")
    return factor


def show_levels(levels: dict[str, Level]) -> str:
    """Print one level per factor as a spec would: ``method: memcpy, page_size: 4KiB``."""
    return ", ".join(f"{name}: {FACTORS[name].show(level)}" for name, level in levels.items())
