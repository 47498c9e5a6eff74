"""What is asked is written, or follows from the structure; what the structure cannot answer is refused."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pageswap.errors import SpecError
from pageswap.plan import plan
from pageswap.spec.loader import load
from pageswap.spec.overrides import override

if TYPE_CHECKING:
    from collections.abc import Callable

    from pageswap.spec.experiment import Experiment
    from pageswap.spec.factors import Vocabulary

    Read = Callable[..., Experiment]

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
ONE_SIZE = {"region_size": "1MiB", "touch": "none"}
SIZES = "[4KiB, 8KiB, 16KiB]"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "faster"),
        ({"page_size": SIZES, **ONE_SIZE}, "crossover"),
        ({"region_size": "[1MiB, 2MiB, 4MiB]", "touch": "none"}, "crossover"),
        ({"page_size": "[4KiB, 8KiB]", **ONE_SIZE}, "faster"),
        ({"page_size": SIZES, "region_size": "1MiB"}, "faster"),
        ({"page_size": SIZES, "touch": "none"}, "faster"),
        ({"baseline": "{touch: none}"}, "gain"),
        ({"page_size": SIZES, **ONE_SIZE, "baseline": "{page_size: 4KiB}"}, "gain"),
        ({"page_size": "[4KiB, 8KiB]", **ONE_SIZE, "include": "[{page_size: 16KiB}]"}, "crossover"),
        ({"page_size": SIZES, **ONE_SIZE, "exclude": "[{page_size: 16KiB}]"}, "faster"),
        ({"asks": "fastest"}, "fastest"),
        ({"asks": "faster", "page_size": SIZES, **ONE_SIZE}, "faster"),
        ({"asks": "crossover", "page_size": "[4KiB, 8KiB]", "region_size": "1MiB"}, "crossover"),
    ],
)
def test_what_is_asked(read: Read, changes: dict[str, str], expected: str) -> None:
    """As it is written, or from the cases."""
    assert expected == read(**changes).asks


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"asks": "fast"}, r"a\.yaml:\d+: asks: unknown asks 'fast'; did you mean 'faster'\?"),
        ({"asks": "gain"}, r"asks: 'gain' needs a baseline that names a condition and no method; .*threads: 1"),
        ({"asks": "faster", "baseline": "{touch: none}"}, r"'faster' needs a baseline that names a method"),
        ({"asks": "fastest", "method": "memcpy"}, r"'fastest' needs several methods"),
        ({"asks": "crossover", **ONE_SIZE}, r"'crossover' needs a size that varies; give page_size or region_size"),
        ({"asks": "crossover", "page_size": SIZES}, r"page_size and region_size both do; give one of them a single"),
        ({"asks": "cost"}, r"'cost' needs 'workload: call'"),
        ({"asks": "rate"}, r"'rate' needs 'workload: limit'"),
    ],
)
def test_what_cannot_be_answered_is_refused(read: Read, changes: dict[str, str], message: str) -> None:
    """In one line, with the cure."""
    with pytest.raises(SpecError, match=message):
        read(**changes)


def test_follows_the_command_line(read: Read, vocabulary: Vocabulary) -> None:
    """What is derived is derived from the cases that are measured."""
    experiment = read(**ONE_SIZE)
    changed = override(experiment, set_=["page_size=4KiB,8KiB,16KiB"], vocabulary=vocabulary)
    changed = plan.make(changed, vocabulary=vocabulary).experiment

    assert ("faster", "crossover") == (experiment.asks, changed.asks)


def test_refuses_a_command_line_that_takes_the_answer_away(read: Read, vocabulary: Vocabulary) -> None:
    """What is written is what is answered, or an error."""
    experiment = read(asks="crossover", page_size=SIZES, **ONE_SIZE)

    with pytest.raises(SpecError, match="'crossover' needs a size that varies"):
        plan.make(override(experiment, filter_=["page_size=4KiB"], vocabulary=vocabulary), vocabulary=vocabulary)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("copy_kernels", "fastest"),
        ("large_folios", "gain"),
        ("memory_limit", "rate"),
        ("mremap_vs_copy", "faster"),
        ("page_size_crossover", "crossover"),
        ("realloc_growth", "crossover"),
        ("syscall_roundtrip", "cost"),
        ("thread_scaling", "gain"),
        ("why_mremap_is_slow", "cost"),
    ],
)
def test_experiments_ask_what_their_question_says(name: str, expected: str) -> None:
    """The title and what is answered agree."""
    assert expected == load(EXPERIMENTS / f"{name}.yaml").asks
