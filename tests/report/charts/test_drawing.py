"""Drawings hold nothing but shapes, the charts' scripts are made once, and a drawer that fails says what to do."""

from __future__ import annotations

import resource
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from pageswap.errors import StoreError
from pageswap.report.charts.drawing import Drawer, checked, drawer, keep_bundle, kept_bundle
from pageswap.report.page.write import render
from tests.fake_run import make_run

SPEC = {"mark": "point", "data": {"values": [{"a": 1}]}, "encoding": {"x": {"field": "a", "type": "quantitative"}}}


@pytest.mark.parametrize("svg", ["<svg><script/></svg>", '<svg onload="x"/>', '<svg><a href="x"/></svg>'])
def test_a_drawing_with_more_than_shapes_is_refused(svg: str) -> None:
    """Whatever the converter makes of a name, no script comes of it."""
    with pytest.raises(ValueError, match="no chart needs"):
        checked(svg)


def test_drawings_come_in_the_order_of_their_specifications() -> None:
    """Each chart gets its own drawing."""
    drawings, script = drawer().draw([{**SPEC, "title": name} for name in ("first", "second")])

    assert ["first" in drawings[0], "second" in drawings[1]] == [True, True]
    assert "vegaEmbed" in script


def test_one_engine_draws_all_of_a_process() -> None:
    """Starting one takes as long as a report's drawings."""
    first = drawer()
    first.draw([SPEC])
    first.draw([SPEC])

    assert drawer() is first


def test_a_chart_that_cannot_be_drawn_says_so() -> None:
    """The report fails with a cure, rather than with half its charts."""
    failing = drawer()
    with pytest.raises(StoreError, match=r"could not be drawn: .*'inv report' tries again"):
        failing.draw([{"mark": 3}])

    assert drawer().draw([SPEC])[0][0].startswith("<svg")
    assert drawer() is not failing


def test_a_drawer_that_was_killed_says_so() -> None:
    """As by a host that is out of memory."""
    killed = Drawer()
    killed.process.kill()
    with pytest.raises(StoreError, match="exit code -9"):
        killed.draw([SPEC])
    killed.end()


def limited(soft: int, hard: int) -> subprocess.CompletedProcess[str]:
    """Draw in a process that may have so many bytes of addresses."""
    program = (
        f"import resource; resource.setrlimit(resource.RLIMIT_AS, ({soft}, {hard}))\n"
        "from pageswap.report.charts.drawing import drawer\n"
        f"print(drawer().draw([{SPEC!r}])[0][0][:4])"
    )
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)


def test_a_limit_on_addresses_that_can_be_raised_is_raised() -> None:
    """JavaScript's engine reserves several GiB of them, which are no memory."""
    drawn = limited(1 << 30, resource.RLIM_INFINITY)

    assert (drawn.stdout, drawn.stderr) == ("<svg\n", "")


def test_a_limit_on_addresses_that_stays_is_named_with_the_cure() -> None:
    """In one line, and nothing of the engine's own last words."""
    drawn = limited(1 << 30, 1 << 30)

    assert drawn.stdout == ""
    assert drawn.stderr.splitlines()[-1].endswith(
        "StoreError: the charts could not be drawn: this session may have 1,024 MiB of addresses (ulimit -v); raise"
        " that limit; what was measured is stored: 'inv report' tries again"
    )


def test_a_drawer_ends_with_its_process_and_not_with_a_fork_of_it() -> None:
    """Also when nothing was asked of it."""
    program = (
        "import os, sys\n"
        "from pageswap.report.charts.drawing import drawer\n"
        "process = drawer().process\n"
        "if not os.fork(): sys.exit()\n"
        "os.wait()\n"
        "print(process.pid, process.poll(), flush=True)"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    pid, code = ended.stdout.split()

    assert code == "None"
    assert not Path("/proc", pid).exists()


def test_the_scripts_are_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second report reads what the first has left, under the name of what made it."""
    monkeypatch.setenv("PAGESWAP_HOME", str(tmp_path / "cache"))
    before = kept_bundle()
    keep_bundle("window.vegaEmbed")
    (kept,) = (tmp_path / "cache").iterdir()

    assert before is None
    assert metadata.version("vl-convert-python") in kept.name
    assert kept_bundle() == "window.vegaEmbed"


@pytest.mark.slow
def test_a_report_leaves_the_scripts_for_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bundle is made by the report that finds none."""
    monkeypatch.setenv("PAGESWAP_HOME", str(tmp_path / "cache"))
    page = render(make_run(blocks=1), tmp_path / "report.html").read_text(encoding="utf-8")
    kept = kept_bundle()

    assert kept
    assert "vegaEmbed" in kept
    assert kept in page


def test_a_cache_that_cannot_be_used_costs_only_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file where the folder should be."""
    (tmp_path / "cache").write_text("in the way", encoding="utf-8")
    monkeypatch.setenv("PAGESWAP_HOME", str(tmp_path / "cache"))

    keep_bundle("anything")
    assert kept_bundle() is None
