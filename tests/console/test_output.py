"""What is printed: lines of a terminal's width with every name whole, and documents in one go."""

from __future__ import annotations

import contextlib
import io
import re
import sys
from typing import TYPE_CHECKING

import pytest
from rich.cells import cell_len

from pageswap.analysis.summary import summarise
from pageswap.campaign.outcome import HostOutcome
from pageswap.campaign.unmeasured import TrialGroup
from pageswap.console import host_views
from pageswap.console.output import print_json, say, show_table
from pageswap.console.run_view import show_cases
from tests.fake_run import make_run

if TYPE_CHECKING:
    from collections.abc import Callable


class Terminal(io.StringIO):
    """Standard output as a person sees it."""

    def isatty(self) -> bool:
        """Say that somebody looks at it."""
        return True


def shown(show: Callable[[], object]) -> list[str]:
    """Give the lines that a terminal of 80 columns gets, without colours."""
    with contextlib.redirect_stdout(Terminal()) as terminal, pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "80")
        patch.setenv("TERM", "dumb")
        show()
    return terminal.getvalue().splitlines()


def check(lines: list[str], *names: str) -> None:
    """Assert that none is wider than the terminal, and that each name is whole on some line."""
    assert [line for line in lines if len(line) > 80] == []
    assert [name for name in names if not any(name in line for line in lines)] == []


SHORT, LONG = ("a", "b"), ("database-17.rack-3.example.com", "cache-2.example.com")
LONGEST = tuple(f"{'very-' * 9}long-host-{number}.example.com" for number in range(2))


@pytest.mark.parametrize("hosts", [SHORT, LONG, LONGEST, SHORT[:1], LONGEST[:1]])
@pytest.mark.parametrize("method", ["memfd_map_fixed", "exchange_pages_by_very_wide_registers_avx512_vbmi2"])
def test_a_table_is_as_wide_as_the_terminal(hosts: tuple[str, ...], method: str) -> None:
    """However long names are; beside each other, or else a paragraph a case."""
    summary = summarise(make_run(hosts=hosts, blocks=6, method=["memcpy", method]))

    check(shown(lambda: show_cases(summary)), *(hosts if len(hosts) > 1 else ()), method)


@pytest.mark.parametrize("name", ["a", "exchange_avx2", "x" * 60, "y" * 90])
def test_cells_are_broken_at_blanks(name: str) -> None:
    """And nowhere else; what is wider than the terminal by itself stays whole."""
    rows = [("memcpy", "12.3 us", "so it is " * 12), (name, "1 us", "")]
    lines = shown(lambda: show_table(("name", "number", "why"), rows, frozenset({"number"})))

    check([line.replace(name, "") for line in lines] if len(name) > 80 else lines)
    assert sum(name in line for line in lines) >= 1


@pytest.mark.parametrize("kind", ["dumb", "xterm-256color"])
def test_no_letter_is_lost(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wide ones take two cells each; in a style they are the same letters; columns begin where their headings do."""
    said = "漢字かな と 漢字かな を 漢字かな と 比べる"
    monkeypatch.setenv("COLUMNS", "38")
    monkeypatch.setenv("TERM", kind)
    monkeypatch.delenv("NO_COLOR", raising=False)
    with contextlib.redirect_stdout(Terminal()) as terminal:
        show_table(("state", "number", "why"), [("ok", "12", said), ("bad", "3", "short")], frozenset({"number"}))
    printed = terminal.getvalue()
    lines = re.sub(r"\x1b\[[0-9;]*m", "", printed).splitlines()

    assert ("\x1b[32mok\x1b[0m" in printed) == (kind != "dumb")
    assert [line[:15] for line in lines if line[:1].strip()] == [
        "state  number  ",
        "ok         12  ",
        "bad         3  ",
    ]
    assert " ".join(line[15:] for line in lines[1:-1]) == said
    assert max(map(cell_len, lines)) <= 38


def test_a_hosts_problem_and_a_trials_reason_are_broken_at_blanks() -> None:
    """In a table's last cell and in a line of its own."""
    reason = "no AVX-512 on this CPU; measure on one that has it, or leave exchange_avx512_vbmi2 out of the experiment"
    host = HostOutcome(LONG[0], 0, {"unavailable": 14}, 9, {"connecting": 3.0}, reason)
    check(shown(lambda: host_views.show_hosts([host])), LONG[0], "exchange_avx512_vbmi2", "unavailable")
    group = TrialGroup("unavailable", reason, LONG[0], {"method": ["exchange_avx512_vbmi2"]}, ["b00.c0001"] * 14)
    text = group.text(LONG)
    lines = shown(lambda: say(text))
    check(lines, LONG[0], "exchange_avx512_vbmi2")

    assert len(lines) > 1
    assert " ".join(line.strip() for line in lines).endswith(reason)


def test_a_file_gets_lines_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    """So that they can be searched."""
    say("word " * 40 + "end")

    assert capsys.readouterr().out == "word " * 40 + "end\n"


def test_json_is_written_in_one_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """Word by word, a plan of 100,000 trials would take half a minute."""
    written: list[str] = []
    monkeypatch.setattr(sys.stdout, "write", written.append)
    print_json({"a": [1, 2, {"b": None}]})

    assert written == ['{\n "a": [\n  1,\n  2,\n  {\n   "b": null\n  }\n ]\n}\n']


def test_a_table_names_the_command_as_it_was_called(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A cure in a cell can be typed."""
    monkeypatch.setenv("PAGESWAP_INV", "./inv")
    show_table(("host", "cure"), [("a", "'inv resume' goes on")])

    assert capsys.readouterr().out.splitlines()[1].split(maxsplit=1) == ["a", "'./inv resume' goes on"]
