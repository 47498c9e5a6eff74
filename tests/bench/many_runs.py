"""Times what looks at many runs or trials: lists, queries, a large report, histories, sites; and a tenth of each.

The runs are of one small experiment, and their reports are made before: that is what a person has who publishes.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import catalogues
from clock import timed

from pageswap.history.kept_records import record_of_run
from pageswap.report.page.write import render
from pageswap.store.store import Store
from tests.stored_run import store_run

if TYPE_CHECKING:
    from collections.abc import Iterator

HISTORY_RUNS: Final = 500
SITE_RUNS: Final = 1_000
_EXPERIMENTS: Final = 4


def results(folder: Path, count: int) -> Path:
    """Store so many runs of four experiments with their records, and give each the report of the first."""
    made = folder / "results"
    for number in range(1, count + 1):
        run = store_run(made, number, name=f"demo{number % _EXPERIMENTS}")
        record_of_run(run)
        if number == 1:
            with Store.open(run / "run.sqlite") as store:
                render(store, run / "report.html")
            report = run / "report.html"
        else:
            # As large as its own would be, and another one by its name.
            (run / "report.html").write_bytes(report.read_bytes().replace(b"-000001", b"-%06d" % number))
    return made


HISTORY: Final = """
import sys; from pathlib import Path; from pageswap.console.history_view import history_of
from pageswap.campaign.run_folders import stored_runs
history_of(stored_runs(Path(sys.argv[1])), "demo1", by="time", quantity="", host="", form="text", out=None)
"""
PUBLISH: Final = """
import sys; from pathlib import Path; from pageswap.fleet.inventory import InventoryHost
from pageswap.campaign.run_folders import stored_runs
from pageswap.fleet.target import make_target; from pageswap.publish.destination import Destination
place = Destination(make_target(InventoryHost("local")), sys.argv[2])
from pageswap.publish.publishing import publish
publish(stored_runs(Path(sys.argv[1])), place)
"""


def histories(folder: Path, count: int) -> Iterator[str]:
    """Give the time of a history of ``count`` runs whose records are kept."""
    made = folder / "results"
    for number in range(1, count + 1):
        record_of_run(store_run(made, number, name="demo1"))
    yield "history, {} runs: {:.2f} s, {:.0f} MiB".format(count, *timed(HISTORY, str(made)))


def sites(folder: Path, count: int) -> Iterator[str]:
    """Give what publishing ``count`` runs takes, how large the site is, and what one run more takes."""
    made, site = results(folder, count), folder / "site"
    yield "publish, {} runs: {:.2f} s, {:.0f} MiB".format(count, *timed(PUBLISH, str(made), str(site)))
    size = sum(path.stat().st_size for path in site.rglob("*") if path.is_file())
    alone = sum(path.stat().st_size for path in made.rglob("report.html"))
    yield f"  the site: {size / 1e6:.0f} MB, of reports that are {alone / 1e6:.0f} MB alone"
    run = store_run(made, count + 1, name="demo1")
    record_of_run(run)
    shutil.copy(next(made.glob("*/*/report.html")), run / "report.html")
    yield "publish, one run more: {:.2f} s, {:.0f} MiB".format(*timed(PUBLISH, str(made), str(site)))


WORK: Final = (
    (catalogues.lists, catalogues.LISTED_RUNS),
    (catalogues.queries, catalogues.ASKED_RUNS),
    (catalogues.reports, catalogues.REPORT_BLOCKS),
    (histories, HISTORY_RUNS),
    (sites, SITE_RUNS),
)


def main() -> int:
    """Print a line a figure."""
    for make, most in WORK:
        for count in (most // 10, most):
            folder = Path(tempfile.mkdtemp(prefix="pageswap-bench-"))
            with contextlib.ExitStack() as cleaning:
                cleaning.callback(shutil.rmtree, folder, ignore_errors=True)
                for line in make(folder, count):
                    print(line, flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
