"""A small experiment to plan, with names that no core can change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pageswap.spec.factors import Vocabulary
from pageswap.spec.loader import loads
from tests.known_method import known_method

if TYPE_CHECKING:
    from pageswap.spec.experiment import Experiment

TEXT = """\
name: tiny
question: Which one is faster?
method: [null, memcpy, mremap_fixed]
region_size: [1MiB, 2MiB]
iterations: 1000
touch: [none, moved]
baseline: {method: memcpy}
repeats: 5
warmups: 2
rounds: 4
timeout: 3s
"""


@pytest.fixture(scope="session")
def vocabulary() -> Vocabulary:
    """Return one method of three families, and one family that the cost model does not know."""
    return Vocabulary(
        methods={
            "null": known_method("control", ("swap",)),
            "memcpy": known_method("copy", ("swap",)),
            "mremap_fixed": known_method("remap", ("swap",)),
            "teleport": known_method("quantum", ("swap",)),
        },
        choices={
            "backing": ("private_anon", "shared_anon"),
            "touch": ("none", "moved", "every", "new"),
            "pattern": ("random", "sequential"),
            "release": ("kept", "source", "both"),
            "pages": ("present", "fresh", "forked", "mlocked"),
            "alignment": ("2MiB", "page", "1GiB"),
            "numa": ("any", "local", "remote", "interleave"),
            "neighbours": ("idle", "spinning", "reading"),
            "reads": ("moving", "resting", "missing"),
        },
    )


@pytest.fixture
def experiment(vocabulary: Vocabulary) -> Experiment:
    """Return 12 cases, 5 blocks and 2 warm-up blocks."""
    return loads(TEXT, "tiny.yaml", vocabulary=vocabulary)
