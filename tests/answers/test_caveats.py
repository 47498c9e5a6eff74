"""No ending is left out of an answer: each status has its count, and all its reasons."""

from __future__ import annotations

from tests.answers.answered import ONE, answered
from tests.fake_run import FakeRun, make_run


def texts(run: FakeRun) -> dict[str, str]:
    """Give the words of each kind of caveat."""
    return {caveat.kind: caveat.text for caveat in answered(run).caveats}


def test_a_whole_run_has_none() -> None:
    """Everything ended well."""
    assert texts(make_run(**ONE)) == {}


def test_three_failures_with_three_reasons_are_three() -> None:
    """None overwrites another."""
    run = make_run(**ONE)
    for block, reason in enumerate(("ENOMEM", "EFAULT", "EPERM")):
        run.end("failed", reason, method="copy_words", block=block, warmup=0)

    assert texts(run)["lost_trials"] == (
        "Trials of measured cases that did not end well and are left out: 3 failed: 1 ENOMEM, 1 EFAULT, 1 EPERM."
    )


def test_a_timeout_hides_no_corruption() -> None:
    """Both are counted."""
    run = make_run(blocks=10, **ONE)
    run.end("corrupt", "page 3", method="copy_words", warmup=0)
    run.end("timeout", "after 60s", method="copy_words", block=0, warmup=0)
    found = answered(run)

    assert "9 corrupt: page 3" in texts(run)["not_measured"]
    assert "1 timeout: after 60s" in texts(run)["not_measured"]
    assert found.headline.startswith("Corrupt: copy_words in 9 trials. ")


def test_warm_ups_are_told_too() -> None:
    """They enter no figure, and may be why something is wrong."""
    run = make_run(**ONE)
    run.end("oom", "killed by the kernel", method="copy_words", warmup=1)

    assert texts(run) == {"lost_warmups": "Warm-ups that did not end well: 1 oom: killed by the kernel."}


def test_what_could_not_be_measured_names_its_cases_and_the_cure() -> None:
    """The reason stands in the answer."""
    run = make_run()
    reason = "needs 65,536 mappings, has 65,530; use --tune"
    run.end("unavailable", reason, method="mremap_fixed", region_size=256 << 20, warmup=0)
    (caveat,) = answered(run).caveats

    assert caveat.kind == "not_measured"
    assert caveat.text == f"2 of 12 cases could not be measured: 14 unavailable: {reason}."
    assert len(caveat.cases) == 2


def test_what_could_not_be_compared() -> None:
    """Its baseline is gone."""
    run = make_run(**ONE)
    run.end("failed", "ENOMEM", method="memcpy", warmup=0)

    assert texts(run)["not_compared"] == "2 measured cases could not be compared: its baseline was not measured."


def test_silent_hosts_and_missing_trials() -> None:
    """Neither vanishes."""
    run = make_run(hosts=("a", "dead"), **ONE)
    run.outcomes = [outcome for outcome in run.of(host="a") if outcome["block"] != 5]

    assert texts(run)["silent_hosts"] == "Nothing came from dead."
    assert texts(run)["unfinished"] == "This run is not finished: 24 trials without an outcome yet."
