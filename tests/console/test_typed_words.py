"""Commands are understood as people of this field type them."""

from __future__ import annotations

from typing import Any

import pytest
from invoke.tasks import Task

import tasks
from pageswap.console.typed_words import as_flags, as_invoke_starts
from pageswap.errors import UsageError

COMMANDS: dict[str, Task[Any]] = {made.name: made for made in vars(tasks).values() if isinstance(made, Task)}


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("run smoke.yaml --dry", "run --spec=smoke.yaml --dry"),
        ("run --dry smoke.yaml --set a=1 --set b=2", "run --dry --spec=smoke.yaml --set a=1 --set b=2"),
        ("plan --set page_size=4KiB smoke", "plan --set page_size=4KiB --spec=smoke"),
        ("compare a b --json", "compare --base=a --new=b --json"),
        ("compare --base a b", "compare --base a --new=b"),
        ("compare --new=b a", "compare --new=b --base=a"),
        ("publish a b --to site c", "publish --run=a --run=b --to site --run=c"),
        ("publish --run a --run b --to site", "publish --run a --run b --to site"),
        ("export latest --out -", "export --run=latest --out -"),
        ("hosts clean --hosts a", "clean --hosts a"),
        ("hosts --json", "hosts --json"),
        ("test tests/spec", "test --args=tests/spec"),
        ("lint", "lint"),
        ("unheard smoke", "unheard smoke"),
        ("", ""),
    ],
)
def test_values_find_their_flags(typed: str, meant: str) -> None:
    """By position or by flag, in any order."""
    assert meant.split() == as_flags(typed.split(), COMMANDS)


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("run a b", "unexpected 'b' after 'a'; write: inv run SPEC [--options]"),
        ("compare a b c", "unexpected 'c' after 'b'; write: inv compare BASE NEW [--options]"),
        ("run --spec a --spec b", "--spec is given twice, 'a' and 'b'; it takes one value"),
        ("run --spec=a b", "unexpected 'b' after 'a'"),
    ],
)
def test_a_value_too_many_is_refused(typed: str, words: str) -> None:
    """And is never taken for another command."""
    with pytest.raises(UsageError) as refusal:
        as_flags(typed.split(), COMMANDS)

    assert words in str(refusal.value)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("help run", "--help run"),
        ("help", ""),
        ("version", "--version"),
        ("run --help", "run --help"),
        ("run version", "run version"),
    ],
)
def test_help_and_version_are_words_too(typed: str, meant: str) -> None:
    """As in git and pip."""
    assert meant.split() == as_invoke_starts(typed.split())
