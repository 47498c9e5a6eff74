"""What is printed of several hosts: a line each, none folded away, errors beside the answers."""

from __future__ import annotations

import io
import json
import sys
from typing import TYPE_CHECKING, Any

from pageswap.campaign.outcome import HostOutcome
from pageswap.console import host_views
from pageswap.errors import HostError
from pageswap.fleet.inventory import Inventory

if TYPE_CHECKING:
    import pytest

GOOD = HostOutcome("lab1", 9, {"ok": 8, "failed": 1}, 0, {"connecting": 0.5, "running": 61.0, "waiting": 3.5}, "")
GONE = HostOutcome("lab2", 0, {}, 9, {}, "no route to host; start it")


def test_each_host_has_a_line_with_its_part(capsys: pytest.CaptureFixture[str]) -> None:
    """Rows, how they ended, what is owed, where the time went, and why there is no more."""
    host_views.show_hosts([GOOD, GONE])
    head, good, gone = [line.split() for line in capsys.readouterr().out.splitlines()]

    assert head[:3] == ["host", "rows", "ended"]
    assert " ".join(good) == "lab1 9 ok 8, failed 1 1min 1s 4.0s, waiting 3.5s"
    assert " ".join(gone) == "lab2 0 9 no route to host; start it"


def test_a_finding_is_one_line_however_long(capsys: pytest.CaptureFixture[str]) -> None:
    """So that it can be searched for; the cure is in it."""
    check = {"check": "load", "status": "warn", "found": "x" * 300, "cure": "wait"}
    host_views.show_findings({"a": {"checks": [check]}, "longer": {"checks": [{**check, "status": "ok", "cure": ""}]}})
    first, second = capsys.readouterr().out.splitlines()

    assert first == f"a       warn  load  {'x' * 300}; cure: wait"
    assert second == f"longer  ok    load  {'x' * 300}"


def methods(**available: str) -> list[dict[str, Any]]:
    """Give methods, each with the reason it is not available, "" if it is."""
    some = {"family": "copy", "workloads": ["swap"], "summary": "does it"}
    return [{"name": name, "available": not reason, "reason": reason, **some} for name, reason in available.items()]


def test_a_bad_line_is_exit_code_2() -> None:
    """A warning is none, and a host with an error has its own code."""
    ok, warn, bad = ({"doctor": [{"status": status}]} for status in ("ok", "warn", "bad"))

    assert host_views.findings_code({"a": ok, "b": warn, "c": HostError("away")}) == 0
    assert host_views.findings_code({"a": ok, "b": bad}) == 2


def test_methods_of_several_hosts_are_a_matrix(capsys: pytest.CaptureFixture[str]) -> None:
    """With each reason once, for all hosts that have it."""
    lacking = methods(memcpy="", avx512="no AVX-512; another CPU")
    host_views.show_method_matrix(
        {"a": methods(memcpy="", avx512=""), "b": lacking, "c": lacking, "d": methods(memcpy="")}
    )
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]

    assert lines[:3] == [["method", "a", "b", "c", "d"], ["memcpy", *["ok"] * 4], ["avx512", "ok", "-", "-", "-"]]
    assert " ".join(lines[4]) == "avx512 on b, c: no AVX-512; another CPU"
    assert " ".join(lines[5]) == "avx512 on d: is unknown to its core"


def test_one_hosts_methods_say_what_they_do(capsys: pytest.CaptureFixture[str]) -> None:
    """A matrix of one column would say less."""
    host_views.show_method_matrix({"a": methods(memcpy="", avx512="no AVX-512")})
    said = capsys.readouterr().out

    assert "does it" in said
    assert "no AVX-512" in said


def test_errors_stand_beside_the_answers(capsys: pytest.CaptureFixture[str]) -> None:
    """On standard error, and with their exit code; as JSON in the host's place."""
    found = {"a": {"x": 1}, "b": HostError("b: no core")}

    assert host_views.conclude(found, print, as_json=False, part=lambda answer: answer["x"]) == 3
    assert capsys.readouterr() == ("{'a': 1}\n", "error: b: no core\n")
    assert host_views.conclude(found, print, as_json=True) == 3
    said = capsys.readouterr()
    assert (json.loads(said.out), said.err) == (
        {"a": {"x": 1}, "b": {"error": "b: no core"}},
        "error: b: no core\n",
    )
    assert host_views.conclude({"a": {}}, print, as_json=True) == 0


def test_errors_that_nobody_hears_keep_their_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard error may be a pipe whose reader has gone."""

    class Gone(io.StringIO):
        def write(self, _text: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stderr", Gone())

    assert host_views.conclude({"b": HostError("b: no core")}, print, as_json=False) == 3


def test_what_was_built_here_stands_before_the_hosts(capsys: pytest.CaptureFixture[str]) -> None:
    """And alone where no host was named."""
    core = {"core_hash": "0123456789abcdef", "compiler": "gcc 12", "flags": "-O2"}
    ready = {"core_hash": "fedcba9876543210", "build": "host", "python": "3.9.2", "kernel": "6.1", "ledger": {}}

    assert host_views.conclude_build(core, {}, as_json=False) == 0
    assert capsys.readouterr().out == "core 0123456789ab by gcc 12 with -O2\n"
    assert host_views.conclude_build(core, {"a": ready, "b": HostError("b: no core")}, as_json=False) == 3
    assert capsys.readouterr().out.splitlines()[1] == (
        "a: ready: core fedcba987654, built by the host, Python 3.9.2, Linux 6.1"
    )
    assert host_views.conclude_build(core, {"a": ready}, as_json=True) == 0
    assert json.loads(capsys.readouterr().out) == {"core": core, "hosts": {"a": ready}}


def test_what_was_cleaned_and_kept_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    """What was kept by its reason, not by its paths."""
    kept = [{"path": "/x", "why": "in use"}, {"path": "/y", "why": "in use"}]
    host_views.show_cleaned(
        {
            "a": {"removed": 1200, "bytes": 3 << 20, "kept": kept},
            "b": {"removed": 0, "bytes": 0, "kept": []},
            "c": {"removed": 1, "bytes": 0, "kept": []},
        }
    )

    assert capsys.readouterr().out.splitlines() == [
        "a: removed 1,200 folders, 3.0 MiB; kept 2 (in use)",
        "b: removed 0 folders, 0.0 MiB",
        "c: removed 1 folder, 0.0 MiB",
    ]


def test_what_a_terminal_would_obey_is_only_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever a host said: in findings, in a table, in an error; line breaks stay."""
    host_views.show_findings({"a": {"checks": [{"check": "load", "status": "ok", "found": "\x1b[2J"}]}})
    host_views.show_hosts([HostOutcome("a", 0, {}, 0, {}, "\x1b]0;title\x07")])
    host_views.conclude({"a": HostError("a: one\n  \u202etwo")}, host_views.show_method_matrix, as_json=False)
    said = capsys.readouterr()

    assert r"\x1b[2J" in said.out
    assert r"\x1b]0;title\x07" in said.out
    assert said.err == "error: a: one\n  \\u202etwo\n"
    assert "\x1b" not in said.out


def test_the_inventory_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """Each host with its groups and tags as they are typed, also one that only a group names; or how to come by one."""
    text = "hosts: {a: {tags: zen, cpu: 3, memory: 1GiB}, b: }\ngroups: {g: [a, b], office: [local, b]}"
    host_views.tell_inventory(Inventory.loads(text, "h.yaml"), as_json=False)
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]

    assert lines == [
        ["h.yaml:"],
        ["host", "groups", "tags", "cpu", "memory", "python", "workdir", "notes"],
        ["a", "@g", "@zen", "3", "1GiB"],
        ["b", "@g,", "@office"],
        ["local", "@office"],
    ]
    host_views.tell_inventory(Inventory(), as_json=False)

    assert "hosts.example.yaml" in capsys.readouterr().out
    host_views.tell_inventory(Inventory(), as_json=True)
    assert json.loads(capsys.readouterr().out) == {"inventory": None, "hosts": [], "groups": {}}
