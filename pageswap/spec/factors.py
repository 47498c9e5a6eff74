"""The registry of factors: what may be varied, how each level is read, printed and defaulted, and the core's words."""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING, Literal

from pageswap.agent.trace import name_of
from pageswap.agent.workloads import WORKLOADS
from pageswap.spec.amounts import parse_count, parse_percent, parse_size_bytes
from pageswap.spec.quoting import check_choice, guess, quoted, short_list
from pageswap.units import format_size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pageswap.agent.journal.job import Level
    from pageswap.native import MethodInfo

# The schedule is made before the clock starts and takes 8 bytes (two slots of 4) an iteration.
MAX_ITERATIONS = 1_000_000_000

# The core's own bound, PS_MAX_THREADS. A host with fewer CPUs calls the trial unavailable.
MAX_THREADS = 1024

# The core numbers slots with 32 bits.
MAX_PAGES = 2**32 - 1


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """The names of the core that a spec may use; `choices` are the words of each factor that takes words.

    `reserved_backings` are those whose pages are of the host's pool of huge pages, and take no free memory.
    `trace_level` gives the level that the name of a trace stands for, and raises ValueError for what is none.
    """

    methods: Mapping[str, MethodInfo]
    choices: Mapping[str, tuple[str, ...]]
    reserved_backings: tuple[str, ...] = ()
    trace_level: Callable[[str], str] = str


@functools.cache
def core_vocabulary() -> Vocabulary:
    """Ask the built core for its names; a method that this host lacks is known all the same."""
    # Imported here so that specs can be read with another vocabulary where no core is built.
    from pageswap import native  # noqa: PLC0415 - see above

    return Vocabulary(
        methods={method.name: method for method in native.methods()},
        choices=native.CHOICES,
        reserved_backings=tuple(backing.name for backing in native.backings() if backing.is_reserved),
    )


@dataclasses.dataclass(frozen=True)
class Trend:
    """How a factor's levels are drawn along an axis: the section's id and heading, and the axis's title.

    `may_lead`: its first chart may stand at the top of a page.
    """

    id: str
    heading: str
    axis: str
    may_lead: bool = False


# Where the iterations of a round are handed over at once, their number is what a method is given to plan with.
_OF_BATCHES = Trend("batches", "Rate against the size of a batch", "Swaps in a batch", may_lead=True)


@dataclasses.dataclass(frozen=True)
class Factor:
    """All that is known of something that an experiment may vary.

    `kind` tells what a level is: a size in bytes, a whole number of base pages; a count from 1 to `most`, where `why`
    explains the limit; a percentage from 1 to `most`; the name of a trace beside the experiment, to which the level
    adds its hash; or a word of the core. `default` is the one level taken when the spec names none; None: the spec must
    name it. `phrase` is how a level reads in a sentence after "with", where ``{}`` stands for its
    text, and `phrases` has the levels that read otherwise. `named` has the counts that are written as a word. `trend`
    is there where the levels can be an axis. `only_for` are the workloads that it has a meaning for (None: all), less
    those of `not_for`; `level_for` are those that a level has a meaning for, where it has none for the others.
    """

    name: str
    kind: Literal["size", "count", "percent", "trace", "word"]
    default: Level | None
    phrase: str
    most: int = 0
    why: str = ""
    phrases: Mapping[Level, str] = dataclasses.field(default_factory=dict)
    named: Mapping[Level, str] = dataclasses.field(default_factory=dict)
    trend: Trend | None = None
    only_for: tuple[str, ...] | None = None
    not_for: tuple[str, ...] = ()
    level_for: Mapping[Level, tuple[str, ...]] = dataclasses.field(default_factory=dict)

    @property
    def workloads(self) -> tuple[str, ...]:
        """The workloads that it has a meaning for."""
        return tuple(name for name in (self.only_for or WORKLOADS) if name not in self.not_for)

    def parse(self, text: str, vocabulary: Vocabulary, workload: str) -> Level:
        """Read a level from its text; raises ValueError with the cure."""
        for level, word in self.named.items():
            if text == word:
                return level
        parsers: dict[str, Callable[[], Level]] = {
            "size": lambda: parse_size_bytes(text),
            "count": lambda: parse_count(text, 1, self.most, self.why),
            "percent": lambda: parse_percent(text, self.most),
            "trace": lambda: vocabulary.trace_level(text),
        }
        if self.kind in parsers:
            return parsers[self.kind]()
        if self.name == "method":
            return _method(text, vocabulary, workload)
        choices = vocabulary.choices[self.name]
        return check_choice(self.name, text, tuple(word for word in choices if self._is_for(word, workload)))

    def _is_for(self, level: Level, workload: str) -> bool:
        return workload in self.level_for.get(level, (workload,))

    def show(self, level: Level) -> str:
        """Print a level as a spec would."""
        if self.kind == "size":
            return format_size(int(level))
        if self.kind == "percent":
            return f"{level}%"
        return name_of(str(level)) if self.kind == "trace" else self.named.get(level, str(level))


def _method(text: str, vocabulary: Vocabulary, workload: str) -> str:
    method = vocabulary.methods.get(text)
    if method is None:
        hint = guess(text, vocabulary.methods)
        raise ValueError(f"unknown method {quoted(text)}{hint or ';'} 'inv methods' lists them")
    if workload not in method.workloads:
        raise ValueError(
            f"method {quoted(text)} does not do the workload '{workload}'; it does {short_list(method.workloads)}"
        )
    return text


# The order is that of the cases: the first factor varies slowest. A line here makes a key in YAML, of --set and of
# --filter, a level in the plan, the store, the export and the report. What the core does with it is a field of its
# name (of a size: page_bytes for page_size) in native/api.cdef.h.
FACTORS: dict[str, Factor] = {
    factor.name: factor
    for factor in (
        Factor("method", "word", None, "{}"),
        Factor(
            *("page_size", "size", 4 << 10, "{} pages"),
            trend=Trend("sizes", "Rate against page size", "Page size", may_lead=True),
        ),
        # A call works on two pages a thread, a trace on its slots: spec/cases.py gives their cases the size.
        Factor(
            *("region_size", "size", 256 << 20, "a {} region"),
            trend=Trend("regions", "Rate against region size", "Region size", may_lead=True),
            not_for=("call", "replay"),
        ),
        Factor(
            *("iterations", "count", 200_000, "{} iterations"),
            *(MAX_ITERATIONS, "the schedule takes 8 bytes of memory an iteration"),
            trend=Trend("iterations", "Rate against iterations", "Iterations"),
            not_for=("replay", "compact"),
        ),
        Factor("backing", "word", "private_anon", "{} backing"),
        Factor(
            *("threads", "count", 1, "{} threads", MAX_THREADS, "the core runs no more"),
            phrases={1: "1 thread"},
            trend=Trend("threads", "Rate against threads", "Threads"),
        ),
        Factor("touch", "word", "none", "touch {}", not_for=("call",), level_for={"new": ("grow",)}),
        Factor(
            *("pattern", "word", "random", "pattern {}"),
            only_for=("swap", "permute", "grow"),
            level_for={"strided": ("swap", "permute")},
        ),
        Factor(
            *("distance", "count", 1, "distance {}", MAX_PAGES, "a pair spans at most all pages of a region"),
            trend=Trend("distances", "Rate against distance", "Distance in pages"),
            only_for=("swap", "permute"),
        ),
        Factor(
            *("run_pages", "count", 1, "runs of {} pages", MAX_PAGES, "a run has at most all pages of a region"),
            phrases={1: "runs of 1 page"},
            trend=Trend(
                "runs", "Rate against the pages moved at once", "Neighbouring pages moved at once", may_lead=True
            ),
            only_for=("swap", "permute", "move", "decommit", "migrate", "compact"),
        ),
        Factor(
            *("batch", "count", 0, "batches of {}", MAX_ITERATIONS, "a batch has at most all iterations"),
            phrases={0: "a batch a round"},
            named={0: "round"},
            trend=Trend("batch-sizes", "Rate against the size of a batch", "Swaps in a batch", may_lead=True),
            only_for=("permute",),
        ),
        Factor(
            *("doublings", "count", 1, "{} doublings", 30, "a block begins with 64KiB at least"),
            phrases={1: "1 doubling"},
            trend=Trend("doublings", "Rate against doublings", "Times that a block is doubled"),
            only_for=("grow",),
        ),
        Factor(
            *("release", "word", "kept", "release {}"),
            phrases={
                "kept": "memory kept",
                "source": "memory given back",
                "both": "memory given back, into empty places",
            },
            only_for=("move", "replay", "compact"),
        ),
        Factor(
            *("occupancy", "percent", 25, "{} of the pages live", 99),
            trend=Trend("occupancies", "Rate against occupancy", "Pages that live, in percent", may_lead=True),
            only_for=("compact",),
        ),
        Factor("trace", "trace", "", "the trace {}", phrases={"": "no trace"}, only_for=("replay",)),
        Factor(
            *("pages", "word", "present", "{} pages"),
            phrases={
                "present": "pages in memory",
                "fresh": "pages never written to",
                "forked": "pages shared with a forked child",
                "mlocked": "locked pages",
            },
            only_for=("swap", "permute", "move"),
        ),
        Factor(
            *("alignment", "word", "2MiB", "the region aligned to {}"),
            phrases={"page": "the region aligned to a page"},
            not_for=("grow", "call"),
        ),
        Factor(
            *("numa", "word", "any", "memory on {} NUMA nodes"),
            phrases={
                "any": "memory on any NUMA node",
                "local": "memory on the CPU's NUMA node",
                "remote": "memory on another NUMA node",
                "interleave": "memory on all NUMA nodes in turn",
            },
            not_for=("grow", "call"),
            level_for={"interleave": tuple(name for name in WORKLOADS if name != "migrate")},
        ),
        Factor("neighbours", "word", "idle", "{} neighbours"),
        Factor(
            *("reads", "word", "moving", "reads of {} memory"),
            phrases={"missing": "reads of pages that have not come"},
            level_for={"missing": ("move",)},
        ),
    )
}


def trend_of(name: str, workload: str) -> Trend | None:
    """Return how the levels of a factor are drawn along an axis in a run of a workload, None where they are no axis."""
    if name == "iterations" and workload in WORKLOADS and WORKLOADS[workload].is_batched:
        return _OF_BATCHES
    return FACTORS[name].trend


def default_levels() -> dict[str, Level]:
    """Return the level of each factor that a case has which does not name it, in the registry's order."""
    return {name: factor.default for name, factor in FACTORS.items() if factor.default is not None}


def levels_by_factor(cases: Iterable[Mapping[str, Level]]) -> dict[str, list[Level]]:
    """Return the different levels that cases have of each factor, both as they come."""
    found: dict[str, dict[Level, None]] = {}
    for case in cases:
        for name, level in case.items():
            found.setdefault(name, {})[level] = None
    return {name: list(levels) for name, levels in found.items()}


def find_factor(name: str, workload: str) -> Factor:
    """Return the factor of that name; raises ValueError when there is none or the workload has no use for it."""
    factor = FACTORS.get(name)
    if factor is None:
        raise ValueError(f"unknown factor{guess(name, FACTORS) or ';'} it is one of {short_list(FACTORS)}")
    if workload not in factor.workloads:
        raise ValueError(f"the workload '{workload}' has no use for it; it is for {short_list(factor.workloads)}")
    return factor
