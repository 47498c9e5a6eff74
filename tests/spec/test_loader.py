"""The loader reads what a person meant, or says in one line where and how to mend it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pageswap.errors import MAX_SPEC_ERRORS, SpecError
from pageswap.spec.experiment import Experiment, PrecisionTarget
from pageswap.spec.loader import load, loads

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pageswap.spec.factors import Vocabulary

    Read = Callable[..., Experiment]


def test_reads_every_key(read: Read) -> None:
    """Sizes become bytes, durations seconds, and a single value a list of one."""
    experiment = read(
        iterations="200_000",
        exclude="[{method: mremap_fixed, touch: moved}]",
        warmups="0",
        rounds="5",
        seed="7",
        timeout="5min",
        hosts="[alpha, beta.example.org, '@lab']",
    )

    assert experiment.name == "tiny"
    assert experiment.question == "Which one is faster?"
    assert experiment.workload == "swap"
    assert experiment.factors == {
        "method": ("memcpy", "mremap_fixed"),
        "page_size": (4096,),
        "region_size": (1 << 20, 2 << 20),
        "iterations": (200_000,),
        "backing": ("shared_anon",),
        "threads": (1,),
        "touch": ("none", "moved"),
        "pattern": ("random",),
        "distance": (1,),
        "run_pages": (1,),
        "pages": ("present",),
        "alignment": ("2MiB",),
        "numa": ("any",),
        "neighbours": ("idle",),
        "reads": ("moving",),
    }
    assert experiment.exclude == ({"method": ("mremap_fixed",), "touch": ("moved",)},)
    assert experiment.baseline == {"method": "memcpy"}
    assert (experiment.repeats, experiment.warmups, experiment.rounds, experiment.seed) == (3, 0, 5, 7)
    assert experiment.timeout_s == 300.0
    assert experiment.hosts == ("alpha", "beta.example.org", "@lab")


def test_gives_documented_defaults(vocabulary: Vocabulary) -> None:
    """Four keys are enough for an experiment."""
    text = "name: a\nquestion: Q?\nmethod: memcpy\nbaseline: {method: memcpy}\n"

    experiment = loads(text, "a.yaml", vocabulary=vocabulary)

    assert experiment.factors == {
        "method": ("memcpy",),
        "page_size": (4096,),
        "region_size": (256 << 20,),
        "iterations": (200_000,),
        "backing": ("private_anon",),
        "threads": (1,),
        "touch": ("none",),
        "pattern": ("random",),
        "distance": (1,),
        "run_pages": (1,),
        "pages": ("present",),
        "alignment": ("2MiB",),
        "numa": ("any",),
        "neighbours": ("idle",),
        "reads": ("moving",),
    }
    assert (experiment.repeats, experiment.warmups, experiment.rounds, experiment.seed) == (7, 1, 10, 42)
    assert (experiment.workload, experiment.timeout_s, experiment.hosts) == ("swap", 60.0, ())
    assert experiment.text == text


def test_takes_null_for_the_method_of_that_name(read: Read) -> None:
    """YAML would make it nothing; here text means itself."""
    assert read(method="[null, memcpy]").factors["method"] == ("null", "memcpy")


def test_folds_a_question_of_several_lines_into_one(read: Read) -> None:
    """The question is a heading of the report."""
    assert read(question=">\n  Is this\n  faster?\n").question == "Is this faster?"


@pytest.mark.parametrize("text", ["4096", "4KiB", "'4KiB'", '"4096"', "4_096"])
def test_takes_a_size_in_each_strict_spelling(read: Read, text: str) -> None:
    """Quotes change nothing, as no value is guessed from its look."""
    assert read(page_size=text).factors["page_size"] == (4096,)


BAD_VALUES = [
    # wrong shapes
    ({"name": "[a]"}, "a.yaml:1: name: is a list; write a single value"),
    ({"question": "{a: b}"}, "a.yaml:2: question: is a mapping; write a single value"),
    ({"question": ""}, "a.yaml:2: question: has no value; write one or delete the key"),
    ({"question": "' '"}, "a.yaml:2: question: is empty; write the question"),
    ({"question": "x" * 501}, "a.yaml:2: question: has 501 characters; at most 500"),
    ({"method": "{memcpy: 1}"}, "a.yaml:4: method: is a mapping; write a single value"),
    ({"method": "[[memcpy]]"}, "a.yaml:4: method[0]: is a list; write a single value"),
    ({"method": "[]"}, "a.yaml:4: method: is an empty list; write at least one value"),
    ({"method": "[memcpy, ~]"}, "a.yaml:4: method[1]: has no value"),
    ({"method": "\n  - memcpy\n  -\n"}, "a.yaml:6: method[1]: has no value"),
    ({"method": "[memcpy, mremap_fixed, memcpy]"}, "a.yaml:4: method[2]: is the same as method[0]; keep one"),
    ({"page_size": "[4096, 4KiB]"}, "a.yaml:5: page_size[1]: is the same as page_size[0]; keep one"),
    ({"repeats": "[3, 4]"}, "a.yaml:11: repeats: is a list; write a single value"),
    ({"baseline": "memcpy"}, "a.yaml:10: baseline: names no factor; write a mapping such as {method: memcpy"),
    ({"baseline": "{}"}, "a.yaml:10: baseline: names no factor"),
    ({"exclude": "{method: memcpy}"}, "a.yaml:12: exclude: is not a list of mappings; write such as [{method: memcpy"),
    ({"exclude": "[]"}, "a.yaml:12: exclude: is not a list of mappings"),
    ({"exclude": "[memcpy]"}, "a.yaml:12: exclude[0]: names no factor; write a mapping"),
    ({"include": "[{}]"}, "a.yaml:12: include[0]: names no factor"),
    ({"hosts": "[]"}, "a.yaml:12: hosts: is an empty list"),
    # names
    ({"name": "../../etc"}, "a.yaml:1: name: '../../etc' is not a name; write 1 to 64 of a-z, 0-9, '_' and '-'"),
    ({"name": "Tiny"}, "a.yaml:1: name: 'Tiny' is not a name"),
    ({"name": "a" * 65}, "is not a name"),
    ({"name": '"a\\nb"'}, "a.yaml:1: name: 'a\\nb' is not a name"),
    ({"name": "-x"}, "a.yaml:1: name: '-x' is not a name"),
    (
        {"workload": "swop"},
        "a.yaml:3: workload: unknown workload 'swop'; did you mean 'swap'? it is one of swap, permute",
    ),
    ({"workload": "[swap]"}, "a.yaml:3: workload: is a list; write a single value"),
    (
        {"method": "[memcpy, null, avx2]"},
        "a.yaml:4: method[2]: unknown method 'avx2'; did you mean 'exchange_avx2'? 'inv methods' lists them",
    ),
    ({"method": "quux"}, "a.yaml:4: method: unknown method 'quux'; 'inv methods' lists them"),
    (
        {"method": "[memcpy, compose]"},
        "a.yaml:4: method[1]: method 'compose' does not do the workload 'swap'; it does permute",
    ),
    ({"backing": "shared"}, "a.yaml:8: backing: unknown backing 'shared'; did you mean 'shared_anon'? it is one of"),
    ({"touch": "no"}, "a.yaml:9: touch: unknown touch 'no'"),
    # sizes
    ({"page_size": "4K"}, "a.yaml:5: page_size: '4K' is not a size; write '4KiB'"),
    ({"page_size": "4kb"}, "a.yaml:5: page_size: '4kb' is not a size; write '4KiB'"),
    ({"page_size": "-4KiB"}, "a.yaml:5: page_size: '-4KiB' is negative; write '4KiB' if that is meant"),
    ({"page_size": "0"}, "a.yaml:5: page_size: '0' is less than 4KiB, the smallest page; write a multiple of that"),
    ({"page_size": "6000"}, "a.yaml:5: page_size: '6000' is not a multiple of 4KiB, the smallest page; write '8KiB'"),
    ({"page_size": "010000"}, "a.yaml:5: page_size: '010000' is not a size; write the number without leading zeros"),
    ({"page_size": "4__096"}, "a.yaml:5: page_size: '4__096' is not a size"),
    ({"page_size": "1:30"}, "a.yaml:5: page_size: '1:30' is not a size; write 4096, 4KiB, 2MiB or 1GiB"),
    ({"page_size": "1e3"}, "a.yaml:5: page_size: '1e3' is not a size"),
    ({"page_size": "true"}, "a.yaml:5: page_size: 'true' is not a size"),
    ({"region_size": "[1MiB, 100TiB]"}, "a.yaml:6: region_size[1]: '100TiB' is more than 64TiB; no process can map it"),
    ({"region_size": "9" * 5000}, "a.yaml:6: region_size: '99999"),
    ({"region_size": "-" + "9" * 5000}, "9...' if that is meant"),
    ({"region_size": "1-" + "9" * 5000}, "such as 1 and " + "9" * 60 + "..."),
    ({"region_size": "0"}, "a.yaml:6: region_size: '0' is less than 4KiB, the smallest page; write a multiple of that"),
    (
        {"region_size": "6KiB"},
        "a.yaml:6: region_size: '6KiB' is not a multiple of 4KiB, the smallest page; write '8KiB'",
    ),
    # numbers
    ({"iterations": "0"}, "a.yaml:7: iterations: '0' is less than 1; write a whole number from 1 to 1,000,000,000"),
    ({"iterations": "-5"}, "a.yaml:7: iterations: '-5' is negative; write a whole number from 1 to 1,000,000,000"),
    (
        {"iterations": "1000000000000000000"},
        "a.yaml:7: iterations: '1000000000000000000' is more than 1,000,000,000 (the schedule takes 8 bytes of memory",
    ),
    ({"iterations": "9" * 5000}, "is more than 1,000,000,000"),
    ({"iterations": "010"}, "a.yaml:7: iterations: '010' is not a whole number; write decimal digits without leading"),
    ({"iterations": "1:30"}, "a.yaml:7: iterations: '1:30' is not a whole number"),
    ({"iterations": "1e3"}, "a.yaml:7: iterations: '1e3' is not a whole number"),
    ({"iterations": "0x10"}, "a.yaml:7: iterations: '0x10' is not a whole number"),
    ({"iterations": "many"}, "a.yaml:7: iterations: 'many' is not a whole number"),
    ({"iterations": "1.5"}, "a.yaml:7: iterations: '1.5' is not a whole number"),
    ({"iterations": "\u0663"}, "a.yaml:7: iterations: '\u0663' is not a whole number"),
    ({"repeats": "-1"}, "a.yaml:11: repeats: '-1' is negative; write a whole number from 1 to 10,000"),
    ({"repeats": "0"}, "a.yaml:11: repeats: '0' is less than 1"),
    ({"repeats": "10001"}, "a.yaml:11: repeats: '10001' is more than 10,000"),
    ({"repeats": "{min: 5, max: 40}"}, "a.yaml:11: repeats: has no until; write a number, or {min: 5, max: 40, until"),
    ({"repeats": "{until: 2%}"}, "a.yaml:11: repeats: has no min and no max; write a number, or {min: 5, max"),
    ({"repeats": "{}"}, "a.yaml:11: repeats: has no min and no max and no until"),
    (
        {"repeats": "{min: 5, max: 40, untl: 2%}"},
        "a.yaml:11: repeats.untl: unknown key; did you mean 'until'? write a number, or {min: 5, max: 40, until: 2%}",
    ),
    (
        {"repeats": "{min: 41, max: 40, until: 2%}"},
        "a.yaml:11: repeats.min: 41 is more than max, 40; write a smaller min",
    ),
    ({"repeats": "{min: 0, max: 40, until: 2%}"}, "a.yaml:11: repeats.min: '0' is less than 1"),
    ({"repeats": "{min: 5, max: 10001, until: 2%}"}, "a.yaml:11: repeats.max: '10001' is more than 10,000"),
    (
        {"repeats": "{min: 5, max: 40, until: 0.02}"},
        "a.yaml:11: repeats.until: '0.02' is not a percentage; write such as 2% or 0.5%",
    ),
    ({"repeats": "{min: 5, max: 40, until: 0%}"}, "a.yaml:11: repeats.until: '0%' is not from 0.1% to 50%"),
    ({"repeats": "{min: 5, max: 40, until: 51%}"}, "a.yaml:11: repeats.until: '51%' is not from 0.1% to 50%"),
    ({"repeats": "{min: 5, max: [40], until: 2%}"}, "a.yaml:11: repeats.max: is a list; write a single value"),
    ({"repeats": "{min: 5, max: , until: 2%}"}, "a.yaml:11: repeats.max: has no value"),
    ({"warmups": "-1"}, "a.yaml:12: warmups: '-1' is negative"),
    ({"warmups": "101"}, "a.yaml:12: warmups: '101' is more than 100"),
    ({"rounds": "0"}, "a.yaml:12: rounds: '0' is less than 1"),
    ({"rounds": "1001"}, "a.yaml:12: rounds: '1001' is more than 1,000"),
    (
        {"iterations": "9"},
        "a.yaml:7: iterations: 9 iterations cannot be cut into 10 rounds; write 'rounds: 9' or less",
    ),
    ({"seed": "-1"}, "a.yaml:12: seed: '-1' is negative"),
    ({"seed": str(2**63)}, "a.yaml:12: seed: '9223372036854775808' is more than 9,223,372,036,854,775,807"),
    ({"seed": "abc"}, "a.yaml:12: seed: 'abc' is not a whole number"),
    ({"timeout": "60"}, "a.yaml:12: timeout: '60' is not a duration; write 500ms, 60s, 5min or 1h"),
    ({"timeout": "1:30"}, "a.yaml:12: timeout: '1:30' is not a duration"),
    ({"timeout": "0s"}, "a.yaml:12: timeout: '0s' is not from 0.1s to 24h 0min"),
    ({"timeout": "25h"}, "a.yaml:12: timeout: '25h' is not from 0.1s to 24h 0min"),
    ({"timeout": "9" * 400 + "h"}, "is not a duration"),
    ({"threads": "0"}, "a.yaml:12: threads: '0' is less than 1"),
    ({"threads": "1025"}, "a.yaml:12: threads: '1025' is more than 1,024 (the core runs no more)"),
    ({"hosts": "'-oProxyCommand=x'"}, "a.yaml:12: hosts: '-oProxyCommand=x' is not a host; write an alias as ssh"),
    ({"hosts": "root@beta"}, "a.yaml:12: hosts: 'root@beta' is not an alias; user, port and address belong into"),
    ({"hosts": "[a, 'b;reboot']"}, "a.yaml:12: hosts[1]: 'b;reboot' is not a host"),
    ({"hosts": "[a, a]"}, "a.yaml:12: hosts[1]: is the same as hosts[0]; keep one"),
    # keys
    ({"pagesize": "4KiB"}, "a.yaml:12: pagesize: unknown key; did you mean 'page_size'? docs/spec.md lists them"),
    ({"zzz": "1"}, "a.yaml:12: zzz: unknown key; docs/spec.md lists them"),
    ({"name": None}, "a.yaml:1: name: is missing; add a line such as 'name: mremap_vs_copy'"),
    ({"question": None}, "a.yaml:1: question: is missing"),
    ({"method": None}, "a.yaml:1: method: is missing"),
    ({"baseline": None}, "a.yaml:1: baseline: is missing; add a line such as 'baseline: {method: memcpy}'"),
    ({"baseline": "{metod: memcpy}"}, "a.yaml:10: baseline.metod: unknown factor; did you mean 'method'? it is one of"),
    ({"baseline": "{method: memcopy}"}, "a.yaml:10: baseline.method: unknown method 'memcopy'; did you mean 'memcpy'?"),
    ({"baseline": "{method: [memcpy, mremap_fixed]}"}, "a.yaml:10: baseline.method: has several levels; a baseline"),
    ({"exclude": "[{size: 4KiB}]"}, "a.yaml:12: exclude[0].size: unknown factor"),
    ({"exclude": "[{method: mremap}]"}, "a.yaml:12: exclude[0].method: unknown method 'mremap'; did you mean"),
    ({"include": "[{backing: paper}]"}, "a.yaml:12: include[0].backing: unknown backing 'paper'; it is one of"),
    ({"include": "[{page_size: 4K}]"}, "a.yaml:12: include[0].page_size: '4K' is not a size; write '4KiB'"),
    (
        {"exclude": "[{page_size: 8KiB}]"},
        "a.yaml:12: exclude[0].page_size: matches no case, as 8KiB is not among the levels of page_size: 4KiB",
    ),
    (
        {"exclude": "[{method: [memcpy, exchange_avx2], touch: moved}]"},
        "a.yaml:12: exclude[0].method: matches no case, as exchange_avx2 is not among the levels of method: ",
    ),
    ({"exclude": "[" + "{method: memcpy}," * 201 + "]"}, "a.yaml:12: exclude: has 201 entries; at most 200"),
]


@pytest.mark.parametrize(("changes", "expected"), BAD_VALUES, ids=[text[:60] for _, text in BAD_VALUES])
def test_refuses_a_bad_value_with_its_place_and_cure(read: Read, changes: dict[str, str | None], expected: str) -> None:
    """File, line, key path, what was found, and what to write."""
    with pytest.raises(SpecError) as caught:
        read(**changes)

    text = str(caught.value)
    assert text.startswith(expected) if expected.startswith("a.yaml:") else expected in text
    assert text.startswith("a.yaml:")
    assert text.count("a.yaml") == 1
    assert text.isprintable()
    assert caught.value.exit_code == 1


def test_refuses_a_factor_that_the_workload_does_not_use(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    """A level without effect would double the trials and mean nothing."""
    import dataclasses  # noqa: PLC0415

    from pageswap.spec.factors import FACTORS  # noqa: PLC0415

    limited = dataclasses.replace(FACTORS["touch"], only_for=("permute",))
    monkeypatch.setitem(FACTORS, "touch", limited)

    with pytest.raises(SpecError, match=r"a\.yaml:9: touch: the workload 'swap' has no use for it; it is for permute"):
        read()


def test_loads_a_file_and_names_it_in_errors(tmp_path: Path, vocabulary: Vocabulary) -> None:
    """A file outside the current folder is named in full."""
    file = tmp_path / "x.yaml"
    file.write_text("name: Bad\nquestion: q\nmethod: memcpy\nbaseline: {method: memcpy}\n")

    with pytest.raises(SpecError) as caught:
        load(file, vocabulary=vocabulary)

    assert str(caught.value).startswith(f"{file}:1: name: 'Bad' is not a name")


_WORDS = st.sampled_from(
    [
        *(
            "name",
            "question",
            "method",
            "baseline",
            "page_size",
            "region_size",
            "exclude",
            "include",
            "threads",
            "hosts",
        ),
        *("memcpy", "null", "4KiB", "1MiB", "swap", "-1", "1e3", "010", "~", "", "0", "1", "999999999999999999999"),
        *("&a", "*a", "!!python/object:os.system", "!x", "<<", "%YAML 1.1", "---", "...", "|", ">", "'", '"', "\\"),
        *(": ", "- ", "\n", "\n  ", "\n- ", "[", "]", "{", "}", ",", "#", "\t", "? ", "@", "`", "\r", "\x00", "\x85"),
        *("\ufeff", "\ud800", '"\\U99999999"', '"\\ud800"', '"\\0"', "\u202e", "%TAG ! tag:x,2000:"),
    ]
)


def check_lines(error: SpecError, start: str) -> None:
    """Assert that an error is printable lines, each with its place, and no more than a person reads."""
    lines = str(error).split("\n")

    assert 0 < len(lines) <= MAX_SPEC_ERRORS + 1
    assert [line for line in lines if not line.startswith(start) or not line.isprintable()] == []


@settings(max_examples=1500, deadline=None)
@given(st.lists(_WORDS, max_size=40).map("".join) | st.text())
@example("%YAML 1." + "9" * 5000 + "\n---\na: 1")
@example('a: "\\UFFFFFFFF"')
@example("[" * 5000)
@example("{a: " * 5000)
@example("- " * 5000)
@example("? " * 5000)
def test_any_text_is_an_experiment_or_a_spec_error(vocabulary: Vocabulary, text: str) -> None:
    """Nothing else ever comes out, and each error is one printable line."""
    try:
        loads(text, "f.yaml", vocabulary=vocabulary)
    except SpecError as error:
        check_lines(error, "f.yaml")


_VALUES = st.recursive(
    _WORDS | st.text(max_size=8), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_WORDS, inner, max_size=3)
)


@pytest.mark.slow
@settings(max_examples=1500, deadline=None)
@given(st.sampled_from(["name", "method", "page_size", "exclude", "include", "baseline", "timeout", "hosts"]), _VALUES)
def test_any_value_of_a_key_is_taken_or_a_spec_error(read: Read, key: str, value: object) -> None:
    """Valid but for one key, which holds anything that YAML's flow style can say."""
    import json  # noqa: PLC0415

    try:
        read(**{key: json.dumps(value)})
    except SpecError as error:
        check_lines(error, "a.yaml:")


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_in_a_file_are_an_experiment_or_a_spec_error(
    tmp_path_factory: pytest.TempPathFactory, vocabulary: Vocabulary, raw: bytes
) -> None:
    """Also when they are not text at all."""
    file = tmp_path_factory.getbasetemp() / "fuzz.yaml"
    file.write_bytes(raw)

    with pytest.raises(SpecError):
        load(file, vocabulary=vocabulary)


def test_reads_a_stopping_rule(read: Callable[..., Experiment]) -> None:
    """The most blocks there may be are the repeats; the rest is the rule."""
    experiment = read(repeats="{min: 5, max: 40, until: 2.5%}")

    assert (experiment.repeats, experiment.least_repeats) == (40, 5)
    assert experiment.stopping == PrecisionTarget(least=5, until=0.025)


def test_a_fixed_number_of_repeats_has_no_stopping_rule(read: Callable[..., Experiment]) -> None:
    """As it is without the key."""
    experiment = read()

    assert (experiment.stopping, experiment.least_repeats) == (None, experiment.repeats)
