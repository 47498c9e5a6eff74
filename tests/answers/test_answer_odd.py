"""Whatever a run holds, its answer is text of bounded length that calls nothing faster that no comparison did."""

from __future__ import annotations

import random
import re

import pytest

from pageswap.analysis.summary import summarise
from pageswap.analysis.verdicts import FASTER, SLOWER
from pageswap.answers.answer import answer
from tests.fake_run import FakeRun, make_run

QUESTIONS = [
    "",
    "Is remapping a page faster than copying it?",
    "Which is fastest?",
    "Is another call than mremap faster?",
    "How fast can memory be copied at best?",
    "Which methods gain from a second thread?",
    "Is mremap an alternative to memcpy?",
    "At x, is mremap slower than copying?",
    "?" * 700,
    "\x1b[31m<script>",
]
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
    workload = chance.choice(["swap", "move", "grow", "call", "limit", "permute"])
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
    run.experiment |= {"workload": workload, "question": chance.choice(QUESTIONS)}
    run.families = {name: chance.choice(["copy", "remap", "control", "window"]) for name in methods}
    for case in (*run.case_list, *run.outcomes):
        case["workload"] = workload
    for outcome in run.outcomes:
        if chance.random() < 0.1:
            outcome.update(status=chance.choice(["failed", "unavailable", "corrupt"]), reason="x [1", elapsed_ns=None)
    gone = chance.choice([*methods, None, None])
    run.outcomes = [outcome for outcome in run.outcomes if outcome["method"] != gone]
    return run


@pytest.mark.parametrize("seed", range(80))
def test_an_odd_run_has_a_true_answer(seed: int) -> None:
    """Each sentence ends, has no figure that is none, and no word that nothing bears."""
    summary = summarise(odd(seed))
    sentences = answer(summary)
    text = " ".join(sentences)
    verdicts = {case.verdict for case in summary.cases}

    assert sentences
    assert all(sentence.endswith(".") and len(sentence) < 4_000 for sentence in sentences)
    assert not re.search(r"\bnan|\binf\b|None|\[\]|\(\)|  | ,|\{|, \.|: \.|-0x", text)
    claims = re.sub(r"too few blocks to say whether .+? is faster|nothing was shown to be faster", "", text)
    assert FASTER in verdicts or not re.search(r"(ran|was|were|is) faster|yes, .* faster", claims)
    assert SLOWER in verdicts or not re.search(r"(ran|was|were|is) slower", claims)
