"""Conditions are complete and labelled; which methods each host has, how hosts differ, what the run cost them."""

from __future__ import annotations

from typing import Any

from pageswap.report.page.model import model
from pageswap.report.sections import hosts
from pageswap.report.sections.hosts import environment_facts, facts_of_hosts, run_facts
from tests.fake_run import ENVIRONMENT, FakeRun, make_run
from tests.report.reported import reported


def with_methods(run: FakeRun, lacking: dict[str, str]) -> FakeRun:
    """Let the second host lack methods, with reasons."""

    def methods() -> dict[str, list[dict[str, Any]]]:
        return {
            host: [
                {
                    "name": name,
                    "family": "copy",
                    "available": not (number and name in lacking),
                    "reason": lacking.get(name, ""),
                }
                for name in ("memcpy", "mremap_fixed")
            ]
            for number, host in enumerate(run.hosts)
        }

    run.methods = methods  # type: ignore[method-assign]
    return run


def test_the_availability_matrix_gives_reasons() -> None:
    """Methods by hosts, and below why not."""
    run = with_methods(make_run(hosts=("a", "b"), method=["memcpy", "mremap_fixed"]), {"mremap_fixed": "no such call"})
    section = hosts.availability(reported(run, groups={"a": ["a"], "b": ["b"]}))
    matrix, reasons = section.grids

    assert matrix.rows == (("memcpy", "✓", "✓"), ("mremap_fixed", "✓", "✗"))
    assert reasons.rows == (("mremap_fixed", "no such call", "1"),)


def test_hosts_of_a_kind_share_a_column() -> None:
    """And it says how many of them have a method."""
    run = with_methods(
        make_run(hosts=("a", "b", "c"), method=["memcpy", "mremap_fixed"]), {"mremap_fixed": "no such call"}
    )
    section = hosts.availability(reported(run, groups={"kind": ["a", "b", "c"]}))

    assert section.grids[0].rows == (("memcpy", "✓ 3 of 3"), ("mremap_fixed", "✓ 1 of 3"))
    assert section.grids[1].rows == (("mremap_fixed", "no such call", "2"),)


def test_a_method_that_no_case_could_use_is_not_shown_as_available() -> None:
    """The host has it, and every trial of it was unavailable: the trials' reason stands below."""
    run = with_methods(make_run(hosts=("a", "b"), blocks=2, method=["memcpy", "mremap_fixed"]), {})
    run.end("unavailable", "it does not work on shared_anon", method="mremap_fixed", host="b")
    run.end("unavailable", "too little room", method="memcpy", touch="moved", host="b")
    groups = {"a": ["a"], "b": ["b"]}
    section = hosts.availability(reported(run, groups=groups))
    matrix, reasons = section.grids

    assert matrix.rows == (("memcpy", "✓", "✓"), ("mremap_fixed", "✓", "✗ not in these cases"))
    assert reasons.rows == (("mremap_fixed", "it does not work on shared_anon", "1"),)
    assert "none of the run's cases can use it" in matrix.caption


def test_a_host_that_told_nothing_is_named_beside_the_matrix() -> None:
    """It has no column, and the reason is given."""
    run = with_methods(make_run(hosts=("a", "b")), {})
    run.troubles = {"b": "no such host name"}
    known = run.methods()
    run.methods = lambda: {"a": known["a"]}  # type: ignore[method-assign]
    section = hosts.availability(reported(run, groups={"a": ["a"], "b": ["b"]}))

    assert [column.title for column in section.grids[0].columns] == ["Method", "a"]
    assert section.notes == ("Not known of b (no such host name).",)


def test_differences_between_hosts_are_named_and_judged() -> None:
    """What matters first, with every host's value."""
    kernels = {"a": "6.18.5", "b": "6.18.5", "c": "6.1.0"}
    run, alike = make_run(hosts=("a", "b", "c"), blocks=1), make_run(hosts=("a", "b"), blocks=1)
    run.facts = {host: {**ENVIRONMENT, "hostname": host, "kernel": kernel} for host, kernel in kernels.items()}
    alike.facts = {"a": ENVIRONMENT, "b": ENVIRONMENT}
    section = hosts.differences(reported(run))
    (grid,) = section.grids

    assert [row[0] for row in grid.rows] == ["Kernel", "Host name"]
    assert grid.rows[0][1] == "6.18.5 (a, b) and 6.1.0 (c)"
    assert grid.rows[0][2].startswith("yes: ")
    assert "stands with reservations" in section.notes[0]
    assert hosts.differences(reported(alike)) is None
    assert len(section.notes) == 1


def test_a_host_measured_later_is_said_to_be() -> None:
    """A resume hours later is another condition; side by side is none."""
    run = make_run(hosts=("a", "b", "c"), blocks=2)
    for outcome in run.of(host="c"):
        outcome["started_at"] = outcome["started_at"].replace("T03:", "T05:")
    page = model(run)
    (section,) = [each for each in page.after if each.id == "differences"]

    assert section.notes[-1] == (
        "Not all were measured at one time: the first from 2026-01-02 03:00:00 to 03:01:11 UTC, c from 2026-01-02 "
        "05:00:00 to 05:01:11 UTC."
    )
    assert dict(page.hosts[2][1])["Measured"] == "2026-01-02 05:00:00 to 05:01:11 UTC"


def test_the_ledger_has_each_hosts_seconds_and_troubles() -> None:
    """Phases that took place, and why a host gave nothing more."""
    run = make_run(hosts=("a", "b"))
    run.spent = {"a": {"connecting": 0.25, "running": 61.7}, "b": {"connecting": 12.0}}
    run.troubles = {"b": "the link is down; run 'inv resume'"}
    run.enough = {"a": {"blocks": 9, "reason": "all intervals within 2 %"}}
    (grid,) = hosts.ledger(reported(run)).grids

    assert [column.title for column in grid.columns] == ["Host", "Connecting", "Running", "Remarks"]
    assert grid.rows == (
        ("a", "0.250", "61.7", "stopped after 9 blocks: all intervals within 2 %"),
        ("b", "12.0", "", "the link is down; run 'inv resume'"),
    )
    assert grid.marks == ("", "problem")


def test_every_fact_of_the_environment_is_shown() -> None:
    """Also one this version has no label for."""
    facts = dict(environment_facts({**ENVIRONMENT, "novelty": {"a": 1}, "nothing": []}))

    assert facts["CPU"] == "AMD EPYC 9R45"
    assert facts["novelty"] == "a: 1"
    assert facts["nothing"] == "none"
    assert facts["Memory"] == "23.44 GiB (25,165,824,000 bytes)"
    assert facts["Compiler flags"] == "-O2 -fPIC"
    assert facts["Transparent huge pages"] == "enabled: madvise; defrag: madvise; shmem_enabled: never"


def test_mitigations_that_cost_time_come_first() -> None:
    """What the processor is not affected by is named, and no more."""
    found = {"meltdown": "Not affected", "spectre_v2": "Mitigation: Retpolines", "mds": "Not affected"}

    assert (
        dict(environment_facts({"mitigations": found}))["Mitigations"]
        == "spectre_v2: Mitigation: Retpolines; not affected by meltdown, mds"
    )


def test_what_the_inventory_sets_is_a_condition_and_its_notes_are_not_shown() -> None:
    """The CPU and the memory bear on the figures; notes, and where the ssh_config lies, are their owner's."""
    run = make_run(hosts=("a",), blocks=1)
    meta = run.meta()
    meta["options"] = {
        "tune": False,
        "ssh_config": "/home/me/secret_config",
        "hosts": [{"name": "a", "cpu": 1, "memory_bytes": 2 << 30, "tags": ["quiet"], "notes": "under my desk"}],
    }
    meta["provenance"]["command"] = "inv run --spec 'a b.yaml' --ssh-config /home/me/secret_config --hosts a"
    run.meta = lambda: meta  # type: ignore[method-assign]
    ((_, told),) = facts_of_hosts(reported(run), run.facts)
    facts = dict(told)
    of_run = dict(run_facts(meta, {}))

    assert facts["Trials run on CPU (inventory)"] == "1"
    assert facts["Trials may take (inventory)"] == "2.00 GiB (2,147,483,648 bytes)"
    assert facts["Tags (inventory)"] == "quiet"
    assert of_run["Options"] == "tune: false"
    assert of_run["Command"] == "inv run --spec 'a b.yaml' --ssh-config SSH_CONFIG --hosts a"
    assert not any("secret" in text or "desk" in text for text in (*facts.values(), *of_run.values()))


def test_an_unknown_fact_says_so() -> None:
    """A fact that is not there is not left out, nor made up."""
    assert {"not recorded", "none", "not exposed to this host"} == {text for _, text in environment_facts({})}


def test_a_dirty_checkout_is_told_from_a_clean_one() -> None:
    """A commit alone does not say what was run."""
    meta = make_run(blocks=1).meta()

    assert dict(run_facts(meta, {}))["Commit"].endswith(" (clean)")
    meta["provenance"]["dirty"] = True
    assert dict(run_facts(meta, {}))["Commit"].endswith(" with uncommitted changes")


def test_hashes_tell_whether_another_run_was_of_the_same() -> None:
    """The experiment file's, and the core's: one where all hosts ran the same bits, else each with its hosts."""
    environments = {host: {"core": {"core_hash": core}} for host, core in (("a", "11"), ("b", "11"), ("c", "22"))}
    facts = dict(run_facts({"spec_text": "abc"}, environments))
    core = "Core, SHA-256"

    assert facts["Experiment file, SHA-256"] == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert facts[core] == "11 on 2 hosts; 22 on 1 host"
    assert dict(run_facts({}, {"a": environments["a"]}))[core] == "11"
    assert dict(run_facts({}, {}))[core] == "not recorded"
