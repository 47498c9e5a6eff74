"""Conditions are complete, labelled, and absent where they are not known."""

from __future__ import annotations

from pageswap.report.conditions import host_facts, run_facts
from tests.fake_run import ENVIRONMENT, make_run


def test_every_fact_of_the_environment_is_shown() -> None:
    """Also one this version has no label for."""
    facts = dict(host_facts({**ENVIRONMENT, "novelty": {"a": 1}}))

    assert facts["CPU"] == "AMD EPYC 9R45"
    assert facts["novelty"] == "a: 1"
    assert facts["Memory"] == "23.44 GiB (25,165,824,000 bytes)"
    assert facts["Compiler flags"] == "-O2 -fPIC"
    assert facts["Transparent huge pages"] == "enabled: madvise; defrag: madvise; shmem_enabled: never"


def test_an_unknown_fact_says_so() -> None:
    """A fact that is not there is not left out, nor made up."""
    assert {"not recorded", "none", "none found", "not exposed to this host"} == {text for _, text in host_facts({})}


def test_a_dirty_checkout_is_told_from_a_clean_one() -> None:
    """A commit alone does not say what was run."""
    meta = make_run(blocks=1).meta()

    assert dict(run_facts(meta))["Commit"].endswith(" (clean)")
    meta["provenance"]["dirty"] = True
    assert dict(run_facts(meta))["Commit"].endswith(" with uncommitted changes")
