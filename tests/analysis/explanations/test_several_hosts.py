"""An interval over hosts is that of a mean of them; hosts of a kind are taken together, and figures speak of hosts."""

from __future__ import annotations

import numpy as np
import pytest

from pageswap.analysis.explanations.several_hosts import grouped, hierarchical_interval, host_groups
from pageswap.analysis.summary import summarise
from pageswap.analysis.verdicts import FASTER, NOT_MEASURED, SLOWER, TOO_FEW
from tests.fake_run import make_run


def test_the_interval_over_hosts_is_as_wide_as_students() -> None:
    """Hosts of 1 to 6 are a die: at 2.82 standard deviations, Student's for five degrees over root 5/6, six show 10."""
    logs = np.repeat(np.arange(1.0, 7.0)[:, np.newaxis], 7, axis=1)
    low, high = hierarchical_interval(logs, np.random.default_rng(1))

    assert (low, high) == pytest.approx((10 / 6, 32 / 6))


def test_what_varies_within_hosts_widens_it() -> None:
    """Equal hosts have no scatter of their own."""
    still = np.full((3, 7), 2.0)
    moving = still + np.linspace(-1, 1, 7)

    assert hierarchical_interval(still, np.random.default_rng(1)) == (2.0, 2.0)
    low, high = hierarchical_interval(moving, np.random.default_rng(1))
    assert low < 1.7
    assert high > 2.3


def test_hosts_are_grouped_by_processor_and_kernel() -> None:
    """The largest group first; a host that told nothing is in none of them."""
    environments = {
        "a": {"cpu_model": "X", "kernel": "1"},
        "b": {"cpu_model": "Y", "kernel": "1"},
        "c": {"cpu_model": "Y", "kernel": "1"},
    }

    assert host_groups(["a", "b", "c", "d"], environments) == {
        "Y, Linux 1": ["b", "c"],
        "X, Linux 1": ["a"],
        "hosts that told nothing": ["d"],
    }


def test_a_groups_ratio_is_the_median_of_its_hosts() -> None:
    """One value a host, its interval over hosts; the truth, a ratio of 2, is inside."""
    hosts = tuple(f"h{index}" for index in range(9))
    run = make_run(
        hosts=hosts, method=["memcpy", "fast"], speeds={"fast": 400.0}, region_size=[1 << 27], touch=["none"]
    )
    summary = summarise(run)
    group = grouped(summary, {"kind": list(hosts)})
    (_, case) = group.cases
    each = sorted(one.ratio for one in summary.cases if one.ratio is not None)

    assert group.hosts == ("kind (9 hosts)",)
    assert case.ratio == pytest.approx(each[4])
    assert case.ratio_ci is not None
    assert case.ratio_ci.low < 2 < case.ratio_ci.high
    assert (case.verdict, case.n, case.ratio_n) == (FASTER, 9, 9)
    assert case.statuses == {"ok": 63}
    assert len(group.block_values["kind (9 hosts)", case.case_id]) == 9


def test_few_hosts_give_no_verdict_and_none_no_figure() -> None:
    """What was not measured keeps its reasons, counted over the hosts."""
    run = make_run(hosts=("a", "b"), region_size=[1 << 27], touch=["none"])
    run.end("unavailable", "no such call", method="mremap_fixed")
    group = grouped(summarise(run), {"kind": ["a", "b"]})
    words, _, remap = group.cases

    assert (words.verdict, words.note) == (TOO_FEW, "2 of at least 6 hosts")
    assert (remap.verdict, remap.median_ns) == (NOT_MEASURED, None)
    assert [(ending.reason, ending.trials) for ending in remap.endings] == [("no such call", 14)]


def test_groups_keep_nothing_of_the_single_hosts() -> None:
    """Matrix, comparisons and floors are the hosts'; what a group names as detectable is its own."""
    hosts = tuple(f"h{index}" for index in range(7))
    one = {"region_size": [1 << 27], "touch": ["none"], "replicas": True}
    summary = summarise(make_run(hosts=hosts, method=["memcpy", "same"], speeds={"same": 800.0}, **one))
    group = grouped(summary, {"kind": list(hosts)})
    (_, case) = group.cases

    assert not {"matrix", "comparisons", "floors", "noise"} & set(dir(group))
    assert case.smallest not in {None, *(each.smallest for each in summary.cases)}


@pytest.mark.slow
def test_equal_methods_on_hosts_of_a_kind_are_not_called_different() -> None:
    """Twenty equal methods on 18 hosts: an interval alone would call one of them different in every other run."""
    hosts = tuple(f"h{index:02d}" for index in range(18))
    names = {f"m{number:02d}": 800.0 for number in range(20)}
    alarms = 0
    for seed in range(20):
        one = {"region_size": [1 << 27], "touch": ["none"], "replicas": True, "seed": seed}
        summary = summarise(make_run(hosts=hosts, method=["memcpy", *names], speeds=names, blocks=6, **one))
        verdicts = {case.verdict for case in grouped(summary, {"kind": list(hosts)}).cases}
        alarms += bool(verdicts & {FASTER, SLOWER})

    assert alarms <= 2
