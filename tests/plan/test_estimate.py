"""Estimates are rough, but never forget what a trial needs, and never pass the timeout."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from pageswap.agent.trial.preflight import memory_need
from pageswap.plan.plan import expected_seconds, make
from pageswap.spec.loader import loads
from pageswap.spec.overrides import override
from tests.known_method import known_method

if TYPE_CHECKING:
    from pageswap.spec.experiment import Experiment
    from pageswap.spec.factors import Vocabulary


def test_memory_is_what_the_agent_will_ask_for(experiment: Experiment, vocabulary: Vocabulary) -> None:
    """The plan's is that of its largest case, as trials run one at a time."""
    plan = make(experiment, vocabulary=vocabulary)
    needs = {trial.trial_id: memory_need(trial).total_bytes for trial in plan.trials}

    assert [case.memory_bytes for case in plan.cases] == [needs[f"b00.{case.case_id}"] for case in plan.cases]
    assert plan.memory_bytes == max(needs.values()) > 2 << 20


def test_memory_leaves_out_the_scratch_of_who_does_not_copy_through_it(
    experiment: Experiment, vocabulary: Vocabulary
) -> None:
    """As the agent will count it."""
    thrifty = dataclasses.replace(
        vocabulary, methods={**vocabulary.methods, "null": known_method("control", ("swap",), ("swap",))}
    )
    before, after = (make(experiment, vocabulary=names).cases for names in (vocabulary, thrifty))

    assert before[0].memory_bytes - after[0].memory_bytes == 2 << 20
    assert before[-1] == after[-1]


def test_total_counts_every_block(experiment: Experiment, vocabulary: Vocabulary) -> None:
    """Warm-up blocks take time as well, and the baseline's four cases are measured twice in the five others."""
    plan = make(experiment, vocabulary=vocabulary)
    seconds = {case.case_id: case.seconds for case in plan.cases}
    twice = sum(seconds[case.case_id] for case in plan.cases if case.levels["method"] == "memcpy")

    assert plan.seconds == pytest.approx(7 * sum(seconds.values()) + 5 * twice)
    assert plan.at_most_seconds == (7 * 12 + 5 * 4) * 3.0


def test_what_is_left_is_expected_to_take_its_share(experiment: Experiment, vocabulary: Vocabulary) -> None:
    """The sum over its trials; one of a method that there is no more takes as long as it may."""
    plan = make(experiment, vocabulary=vocabulary)
    seconds = {case.case_id: case.seconds for case in plan.cases}
    left = plan.trials[10:]

    assert expected_seconds(left, vocabulary) == pytest.approx(sum(seconds[trial.case_id] for trial in left))
    unknown = dataclasses.replace(vocabulary, methods={})
    assert expected_seconds(left, unknown) == pytest.approx(3.0 * len(left))


def test_remapping_is_expected_to_take_longer_than_copying_4_kib(
    experiment: Experiment, vocabulary: Vocabulary
) -> None:
    """By the order of magnitude that was measured."""
    plan = make(override(experiment, set_=["iterations=100000"], vocabulary=vocabulary), vocabulary=vocabulary)
    seconds = {case.levels["method"]: case.seconds for case in plan.cases}

    assert seconds["null"] < seconds["memcpy"] < seconds["mremap_fixed"] / 5


@pytest.mark.parametrize(("iterations", "cut_pages"), [(1000, 256), (10, 20)])
def test_remapping_cuts_the_region_into_pages_which_each_round_counts(
    experiment: Experiment, vocabulary: Vocabulary, iterations: int, cut_pages: int
) -> None:
    """0.7 microseconds for each page that an iteration's two can have cut off, in each round; copying cuts nothing."""
    words = [f"iterations={iterations}", "region_size=1MiB", "touch=none"]
    changed = override(experiment, set_=words, vocabulary=vocabulary)
    four, eight = (make(dataclasses.replace(changed, rounds=rounds), vocabulary=vocabulary) for rounds in (4, 8))
    more = [after.seconds - before.seconds for before, after in zip(four.cases, eight.cases, strict=True)]

    assert [case.levels["method"] for case in four.cases] == ["null", "memcpy", "mremap_fixed"]
    assert more == pytest.approx([0.0, 0.0, 0.7e-6 * cut_pages * 4])


def test_no_trial_is_expected_to_pass_its_timeout(experiment: Experiment, vocabulary: Vocabulary) -> None:
    """It would be ended there."""
    plan = make(override(experiment, set_=["iterations=1000000000"], vocabulary=vocabulary), vocabulary=vocabulary)

    assert max(case.seconds for case in plan.cases) == 3.0


def test_a_family_that_the_model_does_not_know_is_taken_for_the_slowest(
    experiment: Experiment, vocabulary: Vocabulary
) -> None:
    """A new family must not make planning fail."""
    changed = override(experiment, set_=["method=memcpy,mremap_fixed,teleport", "touch=none"], vocabulary=vocabulary)
    plan = make(changed, vocabulary=vocabulary)
    seconds = [case.seconds for case in plan.cases]

    assert seconds[4] > seconds[0]


@pytest.mark.parametrize(
    ("method", "levels", "measured_s"),
    [
        ("malloc_copy", "workload: grow\nregion_size: 64MiB\niterations: 20", 1.1),
        ("mremap_may_move", "workload: grow\nregion_size: 64MiB\niterations: 20", 0.7),
        ("mremap_may_move", "workload: grow\nregion_size: 1MiB\niterations: 200", 0.12),
        ("getpid", "workload: call\niterations: 20_000", 0.01),
        ("mremap_touched", "workload: call\niterations: 20_000", 0.09),
        ("mmap_touch_munmap", "workload: call\niterations: 20_000", 0.16),
    ],
)
def test_blocks_and_calls_are_foretold_by_the_order_of_magnitude(
    vocabulary: Vocabulary, method: str, levels: str, measured_s: float
) -> None:
    """A block's cost lies outside the timing for the most part; a call's is neither a page's nor a byte's.

    The figures were measured once, on the machine that the model is of.
    """
    families = {"malloc_copy": "copy", "mremap_may_move": "remap"}
    known = known_method(families.get(method, "control"), ("grow", "call"))
    names = dataclasses.replace(vocabulary, methods={method: known})
    text = f"name: tiny\nquestion: How long?\nmethod: {method}\n{levels}\nbaseline: {{method: {method}}}\n"
    (case,) = make(loads(text, "tiny.yaml", vocabulary=names), vocabulary=names).cases

    assert measured_s / 3 < case.seconds < 7 * measured_s


@pytest.mark.parametrize(
    ("method", "seconds"),
    [
        ("null", 1000 * (7e-9 + 2e-9)),
        ("memcpy", 1000 * (7e-9 + 0.4e-6 + 0.11e-9 * 4096)),
        ("mremap_fixed", 1000 * (7e-9 + 20e-6) + 0.7e-6 * 512 * 4),
    ],
)
def test_a_trial_costs_its_setting_up_its_check_and_its_iterations(
    experiment: Experiment, vocabulary: Vocabulary, method: str, seconds: float
) -> None:
    """As worked by hand from the figures that the model states, for a region of 2 MiB."""
    words = [f"method={method},memcpy" if method != "memcpy" else "method=memcpy", "region_size=2MiB", "touch=none"]
    changed = dataclasses.replace(override(experiment, set_=words, vocabulary=vocabulary), rounds=4)
    case = make(changed, vocabulary=vocabulary).cases[0]

    assert case.seconds == pytest.approx(0.008 + (2 << 20) / 1.5e9 + (2 << 20) / 8e9 + seconds, rel=1e-6)
