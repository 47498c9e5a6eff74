"""Whatever a run holds, its answer is a record of bounded length that calls nothing faster that no comparison did."""

from __future__ import annotations

import json
import random
import re

import pytest

from pageswap.analysis.summary import summarise
from pageswap.analysis.verdicts import FASTER, SLOWER
from pageswap.answers.build import no_answer
from pageswap.answers.record import HEADLINE_LENGTH, NOTHING_MEASURED
from tests.answers.answered import ONE, answered, asking
from tests.fake_run import FakeRun, make_run

ASKS = ["", "faster", "fastest", "crossover", "gain", "cost", "rate"]
BASELINES: list[dict[str, object]] = [
    {"method": "memcpy"},
    {"method": "mremap_touched"},
    {"threads": 1},
    {"threads": 1, "neighbours": "idle"},
    {"method": "memcpy", "threads": 1},
    {},
    {"method": "gone"},
]
METHODS = ["memcpy", "mremap_fixed", "mremap_touched", "mremap_untouched", "getpid", "stream_copy", "x" * 90]


def odd(seed: int) -> FakeRun:
    """Make a run of random levels, speeds, workload, baseline, blocks and hosts, with random trials lost."""
    chance = random.Random(seed)  # noqa: S311 - a simulation, not a secret
    methods = chance.sample(METHODS, chance.randint(1, len(METHODS)))
    run = make_run(
        method=methods,
        speeds={name: 10 ** chance.uniform(0, 5) for name in methods},
        region_size=[1 << 20 << step for step in range(chance.choice([1, 1, 2, 4]))],
        page_size=[4096 << step for step in range(chance.choice([1, 1, 3]))],
        touch=["none"],
        threads=chance.choice([[1], [1, 2]]),
        neighbours=chance.choice([["idle"], ["idle", "spinning"]]),
        hosts=tuple(f"h{index}" for index in range(chance.choice([1, 1, 2, 7]))),
        blocks=chance.choice([1, 2, 5, 6, 7]),
        noise=chance.choice([0.0, 0.02, 0.5]),
        block_noise=chance.choice([0.0, 0.3]),
        baseline=chance.choice(BASELINES),
        replicas=chance.random() < 0.5,
        seed=seed,
    )
    run.experiment["question"] = "\x1b[31m<script>" if chance.random() < 0.2 else "Is it faster?"
    run.families = {name: chance.choice(["copy", "remap", "control", "window"]) for name in methods}
    for outcome in run.outcomes:
        if chance.random() < 0.1:
            outcome.update(status=chance.choice(["failed", "unavailable", "corrupt"]), reason="x [1", elapsed_ns=None)
    gone = chance.choice([*methods, None, None])
    run.outcomes = [outcome for outcome in run.outcomes if outcome["method"] != gone]
    return asking(chance.choice(ASKS), run, chance.choice(["swap", "move", "grow", "call", "limit", "permute"]))


@pytest.mark.parametrize("seed", range(80))
def test_an_odd_run_has_a_true_answer(seed: int) -> None:
    """The headline has no figure that is none, and no word that nothing bears; all of it is JSON."""
    run = odd(seed)
    answer = answered(run)
    verdicts = {finding.verdict for finding in answer.findings}
    texts = [answer.headline, *(caveat.text for caveat in answer.caveats), *(why.text for why in answer.trust.why)]

    assert 0 < len(answer.headline) <= HEADLINE_LENGTH
    assert not re.search(r"\bnan|\binf\b|None|\[\]|\(\)|  | ,| ;|\{|, \.|: \.|-0x|;\s*$|,\s*$", " | ".join(texts))
    assert not re.search(r"[(\[][^)\]]*\d", answer.headline)
    assert FASTER in verdicts or "fastest" in verdicts or not re.search(r"\bfaster\b|was fastest", answer.headline)
    assert SLOWER in verdicts or not re.search(r"\bslower\b", answer.headline)
    most = max(summarise(run).corrupt.items(), key=lambda item: item[1].trials, default=("", None))[0]
    assert most[:29] in answer.headline
    json.dumps(answer.as_json(), allow_nan=False)


def test_what_an_older_run_asks_follows_from_its_cases() -> None:
    """The word is derived where the store has none."""
    assert answered(make_run(**ONE)).asks == "faster"
    assert answered(make_run(page_size=[4096, 8192, 16384], **ONE)).asks == "crossover"


def test_the_record_is_the_contracts() -> None:
    """Its keys, in JSON."""
    record = answered(make_run(**ONE)).as_json()

    assert list(record) == ["asks", "verdict", "headline", "trust", "findings", "caveats"]
    assert list(record["trust"]) == ["level", "why"]
    assert list(record["findings"][0]) == [
        "host", "subject", "against", "where", "ratio", "low", "high", "times", "verdict", "why",
    ]  # fmt: skip


def test_no_usable_host_is_an_answer_too() -> None:
    """The record says that nothing was measured, and is not to be trusted."""
    record = no_answer("crossover").as_json()

    assert ("crossover", NOTHING_MEASURED, "bad") == (record["asks"], record["verdict"], record["trust"]["level"])
    assert record["headline"] == "Nothing was measured on any host"
    assert record["findings"] == ()


def test_json_lists_findings_up_to_a_bound_and_says_so() -> None:
    """Of hundreds of hosts; the record itself has them all, and the caveat how many."""
    run = make_run(hosts=tuple(f"h{number}" for number in range(1_001)), blocks=1, **ONE)
    answer = answered(run)
    record = answer.as_json()

    assert (len(answer.findings), len(record["findings"])) == (2_002, 2_000)
    assert [each["text"] for each in record["caveats"] if each["kind"] == "findings"] == [
        "JSON lists the first 2,000 of 2,002 findings; the figures of the cases have them all."
    ]


def texts(run: FakeRun) -> dict[str, str]:
    """Return the words of each kind of caveat."""
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


def test_a_reason_that_stands_for_others_says_so() -> None:
    """Not every trial needs as much; those of another kind are counted by themselves."""
    run = make_run(**ONE)
    for block, reason in enumerate(("needs 512 MiB", "needs 1,024 MiB", "needs 64 MiB")):
        run.end("skipped", reason, method="copy_words", block=block, warmup=0)
    alone = texts(run)["lost_trials"]
    run.end("skipped", "no CPU", method="copy_words", block=3, warmup=0)

    assert alone.endswith("are left out: 3 skipped: needs 1,024 MiB (the largest of several).")
    assert texts(run)["lost_trials"].endswith("4 skipped: 3 needs 1,024 MiB (the largest of several), 1 no CPU.")


def test_of_reasons_that_need_as_much_the_first_stands() -> None:
    """The same one in every process, whatever its hashes are."""
    run = make_run(blocks=20, **ONE)
    for block in range(20):
        run.end("skipped", f"needs 8 pages, {block} free", method="copy_words", block=block, warmup=0)

    assert "20 skipped: needs 8 pages, 0 free (the largest of several)" in texts(run)["not_measured"]


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
