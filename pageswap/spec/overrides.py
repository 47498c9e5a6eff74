"""Applies the command line's --set, --filter, --repeats and --until, as strictly as the file is read."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Final

from pageswap.errors import UsageError
from pageswap.spec.amounts import parse_count
from pageswap.spec.experiment import PrecisionTarget
from pageswap.spec.factors import Vocabulary, core_vocabulary, find_factor
from pageswap.spec.loader import MAX_REPEATS, OTHER_KEYS, parse_until
from pageswap.spec.quoting import quoted, short
from pageswap.spec.traces import TracesBeside

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pageswap.agent.journal.job import Level
    from pageswap.spec.experiment import Experiment

# How many blocks --until allows where neither the file nor --repeats says it.
MOST_UNTIL: Final = 40
_SHARE: Final = re.compile(r"0?\.[0-9]{1,5}")


def override(  # noqa: PLR0913 - what the command line may change
    experiment: Experiment,
    *,
    set_: Iterable[str] = (),
    filter_: Iterable[str] = (),
    repeats: int | None = None,
    until: str | None = None,
    vocabulary: Vocabulary | None = None,
) -> Experiment:
    """Return the experiment with levels replaced (`set_`), cases kept (`filter_`) and another number of repeats.

    `set_` and `filter_` hold texts such as ``page_size=4KiB,2MiB``. `until` is a stopping rule's width such as ``2%``:
    the blocks that there would be are then the least, and `repeats` or else `MOST_UNTIL` the most. Raises UsageError
    that starts with the argument.
    """
    traces = TracesBeside(experiment.path)
    names = dataclasses.replace(vocabulary or core_vocabulary(), trace_level=traces.level)
    set_, filter_ = tuple(set_), tuple(filter_)
    factors = {**experiment.factors, **_read_levels("--set", set_, experiment.workload, names)}
    keep = _read_levels("--filter", filter_, experiment.workload, names)
    words = [f"--set {text}" for text in set_] + [f"--filter {text}" for text in filter_]
    most, stopping = experiment.repeats, experiment.stopping
    argument = "--repeats"
    try:
        if repeats is not None:
            most, stopping = parse_count(str(repeats), 1, MAX_REPEATS), None
            words.append(f"--repeats {most}")
        if until is not None:
            argument = "--until"
            # Of a share nothing but a share can be meant, as 0.02 is 2%.
            until = f"{float(until) * 100:g}%" if _SHARE.fullmatch(until) else until
            least = experiment.least_repeats
            if repeats is None and not experiment.stopping:
                most = max(least, MOST_UNTIL)
            stopping = PrecisionTarget(min(least, most), parse_until(until))
            words.append(f"--until {until}")
    except ValueError as error:
        raise UsageError(f"{argument}: {error}") from None
    return dataclasses.replace(
        experiment,
        factors=factors,
        keep=keep,
        repeats=most,
        stopping=stopping,
        overrides=tuple(words),
        traces=experiment.traces | traces.found,
    )


def _read_levels(
    argument: str, texts: Iterable[str], workload: str, vocabulary: Vocabulary
) -> dict[str, tuple[Level, ...]]:
    """Read ``factor=level,level`` texts; each factor may be given once."""
    found: dict[str, tuple[Level, ...]] = {}
    for text in texts:
        name, equals, values = text.partition("=")
        if not equals:
            raise UsageError(
                f"{argument}: {quoted(text)} has no '='; write factor=level,level such as page_size=4KiB,2MiB"
            )
        place = f"{argument} {short(name)}"
        if name in found:
            raise UsageError(f"{place}: is given twice; write {argument} {short(name)}=level,level once")
        if name in OTHER_KEYS:
            where = f"write --repeats {short(values)}" if name == "repeats" else "change it in the file"
            raise UsageError(f"{place}: is no factor but a key of the whole experiment; {where}")
        if "" in values.split(","):
            raise UsageError(f"{place}: {quoted(values)} has an empty level; write levels with one comma between them")
        try:
            factor = find_factor(name, workload)
            levels = [factor.parse(value, vocabulary, workload) for value in values.split(",")]
        except ValueError as error:
            raise UsageError(f"{place}: {error}") from None
        for index, level in enumerate(levels):
            if level in levels[:index]:
                raise UsageError(f"{place}: {quoted(factor.show(level))} is given twice; keep one")
        found[name] = tuple(levels)
    return found
