"""Whether a host has measured enough by the experiment's own rule, and how many blocks it should have next."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from pageswap.analysis.trials.matrix import Matrix
from pageswap.analysis.trials.run_data import factors_of
from pageswap.analysis.trials.table import frame
from pageswap.statistics.intervals import MINIMUM_N, ratio_intervals
from pageswap.text.levels import levels_phrase

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pageswap.analysis.trials.run_data import HostRows
    from pageswap.statistics.medians import Floats


# The interval shrinks with the square root of the blocks; a forecast from few is not to be trusted far.
_GROWTH = 1.5
# Values that happen to lie close together make a narrow interval that misses the truth: it is looked at so often more.
# Simulated, of 1,000 runs that stop at about 20 blocks 93 % then hold it, and 91 % without.
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
    counts = (~np.isnan(values)).sum(axis=1)
    if blocks >= most:
        names, _ = factors_of(matrix.cases)
        cases = [matrix.cases[matrix.keys[row][1]] for row in rows]
        own = [{name: case[name] for name in names if name in case} for case in cases]
        return Decision(enough=True, reason=_at_most(widths, own, until, most), blocks=blocks)
    if (counts < MINIMUM_N).any():
        # A case that failed in some blocks may need more of them for its six.
        lacking = int((MINIMUM_N - counts).max())
        return Decision(enough=False, reason="too few for an interval", blocks=min(most, blocks + lacking))
    widest = float(widths.max())
    before = [float(_widths(values[:, :-fewer]).max()) for fewer in range(1, _CONFIRMING + 1)]
    wide = [fewer for fewer, width in enumerate(before, 1) if not width <= until]
    if widest <= until / 2 or (widest <= until and not wide):
        reason = (
            f"after {blocks} blocks every interval is within {_percent(until)}, the widest within {_percent(widest)}"
        )
        return Decision(enough=True, reason=reason, blocks=blocks)
    if widest <= until:
        reason = f"every interval is within {_percent(until)}, but was not with {wide[0]} fewer"
        return Decision(enough=False, reason=reason, blocks=min(most, blocks + _CONFIRMING + 1 - wide[0]))
    wanted = math.ceil(blocks * min((widest / until) ** 2, _GROWTH))
    reason = f"the widest interval is within {_percent(widest)} only"
    return Decision(enough=False, reason=reason, blocks=min(most, max(blocks + 1, wanted)))


def _widths(values: Floats) -> Floats:
    """Return each row's half-width of its interval, relative to its estimate; NaN for too few values."""
    point, low, high = (np.exp(part) for part in ratio_intervals(values))
    return (high - low) / 2 / point


def _at_most(widths: Floats, cases: Sequence[Mapping[str, Any]], until: float, most: int) -> str:
    """Return how far the intervals are when there may be no more blocks."""
    head = f"after {most} blocks, the most allowed,"
    wide = np.flatnonzero(~(widths <= until))
    if not len(wide):
        return f"{head} every interval is within {_percent(until)}"
    worst = wide[np.argmax(np.nan_to_num(widths[wide], nan=math.inf))]
    width = "has too few blocks for one" if math.isnan(widths[worst]) else f"is within {_percent(widths[worst])}"
    return (
        f"{head} {len(wide)} of {len(widths)} intervals are not within {_percent(until)}; "
        f"the widest, of {levels_phrase(cases[worst])}, {width}"
    )


def _percent(share: float) -> str:
    percent = 100 * share
    return f"{percent:,.0f} %" if percent >= _WHOLE else f"{percent:.2g} %"
