"""A host's condition that lowers the trust in its figures is a reason of its own, said in words."""

from __future__ import annotations

from pageswap.analysis.findings import findings
from pageswap.analysis.summary import summarise
from pageswap.answers.trust import trust
from tests.fake_run import ENVIRONMENT, make_run

SHARED = {**ENVIRONMENT, "measured_siblings": {"0": "1", "1": "0"}}


def reasons(environments: dict[str, dict[str, object]]) -> list[str]:
    """Return the words for the doubts that the hosts' conditions raise."""
    run = make_run()
    summary = summarise(run)
    return [each.text for each in trust(summary, findings(summary), environments).why if each.code == "condition"]


def test_measured_cpus_of_one_core_make_an_answer_doubtful() -> None:
    """The host is named where there are several."""
    words = "measured CPUs 0 and 1 are threads of one core"

    assert [words] == reasons({"bench1": SHARED})
    assert [f"{words} on bench2"] == reasons({"bench1": ENVIRONMENT, "bench2": SHARED})
    assert [] == reasons({"bench1": ENVIRONMENT})
