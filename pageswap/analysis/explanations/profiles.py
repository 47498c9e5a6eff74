"""Where the processor was while a case's rounds ran: its functions with most samples, as shares that they allow."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

from pageswap.agent.journal.job import OK
from pageswap.analysis.trials.run_data import levels_of
from pageswap.statistics.intervals import Interval, share_interval

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pageswap.analysis.trials.run_data import RunData

# Of fewer samples a share of half is known to no better than 18 percent either way, and none is told.
FEWEST_SAMPLES: Final = 30


@dataclasses.dataclass(frozen=True)
class Share:
    """A part of some samples, with its interval, as of independent ones."""

    value: float
    interval: Interval | None


@dataclasses.dataclass(frozen=True)
class Function:
    """A function, the object that it is of (`kernel`, a module, a library), and how many samples fell into it.

    ``share`` is of all samples, ``of_kernel`` of those in the kernel; None where there are too few, or it is not there.
    """

    name: str
    object: str
    is_kernel: bool
    samples: int
    share: Share | None
    of_kernel: Share | None


@dataclasses.dataclass(frozen=True)
class Profile:
    """What a profile of one case on one host found, or why it found nothing.

    ``samples`` are those in the timed rounds of its ``trials``, which took ``elapsed_ns`` together; ``outside`` counts
    the others. ``functions`` has the first ones only.
    """

    host: str
    case_id: str
    levels: Mapping[str, Any]
    status: str
    reason: str
    event: str
    frequency_hz: int
    trials: int
    elapsed_ns: int
    samples: int
    kernel_samples: int
    outside: int
    names_hidden: bool
    in_kernel: Share | None
    functions: tuple[Function, ...]

    @property
    def is_told(self) -> bool:
        """Say whether there is a sample to tell of."""
        return self.status == OK and self.samples > 0

    @property
    def is_by_timer(self) -> bool:
        """Say whether a timer took the samples, which cannot where interrupts are kept out."""
        return self.event.startswith("cpu-clock")

    @property
    def has_few(self) -> bool:
        """Say whether its samples are too few for shares."""
        return self.samples < FEWEST_SAMPLES


def profiles(run_data: RunData) -> tuple[Profile, ...]:
    """Return the profiles of a run's cases, in the run's order."""
    levels = {case["case_id"]: levels_of(case) for case in run_data.cases()}
    return tuple(_profile(each, levels[each["case_id"]]) for each in run_data.profiles())


def _profile(found: Mapping[str, Any], levels: Mapping[str, Any]) -> Profile:
    samples, in_kernel = found["samples"], found["kernel_samples"]
    functions = tuple(
        Function(
            **symbol,
            share=_share(symbol["samples"], samples),
            of_kernel=_share(symbol["samples"], in_kernel) if symbol["is_kernel"] else None,
        )
        for symbol in found["symbols"]
    )
    known = {field.name for field in dataclasses.fields(Profile)} & found.keys()
    fields = {name: found[name] for name in known}
    return Profile(**fields, levels=levels, in_kernel=_share(in_kernel, samples), functions=functions)


def _share(part: int, whole: int) -> Share | None:
    return None if whole < FEWEST_SAMPLES else Share(part / whole, share_interval(part, whole))
