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
from tests.bench import answers
from tests.stored_run import store_run

EXPERIMENTS = {path.stem for path in (answers.ROOT / "experiments").glob("*.yaml")}
# They show that the tool works, replicate the seed's conditions, measure the limit that others are a share of, and need
# a module loaded that no host of ours may load.
WITHOUT_A_CLAIM = {"smoke", "seed_replica", "memory_limit", "kernel_module"}


def test_every_experiment_answers_a_claim() -> None:
    """And every claim names experiments that are there; the page's own list of commands runs them all."""
    named = {name for claim in answers.CLAIMS for name in claim.experiments}
    page = answers.PAGE.read_text(encoding="utf-8")

    assert EXPERIMENTS - WITHOUT_A_CLAIM == named
    assert [] == [name for name in named if name not in page]


def test_the_page_has_both_places_to_write_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written there replaces what was there, and nothing else."""
    monkeypatch.setattr(answers, "PAGE", Path(shutil.copy(answers.PAGE, tmp_path)))
    for text in ("old one", "second \\1"):
        for name in ("figures", "conditions"):
            answers.write_figures(name, [f"{name} {text}"])
    page = answers.PAGE.read_text(encoding="utf-8")

    assert (1, 1, 0) == (page.count("figures second \\1"), page.count("conditions second \\1"), page.count("old one"))
    assert page.count("Kernel extensions") == 1


def test_what_is_missing_is_told_and_nothing_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A half table would look like a whole one."""
    before = answers.PAGE.read_text(encoding="utf-8")

    assert answers.main(tmp_path) == 1
    assert "there is no finished run of why_mremap_is_slow with 7 blocks" in capsys.readouterr().err
    assert before == answers.PAGE.read_text(encoding="utf-8")


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
