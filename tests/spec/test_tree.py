"""What YAML could surprise with is refused where it stands, before anything is built of it."""

from __future__ import annotations

import pytest

from pageswap.errors import SpecError, raise_all
from pageswap.spec.tree import Scalar, Sequence, TreeReader

BOMB = "a: &a [x, x]\n" + "".join(f"{b}: &{b} [*{a}, *{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True))

REFUSED = [
    ("", "f:1: is empty; an experiment has at least name, question, method and baseline"),
    ("# only a comment\n", "f:1: is empty"),
    ("---\n", "f:1: is empty"),
    ("just text", "f:1: is a single value; an experiment is a mapping of 'key: value' lines"),
    ("\n- a\n- b\n", "f:2: is a list; an experiment is a mapping"),
    ("a: 1\n---\nb: 2\n", "f:2: a second document starts; an experiment is one document"),
    ("%YAML 1.1\n---\na: 1\n", "f:1: YAML directives (%YAML, %TAG) are not allowed"),
    (BOMB, "f:1: a: YAML anchors and aliases ('&a') are not allowed; write the value out"),
    ("a: 1\nb: *x\n", "f:2: b: YAML anchors and aliases ('*x') are not allowed"),
    ("a: 1\nb: [1, &x 2]\n", "f:2: b[1]: YAML anchors and aliases ('&x') are not allowed"),
    ("? &k a\n: 1\n", "f:1: YAML anchors and aliases ('&k') are not allowed"),
    (
        "a: !!python/object/apply:os.system [ls]\n",
        "f:1: a: YAML tags ('tag:yaml.org,2002:python/object/apply:os.system')",
    ),
    ("a: !!str 4\n", "f:1: a: YAML tags ('tag:yaml.org,2002:str') are not allowed; write the plain value"),
    ("a: ! b\n", "f:1: a: YAML tags ('!') are not allowed"),
    ("!x\na: 1\n", "f:1: YAML tags ('!x') are not allowed"),
    ("<<: {a: 1}\n", "f:1: YAML merge keys ('<<') are not allowed; write the keys out"),
    ("a: 1\nb: 2\na: 3\n", "f:3: a: the key is given twice, first on line 1; keep one"),
    ("a:\n  - {x: 1, x: 2}\n", "f:2: a[0].x: the key is given twice, first on line 2"),
    ("[a]: 1\n", "f:1: a key is a list or a mapping; a key is a word"),
    ("? [a]\n: 1\n", "f:1: a key is a list or a mapping; a key is a word"),
    ("a: 1\n  b: 2\n", "f:2: stands further right than the key above, and so belongs to its value; begin all keys"),
    ("%YAML x\n---\na: 1\n", "f:1: is not YAML: expected a digit, but found 'x'"),
    ('a: "\\UFFFFFFFF"\n', "f: is not YAML"),
    ("%YAML 1." + "9" * 5000 + "\n---\na: 1\n", "f: is not YAML"),
    ("a: x\x00y\n", "f:1: holds the character U+0000, which cannot be seen; delete it"),
    ("a: 1\r\nb: \x1b[31m\n", "f:2: holds the character U+001B, which cannot be seen"),
    ("a: 1\nb: 2\u2028c: 3\n", "f:2: holds the character U+2028"),
    ("a: \ud800\n", "f:1: holds the character U+D800"),
    ('a: 1\nb: "\\0"\n', "f:2: b: holds the character U+0000"),
    ("a: " + "[" * 8, "f:1: lists and mappings are nested more than 8 deep"),
    ("[" * 100_000, "f:1: lists and mappings are nested more than 8 deep"),
    ("- " * 100_000, "f:1: lists and mappings are nested more than 8 deep"),
    ("a: [" + "1," * 20_000 + "]\n", "f:1: has more than 20,000 values; an experiment has fewer"),
    ("a" * (1 << 20) + ": 1", "f: holds more than 1,048,576 bytes"),
    ("a" * 2000 + ": 1", "f:1: stands further right than the key above"),
]


@pytest.mark.parametrize(("text", "expected"), REFUSED, ids=[expected[:50] for _, expected in REFUSED])
def test_refuses_with_the_line(text: str, expected: str) -> None:
    """The line is the one an editor shows."""
    with pytest.raises(SpecError) as caught:
        raise_all(TreeReader(text, "f").errors)

    text = str(caught.value)
    assert text.startswith(expected) if expected.startswith("f:") else expected in text
    assert text.startswith("f:")
    assert text.count("f:") == 1
    assert str(caught.value).isprintable()


def test_keeps_the_text_and_the_line_of_every_value() -> None:
    """Nothing is converted: what `010` means is for the key's own parser to say."""
    tree = TreeReader("a: 010\r\nb:\n  - no\n  - ~\n  - '~'\n", "f").root

    assert tree.entries["a"] == (Scalar("a", 1, "a"), Scalar("010", 1, "a"))
    items = [Scalar("no", 3, "b[0]"), Scalar("~", 4, "b[1]", is_null=True), Scalar("~", 5, "b[2]")]
    assert tree.entries["b"][1] == Sequence(items, 3, "b")


def test_a_key_of_any_length_is_kept_once() -> None:
    """Not again in the place of each value below it, or a small file could take all memory."""
    tree = TreeReader("? " + "k" * 100_000 + "\n: [" + "1, " * 50 + "1]\n", "f").root
    ((key, values),) = tree.entries.values()

    assert isinstance(values, Sequence)
    assert len(key.text) == 100_000
    assert len(values.items) == 51
    assert sum(len(value.path) for value in values.items) < 100_000


def test_takes_the_deepest_nesting_that_is_allowed() -> None:
    """One level less than what is refused."""
    assert list(TreeReader("a: " + "[" * 7 + "]" * 7, "f").root.entries) == ["a"]
