"""Recomputes stored runs without the laboratory's code and compares every figure of what it says of them.

Usage: audit.py [RUN_FOLDER...], all of results/ by default. A folder that holds ``terminal.txt``, what `inv run`
printed, has that compared too. Prints how many figures of each kind were compared, and each that differs.
"""

from __future__ import annotations

import collections
import dataclasses
import html.parser
import itertools
import json
import math
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import recomputed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

ROOT = Path(__file__).resolve().parents[2]
# Two ways to add the same doubles.
RELATIVE = 1e-12
SCALES = {"k": 1e3, "M": 1e6, "G": 1e9, "kB/s": 1e3, "MB/s": 1e6, "GB/s": 1e9, "TB/s": 1e12, "%": 0.01}
NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?")

# What a column of a table of cases shows, by how its title begins, in the order of the numbers in its cells.
FIGURES: dict[str, Callable[[recomputed.Case], list[float | None]]] = {
    "Median time": lambda case: [case.median_ns, *(case.median_ci or ())],
    "ns per": lambda case: [case.median_ns],
    "Speed": lambda case: [case.ratio, *(case.ratio_ci or ())],
    "speed": lambda case: [case.ratio],
    "ratio": lambda case: [case.ratio],
    "95 % interval": lambda case: list(case.ratio_ci or ()),
    "n": lambda case: [case.n],
    "Rate": lambda case: [1e9 / (case.median_ns or math.nan), *([case.bytes_per_s] if case.bytes_per_s else [])],
    "Mappings": lambda case: [case.costs["vmas_peak"]],
    "Involuntary switches": lambda case: [case.costs["involuntary_switches"]],
    "Minor faults": lambda case: [case.costs["minor_faults"]],
}


@dataclasses.dataclass
class Audit:
    """The figures compared so far, by where they stand, and what differs."""

    counts: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    faults: list[str] = dataclasses.field(default_factory=list)

    def exact(self, where: str, said: float | None, true: float | None) -> None:
        """Compare two doubles."""
        self.counts[where.partition(":")[0]] += 1
        if said is None or true is None:
            if said is not true:
                self.faults.append(f"{where}: {said}, recomputed {true}")
        elif not math.isclose(said, true, rel_tol=RELATIVE, abs_tol=1e-15):
            self.faults.append(f"{where}: {said!r}, recomputed {true!r}")

    def same(self, where: str, said: object, true: object) -> None:
        """Compare two words or counts."""
        self.counts[where.partition(":")[0]] += 1
        if said != true:
            self.faults.append(f"{where}: {said}, recomputed {true}")

    def shown(self, where: str, text: str, true: Sequence[float | None]) -> None:
        """Compare the numbers of a text, in their order, each to the digits that it shows."""
        numbers = list(_numbers(text))
        if len(numbers) != len(true):
            self.faults.append(f"{where}: {text!r} has {len(numbers)} numbers, not {len(true)}")
        for (value, unit), expected in zip(numbers, true, strict=False):
            self.counts[where.partition(":")[0]] += 1
            if expected is None or abs(value - expected) > unit * (1 + 1e-9):
                self.faults.append(f"{where}: {text!r}, recomputed {expected}")


def _numbers(text: str) -> Iterator[tuple[float, float]]:
    """Yield each number of a text with what its last digit that says something stands for."""
    for found in NUMBER.finditer(text):
        plain = found[0].replace(",", "")
        scale = next(
            (size for unit, size in SCALES.items() if re.match(rf" {unit}(?![\w/])", text[found.end() :])), 1.0
        )
        digits, _, power = plain.lstrip("-").partition("e")
        whole, _, fraction = digits.partition(".")
        zeros = 0 if fraction else len(whole) - len(whole.rstrip("0"))
        last = int(power or 0) - len(fraction) + min(zeros, max(0, len(whole) - 1))
        yield float(plain) * scale, scale * 10.0**last


def audit(folder: Path, audited: Audit) -> None:
    """Compare all that is said of one run."""
    document = json.loads(_report(folder, "json"))
    cases = recomputed.cases(folder / "run.sqlite")
    by_key = {(case.host, case.case_id): case for case in cases}
    for said in document["cases"]:
        _case(audited, f"JSON case:{folder.name} {said['case_id']}", said, by_key[said["host"], said["case_id"]])
    for said in document["answer"]["findings"]:
        _finding(audited, f"JSON finding:{folder.name} {said['subject']} {said['where']}", said, folder)
    markdown = _markdown(_report(folder, "md"))
    _rows(audited, f"Markdown:{folder.name}", markdown, cases)
    page = (folder / "report.html").read_text(encoding="utf-8")
    for table in _tables(page):
        if "Median time" in " ".join(table[0]):
            _rows(audited, f"page:{folder.name}", table, cases)
    terminal = folder / "terminal.txt"
    if terminal.exists():
        _terminal(audited, f"terminal:{folder.name}", terminal.read_text(encoding="utf-8"), markdown)


def _report(folder: Path, form: str) -> str:
    command = [str(ROOT / "inv"), "report", "--run", str(folder), "--format", form]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _case(audited: Audit, where: str, said: Mapping[str, Any], true: recomputed.Case) -> None:
    audited.same(where, said["statuses"], true.statuses)
    for name in ("n", "median_ns", "bytes_per_s", "ratio", "ratio_n", "smallest"):
        audited.exact(f"{where} {name}", said[name], getattr(true, name))
    audited.exact(f"{where} rate", said["ops_per_s"], 1e9 / true.median_ns if true.median_ns else None)
    for name in ("median_ci", "ratio_ci"):
        ends, ours = said[name] or {}, getattr(true, name) or (None, None)
        audited.exact(f"{where} {name}", ends.get("low"), ours[0])
        audited.exact(f"{where} {name}", ends.get("high"), ours[1])
    for name, value in said["costs"].items():
        audited.exact(f"{where} {name}", value, true.costs[name])
    if true.verdict:
        audited.same(f"{where} verdict", said["verdict"], true.verdict)


def _finding(audited: Audit, where: str, said: Mapping[str, Any], folder: Path) -> None:
    """Compare a finding's ratio and interval: of two methods, of two conditions, or a part of a call."""
    if said["ratio"] is None:
        return
    rows = recomputed.rows(folder / "run.sqlite")
    ok = rows[(rows["status"] == "ok") & (rows["host"] == said["host"]) & (rows["replica"] == 0)]
    here = ok[ok["levels"].map(lambda levels: all(levels[name] == level for name, level in said["where"].items()))]

    def fast(name: str) -> Any:
        is_named = here["levels"].map(lambda levels: levels["method"] == name)
        part = here[is_named if is_named.any() else here["levels"].map(lambda levels: _is_level(name, levels, here))]
        return part.set_index("block")["fast_ns"]

    if said["verdict"] == "part":
        outer, *inner = said["why"].split(" - ")
        left = fast(outer)
        for name in inner:
            left = left - fast(name)
        values = (left / fast(said["against"])).dropna().to_numpy()
        point, ends = float(np.median(values)), recomputed.interval(values)
    else:
        logs = np.log((fast(said["against"]) / fast(said["subject"])).dropna().to_numpy())
        point = math.exp(np.median(logs))
        ends = tuple(map(math.exp, recomputed.interval(recomputed.brought_in(logs)) or ())) or None
    audited.exact(f"{where} ratio", said["ratio"], point)
    audited.exact(f"{where} low", said["low"], ends and ends[0])
    audited.exact(f"{where} high", said["high"], ends and ends[1])


def _is_level(words: str, levels: Mapping[str, Any], among: Any) -> bool:
    """Say whether these levels are what "2 threads" names, all else being as in the first trial of the baseline's."""
    return any(
        str(level) in words.split() and name.rstrip("s") in words and _others_default(name, levels, among)
        for name, level in levels.items()
    )


def _others_default(name: str, levels: Mapping[str, Any], among: Any) -> bool:
    usual = among["levels"].iloc[0]
    return all(level == usual[other] for other, level in levels.items() if other != name)


def _rows(audited: Audit, where: str, table: Sequence[Sequence[str]], cases: Sequence[recomputed.Case]) -> None:
    """Compare a table that has a row a case: time, speed, interval, n; the page has intervals below its figures."""
    if not table:
        audited.faults.append(f"{where}: no table of cases")
        return
    head = [cell.replace("\\", "") for cell in table[0]]
    for cells in table[1:]:
        row = dict(zip(head, (cell.replace("\\", "") for cell in cells), strict=False))
        case = _case_of(row, cases)
        if case is None:
            audited.faults.append(f"{where}: no case for {row}")
            continue
        name = f"{where} {case.case_id}"
        for title, text in row.items():
            figures = next(
                (of for start, of in FIGURES.items() if title == start or title.startswith(f"{start} ")), None
            )
            if text and figures:
                audited.shown(name, text, figures(case))


def _case_of(row: Mapping[str, str], cases: Sequence[recomputed.Case]) -> recomputed.Case | None:
    def fits(case: recomputed.Case) -> bool:
        shown = {name: text for name, text in row.items() if name in case.levels}
        return bool(shown) and all(_level_text(case.levels[name]) == text for name, text in shown.items())

    found = [case for case in cases if fits(case)]
    return found[0] if len(found) == 1 else None


def _level_text(level: object) -> str:
    if not isinstance(level, int) or level < 1024:
        return str(level)
    for unit, size in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if level % size == 0:
            return f"{level // size}{unit}"
    return f"{level:,}"


def _terminal(audited: Audit, where: str, text: str, markdown: Sequence[Sequence[str]]) -> None:
    """Find every row of the Markdown table in what the terminal had, cell by cell."""
    flat = re.sub(r"\s+", " ", text)
    for row in markdown[1:]:
        cells = [cell.replace("\\", "") for cell in row[:-1] if cell]
        audited.counts[where.partition(":")[0]] += len(NUMBER.findall(" ".join(cells)))
        if " ".join(cells) not in flat:
            audited.faults.append(f"{where}: no row {' | '.join(cells)}")


def _markdown(text: str) -> list[list[str]]:
    lines = itertools.takewhile(
        lambda line: line.startswith("|"),
        itertools.dropwhile(lambda line: not line.startswith("|"), text.splitlines()),
    )
    rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    return [row for row in rows if not all(set(cell) <= set("-: ") for cell in row)]


class _Tables(html.parser.HTMLParser):
    """Collects the cells of each table; `small` inside a cell of the body begins a new part, after a bar."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: list[list[list[str]]] = []
        self._is_cell = False

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002 - the signature of the parser
        if tag == "table":
            self.tables.append([])
        elif tag == "tr" and self.tables:
            self.tables[-1].append([])
        elif tag in {"td", "th"} and self.tables and self.tables[-1]:
            self.tables[-1][-1].append("")
            self._is_cell = True
        elif tag == "small" and self._is_cell:
            self.tables[-1][-1][-1] += "|"

    def handle_endtag(self, tag: str) -> None:
        if tag in {"td", "th"}:
            self._is_cell = False

    def handle_data(self, data: str) -> None:
        if self._is_cell:
            self.tables[-1][-1][-1] += data


def _tables(page: str) -> list[list[list[str]]]:
    parser = _Tables()
    # A number and its unit stay on one line.
    parser.feed(re.sub(r"<(script|style|svg)\b.*?</\1>", "", page, flags=re.DOTALL).replace("\N{NO-BREAK SPACE}", " "))
    return [[[cell.strip() for cell in row] for row in table] for table in parser.tables if table]


def main(folders: Sequence[str] = ()) -> int:
    """Print the counts and the faults; 0 where there is none."""
    chosen = [Path(folder) for folder in folders] or sorted((ROOT / "results").glob("*/*/"))
    audited = Audit()
    for folder in chosen:
        audit(folder, audited)
    print(f"{len(chosen)} runs, {audited.counts.total():,} figures and words:")
    for name, count in sorted(audited.counts.items()):
        print(f"  {name}: {count:,}")
    print(*(audited.faults or ["none differs"]), sep="\n")
    return min(1, len(audited.faults))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
