"""Two runs compared: what changed, by how much, whether it may be said, and whether a gate trips on it."""

from __future__ import annotations

import dataclasses
import itertools
import json
import random
from typing import Any

import pytest

from pageswap.comparison.comparison import Comparison, Gate, Part, compare, conclude, parse_limit
from pageswap.comparison.environments import DOES_NOT_STAND, RESERVATIONS, STANDS
from pageswap.errors import UsageError
from tests.fake_run import NS_PER_OP, FakeRun, make_run

# One case of each method.
SMALL: dict[str, Any] = {"region_size": [128 << 20], "touch": ["none"], "blocks": 12, "noise": 0.01}


def compared(base: FakeRun, new: FakeRun, **options: Any) -> Comparison:
    """Compare two whole runs."""
    return compare(Part(base, None, "base"), Part(new, None, "new"), **options)


def several(seed: int, runs: int = 2, **options: Any) -> list[Part]:
    """Give a side of runs that differ by chance alone."""
    return [Part(make_run(seed=100 * seed + number, **options), None, "several") for number in range(runs)]


def by_method(comparison: Comparison) -> dict[str, Any]:
    """Give each method's change."""
    return {change.levels["method"]: change for change in comparison.cases}


def slowed(method: str, factor: float) -> dict[str, float]:
    """Give the speeds of a core in which one method takes so much longer."""
    return {method: NS_PER_OP[method] * factor}


def test_two_runs_of_the_same_code_pass_the_gate() -> None:
    """Nothing is called different, the gate passes, and the comparison stands."""
    found = compared(make_run(seed=1, **SMALL), make_run(seed=2, **SMALL), limit=0.05)

    assert {"no difference found"} == {change.verdict for change in found.cases}
    assert STANDS == found.verdict.word
    assert found.gate is not None
    assert found.gate.passed is True
    assert found.gate.judged == 3


@pytest.mark.parametrize("method", ["copy_words", "mremap_fixed", "memcpy"])
def test_a_method_slowed_by_a_tenth_trips_the_gate(method: str) -> None:
    """Also when it is the baseline itself that was slowed."""
    options = {**SMALL, "block_noise": 0.02}
    found = compare(several(1, 4, **options), several(2, 4, speeds=slowed(method, 1.1), **options), limit=0.05)
    change = by_method(found)[method]

    assert "slower" == change.verdict
    assert change.over_limit
    assert change.change_ci.low < 1.1 < change.change_ci.high
    assert found.gate is not None
    assert (False, 1) == (found.gate.passed, found.gate.tripped)


def test_the_gate_asks_the_interval_not_the_point() -> None:
    """Few noisy blocks may well have a point above the limit; that alone is no evidence."""
    options = {**SMALL, "blocks": 5, "noise": 0.08}
    found = compared(make_run(seed=3, **options), make_run(seed=4, speeds=slowed("copy_words", 1.12), **options))
    change = by_method(found)["copy_words"]
    limit = (change.change - 1) / 2

    assert change.change > 1 + limit > change.change_ci.low
    gated = compared(
        make_run(seed=3, **options), make_run(seed=4, speeds=slowed("copy_words", 1.12), **options), limit=limit
    )
    assert gated.gate is not None
    assert gated.gate.passed is True


def test_a_gate_within_a_slowdown_that_is_shown_lets_it_through() -> None:
    """A method that is surely slower, but by less than the limit, is called slower and passes."""
    found = compared(make_run(seed=1, **SMALL), make_run(seed=2, speeds=slowed("copy_words", 1.1), **SMALL), limit=0.2)

    assert "slower" == by_method(found)["copy_words"].verdict
    assert found.gate is not None
    assert found.gate.passed is True


def test_what_slowed_the_whole_run_cancels_in_ratios_only() -> None:
    """A machine that was slower by a fifth changes times, and no time relative to the run's own baseline."""
    base = make_run(seed=1, **SMALL)
    new = make_run(seed=2, speeds={name: ns * 1.2 for name, ns in NS_PER_OP.items()}, **SMALL)

    assert {"no difference found"} == {change.verdict for change in compared(base, new).cases}
    times = compared(base, new, by="time", limit=0.05)
    assert {"slower"} == {change.verdict for change in times.cases}
    assert times.gate is not None
    assert times.gate.tripped == 3


def test_a_faster_baseline_is_not_called_slower_others() -> None:
    """When another method became faster, the baseline, whose yardstick it is, does not count as slower."""
    options = {**SMALL, "method": ["memcpy", "copy_words"], "block_noise": 0.01}
    found = compared(
        make_run(seed=1, **options), make_run(seed=2, speeds=slowed("copy_words", 0.8), **options), limit=0.05
    )

    assert "faster" == by_method(found)["copy_words"].verdict
    assert "no difference found" == by_method(found)["memcpy"].verdict
    assert "machine" not in by_method(found)["memcpy"].note
    assert found.gate is not None
    assert found.gate.passed is True


def test_a_baseline_with_too_few_blocks_of_its_others_has_too_few() -> None:
    """Its own time is known from twelve blocks, but what it is relative to from a single one: no word is said of it."""
    options = {**SMALL, "method": ["memcpy", "copy_words"]}
    new = make_run(seed=2, speeds=slowed("memcpy", 1.5), **options)
    for block in range(1, 12):
        new.end("failed", "mremap: ENOMEM", method="copy_words", block=block)
    baseline = by_method(compared(make_run(seed=1, **options), new))["memcpy"]

    assert (baseline.verdict, baseline.new_n) == ("too few", 12)
    assert baseline.note == "too few blocks have both it and what it is compared with"
    assert baseline.change_ci.low > 1.3


def test_a_case_that_failed_on_one_side_does_not_shift_the_baselines_yardstick() -> None:
    """A slowed baseline is found relative to the cases that both sides measured."""
    options = {**SMALL, "block_noise": 0.01}
    new = make_run(seed=2, speeds=slowed("memcpy", 1.1), **options)
    new.end("failed", "mremap: ENOMEM", method="copy_words")
    found = compared(make_run(seed=1, **options), new, limit=0.05)

    assert "slower" == by_method(found)["memcpy"].verdict
    assert by_method(found)["memcpy"].over_limit


def test_a_machine_that_drifted_does_not_make_the_baseline_slower() -> None:
    """The baseline's time grew with all others', and the note says so."""
    base = make_run(seed=1, **SMALL)
    found = compared(base, make_run(seed=2, speeds={name: ns * 1.3 for name, ns in NS_PER_OP.items()}, **SMALL))
    baseline = by_method(found)["memcpy"]

    assert "no difference found" == baseline.verdict
    assert baseline.time_change == pytest.approx(1.3, abs=0.1)
    assert "that was the machine" in baseline.note


def test_the_smallest_detectable_change_is_said() -> None:
    """More noise makes it larger; a change of that size would have been found."""
    quiet = compared(make_run(seed=1, **SMALL), make_run(seed=2, **SMALL))
    noisy = compared(make_run(seed=1, **{**SMALL, "noise": 0.1}), make_run(seed=2, **{**SMALL, "noise": 0.1}))
    sizes = [by_method(found)["copy_words"].detectable for found in (quiet, noisy)]

    assert 1 < sizes[0] < 1.05 < sizes[1]


def test_a_plain_time_is_compared_where_there_is_no_common_baseline() -> None:
    """The quantity is named with the reason, and asking for ratios is refused with it."""
    base, new = make_run(seed=1, **SMALL), make_run(seed=2, baseline={"method": "copy_words"}, **SMALL)

    assert compared(base, new).by == "time"
    with pytest.raises(UsageError, match=r"--by ratio: the two runs have different baselines; use --by time"):
        compared(base, new, by="ratio")


def test_what_disturbs_some_rounds_of_a_trial_does_not_hide_a_change() -> None:
    """Another program takes the CPU in some rounds: whole times tell nothing then, the faster halves still do."""
    options = {**SMALL, "block_noise": 0.01}
    runs = [make_run(seed=1, **options), make_run(seed=2, speeds=slowed("copy_words", 1.1), **options)]
    chance = random.Random(5)  # noqa: S311 - a simulation, not a secret
    for run in runs:
        for outcome in run.outcomes:
            rounds = json.loads(outcome["rounds_ns"])
            for place in chance.sample(range(10), 3):
                rounds[place] = round(rounds[place] * chance.uniform(1, 8))
            outcome.update(rounds_ns=json.dumps(rounds), elapsed_ns=sum(rounds))

    change = by_method(compared(*runs, limit=0.05))["copy_words"]
    assert ("slower", True) == (change.verdict, change.over_limit)
    assert change.change == pytest.approx(1.1, abs=0.02)
    assert "no difference found" == by_method(compared(*runs, by="time"))["copy_words"].verdict


def test_a_change_within_the_noise_of_measuring_twice_is_none() -> None:
    """Where the A/A controls of both runs differ by a third, a tenth is called nothing and trips no gate."""
    options = {**SMALL, "replicas": True, "block_noise": 0.01}
    runs = [make_run(seed=1, **options), make_run(seed=2, speeds=slowed("copy_words", 1.1), **options)]
    quiet = compared(*runs, limit=0.05)
    for run in runs:
        for outcome in run.of(replica=1):
            factor = 1.3 if outcome["block"] % 2 else 0.75
            outcome["elapsed_ns"] = round(outcome["elapsed_ns"] * factor)
    noisy = compared(*runs, limit=0.05)

    assert "slower" == by_method(quiet)["copy_words"].verdict
    assert quiet.pairs[0].noise == pytest.approx(1.02, abs=0.02)
    assert "no difference found" == by_method(noisy)["copy_words"].verdict
    assert "by which the same thing measured twice differs" in by_method(noisy)["copy_words"].note
    assert by_method(noisy)["copy_words"].detectable == noisy.pairs[0].noise > 1.2
    assert [1, 0] == [found.gate.tripped for found in (quiet, noisy) if found.gate]


def test_cases_are_matched_by_levels_not_by_number() -> None:
    """Another order of the levels gives the same pairs; what only one run has is listed."""
    base = make_run(seed=1, **{**SMALL, "touch": ["none", "moved"]})
    new = make_run(seed=2, **{**SMALL, "method": ["mremap_fixed", "null", "memcpy"]})
    found = compared(base, new)

    assert {"memcpy", "mremap_fixed"} == {change.levels["method"] for change in found.cases}
    assert {"no difference found"} == {change.verdict for change in found.cases}
    assert [("copy_words", "none"), ("copy_words", "moved"), ("memcpy", "moved"), ("mremap_fixed", "moved")] == [
        (levels["method"], levels["touch"]) for levels in found.only_base
    ]
    assert ["null"] == [levels["method"] for levels in found.only_new]


def test_runs_without_a_common_case_are_refused() -> None:
    """There is nothing to say about other work."""
    with pytest.raises(UsageError, match="no case in common"):
        compared(make_run(**SMALL), make_run(**{**SMALL, "page_size": [8192]}))


def test_a_case_that_could_not_be_measured_is_said_with_its_reason() -> None:
    """It is neither faster nor slower, and the gate counts it as not judged."""
    new = make_run(seed=2, **SMALL)
    new.end("failed", "mremap: ENOMEM", method="mremap_fixed")
    found = compared(make_run(seed=1, **SMALL), new, limit=0.05)
    change = by_method(found)["mremap_fixed"]

    assert ("not compared", "not measured in new: failed: mremap: ENOMEM") == (change.verdict, change.note)
    assert found.gate is not None
    assert "1 could not be judged" in found.gate.text


def test_too_few_blocks_give_no_word_and_decide_no_gate() -> None:
    """Three blocks cannot exclude anything."""
    found = compared(make_run(**{**SMALL, "blocks": 3}), make_run(seed=2, **{**SMALL, "blocks": 3}), limit=0.05)

    assert {"too few"} == {change.verdict for change in found.cases}
    assert found.gate is not None
    assert found.gate.passed is None


def test_warm_ups_and_replicas_take_no_part() -> None:
    """The fake run's warm-up takes three times as long."""
    run = make_run(seed=1, replicas=True, **SMALL)
    found = compared(run, run)

    assert {1.0} == {change.change for change in found.cases}
    assert {12} == {change.base_n for change in found.cases}


def test_unlike_machines_are_compared_but_decide_no_gate() -> None:
    """It says what differs and why that matters; a gate that passed or tripped on it would be a lie."""
    base, new = make_run(seed=1, **SMALL), make_run(seed=2, **SMALL)
    new.facts["local"]["cpu_model"] = "Intel Xeon"
    new.facts["local"]["hostname"] = "other"
    found = compared(base, new, limit=0.05)

    assert DOES_NOT_STAND == found.verdict.word
    assert [("cpu_model", True), ("hostname", False)] == [(d.key, d.matters) for d in found.pairs[0].differences]
    assert found.gate is not None
    assert found.gate.passed is None


def test_hosts_are_matched_by_name_and_the_worst_pair_decides() -> None:
    """Of two hosts one has a new kernel: its pair has reservations, the other's stands."""
    base, new = make_run(hosts=("a", "b"), **SMALL), make_run(hosts=("b", "a", "c"), seed=2, **SMALL)
    new.facts["b"]["kernel"] = "7.0"
    found = compared(base, new)

    assert [("a", STANDS), ("b", RESERVATIONS)] == [(pair.base, pair.verdict.word) for pair in found.pairs]
    assert RESERVATIONS == found.verdict.word
    assert 6 == len(found.cases)


def test_two_hosts_of_one_run_are_compared_by_name() -> None:
    """RUN:a with RUN:b; an unknown one is refused with those there are."""
    run = make_run(hosts=("a", "b"), **SMALL)
    found = compare(Part(run, "a", "run:a"), Part(run, "b", "run:b"))

    assert {("a", "b")} == {(change.base_host, change.new_host) for change in found.cases}
    with pytest.raises(UsageError, match="no host 'c'; it has a, b"):
        compare(Part(run, "a", "run:a"), Part(run, "c", "run:c"))


def test_hosts_without_a_common_name_are_not_guessed_at() -> None:
    """Two hosts each, none the same: the person must say which."""
    with pytest.raises(UsageError, match="name one of each, as RUN:HOST"):
        compared(make_run(hosts=("a", "b"), **SMALL), make_run(hosts=("c", "d"), **SMALL))


def test_a_comparison_can_be_written_as_json() -> None:
    """Only plain values are in it."""
    document = dataclasses.asdict(compared(make_run(**SMALL), make_run(seed=2, **SMALL), limit=0.05))

    assert json.loads(json.dumps(document, allow_nan=False))["gate"]["passed"] is True


@pytest.mark.slow
def test_false_alarms_of_the_gate_are_rare() -> None:
    """Of 60 pairs of runs of the same code on a noisy machine, not one trips a gate of 5 %."""
    options = {**SMALL, "blocks": 7, "noise": 0.04, "block_noise": 0.1}
    tripped = 0
    for seed in range(60):
        found = compared(make_run(seed=seed, **options), make_run(seed=seed + 1_000, **options), limit=0.05)
        assert found.gate is not None
        tripped += not found.gate.passed

    assert tripped <= 1


@pytest.mark.slow
def test_many_cases_need_stronger_evidence() -> None:
    """Of 24 cases that did not change hardly one run in 20 calls one changed, as in a report."""
    names = {f"m{number}": 800.0 for number in range(23)}
    options = {"region_size": [128 << 20], "touch": ["none"], "noise": 0.03, "blocks": 8}
    runs = [make_run(method=["memcpy", *names], speeds=names, seed=seed, **options) for seed in range(40)]
    alarms = 0
    for base, new in itertools.pairwise(runs):
        cases = compared(base, new).cases
        alarms += any(case.verdict in {"faster", "slower"} for case in cases)

    assert alarms <= 4


@pytest.mark.parametrize(("text", "limit"), [("5%", 0.05), ("0%", 0), ("12.5 %", 0.125), ("100%", 1)])
def test_a_limit_is_a_percentage(text: str, limit: float) -> None:
    """Written as one reads it."""
    assert limit == parse_limit(text)


@pytest.mark.parametrize(("text", "hint"), [("5", "; write '5%'"), ("0.05", ""), ("1.05", ""), ("-5%", ""), ("x", "")])
def test_another_limit_is_refused(text: str, hint: str) -> None:
    """A bare number might mean either."""
    with pytest.raises(UsageError) as error:
        parse_limit(text)

    assert f"--fail-above: expected a percentage such as 5%, found {text!r}{hint}" == str(error.value)


def gate(*, passed: bool | None) -> Gate:
    """Make a gate that decided so."""
    return Gate(limit=0.05, judged=1, tripped=1, passed=passed, text="nothing is known.")


def test_a_gate_decides_the_exit_code() -> None:
    """One that was passed, and none, is 0; one that tripped 5; one that decides nothing is an error with its reason."""
    assert [0, 0, 5] == [conclude(each) for each in (None, gate(passed=True), gate(passed=False))]
    with pytest.raises(UsageError, match="--fail-above: nothing is known; leave the gate out"):
        conclude(gate(passed=None))


def test_each_side_is_looked_up_by_its_own_host_and_number() -> None:
    """What a case's baseline took, and the noise of it, are never another case's of the same number."""
    base, new = (
        make_run(seed=seed, replicas=True, hosts=(host,), touch=touch, region_size=[128 << 20], blocks=12)
        for seed, host, touch in ((1, "a", ["none", "moved"]), (2, "b", ["moved", "none"]))
    )
    for outcome in (*base.of(touch="moved"), *new.of(touch="moved")):
        outcome["elapsed_ns"] *= 6 if outcome["replica"] else 3
    found = compare(Part(base, "a", "a"), Part(new, "b", "b"))
    changes = [factor for change in found.cases for factor in (change.time_change, change.change) if factor]

    assert len(changes) == 2 * len(found.cases)
    assert changes == pytest.approx([1.0] * len(changes), abs=0.1)


def test_each_side_counts_its_own_blocks() -> None:
    """Eight of one run and eleven of the other."""
    options: dict[str, Any] = {"region_size": [128 << 20], "touch": ["none"]}
    found = compared(make_run(seed=1, blocks=8, **options), make_run(seed=2, blocks=11, **options))

    assert {(8, 11)} == {(change.base_n, change.new_n) for change in found.cases}
