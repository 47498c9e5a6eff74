"""A baseline without a method compares each method with itself under other conditions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pageswap.analysis.summary import summarise
from pageswap.analysis.verdicts import BASELINE
from pageswap.answers.record import MIXED, UNDECIDED, YES
from pageswap.comparison.comparison import Part, compare
from pageswap.plan import plan as planning
from pageswap.spec import loader as specs
from tests.answers.answered import answered
from tests.fake_run import FakeRun, make_run

BASE = {"threads": 1, "neighbours": "idle"}
METHODS = ["memcpy", "copy_words", "mremap_fixed", "uffd_move"]


def scaled(changes: dict[tuple[str, int, str], float], **more: object) -> FakeRun:
    """Make a run of one and two threads and of both kinds of neighbours, two cases at once left out.

    ``changes`` are how many times as long a method takes with these threads and neighbours; 1 else.
    """
    run = make_run(
        **{  # type: ignore[arg-type]
            "method": METHODS,
            "region_size": [64 << 20],
            "touch": ["none"],
            "threads": [1, 2],
            "neighbours": ["idle", "spinning"],
            "baseline": BASE,
            "replicas": True,
            **more,
        }
    )
    both = {c["case_id"] for c in run.case_list if c["threads"] == 2 and c["neighbours"] == "spinning"}
    run.case_list = [case for case in run.case_list if case["case_id"] not in both]
    run.outcomes = [outcome for outcome in run.outcomes if outcome["case_id"] not in both]
    run.families["uffd_move"] = "remap"
    of_case = {case["case_id"]: (case["method"], case["threads"], case["neighbours"]) for case in run.case_list}
    for outcome in run.outcomes:
        outcome["elapsed_ns"] = round(outcome["elapsed_ns"] * changes.get(of_case[outcome["case_id"]], 1.0))
        outcome["rounds_ns"] = json.dumps([outcome["elapsed_ns"] // 10] * 10)
    return run


SCALED = {
    ("memcpy", 2, "idle"): 0.5,
    ("copy_words", 2, "idle"): 0.6,
    ("mremap_fixed", 2, "idle"): 3.0,
    ("uffd_move", 2, "idle"): 1.0,
    ("mremap_fixed", 1, "spinning"): 2.0,
}


def test_each_method_is_compared_with_itself() -> None:
    """Four baselines, each method's own, and eight comparisons with the ratios that were made."""
    summary = summarise(scaled(SCALED))
    ratios = {(c.levels["method"], c.levels["threads"], c.levels["neighbours"]): c.ratio for c in summary.cases}

    assert [case.levels["method"] for case in summary.cases if case.verdict == BASELINE] == METHODS
    assert ratios["memcpy", 2, "idle"] == pytest.approx(2, rel=0.03)
    assert ratios["mremap_fixed", 2, "idle"] == pytest.approx(1 / 3, rel=0.03)
    assert ratios["mremap_fixed", 1, "spinning"] == pytest.approx(1 / 2, rel=0.03)
    assert summary.noise["local"].blocks == 7


def test_who_gains_who_loses_and_who_does_neither() -> None:
    """Each change by itself, in words that say only what changed; a finding a comparison."""
    answer = answered(scaled(SCALED, neighbours=["idle"]))
    first = answer.findings[0]

    assert answer.verdict == MIXED
    assert answer.headline.startswith("Mixed: with 2 threads memcpy and copy_words ran 1.7 to 2.0")
    assert " times faster than with 1 thread; mremap_fixed ran 3.0 times slower" in answer.headline
    assert answer.headline.endswith("; no difference found for uffd_move")
    assert (first.subject, first.against, first.where) == ("2 threads", "1 thread", {"method": "memcpy"})


def test_several_changes_are_told_one_after_the_other() -> None:
    """As many as there is room for, the baseline's first factor first."""
    answer = answered(scaled(SCALED))

    assert answer.headline.startswith("Mixed: with 2 threads memcpy and copy_words ran faster; mremap_fixed ran slower")
    assert answer.headline.endswith("; with spinning neighbours mremap_fixed ran slower")
    assert {finding.subject for finding in answer.findings} == {"2 threads", "spinning neighbours"}


def test_changes_without_room_are_named() -> None:
    """What they did is in the findings."""
    methods = [f"{name}_with_a_name_of_its_own" for name in METHODS]
    more = {"threads": [1, 2], "neighbours": ["idle", "spinning"], "region_size": [64 << 20], "touch": ["none"]}
    run = make_run(method=methods, speeds=dict.fromkeys(methods, 800.0), baseline=BASE, **more)
    for outcome in run.outcomes:
        outcome["elapsed_ns"] *= outcome["threads"] * (3 if outcome["neighbours"] == "spinning" else 1)

    assert answered(run).headline.endswith(" and 3 more ran slower; not told here: with spinning neighbours and 1 more")


def test_all_gain() -> None:
    """Yes."""
    changes = {(method, 2, "idle"): 0.5 for method in METHODS}

    assert answered(scaled(changes, neighbours=["idle"])).verdict == YES


def test_few_blocks_decide_nothing() -> None:
    """Two blocks have ratios and no word."""
    answer = answered(scaled(SCALED, blocks=2))

    assert answer.verdict == UNDECIDED
    assert answer.headline == ("Undecided: too few blocks to compare with 1 thread, idle neighbours, 2 of the 6 needed")


def test_many_are_counted() -> None:
    """Twelve methods on three hosts."""
    names = [f"method_of_some_length_{index:02d}" for index in range(12)]
    changes = {(name, 2, "idle"): 0.5 for name in names[:6]}
    answer = answered(scaled(changes, method=names, hosts=("a", "b", "c"), speeds=dict.fromkeys(names, 9e2)))

    assert len(answer.headline) <= 160
    assert "more ran" in answer.headline


def test_without_the_changed_cases_nothing_is_claimed() -> None:
    """A host with one CPU has baselines and nothing beside them."""
    run = scaled(SCALED)
    run.end("unavailable", "needs 2 CPUs", threads=2)
    for case in [case for case in run.case_list if case["neighbours"] == "spinning"]:
        run.end("unavailable", "needs 2 CPUs", case_id=case["case_id"])
    answer = answered(run)

    assert answer.verdict == UNDECIDED
    assert "faster" not in answer.headline
    assert "slower" not in answer.headline


def test_the_experiment_itself_has_such_a_baseline() -> None:
    """It loads, each method has a control and is compared with itself, twice."""
    spec = specs.load(Path(__file__).resolve().parents[2] / "experiments" / "thread_scaling.yaml")
    plan = planning.make(spec)
    own = {case.case_id: dict(case.levels) for case in plan.cases}
    against = {case: levels for case, levels in own.items() if any(levels[name] != BASE[name] for name in BASE)}
    twice = {trial.method for trial in plan.trials if trial.replica}

    assert spec.baseline == BASE
    assert twice == {levels["method"] for levels in own.values()}
    assert len(against) == 2 * len(twice)
    assert all({**levels, **BASE} in own.values() for levels in against.values())


def test_two_such_runs_are_compared() -> None:
    """Relative to each method's own baseline: who gains less from the second thread is found, and nobody else."""
    worse = {**SCALED, ("memcpy", 2, "idle"): 0.8}
    found = compare(Part(scaled(SCALED, blocks=12), None, "a"), Part(scaled(worse, blocks=12, seed=2), None, "b"))
    changed = [change.levels for change in found.cases if change.verdict != "no difference found"]

    assert [(levels["method"], levels["threads"]) for levels in changed] == [("memcpy", 2)]
