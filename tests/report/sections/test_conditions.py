"""Conditions are complete, labelled, and absent where they are not known."""

from __future__ import annotations

from pageswap.report.sections.conditions import hashes, host_facts, inventory_of, run_facts
from tests.fake_run import ENVIRONMENT, make_run


def test_every_fact_of_the_environment_is_shown() -> None:
    """Also one this version has no label for."""
    facts = dict(host_facts({**ENVIRONMENT, "novelty": {"a": 1}}))

    assert facts["CPU"] == "AMD EPYC 9R45"
    assert facts["novelty"] == "a: 1"
    assert facts["Memory"] == "23.44 GiB (25,165,824,000 bytes)"
    assert facts["Compiler flags"] == "-O2 -fPIC"
    assert facts["Transparent huge pages"] == "enabled: madvise; defrag: madvise; shmem_enabled: never"


def test_mitigations_that_cost_time_come_first() -> None:
    """What the processor is not affected by is named, and no more."""
    found = {"meltdown": "Not affected", "spectre_v2": "Mitigation: Retpolines", "mds": "Not affected"}

    assert (
        dict(host_facts({"mitigations": found}))["Mitigations"]
        == "spectre_v2: Mitigation: Retpolines; not affected by meltdown, mds"
    )


def test_what_the_inventory_sets_is_a_condition_and_its_notes_are_not_shown() -> None:
    """The CPU and the memory bear on the figures; notes, and where the ssh_config lies, are their owner's."""
    meta = make_run(blocks=1).meta()
    meta["options"] = {
        "tune": False,
        "ssh_config": "/home/me/secret_config",
        "hosts": [{"name": "a", "cpu": 1, "memory_bytes": 2 << 30, "tags": ["quiet"], "notes": "under my desk"}],
    }
    meta["provenance"]["command"] = "inv run --spec 'a b.yaml' --ssh-config /home/me/secret_config --hosts a"
    facts = dict(host_facts(ENVIRONMENT, inventory_of(meta)["a"]))
    of_run = dict(run_facts(meta))

    assert facts["Trials run on CPU (inventory)"] == "1"
    assert facts["Trials may take (inventory)"] == "2.00 GiB (2,147,483,648 bytes)"
    assert facts["Tags (inventory)"] == "quiet"
    assert of_run["Options"] == "tune: false"
    assert of_run["Command"] == "inv run --spec 'a b.yaml' --ssh-config SSH_CONFIG --hosts a"
    assert not any("secret" in text or "desk" in text for text in (*facts.values(), *of_run.values()))


def test_an_unknown_fact_says_so() -> None:
    """A fact that is not there is not left out, nor made up."""
    assert {"not recorded", "none", "none found", "not exposed to this host"} == {text for _, text in host_facts({})}


def test_a_dirty_checkout_is_told_from_a_clean_one() -> None:
    """A commit alone does not say what was run."""
    meta = make_run(blocks=1).meta()

    assert dict(run_facts(meta))["Commit"].endswith(" (clean)")
    meta["provenance"]["dirty"] = True
    assert dict(run_facts(meta))["Commit"].endswith(" with uncommitted changes")


def test_hashes_tell_whether_another_run_was_of_the_same() -> None:
    """The experiment file's, and the core's: one where all hosts ran the same bits, else each with its hosts."""
    environments = {host: {"core": {"core_hash": core}} for host, core in (("a", "11"), ("b", "11"), ("c", "22"))}
    spec, cores = hashes({"spec_text": "abc"}, environments)

    assert spec[1] == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert cores[1] == "11 on 2 hosts; 22 on 1 host"
    assert hashes({}, {"a": environments["a"]})[1][1] == "11"
    assert hashes({}, {})[1][1] == "not recorded"
