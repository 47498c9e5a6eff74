"""The trials lie in the page as a file, compressed where long, and left out where they would swell it."""

from __future__ import annotations

import base64
import gzip

import pytest

from pageswap.analysis.trials.table import frame
from pageswap.report.page import download as module
from pageswap.report.page.download import download
from tests.fake_run import make_run


def test_few_trials_are_plain_csv() -> None:
    """A file that opens as it is."""
    run = make_run(blocks=2)
    found = download("20260102T030405Z-abcdef", frame(run))

    assert found is not None
    assert found.name == "20260102T030405Z-abcdef.csv"
    assert found.address.startswith("data:text/csv;base64,")
    lines = base64.b64decode(found.address.partition(",")[2]).decode().splitlines()
    assert len(lines) == 1 + len(run.outcomes)


def test_many_trials_are_compressed_and_the_same_each_time() -> None:
    """Nothing of when they were packed is in them."""
    trials = frame(make_run(blocks=60))
    found = download("run", trials)

    assert found is not None
    assert found == download("run", trials)
    assert found.name == "run.csv.gz"
    assert gzip.decompress(base64.b64decode(found.address.partition(",")[2])).count(b"\n") == 1 + len(trials)


@pytest.mark.parametrize("limit", ["_MOST_TRIALS", "_MOST_BYTES"])
def test_too_many_trials_are_left_out(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By their number, or by their size."""
    monkeypatch.setattr(module, limit, 100)

    assert download("run", frame(make_run(blocks=60))) is None


def test_a_hostile_run_id_names_a_plain_file() -> None:
    """No folder, no mark, no ending of its own."""
    found = download("../\u202e<b>.exe", frame(make_run(blocks=1)))

    assert found is not None
    assert found.name == "bexe.csv"
