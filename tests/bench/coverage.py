"""Checks the statistics against simulated runs whose truth is known: what their intervals hold, what they call wrongly.

Everything goes the whole way from stored rows to the words of a report; only the times are made up.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from estimators import (
    SHAPES,
    SIMULATIONS,
    Check,
    bounded_checks,
    family_checks,
    pool_checks,
    share_checks,
    tail_checks,
)

from pageswap.analysis.checks.stopping import decide
from pageswap.analysis.explanations.contests import contests
from pageswap.analysis.findings import findings
from pageswap.analysis.summary import summarise
from pageswap.analysis.verdicts import FASTER, SLOWER, Comparison
from tests.fake_run import FakeRun, make_run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pageswap.analysis.explanations.contests import Contest

RUNS: Final = 200
BLOCKS: Final = (7, 20)
RATIO: Final = 1.25
BASE_NS: Final = 800.0
ONE: Final[dict[str, Any]] = {"region_size": [128 << 20], "touch": ["none"]}
SIZES: Final = [4096 << power for power in range(0, 12, 2)]


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


def order_checks() -> Iterator[Check]:
    """Give the share of runs that say of a method that it is faster up to a size, where it is from there on.

    Beside it what the first change of sign of the medians would say, which nothing uses.
    """
    truth = (1.0, 0.8, 1.3, 2.0)
    by_words = by_medians = 0
    for seed in range(RUNS):
        sizes = SIZES[: len(truth)]
        run = make_run(
            method=["memcpy", "mremap_fixed"],
            page_size=sizes,
            speeds={"memcpy": BASE_NS, "mremap_fixed": BASE_NS},
            noise=0.02,
            seed=seed,
            **ONE,
        )
        for outcome in run.of(method="mremap_fixed"):
            outcome["elapsed_ns"] = round(outcome["elapsed_ns"] / truth[sizes.index(outcome["page_size"])])
        summary = summarise(run)
        (found,) = findings(summary).crossovers
        by_words += found.is_shown and found.faster != "mremap_fixed"
        ratios = {case.levels["page_size"]: case.ratio for case in summary.cases if case.ratio}
        is_faster = [ratios[size] > 1 for size in sizes]
        first = next((here for before, here in itertools.pairwise(is_faster) if before != here), True)
        by_medians += not first
    yield Check("runs with ratios 1.0, 0.8, 1.3, 2.0 whose words say the reverse", by_words / RUNS, 0, 0.01)
    yield Check("the same by the first change of sign of the medians (not used)", by_medians / RUNS, 0, 1)


def contest_checks() -> Iterator[Check]:
    """Give the share of contests that leave out one of five equals, and of those that name the truly fastest of six."""
    left_out = named = 0
    for seed in range(RUNS):
        equal = {f"m{number}": BASE_NS for number in range(5)}
        (held,) = _contests({"memcpy": BASE_NS, **equal}, list(equal), seed, blocks=7)
        left_out += any(rival.is_beaten for rival in held.rivals)
        close = {f"m{number}": BASE_NS * (1 + 0.006 * number) for number in range(6)}
        (held,) = _contests({"memcpy": BASE_NS, **close}, list(close), seed, blocks=10)
        told = [held.first, *(rival.case for rival in held.rivals if not rival.is_beaten)]
        named += "m0" in [case.levels["method"] for case in told]
    yield Check("contests of five equal methods that leave any out, n = 7", left_out / RUNS, 0, 0.05)
    yield Check("contests of six within 3 % that name the fastest, n = 10", named / RUNS, 0.95, 1)


def _contests(speeds: dict[str, float], competitors: list[str], seed: int, blocks: int) -> list[Contest]:
    run = make_run(method=list(speeds), speeds=speeds, blocks=blocks, noise=0.02, replicas=True, seed=seed, **ONE)
    summary = summarise(run)
    return contests(summary, [case for case in summary.cases if case.levels["method"] in competitors])


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
        order_checks,
        contest_checks,
        stopping_checks,
        pool_checks,
        tail_checks,
        bounded_checks,
        share_checks,
    ):
        for check in part():
            missed += not check.holds
            bounds = f"{100 * check.at_least:.0f} to {100 * check.at_most:.0f} %"
            print(f"{check.name:80} {100 * check.share:5.1f} %{' ' if check.holds else '!'}  {bounds}", flush=True)
    return int(missed > 0)
