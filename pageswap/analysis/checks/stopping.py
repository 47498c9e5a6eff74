"""Whether a host has measured enough by the experiment's own rule, and how many blocks it should have next."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from pageswap.analysis.trials.matrix import Matrix
from pageswap.analysis.trials.run_data import HostRows, factors_of
from pageswap.analysis.trials.table import frame
from pageswap.statistics.intervals import MINIMUM_N, ratio_intervals
from pageswap.text.words import levels_phrase

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pageswap.statistics.medians import Floats


# The interval shrinks with the square root of the blocks; a forecast from few is not to be trusted far.
_GROWTH = 1.5
# Values that happen to lie close together make a narrow interval that misses the truth: it is looked at so often more.
# What intervals hold then stands in docs/statistics.md.
_CONFIRMING = 3
# Percents from here on are printed whole.
_WHOLE = 10


@dataclasses.dataclass(frozen=True)
class Decision:
    """Whether it is enough, why, and, where it is not, how many measured blocks to have before looking again."""

    enough: bool
    reason: str
    blocks: int


def decide(run_data: HostRows, host: str, *, blocks: int, most: int, until: float) -> Decision:
    """Decide for one host that has been given ``blocks`` measured blocks, of at most ``most``.

    It is enough when the relative half-width of every compared case's 95 % interval is at most ``until`` (0.02: 2 %),
    and was without the last one, two and three blocks, too; when it is at most half of that; or when ``most`` is
    reached. Only the width counts, never what was found: a rule that looked at the verdict would
    find differences where there are none. Below six blocks there is no interval, so it is never enough for that. Cases
    that could not be measured or compared do not count; where none can be compared, the cases' own times do.
    """
    # Rows of other hosts have no place in the matrix of this one.
    matrix = Matrix(run_data, frame(run_data), (host,))
    is_compared = matrix.pairs > 0
    rows = np.flatnonzero(is_compared if is_compared.any() else matrix.n > 0)
    if not len(rows):
        return Decision(enough=True, reason=f"after {blocks} blocks: no case could be measured", blocks=blocks)
    values = (matrix.log_ratios if is_compared.any() else np.log(matrix.ns))[rows]
    widths = _widths(values)
    if blocks >= most:
        cases = [matrix.cases[matrix.keys[row][1]] for row in rows]
        reason = _at_most(widths, cases, factors_of(matrix.cases)[0], until)
        return Decision(enough=True, reason=f"after {most} blocks, the most allowed, {reason}", blocks=blocks)
    widest = float(widths.max())
    wide = [fewer for fewer in range(1, _CONFIRMING + 1) if not _widths(values[:, :-fewer]).max() <= until]
    # A case that failed in some blocks may need more of them for its six.
    lacking = MINIMUM_N - int((~np.isnan(values)).sum(axis=1).min())
    if lacking > 0:
        reason, wanted = "too few for an interval", blocks + lacking
    elif widest <= until / 2 or (widest <= until and not wide):
        said = f"every interval is within {_percent(until)}, the widest within {_percent(widest)}"
        return Decision(enough=True, reason=f"after {blocks} blocks {said}", blocks=blocks)
    elif widest <= until:
        reason = f"every interval is within {_percent(until)}, but was not with {wide[0]} fewer"
        wanted = blocks + _CONFIRMING + 1 - wide[0]
    else:
        reason = f"the widest interval is within {_percent(widest)} only"
        wanted = max(blocks + 1, math.ceil(blocks * min((widest / until) ** 2, _GROWTH)))
    return Decision(enough=False, reason=reason, blocks=min(most, wanted))


def _widths(values: Floats) -> Floats:
    """Return each row's half-width of its interval, relative to its estimate; NaN for too few values."""
    point, low, high = (np.exp(part) for part in ratio_intervals(values))
    return (high - low) / 2 / point


def _at_most(widths: Floats, cases: Sequence[Mapping[str, Any]], varying: Sequence[str], until: float) -> str:
    """Return how far the intervals are when there may be no more blocks."""
    wide = int((~(widths <= until)).sum())
    if not wide:
        return f"every interval is within {_percent(until)}"
    worst = int(np.argmax(np.nan_to_num(widths, nan=math.inf)))
    width = "has too few blocks for one" if math.isnan(widths[worst]) else f"is within {_percent(widths[worst])}"
    case = levels_phrase({name: cases[worst][name] for name in varying if name in cases[worst]})
    told = f"{wide} of {len(widths)} intervals are not within {_percent(until)}"
    return f"{told}; the widest, of {case}, {width}"


def _percent(share: float) -> str:
    percent = 100 * share
    return f"{percent:,.0f} %" if percent >= _WHOLE else f"{percent:.2g} %"
