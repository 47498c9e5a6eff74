"""Which methods each host has, and why not."""

from __future__ import annotations

from typing import Any

from pageswap.report.sections import availability
from tests.fake_run import FakeRun, make_run
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
    section = availability.section(reported(run, groups={"a": ["a"], "b": ["b"]}))
    matrix, reasons = section.grids

    assert matrix.rows == (("memcpy", "✓", "✓"), ("mremap_fixed", "✓", "✗"))
    assert reasons.rows == (("mremap_fixed", "no such call", "1"),)


def test_hosts_of_a_kind_share_a_column() -> None:
    """And it says how many of them have a method."""
    run = with_methods(
        make_run(hosts=("a", "b", "c"), method=["memcpy", "mremap_fixed"]), {"mremap_fixed": "no such call"}
    )
    section = availability.section(reported(run, groups={"kind": ["a", "b", "c"]}))

    assert section.grids[0].rows == (("memcpy", "✓ 3 of 3"), ("mremap_fixed", "✓ 1 of 3"))
    assert section.grids[1].rows == (("mremap_fixed", "no such call", "2"),)


def test_a_method_that_no_case_could_use_is_not_shown_as_available() -> None:
    """The host has it, and every trial of it was unavailable: the trials' reason stands below."""
    run = with_methods(make_run(hosts=("a", "b"), blocks=2, method=["memcpy", "mremap_fixed"]), {})
    run.end("unavailable", "it does not work on shared_anon", method="mremap_fixed", host="b")
    run.end("unavailable", "too little room", method="memcpy", touch="moved", host="b")
    groups = {"a": ["a"], "b": ["b"]}
    section = availability.section(reported(run, groups=groups))
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
    section = availability.section(reported(run, groups={"a": ["a"], "b": ["b"]}))

    assert [column.title for column in section.grids[0].columns] == ["Method", "a"]
    assert section.notes == ("Not known of b (no such host name).",)
