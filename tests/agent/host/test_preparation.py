"""What a quiet measurement wants of a host: the doctor's cure and what --tune sets are the same."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from agent.fake_sysfs import ENABLED, SHARED, SIZED, FakeSysfs, policy
from agent.host.laid_out import source

from pageswap.agent.host import doctor, preparation, readers
from pageswap.agent.host.doctor import Host
from pageswap.agent.host.environment import read_environment
from pageswap.agent.host.settings import BOOST, NO_TURBO

if TYPE_CHECKING:
    from pathlib import Path

CPU = max(os.sched_getaffinity(0))
OTHER = CPU + 1


@pytest.fixture
def files(tmp_path: Path) -> FakeSysfs:
    """Return a host that has nothing yet."""
    return FakeSysfs(str(tmp_path))


def cures(files: FakeSysfs) -> dict[str, str]:
    """Return what the doctor says to what --tune would set, and to nothing else of that kind."""
    environment = read_environment(source(files), {})
    found = doctor.examine(Host(environment, files, CPU, "/"))
    return {each.check: each.cure for each in found if each.check in ("governor", "turbo", "thp", "folios")}


def check(files: FakeSysfs, wanted: dict[str, int | str], *checks: str) -> None:
    """Assert that this is what --tune would set, and that these of the doctor's lines say how, and no other line."""
    assert preparation.unprepared(files, (CPU,)) == wanted
    told = cures(files)
    assert {check for check, cure in told.items() if cure} == {*checks}
    assert all(cure.startswith("run with --tune as root, or: echo ") for cure in told.values() if cure)
    for name, value in wanted.items():
        assert any(f"echo {value} | tee" in cure and name in cure for cure in told.values())


def test_a_host_without_any_of_it_wants_nothing(files: FakeSysfs) -> None:
    """As most virtual machines."""
    check(files, {})


class TestGovernor:
    """Of the policies that clock a measured CPU."""

    def test_only_of_measured_cpus(self, files: FakeSysfs) -> None:
        """Others keep theirs."""
        files.lay_out_policies((CPU,), (OTHER,))

        check(files, {policy(CPU): "performance"}, "governor")
        both = {policy(CPU): "performance", policy(OTHER): "performance"}
        assert preparation.unprepared(files, (CPU, OTHER)) == both

    def test_the_conditions_name_each_that_measured_cpus_have(self, files: FakeSysfs) -> None:
        """As where one of them was refused."""
        files.lay_out_policies((CPU,), governor="performance")
        files.lay_out_policies((OTHER,))

        assert readers.governor(source(files)) == "performance"
        both = readers.Source(files, (CPU,), (OTHER, CPU))
        assert readers.governor(both) == "performance, powersave"

    def test_cpus_of_one_policy_have_one_setting(self, files: FakeSysfs) -> None:
        """Which is named by the first of them."""
        files.lay_out_policies((CPU, OTHER))

        assert preparation.unprepared(files, (CPU, OTHER)) == {policy(CPU): "performance"}
        assert preparation.unprepared(files, (OTHER,)) == {policy(CPU): "performance"}

    def test_a_policy_that_names_no_cpus_is_that_of_its_number(self, files: FakeSysfs) -> None:
        """What the kernel does not tell is not guessed further."""
        files.lay_out_policies((CPU,), affected_cpus="")

        check(files, {policy(CPU): "performance"}, "governor")

    @pytest.mark.parametrize("governor", ["performance", "userspace"])
    def test_one_that_is_right_or_was_chosen_by_hand_stays(self, files: FakeSysfs, governor: str) -> None:
        """The speed that was chosen could not be put back; the doctor tells of it."""
        files.lay_out_policies((CPU,), governor=governor)

        assert preparation.unprepared(files, (CPU,)) == {}
        by_hand = "as root: cpupower frequency-set -g performance" if governor == "userspace" else ""
        assert cures(files)["governor"] == by_hand

    def test_one_that_is_not_there_is_not_wanted(self, files: FakeSysfs) -> None:
        """A kernel may be built without it."""
        files.lay_out_policies((CPU,), scaling_available_governors="ondemand powersave")

        assert preparation.unprepared(files, (CPU,)) == {}


class TestBoost:
    """Each driver has its own switch."""

    def test_the_one_for_all(self, files: FakeSysfs) -> None:
        """Of acpi-cpufreq and amd-pstate, whose policies follow it."""
        files.lay_out_policies((CPU,), (OTHER,), governor="performance", boost="1")
        files.lay_out({BOOST: "1"})
        check(files, {BOOST: 0}, "turbo")

        files.write(BOOST, "0")
        check(files, {})
        assert readers.turbo(source(files)) is False

    def test_a_policy_that_has_none_keeps_it_so(self, files: FakeSysfs) -> None:
        """The one for all would allow it there when it is put back."""
        files.lay_out_policies((CPU,), (OTHER,), governor="performance", boost="1")
        files.lay_out({BOOST: "1", policy(OTHER, "boost"): "0"})
        check(files, {policy(CPU, "boost"): 0}, "turbo")

        files.write(policy(CPU, "boost"), "0")
        check(files, {})
        assert readers.turbo(source(files)) is False

    def test_without_one_for_all_a_policy_has_its_own(self, files: FakeSysfs) -> None:
        """Only that of a measured CPU is switched."""
        files.lay_out_policies((CPU,), (OTHER,), governor="performance", boost="1")

        check(files, {policy(CPU, "boost"): 0}, "turbo")

    def test_the_one_for_all_outweighs_a_policys(self, files: FakeSysfs) -> None:
        """What a policy says beside it has no effect."""
        files.lay_out_policies((CPU,), governor="performance", boost="1")
        files.lay_out({BOOST: "0"})

        check(files, {})
        assert readers.turbo(source(files)) is False

    def test_that_of_intel_is_the_other_way_round(self, files: FakeSysfs) -> None:
        """It forbids, and counts alone."""
        files.lay_out({NO_TURBO: "0"})
        check(files, {NO_TURBO: 1}, "turbo")

        files.lay_out({NO_TURBO: "1", BOOST: "1"})
        check(files, {})


class TestHugePages:
    """What asks for them gets them, and nothing else."""

    @pytest.mark.parametrize(
        ("word", "is_fit"),
        [("[always] madvise never", False), ("always [madvise] never", True), ("always madvise [never]", False)],
    )
    def test_the_one_for_all(self, files: FakeSysfs, word: str, *, is_fit: bool) -> None:
        """Unasked they spoil regions of small pages, and without them a backing is missing."""
        files.lay_out({ENABLED: word})

        check(files, {} if is_fit else {ENABLED: "madvise"}, *([] if is_fit else ["thp"]))

    def test_sizes_of_their_own(self, files: FakeSysfs) -> None:
        """Private memory asks by another word than shared memory is given by."""
        files.lay_out({SIZED: "[always] inherit madvise never", SHARED: "always inherit [within_size] advise never"})

        check(files, {SIZED: "madvise", SHARED: "advise"}, "folios")
        files.write(SIZED, "never")
        files.write(SHARED, "never")
        check(files, {})
