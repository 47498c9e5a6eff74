"""What of a run's comparisons hangs on trials that were disturbed: the same figures without them."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

import numpy as np

from pageswap.analysis.checks.comparisons import compare
from pageswap.analysis.verdicts import TOO_FEW
from pageswap.statistics.intervals import ratio_intervals

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pageswap.analysis.checks.comparisons import Comparison
    from pageswap.analysis.trials.matrix import Matrix
    from pageswap.statistics.medians import Floats


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
    """A comparison ``before`` and without its ``disturbed`` blocks, in which a trial on either side was disturbed.

    ``quiet`` is the one without them, None where no block is left.
    """

    before: Comparison
    quiet: Comparison | None
    disturbed: int

    @property
    def changes(self) -> bool:
        """Return whether the verdict is another one without them, or there are too few blocks for any."""
        return (self.quiet.verdict if self.quiet else TOO_FEW) != self.before.verdict


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
    logs = np.where(affected, math.nan, matrix.log_ratios)
    family = max((each.family for each in comparisons.values()), default=0)
    again = compare(matrix.keys, logs, ratio_intervals(logs), floors, family=family)
    hit = [(matrix.keys[row], int(affected[row].sum())) for row in np.flatnonzero(affected.any(axis=1))]
    return tuple(Undisturbed(comparisons[key], again.get(key), count) for key, count in hit)
