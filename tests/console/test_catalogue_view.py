"""The list of runs as it is printed."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from pageswap.catalogue.entry import Wanted
from pageswap.console.catalogue_view import list_runs
from tests.stored_run import RUN_ID, store_run

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_copied_run_has_the_name_that_commands_take(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its folder's: two lines of one name would tell nobody which is which."""
    run = store_run(tmp_path, 1)
    shutil.copytree(run, run.with_name("copy-of-it"))
    list_runs(tmp_path, Wanted(), as_json=False)

    names = [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]]
    assert sorted([RUN_ID.format(1), "copy-of-it"]) == sorted(names)
