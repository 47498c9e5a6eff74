"""What of a run's comparisons hangs on trials that were disturbed: the same figures without them."""

from __future__ import annotations

import copy
import dataclasses
import math
from typing import TYPE_CHECKING

import numpy as np

from pageswap.analysis.checks.comparisons import compare
from pageswap.analysis.verdicts import TOO_FEW
from pageswap.statistics.intervals import Interval, ratio_intervals

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from pageswap.analysis.checks.comparisons import Comparison
    from pageswap.analysis.trials.matrix import Matrix

    Floats = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Disturbed:
    """A trial beside which the host did something else; ``words`` as in the export's column ``disturbed``."""

    host: str
    case_id: str
    trial_id: str
    block: int
    words: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Undisturbed:
    """A comparison with and without its disturbed blocks.

    ``changes``: without them the verdict would be another one, or there would be too few blocks for any.

    ``disturbed`` of ``n`` blocks had a disturbed trial on either side. ``quiet_*`` come from the blocks left, None
    where there are too few. ``held`` is as in `Comparison`.
    """

    host: str
    case_id: str
    n: int
    disturbed: int
    ratio: float | None
    interval: Interval | None
    verdict: str
    quiet_ratio: float | None
    quiet_interval: Interval | None
    quiet_verdict: str
    changes: bool
    held: str = ""
    quiet_held: str = ""


def disturbed_trials(matrix: Matrix) -> tuple[Disturbed, ...]:
    """List the measured trials, the control's too, that something disturbed."""
    there = matrix.measured[(matrix.measured["disturbed"] != "").to_numpy()]
    names = ("host", "case_id", "trial_id", "block", "disturbed")
    return tuple(
        Disturbed(str(host), str(case_id), str(trial_id), int(block), tuple(str(words).split(",")))
        for host, case_id, trial_id, block, words in zip(*(there[name] for name in names), strict=True)
    )


def undisturbed(
    matrix: Matrix, comparisons: Mapping[tuple[str, str], Comparison], floors: Floats
) -> tuple[Undisturbed, ...]:
    """Compare again without the blocks in which a case or its baseline was disturbed; what was not is left out.

    The noise floor stays that of the whole run, and so does the number of comparisons that Holm's correction is for.
    """
    trials = matrix.trials
    is_disturbed = np.zeros(matrix.ns.shape, dtype=bool)
    places = (trials["row"].to_numpy(), trials["column"].to_numpy())
    is_disturbed[places] = (trials["disturbed"] != "").to_numpy()
    has_partner = matrix.partners >= 0
    is_disturbed[has_partner] |= is_disturbed[matrix.partners[has_partner]]
    affected = is_disturbed & ~np.isnan(matrix.log_ratios)
    if not affected.any():
        return ()
    quiet = copy.copy(matrix)
    quiet.log_ratios = np.where(affected, math.nan, matrix.log_ratios)
    quiet.pairs = (~np.isnan(quiet.log_ratios)).sum(axis=1)
    family = max((each.family for each in comparisons.values()), default=0)
    again = compare(quiet, ratio_intervals(quiet.log_ratios), floors, family=family)
    found = []
    for row in np.flatnonzero(affected.any(axis=1)):
        key = matrix.keys[row]
        before, after = comparisons[key], again.get(key)
        verdict = after.verdict if after else TOO_FEW
        found.append(
            Undisturbed(
                host=key[0],
                case_id=key[1],
                n=before.n,
                disturbed=int(affected[row].sum()),
                ratio=before.ratio,
                interval=before.interval,
                verdict=before.verdict,
                quiet_ratio=after.ratio if after else None,
                quiet_interval=after.interval if after else None,
                quiet_verdict=verdict,
                changes=verdict != before.verdict,
                held=before.held,
                quiet_held=after.held if after else "",
            )
        )
    return tuple(found)
