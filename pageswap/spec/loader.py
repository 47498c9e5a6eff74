"""Reads an experiment file: every key checked, every error with its line, its key path and its cure."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

from pageswap.agent.workloads import WORKLOADS
from pageswap.errors import SpecError, raise_all
from pageswap.spec.amounts import parse_count
from pageswap.spec.cases import build_cases
from pageswap.spec.experiment import ASKS, Experiment, PrecisionTarget, with_asks
from pageswap.spec.factors import FACTORS, Vocabulary, core_vocabulary, find_factor
from pageswap.spec.hostnames import check_host
from pageswap.spec.quoting import check_choice, quoted, short_list
from pageswap.spec.source import read_text, shown_path
from pageswap.spec.traces import TracesBeside
from pageswap.spec.tree import Mapping, Node, Scalar, Sequence, TreeReader
from pageswap.units import format_duration, parse_duration

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pageswap.agent.journal.job import Level

_T = TypeVar("_T")
Levels: TypeAlias = "dict[str, tuple[Level, ...]]"

DEFAULT_WORKLOAD: Final = "swap"
DEFAULTS: Final = {"repeats": "7", "warmups": "1", "rounds": "10", "seed": "42", "timeout": "60s"}
_REQUIRED: Final = {
    "name": "name: mremap_vs_copy",
    "question": "question: Is remapping a page faster than copying it?",
    "method": "method: [memcpy, mremap_fixed]",
    "baseline": "baseline: {method: memcpy}",
}
OTHER_KEYS: Final = ("name", "question", "asks", "workload", "exclude", "include", "baseline", *DEFAULTS, "hosts")

_STOPPING_KEYS: Final = ("min", "max", "until")
_STOPPING_EXAMPLE: Final = "write a number, or {min: 5, max: 40, until: 2%}"

# Bounds that keep a typing error from asking for years of measuring.
MAX_REPEATS: Final = 10_000
_MAX_WARMUPS: Final = 100
_MAX_ROUNDS: Final = 1_000
# SQLite's integers, and JSON readers that know 64 bits, are signed.
_MAX_SEED: Final = 2**63 - 1
_TIMEOUT_S: Final = (0.1, 86_400.0)
# A half-width in percent of the value; narrower than a thousandth no clock of a trial's repeats.
_UNTIL: Final = (0.001, 0.5)
_LONGEST_QUESTION = 500
_MAX_ENTRIES = 200
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


def load(path: Path, *, vocabulary: Vocabulary | None = None) -> Experiment:
    """Read and check an experiment file; raises SpecError whose text starts with file:line and the key path."""
    return loads(read_text(path), shown_path(path), vocabulary=vocabulary)


def loads(text: str, name: str, *, vocabulary: Vocabulary | None = None) -> Experiment:
    """Read and check an experiment's text; `name` stands for the file in errors, which are SpecError, all in one.

    `vocabulary` holds the names of methods, backings and so on; by default those of the built core.
    """
    experiment = _ExperimentReader(text, name, vocabulary or core_vocabulary()).read(text)
    return with_asks(experiment, build_cases(experiment))


class _ExperimentReader(TreeReader):
    """Walks one experiment's tree."""

    def __init__(self, text: str, name: str, vocabulary: Vocabulary) -> None:
        super().__init__(text, name)
        self.traces = TracesBeside(name)
        self.vocabulary = dataclasses.replace(vocabulary, trace_level=self.traces.level)

    def read(self, text: str) -> Experiment:
        self.check_keys(self.root, (*OTHER_KEYS, *FACTORS), "docs/spec.md lists them")
        missing = [key for key in _REQUIRED if key not in self.root.entries]
        self.errors += [self.error(1, key, f"is missing; add a line such as '{_REQUIRED[key]}'") for key in missing]
        try:
            self.workload = self.one(
                "workload", lambda text: check_choice("workload", text, WORKLOADS), DEFAULT_WORKLOAD
            )
        except SpecError as error:
            self.errors.append(error)
            raise_all(self.errors)  # what the rest may say is the workload's to tell
        fields: dict[str, Any] = {}
        for field, read in self.readers().items():
            with self.collecting():
                if field not in missing:
                    fields[field] = read()
        raise_all(self.errors)
        for index, entry in enumerate(fields["exclude"]):
            self.check_known(entry, f"exclude[{index}]", fields["factors"])
        raise_all(self.errors)
        fields["repeats"], fields["stopping"] = fields["repeats"]
        fields["traces"] = self.traces.found
        return Experiment(**fields, workload=self.workload, text=text, path=self.name, lines=self.lines)

    def readers(self) -> dict[str, Callable[[], Any]]:
        """Return how each field of an experiment but its workload is read."""
        entries = self.root.entries
        return {
            "name": lambda: self.one("name", _parse_name),
            "question": lambda: self.one("question", _parse_question),
            "asks": lambda: (
                self.one("asks", lambda text: check_choice("asks", text, ASKS)) if "asks" in entries else ""
            ),
            "factors": self.factors,
            "exclude": lambda: self.entries("exclude"),
            "include": lambda: self.entries("include"),
            "baseline": self.baseline,
            "repeats": self.repeats,
            "warmups": lambda: self.count("warmups", 0, _MAX_WARMUPS),
            "rounds": self.rounds,
            "seed": lambda: self.count("seed", 0, _MAX_SEED),
            "timeout_s": lambda: self.one("timeout", _parse_timeout, DEFAULTS["timeout"]),
            "hosts": lambda: self.several(entries["hosts"][1], check_host) if "hosts" in entries else (),
        }

    def one(self, key: str, parse: Callable[[str], _T], default: str = "") -> _T:
        """Read a key of the top that has one value."""
        if key not in self.root.entries:
            return parse(default)
        return self.scalar(self.root.entries[key][1], parse)

    def count(self, key: str, least: int, most: int) -> int:
        return self.one(key, lambda text: parse_count(text, least, most), DEFAULTS[key])

    def rounds(self) -> int:
        if not WORKLOADS[self.workload].is_whole:
            return self.count("rounds", 1, _MAX_ROUNDS)
        why = f"a trial of '{self.workload}' is one piece of work"
        return self.one("rounds", lambda text: parse_count(text, 1, 1, why), "1")

    def repeats(self) -> tuple[int, PrecisionTarget | None]:
        """Read a fixed number of blocks, or the most there may be with the rule that ends them earlier."""
        _, node = self.root.entries.get("repeats", (None, None))
        if not isinstance(node, Mapping):
            return self.count("repeats", 1, MAX_REPEATS), None
        if not self.check_keys(node, _STOPPING_KEYS, _STOPPING_EXAMPLE):
            return 0, None
        missing = [name for name in _STOPPING_KEYS if name not in node.entries]
        if missing:
            raise self.error_at(node, f"has no {' and no '.join(missing)}; {_STOPPING_EXAMPLE}")
        ends = (node.entries[name][1] for name in ("max", "min"))
        most, least = (self.scalar(end, lambda text: parse_count(text, 1, MAX_REPEATS)) for end in ends)
        if least > most:
            raise self.error_at(node.entries["min"][1], f"{least:,} is more than max, {most:,}; write a smaller min")
        return most, PrecisionTarget(least, self.scalar(node.entries["until"][1], parse_until))

    def levels(self, key: Scalar, node: Node) -> tuple[Level, ...]:
        """Read what stands below a factor's name."""
        factor = self.checked(key, lambda name: find_factor(name, self.workload))
        return self.several(node, lambda text: factor.parse(text, self.vocabulary, self.workload))

    def factors(self) -> Levels:
        """Read every factor's levels; one that the file does not name has its default."""
        levels: Levels = {}
        for name, factor in FACTORS.items():
            if name in self.root.entries:
                with self.collecting():
                    levels[name] = self.levels(*self.root.entries[name])
            elif factor.kind == "trace" and self.workload in factor.workloads:
                self.errors.append(self.error(1, name, f"is missing; add a line such as '{name}: moves.csv'"))
            elif factor.default is not None and self.workload in factor.workloads:
                levels[name] = (factor.default,)
        return levels

    def levels_of(self, node: Node) -> Levels:
        """Read a mapping from factors to the levels it means, in the registry's order."""
        if not isinstance(node, Mapping) or not node.entries:
            raise self.error_at(node, "names no factor; write a mapping such as {method: memcpy, touch: moved}")
        found = {}
        for name, entry in node.entries.items():
            with self.collecting():
                found[name] = self.levels(*entry)
        return {name: found[name] for name in FACTORS if name in found}

    def entries(self, key: str) -> tuple[Levels, ...]:
        """Read exclude or include."""
        if key not in self.root.entries:
            return ()
        node = self.root.entries[key][1]
        if not isinstance(node, Sequence) or not node.items:
            raise self.error_at(node, "is not a list of mappings; write such as [{method: memcpy, touch: moved}]")
        if len(node.items) > _MAX_ENTRIES:
            raise self.error_at(node, f"has {len(node.items):,} entries; at most {_MAX_ENTRIES} make sense")
        found = []
        for item in node.items:
            with self.collecting():
                found.append(self.levels_of(item))
        return tuple(found)

    def check_known(self, entry: Levels, key_path: str, factors: Levels) -> None:
        """Refuse a level that no case has: what it was meant to exclude would be measured."""
        for name, levels in entry.items():
            show, path = FACTORS[name].show, f"{key_path}.{name}"
            for level in levels:
                if level not in factors[name]:
                    have = f"{name}: {short_list(map(show, factors[name]))}"
                    what = f"matches no case, as {show(level)} is not among the levels of {have}"
                    self.errors.append(self.error(self.lines[path], path, what))

    def baseline(self) -> dict[str, Level]:
        levels = self.levels_of(self.root.entries["baseline"][1])
        for name, several in levels.items():
            if len(several) > 1:
                path = f"baseline.{name}"
                raise self.error(self.lines[path], path, "has several levels; a baseline has one level a factor")
        return {name: several[0] for name, several in levels.items() if several}


def _parse_name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError(
            f"{quoted(text)} is not a name; write 1 to 64 of a-z, 0-9, '_' and '-', the first a letter or digit: "
            "it becomes a folder under results/"
        )
    return text


def _parse_question(text: str) -> str:
    question = " ".join(text.split())
    if not question:
        raise ValueError("is empty; write the question that the report is to answer")
    if len(question) > _LONGEST_QUESTION:
        raise ValueError(f"has {len(question):,} characters; at most {_LONGEST_QUESTION}: it is the report's heading")
    return question


def parse_until(text: str) -> float:
    """Read ``2%``, half the width at which an interval is narrow enough, as 0.02; raises ValueError."""
    match = re.fullmatch(r"([0-9]{1,3}(?:\.[0-9]{1,3})?)%", text)
    if not match:
        raise ValueError(f"{quoted(text)} is not a percentage; write such as 2% or 0.5%")
    share = float(match[1]) / 100
    least, most = _UNTIL
    if not least <= share <= most:
        raise ValueError(f"{quoted(text)} is not from {least:.1%} to {most:.0%}; write such as 2%")
    return share


def _parse_timeout(text: str) -> float:
    seconds = parse_duration(text)
    least, most = _TIMEOUT_S
    if not least <= seconds <= most:
        limits = f"{format_duration(least)} to {format_duration(most)}"
        raise ValueError(f"{quoted(text)} is not from {limits}; a trial that takes longer is ended")
    return seconds
