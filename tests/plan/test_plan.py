"""A plan is a randomised complete block design that the seed decides."""

from __future__ import annotations

import collections
import dataclasses
import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pageswap.plan.plan import Plan, block_order, make, schedule_seed
from pageswap.spec.experiment import PrecisionTarget
from pageswap.spec.factors import FACTORS
from pageswap.spec.loader import loads
from pageswap.spec.overrides import override

if TYPE_CHECKING:
    from pageswap.agent.journal.job import TrialSpec
    from pageswap.spec.experiment import Experiment
    from pageswap.spec.factors import Vocabulary


@pytest.fixture
def plan(experiment: Experiment, vocabulary: Vocabulary) -> Plan:
    """Return the plan of the small experiment."""
    return make(experiment, vocabulary=vocabulary)


def _blocks(plan: Plan) -> dict[tuple[bool, int], list[TrialSpec]]:
    blocks: dict[tuple[bool, int], list[TrialSpec]] = collections.defaultdict(list)
    for trial in plan.trials:
        blocks[trial.warmup, trial.block].append(trial)
    return blocks


def _case_ids(trials: list[TrialSpec]) -> list[str]:
    return [trial.case_id for trial in trials]


def test_names_cases_by_their_place_in_the_product(plan: Plan) -> None:
    """Sizes are bytes."""
    assert [case.case_id for case in plan.cases] == [f"c{index:04d}" for index in range(12)]
    assert plan.cases[5].levels == {
        "method": "memcpy",
        "page_size": 4096,
        "region_size": 1 << 20,
        "iterations": 1000,
        "backing": "private_anon",
        "threads": 1,
        "touch": "moved",
        "pattern": "random",
        "distance": 1,
        "run_pages": 1,
        "pages": "present",
        "alignment": "2MiB",
        "numa": "any",
        "neighbours": "idle",
        "reads": "moving",
    }


def test_warm_up_blocks_come_first_and_every_block_is_whole(plan: Plan) -> None:
    """Each holds each case once besides the control, at positions 0 to n - 1, and blocks do not interleave."""
    blocks = _blocks(plan)

    assert list(blocks) == [(True, 0), (True, 1), (False, 0), (False, 1), (False, 2), (False, 3), (False, 4)]
    assert [trial for trials in blocks.values() for trial in trials] == list(plan.trials)
    for trials in blocks.values():
        first = [trial for trial in trials if not trial.replica]
        assert sorted(_case_ids(first)) == [case.case_id for case in plan.cases]
        assert [trial.position for trial in trials] == list(range(len(trials)))


def test_measured_blocks_hold_the_baseline_s_cases_twice(plan: Plan) -> None:
    """The second trial is the A/A control: the same case in the same block, with an id of its own."""
    for (is_warmup, _), trials in _blocks(plan).items():
        second = {trial.trial_id: trial for trial in trials if trial.replica}
        first = {trial.trial_id: trial for trial in trials if not trial.replica}
        assert len(second) == (0 if is_warmup else 4)
        for trial_id, trial in second.items():
            twin = first[trial_id.removesuffix(".aa")]
            same = {"trial_id": "", "position": 0, "replica": 0}
            assert trial.method == "memcpy"
            assert {**vars(trial), **same} == {**vars(twin), **same}


def test_a_baseline_of_two_factors_is_the_cases_that_have_both(experiment: Experiment, vocabulary: Vocabulary) -> None:
    """Not those that have one of them; each has replica number 1."""
    both = dataclasses.replace(experiment, baseline={"method": "memcpy", "touch": "none"})
    second = [trial for trial in make(both, vocabulary=vocabulary).trials if trial.replica]

    assert {(trial.method, trial.levels["touch"]) for trial in second} == {("memcpy", "none")}
    assert len(second) == 5 * 2
    assert {(trial.replica, trial.trial_id.endswith(".aa")) for trial in second} == {(1, True)}


def test_the_two_trials_of_a_control_come_first_about_equally_often(
    experiment: Experiment, vocabulary: Vocabulary
) -> None:
    """Else what the first of two always has would be taken for a difference: of 1,000 pairs 500 +- 4 sigma (63)."""
    words = ["region_size=1MiB", "touch=none"]
    many = make(override(experiment, filter_=words, repeats=1000, vocabulary=vocabulary), vocabulary=vocabulary)
    places = {trial.trial_id: trial.position for trial in many.trials}
    leads = [places[trial] > place for trial, place in _control_places(places)]

    assert len(leads) == 1000
    assert 437 < sum(leads) < 563


def _control_places(places: dict[str, int]) -> list[tuple[str, int]]:
    return [(trial_id.removesuffix(".aa"), place) for trial_id, place in places.items() if trial_id.endswith(".aa")]


def test_an_experiment_without_a_baseline_has_no_control(experiment: Experiment, vocabulary: Vocabulary) -> None:
    """There is nothing to measure twice."""
    plan = make(dataclasses.replace(experiment, baseline={}), vocabulary=vocabulary)

    assert not any(trial.replica for trial in plan.trials)


def test_trial_ids_are_unique_and_tell_block_and_case(plan: Plan) -> None:
    """They are the key under which an outcome is stored."""
    ids = {trial.trial_id for trial in plan.trials}

    assert len(ids) == 7 * 12 + 5 * 4
    assert {"w0.c0000", "w1.c0011", "b00.c0004", "b04.c0000"} <= ids
    for trial in plan.trials:
        assert trial.trial_id.startswith(f"w{trial.block}." if trial.warmup else f"b{trial.block:02d}.")


def test_a_trial_holds_its_case_s_levels_and_the_experiment_s_settings(plan: Plan) -> None:
    """The agent needs nothing else."""
    levels = {case.case_id: case.levels for case in plan.cases}
    for trial in plan.trials:
        assert {name: trial.levels[name] for name in levels["c0000"]} == levels[trial.case_id]
        assert set(trial.levels) == set(FACTORS)
        assert (trial.workload, trial.rounds, trial.timeout_s, trial.attempt) == ("swap", 4, 3.0, 1)


def test_all_trials_of_a_block_share_a_schedule_and_no_two_blocks_do(plan: Plan) -> None:
    """So that the methods of a block are compared on the same pages, and the blocks sample different ones."""
    seeds = [{trial.seed for trial in trials} for trials in _blocks(plan).values()]

    assert all(len(of_block) == 1 for of_block in seeds)
    assert len(set.union(*seeds)) == 7


def test_blocks_have_different_orders(plan: Plan) -> None:
    """A drift of the machine must not fall on the same case each time."""
    orders = {tuple(_case_ids(trials)) for trials in _blocks(plan).values()}

    assert len(orders) == 7


def test_the_same_seed_gives_the_same_plan_and_another_does_not(experiment: Experiment, vocabulary: Vocabulary) -> None:
    """A plan is reproduced from its spec."""
    again = loads(experiment.text, "other.yaml", vocabulary=vocabulary)
    other = loads(experiment.text + "seed: 43\n", "tiny.yaml", vocabulary=vocabulary)

    plan = make(experiment, vocabulary=vocabulary)

    assert make(again, vocabulary=vocabulary).trials == plan.trials
    assert [t.trial_id for t in make(other, vocabulary=vocabulary).trials] != [t.trial_id for t in plan.trials]
    assert {t.seed for t in make(other, vocabulary=vocabulary).trials}.isdisjoint(t.seed for t in plan.trials)


def test_more_repeats_leave_the_earlier_blocks_as_they_were(experiment: Experiment, vocabulary: Vocabulary) -> None:
    """Also when the ids of the blocks need another digit."""
    few = make(override(experiment, repeats=5, vocabulary=vocabulary), vocabulary=vocabulary).trials
    many = make(override(experiment, repeats=101, vocabulary=vocabulary), vocabulary=vocabulary).trials

    assert len(many) == (101 + 2) * 12 + 101 * 4
    assert [(t.position, t.seed, t.method) for t in few] == [(t.position, t.seed, t.method) for t in many[: len(few)]]
    assert many[-1].trial_id.startswith("b100.")
    assert len({trial.trial_id for trial in many}) == len(many)


def test_set_and_filter_change_the_cases(experiment: Experiment, vocabulary: Vocabulary) -> None:
    """And the plan's experiment tells how."""
    changed = override(experiment, set_=["region_size=4MiB"], filter_=["touch=none"], vocabulary=vocabulary)
    plan = make(changed, vocabulary=vocabulary)

    assert [(case.levels["method"], case.levels["region_size"]) for case in plan.cases] == [
        ("null", 4 << 20),
        ("memcpy", 4 << 20),
        ("mremap_fixed", 4 << 20),
    ]
    assert plan.experiment.overrides == ("--set region_size=4MiB", "--filter touch=none")


def test_case_ids_of_a_large_plan_sort_in_their_order(experiment: Experiment, vocabulary: Vocabulary) -> None:
    """The store sorts them as text."""
    sizes = ",".join(f"{n}MiB" for n in range(1, 1801))

    changed = override(experiment, set_=[f"region_size={sizes}"], repeats=1, vocabulary=vocabulary)
    plan = make(changed, vocabulary=vocabulary)

    ids = [case.case_id for case in plan.cases]
    assert len(ids) == 10_800
    assert ids == sorted(ids)


def test_json_names_each_trial_s_case_and_the_estimate(plan: Plan) -> None:
    """One document, and each trial's levels stand in it once, with their case."""
    document = json.loads(json.dumps(plan.to_json()))

    assert document["experiment"] == "tiny"
    assert document["baseline"] == {"method": "memcpy"}
    assert document["cases"][5]["region_size"] == 1 << 20
    assert document["cases"][5]["memory_bytes"] == plan.cases[5].memory_bytes
    assert [trial["trial_id"] for trial in document["trials"]] == [trial.trial_id for trial in plan.trials]
    assert {trial["case_id"] for trial in document["trials"]} == {case["case_id"] for case in document["cases"]}
    assert document["estimate"]["at_most_seconds"] == (7 * 12 + 5 * 4) * 3.0


def test_a_stopping_rule_plans_the_most_blocks(experiment: Experiment, vocabulary: Vocabulary) -> None:
    """And says what the least and the most of them would take."""
    changed = dataclasses.replace(experiment, repeats=40, stopping=PrecisionTarget(least=5, until=0.02))
    plan, fixed = make(changed, vocabulary=vocabulary), make(experiment, vocabulary=vocabulary)
    document = plan.to_json()

    assert len(plan.trials) == (2 + 40) * 12 + 40 * 4
    assert document["stopping"] == {"least": 5, "until": 0.02}
    assert plan.least_seconds == pytest.approx(fixed.seconds)
    assert plan.seconds > 5 * fixed.seconds
    assert fixed.to_json()["stopping"] is None


@given(st.integers(0, 2**63 - 1), st.sampled_from(["w0", "b0", "b7"]), st.integers(1, 200))
def test_order_holds_each_case_once(seed: int, block_id: str, cases: int) -> None:
    """A block is complete."""
    assert sorted(block_order(seed, block_id, cases)) == list(range(cases))


def test_order_and_seed_never_change() -> None:
    """These values are part of what a seed means: another version must plan the same run."""
    assert block_order(42, "b0", 8) == [2, 7, 0, 6, 5, 1, 4, 3]
    assert schedule_seed(42, "b0") == 6_870_438_668_386_208_148


def test_orders_of_blocks_and_seeds_differ() -> None:
    """12 cases have half a billion orders; two equal ones are no chance."""
    orders = {tuple(block_order(seed, block, 12)) for seed in range(10) for block in ("w0", "b0", "b1", "b2")}

    assert len(orders) == 40


def test_every_case_comes_first_equally_often() -> None:
    """2,000 fixed seeds: chi-square of 5 positions, 20.5 is its 99.96 % quantile with 4 degrees of freedom."""
    first = collections.Counter(block_order(seed, "b0", 5)[0] for seed in range(2000))

    assert sum((first[case] - 400) ** 2 / 400 for case in range(5)) < 20.5


@given(st.integers(0, 2**63 - 1), st.integers(0, 10_000))
def test_schedule_seed_fits_a_signed_integer(seed: int, block: int) -> None:
    """As SQLite keeps it."""
    assert 0 <= schedule_seed(seed, f"b{block}") < 2**63
