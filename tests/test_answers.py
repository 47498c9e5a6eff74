"""The table of answers: its claims rest on experiments that exist, and it can be written where the page marks it."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pageswap.analysis.explanations.readers import Met
from pageswap.analysis.verdicts import FASTER, SLOWER, paired
from pageswap.statistics.intervals import Interval
from tests import stored_run
from tests.bench import answers, answers_page
from tests.stored_run import store_run

EXPERIMENTS = {path.stem for path in (answers.ROOT / "experiments").glob("*.yaml")}
# They show that the tool works, replicate the seed's conditions, and measure the limit that others are a share of.
WITHOUT_A_CLAIM = {"smoke", "seed_replica", "memory_limit"}


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of the page, which is written to in its place."""
    monkeypatch.setattr(answers_page, "PAGE", Path(shutil.copy(answers_page.PAGE, tmp_path)))
    return answers_page.PAGE


def test_every_experiment_answers_a_claim() -> None:
    """And every claim names experiments that are there; the page's own list of commands runs them all."""
    named = {name for claim in answers.CLAIMS for name in claim.experiments}
    page = answers_page.PAGE.read_text(encoding="utf-8")

    assert EXPERIMENTS - WITHOUT_A_CLAIM == named
    assert [] == [name for name in named if name not in page]


def test_the_page_has_a_row_of_every_claim(page: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without runs each stays as it stands there, and what it lacks is told."""
    before = page.read_text(encoding="utf-8")
    told = answers_page.rows().values()

    assert answers.main(tmp_path) == 1
    assert "there is no finished run of why_mremap_is_slow with 7 blocks" in capsys.readouterr().err
    assert before == page.read_text(encoding="utf-8")
    assert [(row.claim, row.experiments) for row in told] == [(each.text, each.experiments) for each in answers.CLAIMS]
    assert all(len(row.runs) == (len(row.experiments) if row.verdict else 0) for row in told)


def test_a_row_whose_runs_are_there_is_written_among_those_that_stay(page: Path, tmp_path: Path) -> None:
    """With the conditions of its own run, beside those of the others, and nothing else of the page changes."""
    before, rows, conditions = page.read_text(encoding="utf-8"), answers_page.rows(), answers_page.conditions()
    run = store_run(tmp_path, 1, name="copy_kernels", blocks=9, speeds={"copy_words": 400.0}).name

    assert answers.main(tmp_path) == 1
    (changed,) = (key for key, row in answers_page.rows().items() if row != rows[key])
    row = answers_page.rows()[changed]
    assert (changed[1], row.verdict, row.runs) == (("copy_kernels",), answers.NOT, (run,))
    assert answers_page.conditions()[run].endswith("commit 0123456789ab")
    assert {each: text for each, text in answers_page.conditions().items() if each != run} == conditions
    after = page.read_text(encoding="utf-8")
    assert {line[:1] for line in set(after.splitlines()) ^ set(before.splitlines())} == {"|", "-"}


def test_figures_are_the_run_s_own(tmp_path: Path) -> None:
    """Times are medians, speed-ups paired by block, with intervals; an unfinished or short run is passed over."""
    store_run(tmp_path, 1, name="copy_kernels", blocks=9, speeds={"copy_words": 400.0})
    store_run(tmp_path, 2, name="copy_kernels", blocks=9, ended=False)
    store_run(tmp_path, 3, name="copy_kernels", blocks=3)
    run = answers.newest(tmp_path, "copy_kernels")
    gain = run.speedup({"method": "copy_words"}, {"method": "memcpy"})

    assert run.id.endswith("000001")
    assert run.time(method="memcpy").value == pytest.approx(800, rel=0.01)
    assert gain.value == pytest.approx(2, rel=0.02)
    assert gain.word == FASTER
    assert ("copy_words", gain) == answers.best(run, {"method": "memcpy"})
    assert answers.of_kernels(run)[1] == answers.NOT
    with pytest.raises(answers.MissingError, match="0 measured cases"):
        run.time(method="uffd_move")


def test_a_run_that_was_read_is_closed(tmp_path: Path) -> None:
    """Also one that is passed over: else it is held open until Python happens to collect it."""
    store_run(tmp_path, 1, name="copy_kernels", blocks=9)
    store_run(tmp_path, 2, name="copy_kernels", blocks=3)
    answers.newest(tmp_path, "copy_kernels")

    assert not [file for file in Path("/proc/self/fd").iterdir() if file.resolve().is_relative_to(tmp_path)]


def test_two_methods_are_corrected_for_the_pairs_of_their_contests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three methods under each of two conditions are six pairs, not the 15 of all cases."""
    families: list[int] = []

    def noted(logs: Any, floors: Any, family: int) -> Any:
        families.append(family)
        return paired(logs, floors, family)

    monkeypatch.setattr(stored_run, "SPEC", f"{stored_run.SPEC}touch: [none, moved]\n")
    monkeypatch.setattr(answers, "paired", noted)
    stored_run.store_run(tmp_path, 1, name="copy_kernels", blocks=7)
    run = answers.newest(tmp_path, "copy_kernels")
    run.speedup({"method": "copy_words", "touch": "none"}, {"method": "mremap_fixed", "touch": "none"})

    assert families == [6]


@pytest.mark.parametrize(
    ("word", "verdict"), [(FASTER, answers.HOLDS), (SLOWER, answers.NOT), ("undecided", answers.UNDECIDED)]
)
def test_a_verdict_is_the_report_s_word(word: str, verdict: str) -> None:
    """Whatever the interval is."""
    assert verdict == answers.Figure(1.2, Interval(1.1, 1.3), word).verdict(answers.HOLDS, answers.NOT)


@pytest.mark.parametrize(
    ("words", "verdict"),
    [
        ((FASTER, FASTER), answers.HOLDS),
        ((FASTER, SLOWER), answers.NOT),
        (("", SLOWER), answers.NOT),
        ((FASTER, ""), f"{answers.UNDECIDED}: within the noise floor of 3%"),
    ],
)
def test_what_is_said_of_every_heap_is_refuted_by_one(words: tuple[str, str], verdict: str) -> None:
    """And holds only where each one shows it."""
    known = {
        percent: answers.Figure(1.2, Interval(1.1, 1.3), word, "" if word else "within the noise floor of 3%")
        for percent, word in zip((10, 90), words, strict=True)
    }
    levels = {"run_pages": [16], "occupancy": [90, 10]}
    run: Any = SimpleNamespace(
        id="r", levels=lambda name, **_: levels[name], speedup=lambda new, _: known[new["occupancy"]]
    )
    claim = next(each for each in answers.CLAIMS if each.experiments == ("sliding_compaction",))
    told = "uffd_move at memcpy's speed times: 10% live in runs of 16 1.20x [1.10 to 1.30]; 90% live in runs of 16"

    assert claim.judge(run) == (f"{told} 1.20x [1.10 to 1.30]", verdict)
    levels["run_pages"] = []
    with pytest.raises(answers.MissingError, match="r: uffd_move was not measured"):
        claim.judge(run)


@pytest.mark.parametrize(
    ("experiment", "method"), [("kernel_module", "module_swap"), ("private_page_tables", "guest_pte")]
)
def test_entries_that_are_exchanged_beat_copying_from_some_batch_on(experiment: str, method: str) -> None:
    """And without a host that allows it there is no verdict."""
    words = {1: SLOWER, 16: "", 256: FASTER, 4096: FASTER}
    levels = list(words)
    run: Any = SimpleNamespace(
        id="r",
        levels=lambda *_, **__: levels,
        speedup=lambda new, old: answers.Figure(1.2, None, words[new["batch"]] if old["batch"] == new["batch"] else ""),
    )
    claim = next(each for each in answers.CLAIMS if each.experiments == (experiment,))
    text, verdict = claim.judge(run)

    assert text.startswith(f"{method} at permute_avx2's speed times: batches of 1 1.2")
    assert verdict == f"{answers.ONLY} a batch has 256 swaps or more"
    levels.clear()
    with pytest.raises(answers.MissingError, match=f"r: {method} was not measured; it takes "):
        claim.judge(run)


def test_without_a_second_node_there_is_no_verdict(tmp_path: Path) -> None:
    """A run in which nobody could bring pages anywhere says what it takes."""
    store_run(tmp_path, 1, name="node_migration", blocks=7)
    claim = next(each for each in answers.CLAIMS if each.experiments == ("node_migration",))

    with pytest.raises(answers.MissingError, match="it takes memory on two NUMA nodes"):
        claim.judge(answers.newest(tmp_path, "node_migration"))


@pytest.mark.parametrize(
    ("beside_copies", "beside_moves", "verdict"),
    [
        ((0.98, 1.05), (4.0, 4.6), answers.HOLDS),
        ((1.12, 1.2), (4.0, 4.6), answers.NOT),
        ((0.98, 1.05), (0.9, 1.1), answers.NOT),
        ((1.05, 1.2), (4.0, 4.6), answers.UNDECIDED),
    ],
)
def test_readers_are_left_in_peace_by_the_interval_of_what_they_met(
    beside_copies: tuple[float, float], beside_moves: tuple[float, float], verdict: str
) -> None:
    """What mremap does to memory at rest is told, and decides nothing."""
    ends = {"exchange_prefetch_avx2": beside_copies, "uffd_move": beside_moves, "mremap_fixed": (1.0, 1.3)}
    met = {
        ("local", method): Met(1e6, 4e6, {}, {}, slower=sum(each) / 2, slower_ci=Interval(*each))
        for method, each in ends.items()
    }
    run: Any = SimpleNamespace(id="r", host="local", readers=met, cases=lambda method, **_: [method])
    claim = next(each for each in answers.CLAIMS if each.experiments == ("readers_beside_movers",))

    assert claim.judge(run)[1] == verdict
    assert "beside mremap_fixed 1.15x [1.00 to 1.30] as long (reads of resting memory)" in claim.judge(run)[0]
    del met["local", "mremap_fixed"]
    with pytest.raises(answers.MissingError, match="no percentile 99 of reads of resting memory beside mremap_fixed"):
        claim.judge(run)


@pytest.mark.parametrize(
    ("moved", "verdict"),
    [
        ({1: (90, 99), 8: (50, 60)}, answers.HOLDS),
        ({1: (140, 190), 8: (150, 160)}, answers.NOT),
        ({1: (90, 99), 8: (150, 160)}, answers.UNDECIDED),
        ({1: (90, 120), 8: (50, 60)}, answers.UNDECIDED),
    ],
)
def test_who_is_served_sooner_is_decided_for_every_run_of_pages(
    moved: dict[int, tuple[float, float]], verdict: str
) -> None:
    """By intervals that do not overlap, all to the same side."""
    ends = {("uffd_move", pages): each for pages, each in moved.items()}
    ends |= {("uffd_copy", pages): (100, 130) for pages in moved}
    met = {
        ("local", key): Met(1e3, 4e6, {}, {}, slower=sum(each) / 2, slower_ci=Interval(*each))
        for key, each in ends.items()
    }
    run: Any = SimpleNamespace(
        id="r",
        host="local",
        served=met,
        cases=lambda method, run_pages, **_: [(method, run_pages)],
        levels=lambda *_, **__: set(moved),
    )
    claim = next(each for each in answers.CLAIMS if each.experiments == ("concurrent_compaction",))

    assert claim.judge(run)[1] == verdict
    assert "runs of 8 uffd_move" in claim.judge(run)[0]
    del met["local", ("uffd_copy", 8)]
    with pytest.raises(
        answers.MissingError, match="no percentile 99 of reads that came before their page, in runs of 8"
    ):
        claim.judge(run)
