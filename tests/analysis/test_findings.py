"""What a run shows beyond its medians, in runs that were made to show it."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from pageswap.analysis.checks.stability import BLOCKS, CHANGES, LACKS, ROUNDS, STAYS, modified_z
from pageswap.analysis.explanations.costs import NOT_NESTED, TOO_FEW_BLOCKS
from pageswap.analysis.explanations.several_hosts import hierarchical_interval
from pageswap.analysis.findings import Findings, findings
from pageswap.analysis.summary import summarise
from pageswap.analysis.trials.disturbance import disturbed
from pageswap.analysis.trials.matrix import round_times
from pageswap.analysis.trials.table import frame
from tests.fake_run import COLUMNS, FakeRun, make_run

ONE = {"region_size": [128 << 20], "touch": ["none"]}
TWO = {**ONE, "method": ["memcpy", "mremap_fixed"]}
SIZES = [4096 << power for power in range(0, 12, 2)]


def found_in(run: FakeRun, **others: Any) -> Findings:
    """Give a run's findings."""
    return findings(summarise(run), **others)


class TestOutliers:
    """Flagged by the modified Z-score, never dropped."""

    def test_scores_are_iglewicz_and_hoaglins(self) -> None:
        """0.6745 (x - 4) / 1 for 1 2 3 4 5 6 and 17, whose median is 4 and MAD 2."""
        scores = modified_z(np.array([[1.0, 2, 3, 4, 5, 6, 17]]))[0]

        assert scores == pytest.approx(0.6745 * (np.array([1, 2, 3, 4, 5, 6, 17]) - 4) / 2)

    def test_mostly_equal_values_use_the_mean_deviation(self) -> None:
        """The MAD of six equal values and one other is 0; their mean absolute deviation is not."""
        scores = modified_z(np.array([[5.0] * 6 + [12.0], [5.0] * 7]))

        assert scores[0] == pytest.approx([0.0] * 6 + [0.7979 * 7 / 1], abs=1e-3)
        assert scores[1].tolist() == [0.0] * 7

    def test_five_values_are_too_few(self) -> None:
        """No score."""
        assert np.isnan(modified_z(np.array([[1.0, 2, 3, 4, 500, math.nan]]))).all()

    def test_one_slow_trial_is_named_and_stays_in_the_figures(self) -> None:
        """With its score and what was usual."""
        run = make_run(block_noise=0, blocks=9, **TWO)
        n = summarise(run).cases[0].n
        run.of(method="memcpy", block=3, warmup=0)[0]["elapsed_ns"] *= 3
        (outlier,) = [item for item in found_in(run).outliers if item.score > 20]

        assert (outlier.case_id, outlier.block) == ("c0000", 3)
        assert outlier.ns_per_op == pytest.approx(3 * outlier.median_ns, rel=0.1)
        assert summarise(run).cases[0].n == n


class TestDrift:
    """Tested inside trials and over blocks."""

    def test_a_host_that_grows_slower_is_flagged(self) -> None:
        """By 2 % a block, 21 % from the first of ten to the tenth."""
        run = make_run(block_noise=0, blocks=10, **TWO)
        for outcome in run.outcomes:
            outcome["elapsed_ns"] = round(outcome["elapsed_ns"] * 1.02 ** outcome["block"])
        (drift,) = [item for item in found_in(run).drift if item.scope == BLOCKS]

        assert drift.is_flagged
        assert drift.change == pytest.approx(1.02**9 - 1, abs=0.03)
        assert (drift.case_id, drift.n, len(drift.profile)) == ("", 10, 10)

    def test_rounds_that_grow_slower_are_flagged(self) -> None:
        """By 1 % a round in one case, and not in the other."""
        run = make_run(**TWO)
        chance = np.random.default_rng(4)
        for outcome in run.outcomes:
            slope = 1.01 if outcome["method"] == "memcpy" else 1.0
            rounds = 1e6 * slope ** np.arange(10) * np.exp(chance.normal(0, 0.005, 10))
            outcome["rounds_ns"] = json.dumps(rounds.astype(int).tolist())
        flags = {item.case_id: item for item in found_in(run).drift if item.scope == ROUNDS}

        assert [flags[case].is_flagged for case in ("c0000", "c0001")] == [True, False]
        assert flags["c0000"].change == pytest.approx(1.01**9 - 1, abs=0.01)

    def test_steady_runs_are_seldom_flagged(self) -> None:
        """Of 100 hosts none to a few: Holm's correction is over all of them."""
        run = make_run(hosts=tuple(f"h{number}" for number in range(100)), blocks=8, noise=0.05, **TWO)

        assert sum(item.is_flagged for item in found_in(run).drift) <= 2

    def test_a_drift_of_next_to_nothing_is_not_flagged(self) -> None:
        """A tenth of a percent over ten blocks, beyond doubt and below notice."""
        run = make_run(block_noise=0, noise=0, blocks=10, **TWO)
        for outcome in run.outcomes:
            outcome["elapsed_ns"] = round(outcome["elapsed_ns"] * 1.0001 ** outcome["block"])
        (drift,) = [item for item in found_in(run).drift if item.scope == BLOCKS]

        assert drift.p_holm < 0.001
        assert not drift.is_flagged

    def test_p_over_blocks_is_kendalls(self) -> None:
        """Of the hosts' profile."""
        run = make_run(block_noise=0.05, blocks=9, **{**ONE, "method": ["memcpy"]})
        summary = summarise(run)
        (drift,) = [item for item in findings(summary).drift if item.scope == BLOCKS]

        assert drift.p == pytest.approx(stats.kendalltau(range(9), summary.matrix.ns[0]).pvalue)

    def test_rounds_that_are_missing_or_odd_are_none(self) -> None:
        """A trial with other rounds than the rest says nothing here."""
        column = frame(make_run(blocks=1))["rounds_ns"].iloc[:4].copy()
        column.iloc[1], column.iloc[2] = None, "[1, 2]"
        times = round_times(column)

        assert times.shape == (4, 10)
        assert np.isnan(times[:, 0]).tolist() == [False, True, True, False]


class TestDisturbed:
    """Foreign load is named, and what hangs on it is said."""

    @staticmethod
    def words(counters: dict[str, Any] | None, **fields: Any) -> str:
        """Give the words for a trial of 1 s."""
        table = frame(make_run(blocks=1, method=["memcpy"], **ONE)).iloc[:1]
        text = None if counters is None else json.dumps(counters)
        return disturbed(table.assign(**{"elapsed_ns": 1_000_000_000, "counters": text, **fields}))[0]

    @pytest.mark.parametrize(
        ("counters", "word"),
        [
            ({"steal_ns": 20_000_000}, "steal"),
            ({"steal_ns": 10_000_000}, ""),
            ({"foreign_cpu_ns": 60_000_000}, "foreign"),
            ({"foreign_cpu_ns": 50_000_000}, ""),
            ({"swap_ins": 1, "steal_ns": 30_000_000}, "steal,swap"),
            ({"throttle_count": 1}, "throttle"),
            ({"cpu_khz_before": 3_000_000, "cpu_khz_after": 2_800_000}, "frequency"),
            ({"cpu_khz_before": 3_000_000, "cpu_khz_after": 2_900_000}, ""),
            ({"steal_ns": None}, ""),
            (None, ""),
        ],
    )
    def test_words_have_thresholds(self, counters: dict[str, Any] | None, word: str) -> None:
        """Just above and just below; what was not counted is no word."""
        assert self.words(counters) == word

    @pytest.mark.parametrize(("load", "word"), [(2.1, "load"), (2.0, ""), (None, "")])
    def test_a_load_above_the_runs_own_is_foreign(self, load: float | None, word: str) -> None:
        """One thread of its own, and one more is let pass."""
        assert self.words(None, load1_before=load) == word

    def test_a_short_trial_is_not_disturbed_by_one_tick(self) -> None:
        """Ten milliseconds are the clock's own grain."""
        assert self.words({"steal_ns": 10_000_000, "foreign_cpu_ns": 10_000_000}, elapsed_ns=1_000_000) == ""

    @pytest.mark.parametrize(
        ("counters", "fields"),
        [({"swap_ins": 3}, {}), ({"throttle_count": 1}, {}), (None, {"load1_before": 9.0})],
    )
    def test_a_trial_that_never_ran_is_not_disturbed(
        self, counters: dict[str, Any] | None, fields: dict[str, Any]
    ) -> None:
        """Whatever the host did meanwhile, there is no measurement that it could have spoilt."""
        assert self.words(counters, **fields)
        assert self.words(counters, elapsed_ns=None, **fields) == ""

    def test_a_disturbed_baseline_disturbs_its_block(self) -> None:
        """A ratio has two sides: the block is left out whichever of them was hit."""
        run = _Counted(make_run(blocks=9, **TWO))
        (hit,) = run.of(method="memcpy", block=4, warmup=0)
        run.counters[hit["trial_id"]] = {"swap_ins": 3}
        (case,) = found_in(run).undisturbed

        assert (case.before.case_id, case.before.n, case.disturbed) == ("c0001", 9, 1)

    def test_too_few_blocks_stay_too_few_without_the_disturbed_ones(self) -> None:
        """That is no change."""
        run = _Counted(make_run(blocks=1, **TWO))
        run.counters["b00.c0001"] = {"swap_ins": 3}
        (case,) = found_in(run).undisturbed

        assert (case.before.verdict, case.quiet, case.effect) == ("too few", None, STAYS)

    def test_a_verdict_that_hangs_on_disturbed_trials_is_told(self) -> None:
        """Five of eleven blocks were disturbed and slow: without them the methods differ."""
        run = _Counted(make_run(speeds={"mremap_fixed": 780.0}, noise=0.002, blocks=11, **TWO))
        for block in (2, 5, 7, 8, 9):
            (hit,) = run.of(method="mremap_fixed", block=block, warmup=0)
            hit["elapsed_ns"] = round(1.2 * hit["elapsed_ns"])
            run.counters[hit["trial_id"]] = {"foreign_cpu_ns": 10**9}
        found = found_in(run)
        (case,) = found.undisturbed

        assert {(item.case_id, item.block, item.words) for item in found.disturbed} == {
            ("c0001", block, ("foreign",)) for block in (2, 5, 7, 8, 9)
        }
        assert case.quiet is not None
        assert (case.before.n, case.disturbed, case.effect) == (11, 5, CHANGES)
        assert (case.before.verdict, case.quiet.verdict) == ("no difference found", "faster")

    def test_the_correction_counts_as_many_comparisons_without_disturbed_blocks(self) -> None:
        """A case of five quiet blocks has no test of its own: the others are still corrected for it."""
        run = _Counted(make_run(method=["memcpy", "a", "b", "c"], blocks=9, noise=0.01, **ONE))
        for method, blocks in (("a", range(4)), ("b", range(1))):
            for block in blocks:
                (hit,) = run.of(method=method, block=block, warmup=0)
                run.counters[hit["trial_id"]] = {"swap_ins": 3}
        few, enough = found_in(run).undisturbed

        assert few.quiet is not None
        assert enough.quiet is not None
        assert (few.quiet.n, few.quiet.p, few.effect) == (5, None, LACKS)
        assert [each.family for each in (few.before, few.quiet, enough.before, enough.quiet)] == [3] * 4

    def test_a_quiet_run_has_nothing_to_tell(self) -> None:
        """Nothing is disturbed, so nothing is compared again."""
        found = found_in(make_run(**ONE))

        assert (found.disturbed, found.undisturbed) == ((), ())


class _Counted(FakeRun):
    """A run whose rows have the core's counters, by trial id."""

    def __init__(self, run: FakeRun) -> None:
        super().__init__(**vars(run))
        self.counters: dict[str, dict[str, int]] = {}

    def columns(self) -> tuple[str, ...]:
        """Add one."""
        return (*COLUMNS, "counters")

    def rows(self) -> list[tuple[Any, ...]]:
        """Add JSON text."""
        place = COLUMNS.index("trial_id")
        return [(*row, json.dumps(self.counters.get(row[place], {}))) for row in super().rows()]


class TestPooled:
    """Over hosts, then trials."""

    def test_hosts_that_differ_give_a_wide_interval(self) -> None:
        """Eight hosts whose ratios spread by 20 % although each is sharp: the interval is of that order."""
        run = make_run(hosts=tuple(f"h{number}" for number in range(8)), noise=0.001, **TWO)
        for number in range(8):
            for outcome in run.of(host=f"h{number}", method="mremap_fixed"):
                outcome["elapsed_ns"] = round(outcome["elapsed_ns"] * math.exp(0.2 * (number - 3.5) / 2.3))
        (pool,) = found_in(run).pooled

        assert pool.comparison.interval is not None
        assert pool.comparison.ratio == pytest.approx(800 / 16_000, rel=0.02)
        assert 0.2 < math.log(pool.comparison.interval.high / pool.comparison.interval.low) < 0.6
        assert (pool.lowest[0], pool.highest[0], pool.comparison.verdict) == ("h7", "h0", "slower")

    def test_three_hosts_are_too_few_for_an_interval(self) -> None:
        """Their mean is given, and what lacks."""
        (pool,) = found_in(make_run(hosts=("a", "b", "c"), **TWO)).pooled

        assert (pool.comparison.interval, pool.comparison.verdict, pool.comparison.why) == (
            None,
            "too few",
            "3 of at least 6 hosts",
        )

    def test_one_host_is_no_pool(self) -> None:
        """There is nothing to pool."""
        assert found_in(make_run(**TWO)).pooled == ()

    def test_percentiles_are_widened_as_hesterberg_has_it(self) -> None:
        """Beside a plain bootstrap of eight exact hosts, read at the normal probability of t times sqrt(8 / 7)."""
        centres = stats.norm.ppf((np.arange(8) + 0.5) / 8)
        drawn = np.random.default_rng(1).choice(centres, (200_000, 8)).mean(axis=1)
        tail = stats.t.ppf(0.975, 7) * math.sqrt(8 / 7)
        expected = np.quantile(drawn, stats.norm.cdf([-tail, tail]))
        ends = hierarchical_interval(np.repeat(centres[:, np.newaxis], 7, axis=1), np.random.default_rng(5))
        plain = np.quantile(drawn, stats.norm.cdf([-tail * math.sqrt(7 / 8), tail * math.sqrt(7 / 8)]))

        assert np.diff(ends) == pytest.approx(np.diff(expected), rel=0.03)
        assert np.diff(ends)[0] > 1.02 * np.diff(plain)[0]

    @pytest.mark.slow
    @pytest.mark.parametrize(("hosts", "between"), [(6, 0.05), (10, 0.05), (10, 0.005)])
    def test_the_interval_holds_the_mean_of_all_such_hosts(self, hosts: int, between: float) -> None:
        """Of 300 sets of hosts drawn around 0, with seven blocks each, at least 92 % have an interval that holds 0."""
        rng = np.random.default_rng(6)
        held = 0
        for _ in range(300):
            logs = rng.normal(0, between, (hosts, 1)) + rng.normal(0, 0.02, (hosts, 7))
            low, high = hierarchical_interval(logs, rng)
            held += low <= 0 <= high

        assert held / 300 >= 0.92


class TestCosts:
    """Shares of the limit, and where the time goes."""

    @staticmethod
    def calls() -> FakeRun:
        """Make a run of calls with known costs."""
        names = {"getpid": 50.0, "mremap_untouched": 250.0, "mremap_touched": 900.0, "mremap_touched_read": 1_000.0}
        run = make_run(method=list(names), speeds=names, noise=0, block_noise=0, baseline={"method": "getpid"}, **ONE)
        run.experiment["workload"] = "call"
        return run

    def test_a_swap_is_stacked_from_the_costs_of_its_calls(self) -> None:
        """Three trips of 50, three mappings of 200, three entries of 650 ns; the rest is what they leave of 16,000."""
        run = make_run(noise=0, block_noise=0, **TWO)
        (stack,) = found_in(run, calls=summarise(self.calls())).costs

        assert [(part.call, pytest.approx(part.ns)) for part in stack.parts] == [
            ("3 x getpid", 150),
            ("3 x (mremap_untouched - getpid)", 600),
            ("3 x (mremap_touched - mremap_untouched)", 1_950),
        ]
        assert (stack.total_ns, stack.rest_ns) == (pytest.approx(16_000), pytest.approx(16_000 - 2_700))

    def test_a_call_dearer_than_what_holds_it_takes_no_swap_apart(self) -> None:
        """A layer of less than nothing is never shown as 0 ns: it says that the calls do not nest."""
        calls = self.calls()
        for outcome in calls.of(method="mremap_untouched"):
            outcome["elapsed_ns"] *= 4
        found = found_in(make_run(noise=0, **TWO), calls=summarise(calls))
        (stack,) = found.costs

        assert (stack.parts, stack.obstacle) == ((), NOT_NESTED)

    def test_few_blocks_take_no_swap_apart(self) -> None:
        """Six of them, of the swap and of each call."""
        found = found_in(make_run(blocks=5, **TWO), calls=summarise(self.calls()))

        assert [(stack.parts, stack.obstacle) for stack in found.costs] == [((), TOO_FEW_BLOCKS)]

    def test_touching_adds_the_first_reads(self) -> None:
        """Two of them, 100 ns each."""
        run = make_run(noise=0, **{**TWO, "touch": ["moved"]})
        (stack,) = found_in(run, calls=summarise(self.calls())).costs

        assert stack.parts[-1].ns == pytest.approx(200)

    def test_another_hosts_calls_explain_nothing(self) -> None:
        """Costs are a host's own."""
        found = found_in(make_run(hosts=("other",), **TWO), calls=summarise(self.calls()))

        assert found.costs == ()

    def test_a_share_is_of_the_best_that_the_limit_reached(self) -> None:
        """copy_words at 940 ns a swap, where neighbours in address order took 470 at best."""
        names = {"memcpy": 600.0, "stream_copy": 470.0}
        limit = make_run(method=list(names), speeds=names, noise=0, block_noise=0, **ONE)
        limit.experiment["workload"] = "limit"
        for case in (*limit.case_list, *limit.outcomes):
            case["workload"] = "limit"
        run = make_run(noise=0, block_noise=0, region_size=[128 << 20, 1 << 30], touch=["none"])
        shares = found_in(run, limit=summarise(limit)).shares

        words = [case["case_id"] for case in run.case_list if case["method"] == "copy_words"]
        assert shares["local", words[0]].share == pytest.approx(0.5)
        assert shares["local", words[0]].method == "stream_copy"
        # A region of another size has another limit.
        assert ("local", words[1]) not in shares


@pytest.mark.parametrize("baseline", [{"method": "memcpy"}, {}])
@pytest.mark.parametrize("outcomes", [True, False])
def test_a_run_without_outcomes_or_a_baseline_has_findings_too(baseline: dict[str, Any], outcomes: bool) -> None:
    """What there is nothing of is empty; a report can be made of a run that was interrupted at once."""
    run = make_run(hosts=("a", "b"), baseline=baseline, replicas=True, **TWO)
    if not outcomes:
        run.outcomes.clear()
    summary, found = summarise(run), found_in(run)

    assert bool(summary.comparisons) == (outcomes and bool(baseline))
    assert [floor.ratio is None for floor in summary.noise.values()] == [not (outcomes and baseline)] * 2
    assert (found.outliers if not outcomes else ()) == ()


def test_a_run_of_no_host_has_no_finding() -> None:
    """Nor an error."""
    run = make_run(hosts=(), **TWO)

    assert found_in(run) == Findings((), (), (), (), (), {}, (), ())
