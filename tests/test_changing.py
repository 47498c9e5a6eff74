"""docs/changing.md is right: its changes are made to a copy of the project, and what they add is used there."""

from __future__ import annotations

import csv
import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from tests.requirement import require

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs/changing.md").read_text(encoding="utf-8")
# The most files outside tests and docs that each may take.
BOUNDS = {
    "A factor": 4,
    "A backing": 2,
    "A workload": 4,
    "A status": 2,
    "A chart": 2,
    "A way to reach hosts": 2,
}
_EDIT = re.compile(
    r"^`(?P<path>[^`]+)`, (?:(?P<how>after|instead of) `(?P<anchor>[^\n]+)`|new):\n\n```\w+\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


class Edit(NamedTuple):
    """One change of one file: a new file, lines after the line that is `anchor`, or lines instead of it."""

    path: str
    how: str
    anchor: str
    text: str

    def make(self, root: Path) -> None:
        """Make it below a folder; the anchor must be one line, whole but for blanks, which formatters set."""
        path = root / self.path
        if not self.how:
            assert not path.exists(), path
            path.write_text(self.text)
            return
        lines = path.read_text().splitlines()
        words = self.anchor.split()
        places = [number for number, line in enumerate(lines) if line.split() == words]
        assert len(places) == 1, (self.path, self.anchor, places)
        end = places[0] + 1
        lines[places[0] if self.how == "instead of" else end : end] = self.text.splitlines()
        path.write_text("\n".join(lines) + "\n")


def sections() -> dict[str, str]:
    """Return the page's sections by their headings."""
    return {text.partition("\n")[0]: text for text in re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]}


def edits(section: str) -> list[Edit]:
    """Return a section's edits in their order."""
    return [Edit(m["path"], m["how"] or "", m["anchor"] or "", m["text"]) for m in _EDIT.finditer(sections()[section])]


class Changed(NamedTuple):
    """A copy of the project with every change of the page made."""

    root: Path

    def inv(self, *words: str, code: int = 0) -> str:
        """Run a command of the copy; return its standard output."""
        start = [sys.executable, "-P", str(self.root / "pageswap/console/start.py")]
        environment = {**os.environ, "PYTHONPATH": ""}
        done = subprocess.run(
            [*start, *words], cwd=self.root, capture_output=True, text=True, check=False, timeout=240, env=environment
        )
        assert done.returncode == code, (words, done.stdout[-2000:], done.stderr[-2000:])
        return done.stdout

    def trials(self) -> list[dict[str, str]]:
        """Return the newest run's trials as the export has them."""
        return list(csv.DictReader(io.StringIO(self.inv("export", "latest", "--out", "-"))))


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Changed:
    """Copy the project and make all changes."""
    root = tmp_path_factory.mktemp("changed") / "pageswap"
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False).stdout.decode()
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file() and not name.startswith(("tests/", "docs/")):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, root / name)
    for section in BOUNDS:
        for edit in edits(section):
            edit.make(root)
    return Changed(root)


@pytest.mark.parametrize("section", BOUNDS)
def test_a_change_touches_few_files(section: str) -> None:
    """The page's table tells the truth, and no change takes more than it should."""
    files = {edit.path for edit in edits(section)}
    (told,) = re.findall(rf"^\| \[{section.lower()}.*\]\(.*\) \| (\d+) \|$", PAGE, re.MULTILINE)

    assert 0 < len(files) <= BOUNDS[section]
    assert len(files) == int(told)


def test_every_change_of_the_page_is_made() -> None:
    """No block of code stands there that is not an edit, but for the experiment."""
    assert set(BOUNDS) == set(sections())
    blocks = len(re.findall(r"^```(?:py|c|jinja)$", PAGE, re.MULTILINE))
    assert blocks == sum(len(edits(section)) for section in BOUNDS)


def test_the_factor_is_measured_told_and_exported(changed: Changed) -> None:
    """Each level by its name, verified; an older run would count as the default."""
    smoke = ("smoke", "--set", "passes=1,2", "--set", "iterations=2000", "--filter", "method=memcpy,copy_words")
    changed.inv("run", *smoke, "--repeats", "2")
    trials = changed.trials()

    assert {"1", "2"} == {trial["passes"] for trial in trials}
    assert {"ok"} == {trial["status"] for trial in trials}
    assert "2 passes" in newest_report(changed)


def test_the_backing_is_measured(changed: Changed) -> None:
    """As any other."""
    changed.inv("run", "smoke", "--set", "backing=unreserved", "--filter", "method=memcpy", "--repeats", "1")

    assert {("unreserved", "ok")} == {(trial["backing"], trial["status"]) for trial in changed.trials()}


def test_the_workload_answers_in_its_words(changed: Changed) -> None:
    """Measured, verified, and asked for a rate."""
    (experiment,) = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    (changed.root / "mirroring.yaml").write_text(experiment)
    changed.inv("run", "mirroring.yaml")
    answer = yaml.safe_load(changed.inv("report", "latest", "--format", "json"))["answer"]

    assert {"ok"} == {trial["status"] for trial in changed.trials()}
    assert answer["asks"] == "rate"
    assert "mirrored at" in answer["headline"]


def test_the_status_is_given_and_known(changed: Changed) -> None:
    """A trial whose process a limit ended has it, with the reason, and journals may say so."""
    script = """
from types import SimpleNamespace
from pageswap.agent.host.host_files import HostFiles
from pageswap.agent.journal import job
from pageswap.agent.trial.child_watcher import ChildEnd
from pageswap.agent.trial.executor import Executor
from pageswap.agent.trial.preflight import Preflight
levels = {"method": "memcpy", "backing": "private_anon", "page_size": 4096, "region_size": 8192, "iterations": 1}
trial = job.TrialSpec("b00.c0000", 1, "swap", {**levels, "threads": 1}, 1, 1, 60.0, 0, 0, False)
work = SimpleNamespace(result=lambda: None)
core = SimpleNamespace(reserved_page_bytes={}, trial=lambda *_: work)
watcher = SimpleNamespace(run=lambda *_, **__: ChildEnd("exit", 24, 0))
outcome = Executor(core, watcher, Preflight([], HostFiles())).run(trial)
print(outcome.status, outcome.status in job.STATUSES, outcome.reason)
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=changed.root, capture_output=True, text=True, check=False)

    assert done.stdout.startswith("limited True a limit on CPU time"), done.stderr


def test_the_chart_is_on_the_page(changed: Changed) -> None:
    """With its heading, drawn, where its line puts it."""
    changed.inv("run", "smoke", "--filter", "method=memcpy", "--repeats", "1")
    page = newest_report(changed)

    assert 'id="setting-up"' in page
    assert "Time to set up" in page


def test_the_way_to_reach_hosts_measures(changed: Changed) -> None:
    """The inventory names it, and a whole run goes over it."""
    require("root", os.geteuid() == 0, "a network namespace of one's own needs root")
    (changed.root / "hosts.yaml").write_text("hosts:\n  inside: {via: own_network}\n")
    changed.inv("run", "smoke", "--filter", "method=memcpy", "--repeats", "1", "--hosts", "inside")

    assert {("inside", "ok")} == {(trial["host"], trial["status"]) for trial in changed.trials()}


def newest_report(changed: Changed) -> str:
    """Return the page of the newest run."""
    return max(changed.root.glob("results/*/*/report.html"), key=lambda path: path.stat().st_mtime).read_text()
