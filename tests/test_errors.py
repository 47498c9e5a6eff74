"""Every error ends a command with a code that the docs tell the meaning of."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pageswap import errors
from pageswap.console.commands import EXITS
from pageswap.errors import HostError, PageswapError, SpecError, StoreError, UsageError, raise_all

PAGE = (Path(__file__).parents[1] / "docs/commands.md").read_text(encoding="utf-8")
(TOLD,) = re.findall(r"^Exit codes: (.*?)\. They", PAGE, re.MULTILINE | re.DOTALL)
CODES = {int(code): " ".join(what.split()) for code, what in re.findall(r"(\d+) ([^;]+)(?:;|$)", TOLD)}
KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, PageswapError)]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_the_docs_tell_what_each_code_means(kind: type[PageswapError]) -> None:
    """Of every kind of error there is, in the docs and in each command's help."""
    assert kind.exit_code in CODES
    assert f"; {kind.exit_code} " in f"; {EXITS}"


def test_what_cannot_be_stored_is_not_a_host_that_cannot_be_used() -> None:
    """Nor wrong usage: each has its own code."""
    assert CODES[HostError.exit_code] == "a host could not be used"
    assert CODES[StoreError.exit_code] == "a run's files could not be read or written"
    assert CODES[UsageError.exit_code] == "wrong usage or experiment file"


def test_errors_are_raised_as_one_in_the_order_of_their_lines() -> None:
    """Each once; none raise nothing."""
    raise_all([])
    with pytest.raises(SpecError) as caught:
        raise_all([SpecError("a:12: x", 12), SpecError("a:4: y", 4), SpecError("a:12: x", 12)])

    assert str(caught.value) == "a:4: y\na:12: x"
