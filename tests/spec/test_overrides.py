"""--set, --filter, --repeats and --until are read as strictly as the file, and their errors start with the argument."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pageswap.errors import UsageError
from pageswap.spec.cases import build_cases
from pageswap.spec.experiment import PrecisionTarget
from pageswap.spec.overrides import override

if TYPE_CHECKING:
    from collections.abc import Callable

    from pageswap.spec.experiment import Experiment
    from pageswap.spec.factors import Vocabulary

    Read = Callable[..., Experiment]


def test_set_replaces_levels(read: Read, vocabulary: Vocabulary) -> None:
    """All of a factor's levels, and no other factor's."""
    changed = override(read(), set_=["region_size=4MiB,8MiB", "method=memcpy"], vocabulary=vocabulary)

    assert changed.factors["region_size"] == (4 << 20, 8 << 20)
    assert changed.factors["method"] == ("memcpy",)
    assert changed.factors["touch"] == ("none", "moved")
    assert changed.overrides == ("--set region_size=4MiB,8MiB", "--set method=memcpy")


def test_filter_keeps_cases(read: Read, vocabulary: Vocabulary) -> None:
    """Those that have one of the levels of every factor that is named."""
    changed = override(read(), filter_=["touch=moved", "region_size=1MiB"], vocabulary=vocabulary)

    assert [(case["method"], case["region_size"], case["touch"]) for case in build_cases(changed)] == [
        ("memcpy", 1 << 20, "moved"),
        ("mremap_fixed", 1 << 20, "moved"),
    ]


def test_repeats_replaces_a_stopping_rule(read: Read, vocabulary: Vocabulary) -> None:
    """A number on the command line is that number of blocks, whatever the intervals."""
    changed = override(read(repeats="{min: 5, max: 40, until: 2%}"), repeats=20, vocabulary=vocabulary)

    assert (changed.repeats, changed.stopping, changed.least_repeats) == (20, None, 20)


def test_repeats_replaces_the_number_of_blocks(read: Read, vocabulary: Vocabulary) -> None:
    """And is noted as the other arguments are."""
    changed = override(read(), repeats=20, vocabulary=vocabulary)

    assert (changed.repeats, changed.overrides) == (20, ("--repeats 20",))


@pytest.mark.parametrize("until", ["2%", "0.02", ".02"])
@pytest.mark.parametrize(
    ("file", "repeats", "expected"),
    [
        ("7", None, (7, 40)),
        ("60", None, (60, 60)),
        ("7", 20, (7, 20)),
        ("7", 5, (5, 5)),
        ("{min: 9, max: 30, until: 5%}", None, (9, 30)),
    ],
)
def test_until_measures_on_from_the_blocks_there_would_be(
    read: Read, until: str, file: str, repeats: int | None, expected: tuple[int, int]
) -> None:
    """Up to --repeats, the file's own most, or forty; a share is read as the percentage it is."""
    changed = override(read(repeats=file), until=until, repeats=repeats)

    assert changed.stopping == PrecisionTarget(expected[0], 0.02)
    assert changed.repeats == expected[1]
    assert changed.overrides[-1] == "--until 2%"


def test_without_arguments_nothing_changes(read: Read, vocabulary: Vocabulary) -> None:
    """The file's own words stand."""
    experiment = read()

    assert override(experiment, vocabulary=vocabulary) == experiment


def test_an_exclude_made_idle_by_set_is_no_error(read: Read, vocabulary: Vocabulary) -> None:
    """The file was written for its own levels."""
    experiment = read(exclude="[{method: mremap_fixed, touch: moved}]", include="[{method: exchange_avx2}]")

    changed = override(experiment, set_=["touch=none", "method=memcpy,exchange_avx2"], vocabulary=vocabulary)

    assert len(build_cases(changed)) == 4


BAD_ARGUMENTS = [
    ({"set_": ["page_size=4K"]}, "--set page_size: '4K' is not a size; write '4KiB'"),
    ({"set_": ["page_size"]}, "--set: 'page_size' has no '='; write factor=level,level such as page_size=4KiB,2MiB"),
    ({"set_": ["=4KiB"]}, "--set : unknown factor; it is one of method, page_size"),
    ({"set_": ["pagesize=4KiB"]}, "--set pagesize: unknown factor; did you mean 'page_size'? it is one of method,"),
    ({"set_": ["page_size="]}, "--set page_size: '' has an empty level; write levels with one comma between them"),
    ({"set_": ["page_size=4KiB,,8KiB"]}, "--set page_size: '4KiB,,8KiB' has an empty level"),
    ({"set_": ["page_size=4KiB,4096"]}, "--set page_size: '4KiB' is given twice; keep one"),
    ({"set_": ["touch=none", "touch=moved"]}, "--set touch: is given twice; write --set touch=level,level once"),
    (
        {"set_": ["method=memcpy,avx2"]},
        "--set method: unknown method 'avx2'; did you mean 'exchange_avx2'? 'inv methods'",
    ),
    ({"set_": ["method=compose"]}, "--set method: method 'compose' does not do the workload 'swap'; it does permute"),
    ({"set_": ["a\x1b\n=1"]}, "--set a\\x1b\\n: unknown factor"),
    ({"set_": ["page_size=4MiB"]}, "--set page_size=4MiB: 4MiB is larger than the region of 1MiB; choose others"),
    ({"set_": ["iterations=3"]}, "--set iterations=3: 3 iterations cannot be cut into 10 rounds"),
    (
        {"set_": ["method=mremap_fixed"]},
        "a.yaml:10: baseline: no case has method: memcpy; their method after --set method=mremap_fixed is mremap_fixed",
    ),
    ({"filter_": ["touch=maybe"]}, "--filter touch: unknown touch 'maybe'; it is one of none, moved, every"),
    (
        {"filter_": ["method=exchange_avx2"]},
        "--filter method: no case has exchange_avx2; the cases have memcpy, mremap",
    ),
    ({"filter_": ["region_size=8MiB"]}, "--filter region_size: no case has 8MiB; the cases have 1MiB, 2MiB"),
    (
        {"filter_": ["method=mremap_fixed"]},
        "a.yaml:10: baseline: no case has method: memcpy; their method after --filter",
    ),
    ({"filter_": ["seed=1"]}, "--filter seed: is no factor but a key of the whole experiment; change it in the file"),
    ({"set_": ["repeats=20"]}, "--set repeats: is no factor but a key of the whole experiment; write --repeats 20"),
    (
        {"set_": ["threads=1..64"]},
        "--set threads: '1..64' is a range; write every level that is meant, such as 1 and 64",
    ),
    ({"until": "2"}, "--until: '2' is not a percentage; write such as 2% or 0.5%"),
    ({"until": "60%"}, "--until: '60%' is not from 0.1% to 50%; write such as 2%"),
    ({"set_": ["repeats=9"]}, "--set repeats: is no factor but a key of the whole experiment; write --repeats 9"),
    ({"repeats": 0}, "--repeats: '0' is less than 1; write a whole number from 1 to 10,000"),
    ({"repeats": -3}, "--repeats: '-3' is negative"),
    ({"repeats": 10**6}, "--repeats: '1000000' is more than 10,000"),
]


@pytest.mark.parametrize(("arguments", "expected"), BAD_ARGUMENTS, ids=[text[:60] for _, text in BAD_ARGUMENTS])
def test_refuses_a_bad_argument(
    read: Read, vocabulary: Vocabulary, arguments: dict[str, object], expected: str
) -> None:
    """With what was found and the cure, each in one line, ending with code 1."""
    with pytest.raises(UsageError) as caught:
        build_cases(override(read(), vocabulary=vocabulary, **arguments))  # type: ignore[arg-type]

    assert str(caught.value).startswith(expected)
    assert all(line.isprintable() for line in str(caught.value).split("\n"))
    assert caught.value.exit_code == 1


def test_keeps_a_long_argument_whole_in_the_record(read: Read, vocabulary: Vocabulary) -> None:
    """Errors cut it; how a run was made must be told in full."""
    text = "region_size=" + ",".join(f"{n}MiB" for n in range(1, 100))

    assert override(read(), set_=[text], vocabulary=vocabulary).overrides == (f"--set {text}",)
