"""The rounds of trials: equal slices of each, timed apart, of which something may have disturbed a few."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

    Floats = npt.NDArray[np.float64]

_CHUNK_ROWS: Final = 50_000


def round_times(column: pd.Series[str]) -> Floats:
    """Return each trial's rounds in ns: NaN where it has none, or not as many as the others, or one of no time."""
    texts = [text if isinstance(text, str) else "" for text in column]
    width = max((text.count(",") + 1 for text in texts if text), default=0)
    times = np.full((len(texts), width), math.nan)
    whole = [place for place, text in enumerate(texts) if text and text.count(",") + 1 == width]
    for start in range(0, len(whole), _CHUNK_ROWS):
        places = whole[start : start + _CHUNK_ROWS]
        joined = ",".join(texts[place].strip("[] ") for place in places)
        times[places] = np.fromstring(joined, sep=",").reshape(len(places), width)
    times[~(times > 0).all(axis=1)] = math.nan
    return times


def fast_share(times: Floats) -> Floats:
    """Return how long each trial would have taken had all of its rounds gone like the faster half, as a share of it.

    What disturbs a trial only ever adds time, and to some of its rounds (Chen and Revels, Robust benchmarking in noisy
    environments, 2016, arXiv:1608.04295). Rounds are equal slices, so a method that is slower is so in every half. 1
    where a trial has less than two rounds.
    """
    if times.shape[1] < 2:  # noqa: PLR2004 - one round is the trial
        return np.ones(len(times))
    half = np.sort(times, axis=1)[:, : (times.shape[1] + 1) // 2]
    share = half.mean(axis=1) / times.mean(axis=1)
    return np.where(np.isnan(share), 1.0, share)
