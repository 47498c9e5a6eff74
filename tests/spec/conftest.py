"""A vocabulary that no core can change, and a way to write specs that differ in one key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pageswap.spec.factors import Vocabulary
from pageswap.spec.loader import loads
from tests.known_method import known_method

if TYPE_CHECKING:
    from collections.abc import Callable

    from pageswap.spec.experiment import Experiment

BASE = {
    "name": "tiny",
    "question": "Which one is faster?",
    "workload": "swap",
    "method": "[memcpy, mremap_fixed]",
    "page_size": "4KiB",
    "region_size": "[1MiB, 2MiB]",
    "iterations": "1000",
    "backing": "shared_anon",
    "touch": "[none, moved]",
    "baseline": "{method: memcpy}",
    "repeats": "3",
}


@pytest.fixture(scope="session")
def vocabulary() -> Vocabulary:
    """Return names that stand whatever the core learns."""
    return Vocabulary(
        methods={
            "null": known_method("control", ("swap", "permute")),
            "memcpy": known_method("copy", ("swap", "permute", "move", "replay", "compact")),
            "copy_words": known_method("copy", ("swap", "permute", "move", "replay", "compact")),
            "exchange_avx2": known_method("copy", ("swap",)),
            "exchange_nt_avx2": known_method("copy", ("swap",)),
            "mremap_fixed": known_method("remap", ("swap",)),
            "give_back": known_method("control", ("decommit",)),
            "move_pages": known_method("remap", ("migrate",)),
            "enlarge": known_method("remap", ("grow",)),
            "compose": known_method("copy", ("permute",)),
        },
        choices={
            "backing": ("private_anon", "shared_anon"),
            "touch": ("none", "moved", "every", "new"),
            "pattern": ("random", "sequential", "strided"),
            "release": ("kept", "source", "both"),
            "pages": ("present", "fresh", "forked", "mlocked"),
            "alignment": ("2MiB", "page", "1GiB"),
            "numa": ("any", "local", "remote", "interleave"),
            "neighbours": ("idle", "spinning", "reading"),
            "reads": ("moving", "resting", "missing"),
        },
    )


@pytest.fixture(scope="session")
def spec_text() -> Callable[..., str]:
    """Return a valid spec's text, one key a line, with keys replaced, added, or (None) left out."""

    def make(**changes: str | None) -> str:
        keys = {**BASE, **changes}
        return "".join(f"{key}: {value}\n" for key, value in keys.items() if value is not None)

    return make


@pytest.fixture(scope="session")
def read(vocabulary: Vocabulary, spec_text: Callable[..., str]) -> Callable[..., Experiment]:
    """Load `spec_text` with the fixed vocabulary, as the file ``a.yaml``."""

    def make(**changes: str | None) -> Experiment:
        return loads(spec_text(**changes), "a.yaml", vocabulary=vocabulary)

    return make
