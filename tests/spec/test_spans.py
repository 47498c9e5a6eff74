"""Pairs and runs must fit into the pages that each thread has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pageswap.errors import SpecError
from pageswap.spec.cases import build_cases

if TYPE_CHECKING:
    from collections.abc import Callable

    from pageswap.spec.experiment import Experiment


def test_a_pair_spans_at_most_half_the_pages_of_a_thread(read: Callable[..., Experiment]) -> None:
    """128 of 256 pages are the most; with two threads it is 64."""
    assert build_cases(read(region_size="1MiB", distance="128"))
    with pytest.raises(SpecError, match=r"distance: 128 is more than 64, as each thread has 128 pages of 4KiB"):
        build_cases(read(region_size="1MiB", distance="128", threads="2"))


def test_a_run_has_at_most_the_pages_of_a_thread(read: Callable[..., Experiment]) -> None:
    """A longer run would have nowhere to go."""
    changes = {"workload": "move", "method": "[memcpy, copy_words]", "region_size": "1MiB"}

    assert build_cases(read(**changes, run_pages="256"))
    with pytest.raises(SpecError, match=r"a\.yaml:\d+: run_pages: 257 is more than 256"):
        build_cases(read(**changes, run_pages="257"))


def test_a_round_fills_no_place_twice(read: Callable[..., Experiment]) -> None:
    """Places get their memory between rounds; at the other levels passes may follow each other in one."""
    changes = {"workload": "move", "method": "[memcpy, copy_words]", "region_size": "1MiB", "run_pages": "8"}
    moves = {"iterations": "640", "rounds": "20"}

    assert build_cases(read(**changes, **moves, release="source"))
    assert build_cases(read(**changes, **moves, release="[kept, both]", threads="2"))
    with pytest.raises(SpecError, match=r"iterations: a round of 33 moves is more than the 32 runs of 8 that a thread"):
        build_cases(read(**changes, iterations="641", rounds="20", release="source"))
    with pytest.raises(SpecError, match=r"a round of 32 moves is more than the 16 runs of 8"):
        build_cases(read(**changes, iterations="1280", rounds="20", release="[kept, source]", threads="2"))


def test_no_place_is_awaited_twice_in_a_round(read: Callable[..., Experiment]) -> None:
    """Of 256 pages there are 32 runs of 8; without readers a round may be longer."""
    changes = {"workload": "move", "method": "[memcpy, copy_words]", "region_size": "1MiB", "run_pages": "8"}
    changes |= {"neighbours": "reading", "reads": "missing", "rounds": "20"}

    assert build_cases(read(**changes, iterations="640"))
    assert build_cases(read(**changes | {"neighbours": "idle"}, iterations="641"))
    with pytest.raises(SpecError, match=r"a round of 33 moves is more than the 32 .* reads missing no place is aw"):
        build_cases(read(**changes, iterations="641"))


def test_only_what_brings_pages_to_empty_places_is_awaited(read: Callable[..., Experiment]) -> None:
    """Who reads elsewhere is told what there is."""
    with pytest.raises(SpecError, match=r"reads: .*'missing'.*moving"):
        read(neighbours="reading", reads="missing")


def test_no_run_is_given_back_twice_in_a_round(read: Callable[..., Experiment]) -> None:
    """Of 256 pages there are 32 runs of 8."""
    changes = {"workload": "decommit", "method": "give_back", "baseline": "{method: give_back}"}
    changes |= {"region_size": "1MiB", "run_pages": "8", "rounds": "20"}

    assert build_cases(read(**changes, iterations="640"))
    with pytest.raises(SpecError, match=r"iterations: a round of 33 decommits is more than the 32 runs of 8 that"):
        build_cases(read(**changes, iterations="641"))


def test_no_run_migrates_twice_in_a_round(read: Callable[..., Experiment]) -> None:
    """Nor do pages migrate from all nodes in turn."""
    changes = {"workload": "migrate", "method": "move_pages", "baseline": "{method: move_pages}"}
    changes |= {"region_size": "1MiB", "run_pages": "8", "rounds": "20"}

    assert build_cases(read(**changes, iterations="640", numa="[local, remote]"))
    with pytest.raises(SpecError, match=r"iterations: a round of 33 migrations is more than the 32 runs of 8 that"):
        build_cases(read(**changes, iterations="641"))
    with pytest.raises(SpecError, match=r"numa: .*interleave"):
        build_cases(read(**changes, iterations="640", numa="interleave"))


def test_a_factor_is_refused_where_the_workload_has_no_use_for_it(read: Callable[..., Experiment]) -> None:
    """It would seem to have been varied when it was not."""
    with pytest.raises(SpecError, match=r"batch: the workload 'swap' has no use for it; it is for permute"):
        read(batch="4")


def test_readers_are_refused_where_places_have_no_page(read: Callable[..., Experiment]) -> None:
    """Beside the region they may read in any workload."""
    changes = {"workload": "move", "method": "[memcpy, copy_words]", "neighbours": "[idle, reading]"}

    assert build_cases(read(neighbours="reading"))
    assert build_cases(read(**changes, reads="resting"))
    with pytest.raises(SpecError, match=r"reads: 'move' leaves places without a page, which nobody can.*or 'missing'"):
        build_cases(read(**changes))
    with pytest.raises(SpecError, match=r"a\.yaml:\d+: reads\[1\]: 'move' leaves places without a page"):
        build_cases(read(**changes, reads="[resting, moving]"))


def test_nobody_reads_fresh_pages_that_move(read: Callable[..., Experiment]) -> None:
    """They would be so no more; of shared and of locked ones nothing changes."""
    changes = {"neighbours": "[idle, reading]", "pages": "[present, fresh, forked, mlocked]"}

    assert build_cases(read(**changes, reads="resting"))
    assert build_cases(read(**changes, exclude="[{neighbours: reading, pages: fresh}]"))
    with pytest.raises(
        SpecError, match=r"reads: a page that somebody reads has memory and is not fresh any more; write"
    ):
        build_cases(read(**changes))
    with pytest.raises(SpecError, match="is not fresh any more"):
        build_cases(read(**changes, reads="missing", workload="move", method="[memcpy, copy_words]", iterations="640"))


def test_of_a_pair_each_side_may_be_a_run(read: Callable[..., Experiment]) -> None:
    """Two runs of 128 are all 256 pages; a distance counts runs."""
    assert build_cases(read(region_size="1MiB", run_pages="128"))
    with pytest.raises(SpecError, match=r"a\.yaml:\d+: run_pages: 129 is more than 128"):
        build_cases(read(region_size="1MiB", run_pages="129"))
    with pytest.raises(SpecError, match=r"a\.yaml:\d+: distance: 17 is more than 16"):
        build_cases(read(region_size="1MiB", run_pages="8", distance="17"))


def test_a_batch_is_a_number_of_swaps_or_a_whole_round(read: Callable[..., Experiment]) -> None:
    """The word is the default, and what runs count as that knew no batches."""
    changes = {"workload": "permute", "method": "[memcpy, compose]"}

    assert read(**changes).factors["batch"] == (0,)
    assert read(**changes, batch="[1, 4_096, round]").factors["batch"] == (1, 4096, 0)
    with pytest.raises(SpecError, match="batch: '0' is less than 1"):
        read(**changes, batch="0")


def test_a_block_that_is_doubled_begins_with_64_kib(read: Callable[..., Experiment]) -> None:
    """Of 1 MiB four doublings are the most."""
    changes = {"workload": "grow", "method": "enlarge", "baseline": "{method: enlarge}", "region_size": "1MiB"}

    assert build_cases(read(**changes, doublings="[1, 4]", touch="new"))
    with pytest.raises(SpecError, match=r"doublings\[1\]: 5 is more than 4, as a block of 1MiB begins with 64KiB"):
        build_cases(read(**changes, doublings="[1, 5]"))


def test_a_level_is_refused_where_the_workload_has_no_use_for_it(read: Callable[..., Experiment]) -> None:
    """Only a block that grows has a part that is new, and only pairs have a stride."""
    with pytest.raises(SpecError, match=r"unknown touch 'new'; it is one of none, moved, every"):
        read(touch="new")
    grow = {"workload": "grow", "method": "enlarge", "baseline": "{method: enlarge}"}
    with pytest.raises(SpecError, match=r"unknown pattern 'strided'; it is one of random, sequential"):
        read(**grow, pattern="strided")
    assert read(pattern="strided").factors["pattern"] == ("strided",)
