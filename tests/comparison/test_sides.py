"""Several sides against one base: which changed what, in the first sentence; gates together; JUnit; Markdown."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from pageswap.answers.record import HEADLINE_LENGTH
from pageswap.answers.words import fitted
from pageswap.comparison.comparison import compare, conclude
from pageswap.comparison.measured_run import Part
from pageswap.comparison.sides import Effect, SidesComparison, as_junit, as_markdown, compare_sides, conclude_sides
from pageswap.errors import UsageError
from tests.fake_run import NS_PER_OP, make_run

SMALL: dict[str, Any] = {"region_size": [128 << 20], "touch": ["none"], "blocks": 8, "noise": 0.01, "block_noise": 0.01}
VISITS = "Two visits: the interval does not cover what differs between visits."


def kernel(release: str, seed: int, factor: float = 1.0, runs: int = 2) -> list[Part]:
    """Give a side of runs under one kernel, on which mremap takes so much longer."""
    made = []
    for number in range(runs):
        run = make_run(seed=10 * seed + number, speeds={"mremap_fixed": NS_PER_OP["mremap_fixed"] * factor}, **SMALL)
        run.facts["local"]["kernel"] = release
        made.append(Part(run, None, f"kernel:{release}"))
    return made


def five_kernels(limit: float | None = None, runs: int = 2) -> SidesComparison:
    """Compare four kernels with a fifth: one slower, one faster, two alike."""
    others = [("6.6", 1.0), ("6.8", 1.0), ("6.12", 1.5), ("6.18", 0.5)]
    sides = [kernel(release, seed, factor, runs) for seed, (release, factor) in enumerate(others, 2)]
    return compare_sides(kernel("6.1", 1, runs=runs), sides, limit=limit)


def test_the_first_sentence_says_which_kernel_changed_what() -> None:
    """Those that changed something with their largest change, then those that did not."""
    said = five_kernels().headline

    assert said == (
        "Against kernel:6.1: kernel:6.12 made mremap_fixed 1.5 times slower; kernel:6.18 made mremap_fixed 2.0 times "
        "faster; nothing found in kernel:6.6 and kernel:6.8."
    )


def test_what_all_changed_cases_have_in_common_is_named() -> None:
    """Where several changed alike, their method is, rather than the one that changed most."""
    options = {**SMALL, "touch": ["none", "moved"]}
    runs = [
        [Part(make_run(seed=10 * seed + number, speeds={"mremap_fixed": ns}, **options), None, f"kernel:{seed}")]
        for seed, ns in ((1, NS_PER_OP["mremap_fixed"]), (2, 1.5 * NS_PER_OP["mremap_fixed"]))
        for number in (0, 1)
    ]
    said = compare_sides([*runs[0], *runs[1]], [[*runs[2], *runs[3]]]).headline

    assert said.startswith(
        "Against kernel:1: kernel:2 made mremap_fixed slower in 2 of 6 cases, at most 1.5 times slower"
    )


@pytest.mark.parametrize("sides", [1, 2, 4, 40])
@pytest.mark.parametrize("length", [4, 25, 300])
@pytest.mark.parametrize("change", [0.3, 1.0, 1.02, 15.0])
def test_the_first_sentence_has_at_most_160_characters(sides: int, length: int, change: float) -> None:
    """However many sides there are, and however long their names: what is left out is counted."""
    name = "memfd_map_populate, memfd backing, touch moved"
    one, several = [
        Effect(f"{place:x<{length}}", 24, slower, 1, name if change != 1 else "", change, is_covered=False)
        for place, slower in ((1, 0), (2, 3))
    ]
    said = fitted("sides", "headline", "b" * length, [one, *[several] * (sides - 1)])

    assert len(said) <= HEADLINE_LENGTH
    assert said.startswith("Between two visits, nothing that could" if change == 1 else "Between two visits, against b")
    assert said.endswith(".")
    assert change == 1 or sides > 2 or " made " in said


def test_one_run_a_side_is_said_to_be_two_visits() -> None:
    """In the first sentence, below it, and beside each word."""
    found = five_kernels(runs=1)
    changed = next(case for case in found.comparisons[2].cases if case.verdict == "slower")

    assert found.headline.startswith("Between two visits, against kernel:6.1: ")
    assert VISITS in as_markdown(found)
    assert ("between two visits", False) == (changed.note, changed.is_covered)


def test_one_gate_that_trips_trips_all() -> None:
    """The slower kernel's; with one run a side none does, and none is taken for passed."""
    found = five_kernels(limit=0.05)

    assert [True, True, False, True] == [each.gate.passed for each in found.comparisons if each.gate]
    assert conclude_sides(found) == 5
    assert conclude_sides(five_kernels()) == 0
    with pytest.raises(UsageError, match="two runs a side"):
        conclude_sides(five_kernels(limit=0.05, runs=1))


def test_junit_has_a_suite_a_side_and_fails_what_is_over_the_limit() -> None:
    """It is well-formed whatever a name holds."""
    found = five_kernels(limit=0.05)
    suites = ET.fromstring(as_junit(found)).findall("testsuite")  # noqa: S314 - our own
    hostile = [Part(make_run(seed=9, **SMALL), None, '<b a="&">]]>\x07')]

    assert ["0", "0", "1", "0"] == [suite.get("failures") for suite in suites]
    assert {3} == {len(suite.findall("testcase")) for suite in suites}
    ET.fromstring(as_junit(compare_sides(hostile, [hostile])))  # noqa: S314 - our own


def test_several_sides_are_one_json_document() -> None:
    """Two sides are the comparison itself, as before."""
    found = five_kernels()
    document = json.loads(json.dumps(found.as_json()))
    pair = compare_sides(kernel("6.1", 1), [kernel("6.6", 2)])

    assert found.headline == document["headline"]
    assert ["kernel:6.6", "kernel:6.8", "kernel:6.12", "kernel:6.18"] == [
        each["new"]["name"] for each in document["comparisons"]
    ]
    assert {"base", "new", "by", "cases", "gate", "pairs"} <= set(pair.as_json())


def test_one_stray_run_trips_no_gate() -> None:
    """Half as much again in one of four runs, in one case."""
    stray = kernel("6.6", 2, runs=4)
    run = stray[3].run_data
    for outcome in run.of(method="mremap_fixed"):  # type: ignore[attr-defined]
        outcome["elapsed_ns"] = round(outcome["elapsed_ns"] * 1.5)
    found = compare(kernel("6.1", 1, runs=4), stray, limit=0.05)

    assert found.gate is not None
    assert found.gate.passed is True
    assert {"no difference found"} == {case.verdict for case in found.cases}


def test_earlier_runs_cover_two_visits() -> None:
    """A change beyond what they vary by has its word, and trips the gate; what is within it does neither."""
    earlier = [[part for seed in range(20, 26) for part in kernel("6.1", seed, runs=1)]]
    large = compare(kernel("6.1", 1, runs=1), kernel("6.1", 2, 1.5, runs=1), earlier=earlier, limit=0.05)
    small = compare(kernel("6.1", 1, runs=1), kernel("6.1", 3, runs=1), earlier=earlier, limit=0.05)

    assert large.is_covered
    assert ["mremap_fixed"] == [case.levels["method"] for case in large.cases if case.verdict == "slower"]
    assert (5, 0) == (conclude(large.gate), conclude(small.gate))
    assert {"no difference found"} == {case.verdict for case in small.cases}


def test_a_second_run_on_one_side_alone_trips_no_gate() -> None:
    """It may be the other side's only run that strayed; earlier ones would tell."""
    found = compare(kernel("6.1", 1, runs=2), kernel("6.1", 2, 1.5, runs=1), limit=0.05)

    assert found.gate is not None
    assert (None, 1) == (found.gate.passed, found.gate.tripped)
    assert "nothing is decided: 1 of 3 cases are slower by more than 5 % in this visit" in found.gate.text


def test_a_side_of_unlike_machines_is_refused() -> None:
    """With the condition by name, as no spread between them is one between visits."""
    side = kernel("6.6", 2)
    side[1].run_data.facts["local"]["cpu_model"] = "Another"  # type: ignore[attr-defined]

    with pytest.raises(UsageError, match=r"differ in CPU \(AMD EPYC 9R45, Another\); name runs that are alike"):
        compare(kernel("6.1", 1), side)


def test_two_hosts_of_one_run_are_two_sides_of_one_run_each() -> None:
    """Each counts the trials of its own host."""
    run = make_run(hosts=("a", "b"), **SMALL)
    found = compare([Part(run, "a", "a")], [Part(run, "b", "b")])

    assert {(8, 8)} == {(case.base_n, case.new_n) for case in found.cases}
