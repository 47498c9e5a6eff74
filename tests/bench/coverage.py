"""Checks the statistics against simulated runs whose truth is known: what their intervals hold, what they call wrongly.

Everything goes the whole way from stored rows to the words of a report; only the times are made up.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from pageswap.analysis.checks.stopping import decide
from pageswap.analysis.findings import findings
from pageswap.analysis.summary import summarise
from pageswap.analysis.verdicts import FASTER, SLOWER, Comparison, judge
from pageswap.statistics.intervals import noise_floors, ratio_intervals
from pageswap.statistics.trimmed_means import holm, paired_p
from tests.fake_run import FakeRun, make_run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

SIMULATIONS: Final = 1_000
RUNS: Final = 200
BLOCKS: Final = (7, 20)
FAMILIES: Final = (1, 3, 10, 30)
RATIO: Final = 1.25
BASE_NS: Final = 800.0
ONE: Final[dict[str, Any]] = {"region_size": [128 << 20], "touch": ["none"]}
SIZES: Final = [4096 << power for power in range(0, 12, 2)]
# Logarithms of factors on a time, with median 0: what trials of one case vary by.
SHAPES: Final[dict[str, Callable[[np.random.Generator, int], Floats]]] = {
    "normal": lambda rng, count: rng.normal(0, 0.02, count),
    "skewed": lambda rng, count: 0.02 * (rng.exponential(1, count) - math.log(2)),
    "very skewed": lambda rng, count: 0.02 * (np.exp(rng.normal(size=count)) - 1),
    "heavy tails": lambda rng, count: 0.02 * rng.standard_t(2, count).clip(-500, 500),
    "one in ten disturbed": lambda rng, count: rng.normal(0, 0.02, count) * np.where(rng.random(count) < 0.1, 15, 1),
}


@dataclasses.dataclass(frozen=True)
class Check:
    """One line: what was simulated, the share that came out, and between which bounds it must be."""

    name: str
    share: float
    at_least: float
    at_most: float

    @property
    def holds(self) -> bool:
        """Say whether it is within its bounds."""
        return self.at_least <= self.share <= self.at_most


def hosts(count: int) -> tuple[str, ...]:
    """Name as many hosts as runs are simulated: each is summarised by itself."""
    return tuple(f"run{number}" for number in range(count))


def vary(run: FakeRun, shape: str, seed: int) -> FakeRun:
    """Give each trial a factor of its own from one of SHAPES."""
    factors = np.exp(SHAPES[shape](np.random.default_rng(seed), len(run.outcomes)))
    for outcome, factor in zip(run.outcomes, factors.tolist(), strict=True):
        outcome["elapsed_ns"] = max(1, round(outcome["elapsed_ns"] * factor))
    return run


def interval_checks() -> Iterator[Check]:
    """Give the share of 95 % intervals that hold the true ratio, and the true time."""
    for blocks in BLOCKS:
        for number, shape in enumerate(SHAPES):
            run = make_run(
                hosts=hosts(SIMULATIONS),
                method=["memcpy", "better"],
                speeds={"memcpy": BASE_NS, "better": BASE_NS / RATIO},
                blocks=blocks,
                noise=0,
                block_noise=0,
                **ONE,
            )
            cases = summarise(vary(run, shape, 10 * blocks + number)).cases
            ratios = [case.ratio_ci for case in cases if case.ratio_ci]
            times = [case.median_ci for case in cases if case.median_ci and not case.ratio_ci]
            for what, intervals, truth in (("ratio", ratios, RATIO), ("time", times, BASE_NS)):
                # Times are whole nanoseconds of a trial, a millionth of them.
                held = [each.low * (1 - 1e-8) <= truth <= each.high * (1 + 1e-8) for each in intervals]
                assert len(held) == SIMULATIONS
                yield Check(f"95 % interval of a {what}, n = {blocks}, {shape}", float(np.mean(held)), 0.92, 0.98)


def alarm_checks() -> Iterator[Check]:
    """Give the share of runs of six equal methods, on a host that drifts, in which any difference is called."""
    for blocks in BLOCKS:
        for shape in ("normal", "heavy tails"):
            alarms = 0
            for seed in range(RUNS):
                equal = {f"m{number}": BASE_NS for number in range(6)}
                run = make_run(
                    method=["memcpy", *equal], speeds=equal, blocks=blocks, noise=0, replicas=True, seed=seed, **ONE
                )
                for outcome in vary(run, shape, seed).outcomes:
                    drift = 1.02 ** (outcome["block"] + outcome["position"] / 8)
                    outcome["elapsed_ns"] = round(outcome["elapsed_ns"] * drift)
                alarms += any(item.verdict in (FASTER, SLOWER) for item in summarise(run).comparisons.values())
            yield Check(
                f"A/A runs with a false alarm, n = {blocks}, 2 % drift a block, {shape}", alarms / RUNS, 0, 0.05
            )


def family_checks() -> Iterator[Check]:
    """Give, for runs of 7 blocks with so many comparisons, false alarms and the large differences that are found.

    Arrays alone, a baseline and a control in each run. Disturbed: one trial of a case takes four times as long.
    """
    rng = np.random.default_rng(9)
    blocks = 7
    for family in FAMILIES:
        for name in ("normal", "heavy tails"):
            for is_disturbed in (False, True):
                times = [
                    SHAPES[name](rng, SIMULATIONS * count * blocks).reshape(SIMULATIONS, count, blocks)
                    for count in (1, family, 1)
                ]
                base, cases, control = times
                logs = base - cases
                if is_disturbed:
                    logs += math.log(1.5)
                    rows, columns = np.indices((SIMULATIONS, family))
                    logs[rows, columns, rng.integers(0, blocks, (SIMULATIONS, family))] -= math.log(4)
                floors = noise_floors((control - base)[:, 0])
                p = paired_p(logs.reshape(-1, blocks)).reshape(SIMULATIONS, family)
                called = []
                for run in range(SIMULATIONS):
                    words, _ = judge(ratio_intervals(logs[run]), np.full(family, floors[run]), holm(p[run]))
                    called.append([word in (FASTER, SLOWER) for word in words])
                found = np.array(called)
                if is_disturbed:
                    title = f"1.5x found with a disturbed trial, n = 7, {family} comparisons, {name}"
                    yield Check(title, float(found.mean()), 0.95 if name == "normal" else 0.93, 1.0)
                else:
                    title = f"A/A runs with a false alarm, n = 7, {family} comparisons, {name}"
                    yield Check(title, float(found.any(axis=1).mean()), 0.0, 0.05)


def power_checks() -> Iterator[Check]:
    """Give the share of runs that find a difference of the size that runs like them name as the smallest."""
    for blocks in BLOCKS:
        options: dict[str, Any] = {**ONE, "blocks": blocks, "noise": 0.02, "replicas": True}
        smallest = float(np.median([_comparison(BASE_NS, seed, options).smallest for seed in range(RUNS)]))
        found = [_comparison(BASE_NS / smallest, RUNS + seed, options).verdict == FASTER for seed in range(RUNS)]
        name = f"runs that find the smallest difference they name ({100 * (smallest - 1):.1f} %), n = {blocks}"
        yield Check(name, float(np.mean(found)), 0.7, 1.0)


def _comparison(speed_ns: float, seed: int, options: dict[str, Any]) -> Comparison:
    run = make_run(method=["memcpy", "other"], speeds={"other": speed_ns}, seed=seed, **options)
    (comparison,) = summarise(run).comparisons.values()
    return comparison


def crossover_checks() -> Iterator[Check]:
    """Give the share of crossover intervals that hold the size where the made-up times are equal."""
    truth = 10 * 3_000.0
    for blocks in BLOCKS:
        run = make_run(
            hosts=hosts(RUNS),
            method=["memcpy", "mremap_fixed"],
            page_size=SIZES,
            speeds={"memcpy": 1.0, "mremap_fixed": 3_000.0},
            blocks=blocks,
            noise=0.05,
            **ONE,
        )
        for outcome in run.of(method="memcpy"):
            outcome["elapsed_ns"] = round(outcome["elapsed_ns"] * outcome["page_size"] / 10)
        found = findings(summarise(run)).crossovers
        held = [(each.low or 0) <= truth <= (each.high or math.inf) for each in found if each.at_bytes]
        yield Check(f"crossover within its interval, n = {blocks}", float(np.mean(held)), 0.9, 1.0)


def stopping_checks() -> Iterator[Check]:
    """Give the share of intervals that hold the true ratio in runs that stopped by a rule, from 5 to 40 blocks.

    Also where trials have heavy tails, and where each resembles the one before it in its case (autocorrelation 0.5).
    """
    for shape in ("normal", "heavy tails", "autocorrelated"):
        held, stopped = [], []
        for seed in range(RUNS):
            whole = make_run(
                method=["memcpy", "better"], speeds={"better": BASE_NS / RATIO}, blocks=40, noise=0, seed=seed, **ONE
            )
            if shape == "autocorrelated":
                _resemble(whole, seed)
            else:
                vary(whole, shape, seed)
            blocks, run = 5, whole
            while True:
                outcomes = [outcome for outcome in whole.outcomes if outcome["block"] < blocks]
                run = dataclasses.replace(whole, outcomes=outcomes)
                decision = decide(run, "local", blocks=blocks, most=40, until=0.015)
                if decision.enough:
                    break
                blocks = decision.blocks
            (case,) = [case for case in summarise(run).cases if case.ratio_ci]
            held.append(case.ratio_ci is not None and case.ratio_ci.low <= RATIO <= case.ratio_ci.high)
            stopped.append(blocks)
        name = f"95 % interval of a ratio after stopping by a rule, {shape}, median n = {np.median(stopped):.0f}"
        yield Check(name, float(np.mean(held)), 0.6 if shape == "autocorrelated" else 0.88, 0.99)


def _resemble(run: FakeRun, seed: int) -> None:
    """Give each trial a factor of its own that takes half of the one of its case's trial before it."""
    rng = np.random.default_rng(seed)
    last: dict[str, float] = {}
    for outcome in run.outcomes:
        before = last.get(outcome["case_id"], 0.0)
        last[outcome["case_id"]] = 0.5 * before + rng.normal(0, 0.02 * math.sqrt(0.75))
        outcome["elapsed_ns"] = round(outcome["elapsed_ns"] * math.exp(last[outcome["case_id"]]))


def pool_checks() -> Iterator[Check]:
    """Give the share of intervals over hosts that hold the mean of all such hosts."""
    from pageswap.analysis.explanations.several_hosts import hierarchical_interval  # noqa: PLC0415 - the one part that is not a summary

    rng = np.random.default_rng(3)
    for count in (6, 10, 30):
        held = 0
        for _ in range(SIMULATIONS):
            logs = rng.normal(0, 0.05, (count, 1)) + rng.normal(0, 0.02, (count, 7))
            low, high = hierarchical_interval(logs, rng)
            held += low <= 0 <= high
        yield Check(f"interval over {count} hosts of 7 blocks", held / SIMULATIONS, 0.92, 0.98)


def main() -> int:
    """Print one line a check as it is done; return 1 when one is out of its bounds."""
    print(f"{'share over simulated runs':80} {'is':>7}   must be")
    missed = 0
    for part in (
        interval_checks,
        alarm_checks,
        family_checks,
        power_checks,
        crossover_checks,
        stopping_checks,
        pool_checks,
    ):
        for check in part():
            missed += not check.holds
            bounds = f"{100 * check.at_least:.0f} to {100 * check.at_most:.0f} %"
            print(f"{check.name:80} {100 * check.share:5.1f} %{' ' if check.holds else '!'}  {bounds}", flush=True)
    return int(missed > 0)
