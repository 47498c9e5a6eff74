"""A plan is told with what its hosts cannot do of it: their bad lines first, alike ones once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pageswap.console.plan_view import obstacles, tell_plan
from pageswap.errors import HostUnreachableError
from pageswap.plan import plan as planning
from pageswap.spec.loader import loads


@pytest.fixture
def plan() -> planning.Plan:
    """Return a plan of four cases."""
    lines = ("name: a", "question: why?", "workload: swap", "method: [memcpy, mremap_fixed]", "page_size: [4KiB, 8KiB]")
    rest = ("region_size: 1MiB", "iterations: 1000", "baseline: {method: memcpy}", "backing: private_anon")
    return planning.make(loads("\n".join([*lines, *rest]), "a.yaml"))


def facts(plan: planning.Plan, *cases: int, bad: bool = False) -> dict[str, Any]:
    """Return a host's answer that refuses some cases, and perhaps has a line that is bad."""
    check = {"check": "load", "status": "bad" if bad else "ok", "found": "9", "cure": "wait"}
    refusals = [[f"w0.{plan.cases[case].case_id}", "unavailable", "no such CPU"] for case in cases]
    return {"doctor": [check], "refusals": refusals}


def test_hosts_alike_share_a_line(plan: planning.Plan) -> None:
    """What spoils every measurement stands before what spoils some."""
    answers = {"a": facts(plan, 2, 3), "b": facts(plan, 2, 3, bad=True), "c": facts(plan)}

    assert obstacles(plan, answers) == [
        "b: bad: load: 9; cure: wait",
        "a and b: unavailable: mremap_fixed (2 cases): no such CPU",
    ]


def test_one_host_needs_no_name(plan: planning.Plan) -> None:
    """It is said where the plan is for."""
    assert obstacles(plan, {"local": facts(plan, 0)}) == ["unavailable: memcpy, page_size 4KiB (1 case): no such CPU"]


def test_a_host_that_does_not_answer_is_told(plan: planning.Plan, capsys: pytest.CaptureFixture[str]) -> None:
    """A plan needs none: it is told all the same."""
    answers = {"a": facts(plan, 3, bad=True), "b": HostUnreachableError("b: no route")}
    codes = [tell_plan(plan, answers, as_json=False)]
    lines = capsys.readouterr().out.splitlines()
    codes += [tell_plan(plan, answers, as_json=True)]
    document = json.loads(capsys.readouterr().out)

    assert lines[-2:] == ["not asked: b: no route", "on a"]
    assert codes == [3, 3]
    assert (document["hosts"], document["host_errors"]) == (["a", "b"], {"b": "b: no route"})
    assert [(each["host"], each["reason"]) for each in document["refused"]] == [("a", "no such CPU")]
    assert [check["check"] for check in document["bad"]["a"]] == ["load"]


def test_a_plan_of_hosts_that_answer_ends_well(plan: planning.Plan, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever they cannot do of it; without any there is no place to name."""
    assert tell_plan(plan, {"a": facts(plan, 0, bad=True), "b": facts(plan)}, as_json=False) == 0
    assert capsys.readouterr().out.endswith("on a, b, side by side\n")
    assert tell_plan(plan, {"a": HostUnreachableError("a: no route")}, as_json=False) == 3
    assert capsys.readouterr().out.endswith("not asked: a: no route\n")
