"""What contenders are to the baseline, over all of their comparisons, and what a change of conditions does to each."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pageswap.analysis.summary import summarise
from pageswap.analysis.verdicts import BASELINE, NOT_COMPARED, SLOWER
from pageswap.answers.record import CORRUPT, MIXED, NO, NOTHING_MEASURED, UNAVAILABLE, UNDECIDED, YES
from pageswap.comparison.comparison import Part, compare
from pageswap.plan import plan as planning
from pageswap.spec import loader as specs
from tests.answers.answered import ONE, answered, slow_down
from tests.fake_run import FakeRun, make_run


def test_one_that_is_slower_is_said_to_be_so_many_times_slower() -> None:
    """Never as a ratio below 1; the finding has ratio and interval."""
    answer = answered(make_run(method=["memcpy", "mremap_fixed"], **ONE))
    (finding,) = answer.findings

    assert answer.verdict == NO
    assert answer.headline == "mremap_fixed was 20 times slower than memcpy"
    assert finding.ratio == pytest.approx(0.05, rel=0.05)
    assert finding.low < finding.ratio < finding.high
    assert finding.times in {f"{tenths / 10} times slower" for tenths in range(190, 210)} | {
        f"{hundredths / 100:.2f} times slower" for hundredths in range(1_900, 2_100)
    }


def test_yes_needs_every_comparison_to_be_faster() -> None:
    """All faster: yes; one slower: mixed."""
    both = answered(make_run(speeds={"copy_words": 400, "mremap_fixed": 500}, **ONE))
    one = answered(make_run(speeds={"copy_words": 400, "mremap_fixed": 5_000}, **ONE))

    assert (both.verdict, both.headline) == (
        YES,
        "copy_words and mremap_fixed were 1.6 to 2.0 times faster than memcpy",
    )
    assert one.verdict == MIXED
    assert one.headline.startswith("Mixed: copy_words was 2.0 times faster than memcpy; mremap_fixed was 6.")


def test_the_question_is_never_read() -> None:
    """Whatever it says, the answer is the same."""
    plain, odd = make_run(**ONE), make_run(**ONE)
    odd.experiment["question"] = "Which is the fastest, and is memcpy slower than mremap?"

    assert answered(plain) == answered(odd)


def test_no_difference_is_no_answer_of_no() -> None:
    """What was not shown to differ is undecided."""
    answer = answered(make_run(method=["memcpy", "copy_words"], speeds={"copy_words": 800}, **ONE))

    assert (answer.verdict, answer.headline) == (
        UNDECIDED,
        "Undecided: copy_words showed no difference from memcpy",
    )
    assert answer.findings[0].why == "the interval holds 1x"
    assert answer.findings[0].times.endswith(" times as fast")


def test_few_blocks_decide_nothing_and_say_so() -> None:
    """Neither word stands as a finding below the minimum."""
    answer = answered(make_run(method=["memcpy", "mremap_fixed"], blocks=3, **ONE))

    assert answer.verdict == UNDECIDED
    assert answer.headline == "Undecided: too few blocks to compare mremap_fixed with memcpy, 3 of the 6 needed"
    assert answer.findings[0].why == "3 of at least 6 blocks"
    assert answer.findings[0].times.endswith(" times as fast")


def test_too_few_quiet_blocks_are_said_where_blocks_suffice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seven blocks, of which something disturbed three; a baseline's trial counts as much as a contender's."""
    run = make_run(method=["memcpy", "copy_words"], speeds={"copy_words": 800}, **ONE)
    monkeypatch.setattr("tests.fake_run.COLUMNS", (*run.columns(), "swap_ins"))
    for outcome in run.outcomes:
        outcome["swap_ins"] = int(outcome["block"] < 2 or (outcome["block"] == 2 and outcome["method"] == "memcpy"))
    answer = answered(run)

    assert answer.verdict == UNDECIDED
    assert answer.headline == "Undecided: too few quiet blocks to compare with memcpy, 4 of the 6 needed"


def test_six_quiet_blocks_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """One of seven was disturbed."""
    run = make_run(method=["memcpy", "copy_words"], speeds={"copy_words": 800}, **ONE)
    monkeypatch.setattr("tests.fake_run.COLUMNS", (*run.columns(), "swap_ins"))
    for outcome in run.outcomes:
        outcome["swap_ins"] = int(outcome["block"] == 0)

    assert answered(run).headline == "Undecided: copy_words showed no difference from memcpy"


def test_blocks_that_were_disturbed_decide_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """A difference that was found is said, and trust tells of the rest."""
    run = make_run(method=["memcpy", "mremap_fixed"], **ONE)
    monkeypatch.setattr("tests.fake_run.COLUMNS", (*run.columns(), "swap_ins"))
    for outcome in run.outcomes:
        outcome["swap_ins"] = 1
    answer = answered(run)

    assert (answer.headline, answer.trust.level) == ("mremap_fixed was 20 times slower than memcpy", "bad")


def test_the_most_blocks_of_any_comparison_are_named() -> None:
    """One contender has one block fewer."""
    run = make_run(blocks=4, **ONE)
    run.end("failed", "ENOMEM", method="copy_words", block=0, warmup=0)

    assert answered(run).headline.endswith(" with memcpy, 4 of the 6 needed")


def test_hosts_that_disagree_are_named() -> None:
    """One host's winner is another's loser."""
    run = make_run(hosts=("lab1", "lab2"), method=["memcpy", "mremap_fixed"], **ONE)
    slow_down(run, 0.01, host="lab2", method="mremap_fixed")
    answer = answered(run)

    assert answer.verdict == MIXED
    assert answer.headline == "Hosts disagree: mremap_fixed was faster than memcpy on lab2, slower on lab1"


def test_a_host_that_finds_no_difference_disagrees_too() -> None:
    """It had blocks enough to find one."""
    run = make_run(hosts=("lab1", "lab2"), method=["memcpy", "fast"], speeds={"fast": 400.0}, **ONE)
    slow_down(run, 2.0, host="lab2", method="fast")

    assert answered(run).headline == "Hosts disagree: fast was faster than memcpy on lab1, not told apart on lab2"


def test_one_host_without_its_baseline_makes_no_yes_for_two() -> None:
    """It may be slower there."""
    run = make_run(hosts=("lab1", "lab2"), method=["memcpy", "fast"], speeds={"fast": 400.0}, **ONE)
    run.end("failed", "ENOMEM", host="lab2", method="memcpy")
    answer = answered(run)

    assert answer.verdict == MIXED
    assert answer.headline == "Mixed: fast was faster than memcpy on lab1, not compared on lab2"


def test_a_silent_host_makes_no_yes_either() -> None:
    """Nothing is known of it."""
    run = make_run(hosts=("lab1", "lab2"), method=["memcpy", "fast"], speeds={"fast": 400.0}, **ONE)
    run.outcomes = run.of(host="lab1")

    assert answered(run).verdict == MIXED


@pytest.mark.parametrize("warmup", [0, 1])
def test_a_corrupt_method_comes_first_with_its_count_and_is_never_recommended(warmup: int) -> None:
    """One trial is enough, a warm-up too."""
    run = make_run(speeds={"copy_words": 400, "mremap_fixed": 500}, **ONE)
    (first, *_) = run.of(method="copy_words", warmup=warmup)
    run.end("corrupt", "page 3 holds page 9", trial_id=first["trial_id"])
    answer = answered(run)

    assert answer.verdict == MIXED
    assert answer.headline == "Corrupt: copy_words in 1 trial. Mixed: mremap_fixed was 1.6 times faster than memcpy"
    assert {finding.subject: finding.verdict for finding in answer.findings}["copy_words"] == CORRUPT
    assert answer.findings[0].why == "1 of 8 trials of the method did not verify"


@pytest.mark.parametrize("warmup", [0, 1])
def test_nothing_is_decided_against_a_corrupt_baseline_on_its_host(warmup: int) -> None:
    """A warm-up is enough; another host's baseline decides there what it decides."""
    run = make_run(hosts=("lab1", "lab2"), method=["memcpy", "mremap_fixed"], **ONE)
    run.end("corrupt", "page 3", host="lab1", method="memcpy", warmup=warmup, block=0)
    one = answered(run)
    run.end("corrupt", "page 3", host="lab2", method="memcpy", warmup=warmup, block=0)
    both = answered(run)

    assert [(each.host, each.verdict, each.ratio is None, each.why) for each in one.findings] == [
        ("lab1", NOT_COMPARED, True, "its baseline moved pages wrongly"),
        ("lab2", SLOWER, False, ""),
    ]
    assert one.verdict == MIXED
    assert one.headline == (
        "Corrupt: memcpy in 1 trial. Mixed: mremap_fixed was slower than memcpy on lab2, not compared on lab1"
    )
    assert (both.verdict, both.trust.level) == (UNDECIDED, "bad")
    assert both.headline == "Corrupt: memcpy in 2 trials. Undecided: mremap_fixed was not compared"


def test_what_moves_no_page_stands_apart() -> None:
    """It decides nothing beside methods that do."""
    run = make_run(method=["memcpy", "index", "mremap_fixed"], speeds={"index": 2.0}, **ONE)
    run.families["index"] = "window"
    answer = answered(run)

    assert answer.verdict == NO
    assert answer.headline == "mremap_fixed was 20 times slower than memcpy; index, which moves no page, was faster"


def test_controls_take_no_part_unless_they_are_what_it_is_about() -> None:
    """An empty method is no contender; of system calls each is one."""
    empty = answered(make_run(method=["memcpy", "mremap_fixed", "null"], **ONE))
    calls = make_run(method=["getpid", "mmap_munmap"], speeds={"getpid": 120, "mmap_munmap": 4_000}, **ONE)
    calls.experiment["baseline"] = {"method": "getpid"}
    calls.families = {"getpid": "control", "mmap_munmap": "control"}

    assert "null" not in empty.headline
    assert answered(calls).headline == "mmap_munmap was 33 times slower than getpid"


def test_what_no_host_can_run_decides_nothing() -> None:
    """Beside one that could be compared; its reason is in its finding."""
    run = make_run(**ONE)
    run.end("unavailable", "needs AVX-512", method="copy_words")
    answer = answered(run)
    finding = next(each for each in answer.findings if each.subject == "copy_words")

    assert (answer.verdict, finding.verdict) == (NO, UNAVAILABLE)
    assert finding.why == "7 unavailable: needs AVX-512"
    assert "copy_words was not compared" in answer.headline


def test_what_failed_on_a_host_that_cannot_is_not_unavailable() -> None:
    """Some of its trials were refused, and others went wrong."""
    run = make_run(**ONE)
    run.end("unavailable", "needs AVX-512", method="copy_words")
    run.end("failed", "EFAULT", method="copy_words", block=0, warmup=0)
    finding = next(each for each in answered(run).findings if each.subject == "copy_words")

    assert (finding.verdict, answered(run).verdict) == ("not measured", MIXED)


def test_one_that_failed_makes_it_mixed() -> None:
    """It was asked about, and nothing is known of it."""
    run = make_run(**ONE)
    run.end("failed", "EFAULT", method="copy_words")

    assert answered(run).verdict == MIXED


def test_nothing_measured_at_all_is_said() -> None:
    """With how everything ended."""
    run = make_run(**ONE)
    run.end("failed", "mmap: ENOMEM")
    answer = answered(run)

    assert (answer.verdict, answer.trust.level) == (NOTHING_MEASURED, "bad")
    assert answer.headline == "Nothing was measured: 21 failed"


def test_of_many_the_first_of_each_verdict_is_named() -> None:
    """Twenty methods with long names; those that were decided, as what cannot be told from the baseline is no news."""
    names = {f"exchange_of_some_long_name_{index:02d}": 400.0 + 50 * index for index in range(20)}
    answer = answered(make_run(method=["memcpy", *names], speeds=names, noise=0.001, **ONE))

    assert answer.headline == (
        "Mixed: exchange_of_some_long_name_00 and 7 more were faster than memcpy; "
        "exchange_of_some_long_name_09 and 10 more were slower"
    )


def test_where_no_name_has_room_they_are_counted() -> None:
    """Corrupt methods are named before all others."""
    names = {f"exchange_of_some_long_name_{index:02d}": 400.0 + 50 * index for index in range(20)}
    run = make_run(method=["memcpy", *names], speeds=names, noise=0.001, **ONE)
    for method in list(names)[1:3]:
        run.end("corrupt", "page 3", method=method, block=2, warmup=0)

    assert answered(run).headline == (
        "Corrupt: exchange_of_some_long_name_01 in 1 trial and 1 more method. "
        "Mixed: 6 faster than memcpy, 11 slower, 1 undecided"
    )


def test_contenders_are_named_as_far_as_there_is_room() -> None:
    """Three verdicts, five names: factors and shares go before a name does, and the baseline is named once."""
    speeds = {"uffd_move": 400.0, "copy_words": 300.0, "memfd_map_populate": 800.0, "remap_file_pages": 800.0}
    run = make_run(method=["memcpy", "memfd_map_fixed", *speeds], speeds={"memfd_map_fixed": 800.0, **speeds}, noise=0)
    slow_down(run, 0.5, method="memfd_map_fixed", touch="moved")

    assert answered(run).headline == (
        "Mixed: uffd_move and copy_words were faster than memcpy; memfd_map_fixed depends on the case; "
        "memfd_map_populate and remap_file_pages showed no difference"
    )


def test_shares_of_one_that_depends_on_the_case() -> None:
    """Faster in one of four."""
    run = make_run(method=["memcpy", "copy_words"], speeds={"copy_words": 800}, blocks=12)
    slow_down(run, 0.5, method="copy_words", touch="moved", region_size=128 << 20)
    answer = answered(run)

    assert answer.verdict == MIXED
    assert answer.headline == "Mixed: copy_words was faster than memcpy in 1 of 4 comparisons, not told apart in 3"


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
    assert len({pair.block for pair in summary.noise["local"].pairs}) == 7


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
