"""The cases are the product, less what is excluded, plus what is included, and each can be measured and compared."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from pageswap.errors import SpecError
from pageswap.spec.cases import build_cases
from pageswap.spec.loader import loads
from tests.known_method import known_method

if TYPE_CHECKING:
    from collections.abc import Callable

    from pageswap.spec.experiment import Experiment
    from pageswap.spec.factors import Vocabulary

    Read = Callable[..., Experiment]

MIB = 1 << 20


def _short(experiment: Experiment) -> list[tuple[object, ...]]:
    return [(case["method"], case["region_size"], case["touch"]) for case in build_cases(experiment)]


def test_gives_the_product_with_the_first_factor_varying_slowest(read: Read) -> None:
    """The order depends on the registry, not on the file."""
    assert _short(read()) == [
        (method, region, touch)
        for method in ("memcpy", "mremap_fixed")
        for region in (MIB, 2 * MIB)
        for touch in ("none", "moved")
    ]


def test_exclude_removes_the_cases_that_match_all_of_an_entry(read: Read) -> None:
    """A list in an entry means any of it."""
    experiment = read(exclude="[{method: mremap_fixed, touch: [none, moved], region_size: 2MiB}]")

    assert _short(experiment) == [
        ("memcpy", MIB, "none"),
        ("memcpy", MIB, "moved"),
        ("memcpy", 2 * MIB, "none"),
        ("memcpy", 2 * MIB, "moved"),
        ("mremap_fixed", MIB, "none"),
        ("mremap_fixed", MIB, "moved"),
    ]


def test_include_adds_a_product_of_its_own(read: Read) -> None:
    """Factors that an entry does not name keep all their levels; cases that are there already stay single."""
    experiment = read(
        touch="none", include="[{method: exchange_avx2, touch: [none, moved]}, {region_size: [2MiB, 4MiB]}]"
    )

    assert _short(experiment) == [
        ("memcpy", MIB, "none"),
        ("memcpy", 2 * MIB, "none"),
        ("mremap_fixed", MIB, "none"),
        ("mremap_fixed", 2 * MIB, "none"),
        ("exchange_avx2", MIB, "none"),
        ("exchange_avx2", MIB, "moved"),
        ("exchange_avx2", 2 * MIB, "none"),
        ("exchange_avx2", 2 * MIB, "moved"),
        ("memcpy", 4 * MIB, "none"),
        ("mremap_fixed", 4 * MIB, "none"),
    ]


def test_include_may_bring_back_what_exclude_removed(read: Read) -> None:
    """It is applied last."""
    experiment = read(
        region_size="1MiB", exclude="[{touch: moved}]", include="[{method: memcpy, touch: moved, region_size: 1MiB}]"
    )

    assert _short(experiment) == [("memcpy", MIB, "none"), ("mremap_fixed", MIB, "none"), ("memcpy", MIB, "moved")]


BAD_CASES = [
    (
        {"region_size": "32KiB", "threads": "[4, 5]"},
        "a.yaml:6: region_size: a region of 32KiB has 8 pages of 4KiB; a swap needs two pages for each of its 5",
    ),
    (
        {"threads": "101"},
        "a.yaml:7: iterations: 9 iterations of each of 101 threads cannot be cut into 10 rounds; write 'rounds: 9'",
    ),
    (
        {"threads": "1024", "region_size": "1GiB"},
        "a.yaml:7: iterations: 0 iterations of each of 1,024 threads cannot be cut into 10 rounds; write more",
    ),
    (
        {"page_size": "[4KiB, 2MiB]"},
        "a.yaml:5: page_size[1]: 2MiB is larger than the region of 1MiB; choose others, or exclude: [{page_size: 2MiB",
    ),
    ({"page_size": "4MiB"}, "a.yaml:5: page_size: 4MiB is larger than the region of 1MiB"),
    (
        {"region_size": "[1MiB, 1052672]", "page_size": "8KiB"},
        "a.yaml:6: region_size[1]: 1028KiB is not a multiple of the page_size 8KiB; choose others",
    ),
    (
        {"region_size": "4KiB"},
        "a.yaml:6: region_size: a region of 4KiB has one page of 4KiB; a swap needs two pages; choose",
    ),
    (
        {"region_size": "[1MiB, 16TiB]"},
        "a.yaml:6: region_size[1]: a region of 16TiB has 4,294,967,296 pages of 4KiB; the core counts at most",
    ),
    (
        {"include": "[{page_size: 1MiB, region_size: 1MiB}]"},
        "a.yaml:6: region_size[0]: a region of 1MiB has one page of 1MiB",
    ),
    (
        {"include": "[{page_size: 8KiB, region_size: 12KiB}]"},
        "a.yaml:12: include[0]: 12KiB is not a multiple of the page_size 8KiB",
    ),
    (
        {"iterations": "[1000, 5]"},
        "a.yaml:7: iterations[1]: 5 iterations cannot be cut into 10 rounds; write 'rounds: 5'",
    ),
    (
        {"baseline": "{method: exchange_avx2}"},
        "a.yaml:10: baseline: no case has method: exchange_avx2; their method is memcpy, mremap_fixed; choose a",
    ),
    (
        {"baseline": "{method: memcpy, region_size: 8MiB}"},
        "a.yaml:10: baseline: no case has method: memcpy, region_size: 8MiB; their region_size is 1MiB, 2MiB;",
    ),
    (
        {"baseline": "{method: memcpy, touch: moved}", "exclude": "[{method: memcpy, touch: moved}]"},
        "a.yaml:10: baseline: no case has method: memcpy, touch: moved; each level is there, but no case has them",
    ),
    (
        {"exclude": "[{method: [memcpy, mremap_fixed]}]"},
        "a.yaml:12: exclude: removes every case; nothing is left to measure",
    ),
    (
        {"exclude": "[{touch: moved}, {method: memcpy, touch: moved}]"},
        "a.yaml:12: exclude[1]: removes no case, since earlier entries of exclude already remove all it matches; del",
    ),
    (
        {"include": "[{method: memcpy, touch: none}]"},
        "a.yaml:12: include[0]: adds no case, since all of them are there already; delete it",
    ),
    (
        {"include": "[{region_size: 8MiB}, {region_size: 8MiB, touch: moved}]"},
        "a.yaml:12: include[1]: adds no case, since all of them are there already; delete it",
    ),
    (
        {"repeats": "10000", "warmups": "100", "region_size": str([f"{n}MiB" for n in range(1, 101)])},
        "a.yaml:11: repeats: 400 cases x (10,000 repeats + 100 warmups) are 4,040,000 trials; at most 1,000,000",
    ),
]


@pytest.mark.parametrize(("changes", "expected"), BAD_CASES, ids=[text[:70] for _, text in BAD_CASES])
def test_refuses_cases_that_make_no_sense(read: Read, changes: dict[str, str], expected: str) -> None:
    """Each with the line of the level that does not fit."""
    with pytest.raises(SpecError) as caught:
        read(**changes)

    assert str(caught.value).startswith(expected)
    assert caught.value.exit_code == 1


def test_an_excluded_misfit_is_no_error(read: Read) -> None:
    """The cure that the error names works."""
    experiment = read(page_size="[4KiB, 1MiB]", exclude="[{page_size: 1MiB, region_size: 1MiB}]")

    assert len(build_cases(experiment)) == 12


def test_refuses_a_huge_product_without_building_it(read: Read) -> None:
    """15,000 levels of three factors would be 10**12 cases."""
    sizes = str([f"{n}MiB" for n in range(1, 5001)])
    counts = str([str(n) for n in range(100, 5100)])
    pages = str([str(4096 * n) for n in range(1, 5001)])

    with pytest.raises(SpecError, match="trials; at most 1,000,000, counted before exclude"):
        read(region_size=sizes, iterations=counts, page_size=pages, exclude="[{touch: none}]")


def test_a_call_has_two_pages_a_thread_and_no_region_to_choose(vocabulary: Vocabulary) -> None:
    """The factor is refused where it would do nothing; the rows have the size that the core really takes."""
    names = dataclasses.replace(vocabulary, methods={"getpid": known_method("control", ("call",))})
    text = "name: tiny\nquestion: How long?\nworkload: call\nmethod: getpid\nthreads: [1, 4]\nbaseline: {threads: 1}\n"

    assert [8192, 32768] == [case["region_size"] for case in build_cases(loads(text, "a.yaml", vocabulary=names))]
    with pytest.raises(SpecError, match="the workload 'call' has no use for it"):
        loads(text + "region_size: 1MiB\n", "a.yaml", vocabulary=names)
