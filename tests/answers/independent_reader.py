"""Reads an answer's record against a run's raw rows, by pandas and scipy alone: nothing of the program computes here.

`faults` lists what the record claims and the rows do not bear.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from scipy import stats

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.answers.generated_runs import Raw

Record = dict[str, Any]
Finding = dict[str, Any]

_ENOUGH: Final = 6
_PHRASES: Final = {
    "method": "{}",
    "page_size": "{} pages",
    "region_size": "a {} region",
    "touch": "touch {}",
    "run_pages": "runs of {} pages",
    "neighbours": "{} neighbours",
    "reads": "reads of {} memory",
    "backing": "{} backing",
}
WORDS: Final = {
    "faster": "faster",
    "slower": "slower",
    "not told apart": "no difference found",
    "measured too few times": "too few",
    "not compared": "not compared",
    "not measured": "not measured",
    "unavailable": "unavailable",
}
DECIDED: Final = ("faster", "slower")
COMPARED: Final = ("faster", "slower", "no difference found", "too few")
_CANNOT: Final = {"unavailable", "skipped"}
_OF_PAGES: Final = ("swap", "permute", "move", "limit")
_STAYING: Final = ("control", "window")


def size(value: int) -> str:
    """Print bytes as experiment files do."""
    for unit, factor in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if value % factor == 0:
            return f"{value // factor}{unit}"
    return str(value)


def phrase(factor: str, level: Any) -> str:
    """Print a level as it stands in a sentence."""
    if factor == "threads":
        return f"{level} thread{'' if level == 1 else 's'}"
    if factor == "run_pages" and level == 1:
        return "runs of 1 page"
    return _PHRASES[factor].format(size(level) if factor.endswith("_size") else level)


def number(text: str) -> float:
    """Read a number with thousands separators."""
    return float(text.replace(",", ""))


def by_name(findings: Sequence[Finding], key: Callable[[Finding], Any]) -> dict[Any, list[Finding]]:
    """Put findings together."""
    found: dict[Any, list[Finding]] = {}
    for finding in findings:
        found.setdefault(key(finding), []).append(finding)
    return found


def names_in(text: str) -> tuple[list[str], int]:
    """Read ``a, b and c`` or ``a, b and 3 more``: the names, and how many are only counted."""
    more = re.search(r" and (\d+) more(?: hosts?| others?)?$", text)
    named = text[: more.start()] if more else text
    return re.split(r", | and ", named), int(more[1]) if more else 0


def is_mover(reader: Reader, name: str) -> bool:
    """Say whether a contender's method brings pages elsewhere, as far as the workload is about that."""
    method = name.split(", ", maxsplit=1)[0]
    return reader.raw.experiment["workload"] not in _OF_PAGES or reader.raw.families.get(method) not in _STAYING


class Reader:
    """A run's rows as tables, and the record that is checked against them."""

    def __init__(self, raw: Raw, record: Record) -> None:
        """Read the rows; times are ns per operation of measured trials that ended ok."""
        self.raw, self.record = raw, record
        self.baseline: dict[str, Any] = raw.experiment["baseline"]
        # A call's region follows from its threads, and says nothing.
        unused = ("case_id", "region_size") if raw.experiment["workload"] == "call" else ("case_id",)
        self.cases = {case["case_id"]: {n: v for n, v in case.items() if n not in unused} for case in raw.cases}
        columns = [
            "host",
            "case_id",
            "method",
            "block",
            "warmup",
            "replica",
            "status",
            "reason",
            "elapsed_ns",
            "iterations",
            "swap_ins",
        ]
        rows = [row for row in raw.rows if row["case_id"] in self.cases]
        self.rows = pd.DataFrame([{name: row[name] for name in columns} for row in rows], columns=columns)
        first = self.rows[(self.rows["warmup"] == 0) & (self.rows["replica"] == 0)]
        ok = first[first["status"] == "ok"]
        self.first = first
        self.statuses = {key: set(own["status"]) for key, own in first.groupby(["host", "case_id"])}
        self.ns = {
            key: pd.Series((own["elapsed_ns"] / own["iterations"]).to_numpy(dtype=float), index=own["block"])
            for key, own in ok.groupby(["host", "case_id"])
        }
        wrong = pd.DataFrame(raw.rows, columns=list(raw.rows[0]) if raw.rows else ["status", "method"])
        self.corrupt = wrong[wrong["status"] == "corrupt"]["method"].value_counts().to_dict()
        self.corrupt_on = {(row["host"], row["method"]) for row in raw.rows if row["status"] == "corrupt"}
        self.findings: list[Finding] = record["findings"]

    def case_of(self, finding: Finding) -> tuple[str, dict[str, Any]] | None:
        """Find the case that a finding is about."""
        for case_id, levels in self.cases.items():
            if all(levels.get(name) == level for name, level in finding["where"].items()) and self.named(
                levels, finding
            ):
                return case_id, levels
        return None

    def named(self, levels: dict[str, Any], finding: Finding) -> bool:
        """Say whether a finding's subject names the levels of a case."""
        if self.record["asks"] == "gain":
            changed = [name for name, level in self.baseline.items() if levels.get(name) != level]
            return finding["subject"] == ", ".join(phrase(name, levels[name]) for name in changed)
        names = list(self.baseline) if "method" in self.baseline else ["method"]
        return finding["subject"] == ", ".join(phrase(name, levels[name]) for name in names if name in levels)

    def ratios(self, host: str, case_id: str, other_id: str) -> np.ndarray[Any, Any]:
        """Give the logarithms of the speed of one as a multiple of the other's, block by block."""
        ours, theirs = self.ns.get((host, case_id)), self.ns.get((host, other_id))
        if ours is None or theirs is None:
            return np.array([])
        both = pd.concat([ours, theirs], axis=1, join="inner")
        return np.log(both.iloc[:, 1].to_numpy() / both.iloc[:, 0].to_numpy())

    def blocks(self, finding: Finding, *, quiet: bool = False) -> int:
        """Count the blocks of a finding's comparison with its baseline, or those of them that nothing disturbed."""
        found = self.case_of(finding)
        other = self.partner(found[1]) if found else None
        if found is None or other is None or finding["verdict"] not in COMPARED:
            return 0
        rows = self.first[(self.first["host"] == finding["host"]) & (self.first["status"] == "ok")]
        rows = rows[rows["swap_ins"] == 0] if quiet else rows
        sides = [set(rows[rows["case_id"] == case_id]["block"]) for case_id in (found[0], other)]
        return len(sides[0] & sides[1])

    def partner(self, levels: dict[str, Any]) -> str | None:
        """Find the case that has the baseline's levels and else the same."""
        wanted = {**levels, **self.baseline}
        return next((case_id for case_id, other in self.cases.items() if other == wanted), None)

    def faults(self) -> Iterator[str]:
        """Yield everything that is not as the rows have it."""
        headline = self.record["headline"]
        if not 0 < len(headline) <= 160:
            yield f"a headline of {len(headline)} characters"
        if re.search(r"[(\[][^)\]]*\d", headline):
            yield "a number in brackets"
        yield from self.endings()
        yield from self.trust()
        for finding in self.findings:
            yield from (
                f"{finding['host']} {finding['subject']} {finding['where']}: {fault}" for fault in self.finding(finding)
            )
        yield from self.verdict()
        yield from self.corruption()

    def endings(self) -> Iterator[str]:
        """Check that no status is hidden: each one's count over all caveats is that of the rows."""
        told = " ".join(c["text"] for c in self.record["caveats"] if c["kind"] in ("not_measured", "lost_trials"))
        of_measured = self.rows[self.rows["warmup"] == 0]
        for status, count in of_measured["status"].value_counts().items():
            found = sum(int(n.replace(",", "")) for n in re.findall(rf"(?:: |; )([\d,]+) {status}\b", told))
            if status != "ok" and found != count:
                yield f"{count} {status}, of which the caveats tell {found}"

    def trust(self) -> Iterator[str]:
        """Check what is at stake: mostly disturbed runs are bad, and nothing amiss is called good."""
        measured = self.rows[(self.rows["warmup"] == 0) & (self.rows["status"] == "ok")]
        level = self.record["trust"]["level"]
        share = (measured["swap_ins"] > 0).mean() if len(measured) else 1.0
        if share > 0.5 and level != "bad":
            yield f"{share:.0%} of the trials were disturbed, and trust is {level}"
        missing = self.raw.planned - len(self.rows[self.rows["warmup"] == 0])
        if (self.corrupt or missing > 0 or share >= 0.1) and level == "good":
            yield "trust is good although trials are corrupt, missing or disturbed"
        if level != "good" and not self.record["trust"]["why"]:
            yield f"trust is {level}, without a reason"
        yield from self.hanging()
        if (self.record["verdict"] == "nothing_measured") != (not len(measured)):
            yield f"{len(measured)} trials were measured, and the verdict is {self.record['verdict']}"

    def hanging(self) -> Iterator[str]:
        """Check how many comparisons are said to change, or to have too few blocks, without the disturbed ones."""
        why = {each["code"]: each["text"] for each in self.record["trust"]["why"]}
        text = why.get("verdicts_hang_on_disturbed", "")
        told = re.fullmatch(
            r"(?:([\d,]+) verdicts? would change without the disturbed blocks)?(?:, )?"
            r"(?:([\d,]+) comparisons? would have too few(?: blocks without the disturbed ones)?)?",
            text,
        )
        if not told:
            yield f"not understood: {text!r}"
            return
        counts = [pair for pair in self.pairs() if pair[0] > pair[1]]
        short = sum(every >= _ENOUGH > quiet for every, quiet in counts)
        if number(told[2] or "0") != short or number(told[1] or "0") > sum(quiet >= _ENOUGH for _, quiet in counts):
            yield f"{text!r}, of comparisons with so many blocks, and so many quiet ones: {counts}"

    def pairs(self) -> Iterator[tuple[int, int]]:
        """Yield each comparison's blocks with its baseline, and how many of them nothing disturbed on either side."""
        rows = self.first[self.first["status"] == "ok"]
        quiet = rows[rows["swap_ins"] == 0]
        every, undisturbed = (
            {key: set(own["block"]) for key, own in part.groupby(["host", "case_id"])} for part in (rows, quiet)
        )
        for (host, case_id), blocks in every.items():
            other = self.partner(self.cases[case_id])
            if other in (None, case_id) or (host, self.cases[other].get("method")) in self.corrupt_on:
                continue
            key = host, other
            both = undisturbed.get((host, case_id), set()) & undisturbed.get(key, set())
            yield len(blocks & every.get(key, set())), len(both)

    def finding(self, finding: Finding) -> Iterator[str]:
        """Check one finding: what it is about, its ratio, its interval, its words and its verdict."""
        if finding["verdict"] == "part":
            return
        found = self.case_of(finding)
        if found is None:
            yield "no case has these levels"
            return
        case_id, levels = found
        verdict, host = finding["verdict"], finding["host"]
        if (levels.get("method") in self.corrupt) != (verdict == "corrupt"):
            yield f"corrupt trials {self.corrupt.get(levels.get('method'), 0)}, verdict {verdict}"
        yield from self.against_corrupt(finding)
        is_measured = (host, case_id) in self.ns
        if verdict in ("not measured", "unavailable") and is_measured:
            yield f"{verdict}, with trials that ended ok"
        if verdict == "unavailable" and not self.statuses.get((host, case_id), set()) <= _CANNOT:
            yield "unavailable, with trials that ended otherwise"
        logs = self.pair(finding, case_id, levels)
        if logs is not None:
            yield from self.figures(finding, logs)

    def against_corrupt(self, finding: Finding) -> Iterator[str]:
        """Check that nothing is told of a comparison with what moved pages wrongly on the same host, in any trial."""
        base = finding["against"].split(", ")[0]
        told = finding["ratio"] is not None or (finding["verdict"] in COMPARED and self.record["asks"] != "rate")
        if (finding["host"], base) in self.corrupt_on and told and finding["verdict"] != "corrupt":
            yield f"{finding['verdict']} against {base}, of which a trial on this host is corrupt"

    def pair(self, finding: Finding, case_id: str, levels: dict[str, Any]) -> np.ndarray[Any, Any] | None:
        """Give the log ratios that a finding is of, None where it compares nothing."""
        if not finding["against"] or finding["verdict"] in ("not measured", "unavailable"):
            return None
        other = self.partner(levels)
        if self.record["asks"] == "fastest" and finding["verdict"] != "corrupt":
            names = list(self.baseline) if "method" in self.baseline else ["method"]
            for each, candidate in self.cases.items():
                is_same = all(candidate.get(name) == level for name, level in levels.items() if name not in names)
                if is_same and ", ".join(phrase(n, candidate[n]) for n in names) == finding["against"]:
                    other = each
        return self.ratios(finding["host"], case_id, other) if other else np.array([])

    def figures(self, finding: Finding, logs: np.ndarray[Any, Any]) -> Iterator[str]:
        """Check ratio, interval and verdict against the blocks' log ratios."""
        ratio, verdict, count = finding["ratio"], finding["verdict"], len(logs)
        is_of_rates = self.record["asks"] == "rate"
        if ratio is None:
            if verdict in (*COMPARED, "not told apart", "fastest") and count and not is_of_rates:
                yield f"{verdict}, without a ratio"
            return
        if not count:
            yield "a ratio without a block that has both"
            return
        if not math.isclose(ratio, math.exp(np.median(logs)), rel_tol=1e-6):
            yield f"ratio {ratio}, by the rows {math.exp(np.median(logs))}"
        yield from self.interval(finding, count)
        yield from self.words(finding)
        if verdict in DECIDED:
            yield from self.decided(finding, logs)
        if verdict == "too few" and count >= _ENOUGH and self.record["asks"] != "fastest" and not is_of_rates:
            yield f"too few, with {count} blocks"
        if verdict == "no difference found" and count < _ENOUGH:
            yield f"{verdict}, with {count} blocks"

    def interval(self, finding: Finding, count: int) -> Iterator[str]:
        """Check that an interval is there from six blocks on, and holds its figure."""
        low, high, ratio = finding["low"], finding["high"], finding["ratio"]
        if (low is None) != (count < _ENOUGH):
            yield f"{count} blocks, interval from {low} to {high}"
        if low is not None and not low <= ratio * (1 + 1e-9) <= high * (1 + 2e-9):
            yield f"the interval from {low} to {high} does not hold {ratio}"

    def words(self, finding: Finding) -> Iterator[str]:
        """Check that `times` says the ratio, as a number above 1 and the right way round."""
        match = re.fullmatch(r"([\d,.]+) times (slower|faster|as long|as fast)", finding["times"])
        if not match:
            return
        if match[2] in {"slower", "faster"} and finding["verdict"] in {"no difference found", "too few", "corrupt"}:
            yield f"'{finding['times']}', {finding['verdict']}"
        said, ratio = number(match[1]), finding["ratio"]
        whole, _, places = match[1].replace(",", "").partition(".")
        half = 0.5 * 10 ** (-len(places) if places else len(whole) - len(whole.rstrip("0")))
        true = {"as long": 1 / ratio, "as fast": ratio}.get(match[2], max(ratio, 1 / ratio))
        if abs(said - true) > 1.01 * half or match[2] == ("faster" if ratio < 1 else "slower"):
            yield f"'{finding['times']}' of a ratio of {ratio}"

    def decided(self, finding: Finding, logs: np.ndarray[Any, Any]) -> Iterator[str]:
        """Check a difference: six blocks, on that side, an interval without 1, and a trimmed mean that is not 0."""
        sign = 1 if finding["verdict"] == "faster" else -1
        ends = (finding["low"], finding["high"])
        if len(logs) < _ENOUGH or sign * np.median(logs) <= 0:
            yield f"{finding['verdict']} by {len(logs)} blocks with a median of {math.exp(np.median(logs))}"
        if ends[0] is None or ends[0] <= 1 <= ends[1]:
            yield f"{finding['verdict']} with an interval from {ends[0]} to {ends[1]}"
        if len(logs) < _ENOUGH:
            return
        cut = len(logs) // 5
        trimmed = stats.trim_mean(logs, 0.2 if cut else 0.0)
        spread = np.asarray(stats.mstats.winsorize(logs, (0.2, 0.2))) if cut else logs
        kept = len(logs) - 2 * cut
        error = math.sqrt(((spread - spread.mean()) ** 2).sum() / (kept * (kept - 1)))
        p = 2 * stats.t.sf(abs(trimmed) / error, len(logs) - 1 - 2.5 * cut) if error else 0.0
        if sign * trimmed <= 0 or p > 0.05:
            yield f"{finding['verdict']} with a trimmed mean of {math.exp(trimmed)}, p {p:.3f}"

    def corruption(self) -> Iterator[str]:
        """Check that corrupt methods come first in the headline, with their counts."""
        match = re.match(r"Corrupt: (.+?)\. ?", self.record["headline"])
        if bool(match) != bool(self.corrupt):
            yield f"corrupt trials {self.corrupt}, headline {self.record['headline']!r}"
        if not match:
            return
        named = dict(re.findall(r"([\w…]+) in ([\d,]+) trials?", match[1]))
        more = re.search(r"and (\d+) more methods?$", match[1])
        if len(named) + int(more[1] if more else 0) != len(self.corrupt):
            yield f"{match[0]!r} of {self.corrupt}"
        for method, count in named.items():
            if self.corrupt.get(method) != int(count.replace(",", "")):
                yield f"{method} in {count}, by the rows {self.corrupt}"

    def verdict(self) -> Iterator[str]:
        """Check the verdict against the findings, and each clause of the headline."""
        from tests.answers.headline_reader import clause_faults, verdict_faults  # noqa: PLC0415 - it needs this module

        yield from verdict_faults(self)
        yield from clause_faults(self)


def faults(raw: Raw, record: Record) -> list[str]:
    """List what a record claims that the rows do not bear."""
    return list(Reader(raw, record).faults())
