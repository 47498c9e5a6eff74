"""Which conditions differ between two measurements, which of them matter, and whether a comparison stands."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from pageswap.agent.host.conditions import CODE, HARMLESS, MACHINE, SETTING
from pageswap.comparison.environments import (
    DOES_NOT_STAND,
    RESERVATIONS,
    STANDS,
    WORK,
    differences,
    run_differences,
    verdict,
)
from tests.fake_run import ENVIRONMENT, make_run


def changed(**facts: Any) -> dict[str, Any]:
    """Give the usual environment with some facts changed; a dictionary changes a part of its fact."""
    environment = copy.deepcopy(ENVIRONMENT)
    for name, value in facts.items():
        environment[name] = {**environment[name], **value} if isinstance(value, dict) else value
    return environment


def test_the_same_environment_differs_in_nothing_and_stands() -> None:
    """Two runs of one host and one core may be compared."""
    found = differences(ENVIRONMENT, copy.deepcopy(ENVIRONMENT))

    assert [] == found
    assert STANDS == verdict(found).word


@pytest.mark.parametrize(
    ("facts", "key", "kind", "word"),
    [
        ({"core": {"core_hash": "ef" * 32}}, "core.core_hash", CODE, STANDS),
        ({"core": {"compiler": "clang 19"}}, "core.compiler", CODE, STANDS),
        ({"kernel": "6.1.0"}, "kernel", SETTING, RESERVATIONS),
        ({"microcode": "0x1"}, "microcode", SETTING, RESERVATIONS),
        ({"mitigations": {"meltdown": "Mitigation: PTI"}}, "mitigations.meltdown", SETTING, RESERVATIONS),
        ({"thp": {"enabled": "always"}}, "thp.enabled", SETTING, RESERVATIONS),
        ({"governor": "powersave"}, "governor", SETTING, RESERVATIONS),
        ({"libc": "glibc 2.41"}, "libc", SETTING, RESERVATIONS),
        ({"loadavg": [3.0, 1.0, 0.5]}, "loadavg", SETTING, RESERVATIONS),
        ({"cpu_model": "Intel Xeon"}, "cpu_model", MACHINE, DOES_NOT_STAND),
        ({"hypervisor": "none"}, "hypervisor", MACHINE, DOES_NOT_STAND),
        ({"cpus": 64}, "cpus", SETTING, RESERVATIONS),
        ({"hostname": "other"}, "hostname", HARMLESS, STANDS),
        ({"python": "3.9.2"}, "python", HARMLESS, STANDS),
        ({"max_map_count": 1}, "max_map_count", HARMLESS, STANDS),
        ({"rlimits": {"nproc": 1}}, "rlimits.nproc", HARMLESS, STANDS),
        ({"core": {"build": "host"}}, "core.build", HARMLESS, STANDS),
        ({"phase_of_the_moon": "full"}, "phase_of_the_moon", SETTING, RESERVATIONS),
    ],
)
def test_each_condition_has_its_weight(facts: dict[str, Any], key: str, kind: str, word: str) -> None:
    """One difference is found, weighed, explained, and decides what the comparison is worth."""
    (found,) = differences(ENVIRONMENT, changed(**facts))

    assert (key, kind, kind != HARMLESS) == (found.key, found.kind, found.matters)
    assert found.why
    assert word == verdict([found]).word


def test_what_matters_comes_first_and_the_worst_decides() -> None:
    """A machine of another kind outweighs settings, and those outweigh the code."""
    found = differences(ENVIRONMENT, changed(python="3.9.2", cpu_model="Intel Xeon", kernel="6.1.0", hostname="b"))

    assert ["cpu_model", "kernel", "hostname", "python"] == [each.key for each in found]
    assert DOES_NOT_STAND == verdict(found).word
    assert "unlike (CPU)" in verdict(found).text
    assert RESERVATIONS == verdict(found[1:]).word
    assert STANDS == verdict(found[2:]).word


def test_a_fact_that_one_side_lacks_is_a_difference_and_one_that_both_lack_is_none() -> None:
    """What was not recorded is said so, never guessed."""
    (found,) = differences(changed(governor=None), changed(governor="performance"))

    assert ("governor", "not recorded", "performance") == (found.key, found.a, found.b)
    assert [] == differences({"turbo": None}, {})


def test_a_small_change_of_the_load_is_no_other_condition() -> None:
    """Every run finds a slightly different load average, its own doing among it."""
    assert [] == differences(changed(loadavg=[0.1, 0, 0]), changed(loadavg=[0.5, 1, 1]))


def test_other_work_does_not_stand() -> None:
    """Another schedule, or other rounds, is another measurement, whatever the machine."""
    base, new = make_run().meta(), make_run().meta()
    new["experiment"] = {**new["experiment"], "seed": 7, "repeats": 99}
    found = run_differences(base, new)

    assert [("seed", WORK), ("repeats", HARMLESS)] == [(each.key, each.kind) for each in found]
    assert DOES_NOT_STAND == verdict(found).word


def test_another_commit_alone_changes_nothing_that_is_timed() -> None:
    """The core's hash decides: a changed page of documentation is no other code."""
    base, new = make_run().meta(), make_run().meta()
    new["provenance"] = {**new["provenance"], "commit": "f" * 40, "dirty": True}
    found = run_differences(base, new)

    assert {"commit", "dirty"} == {each.key for each in found}
    assert STANDS == verdict(found).word


def test_conditions_are_told_by_their_names_and_in_units() -> None:
    """As the report's list of conditions has them; memory to the byte only where that alone differs."""
    base = changed(mem_available=24_376_475_648, loadavg=[0.1, 0.2, 0.1])
    other = changed(mem_available=20_000_000_000, loadavg=[2.23, 1.99, 1.97], thp={"enabled": "never"})
    found = differences(base, other)
    (near,) = differences(base, changed(mem_available=24_376_475_649))

    assert [(each.name, each.a, each.b) for each in found] == [
        ("Transparent huge pages, enabled", "madvise", "never"),
        ("Load average at start", "0.1, 0.2, 0.1", "2.23, 1.99, 1.97"),
        ("Memory available at start", "22.70 GiB", "18.63 GiB"),
    ]
    assert (near.a, near.b) == ("22.70 GiB (24,376,475,648 bytes)", "22.70 GiB (24,376,475,649 bytes)")


def test_a_long_value_is_cut() -> None:
    """A hostile or odd host cannot fill a terminal."""
    (found,) = differences(ENVIRONMENT, changed(kernel="6" * 10_000))

    assert len(found.b) == 80


def test_of_hashes_so_much_is_told_as_tells_them_apart() -> None:
    """All of it where they begin alike."""
    (found,) = differences({"core_hash": "ab" * 32}, {"core_hash": "cd" * 32})
    (alike,) = differences({"core_hash": "ab" * 32}, {"core_hash": "ab" * 31 + "cd"})

    assert (found.a, found.b) == ("ab" * 6, "cd" * 6)
    assert (alike.a, alike.b) == ("ab" * 32, "ab" * 31 + "cd")
