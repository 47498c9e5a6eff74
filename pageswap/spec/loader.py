"""Reads an experiment file: every key checked, every error with its line, its key path and its cure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TypeVar

from pageswap.spec.asks import ASKS, with_asks
from pageswap.spec.cases import build_cases
from pageswap.spec.experiment import (
    MAX_REPEATS,
    MAX_ROUNDS,
    MAX_SEED,
    MAX_TIMEOUT_S,
    MAX_UNTIL,
    MAX_WARMUPS,
    MIN_TIMEOUT_S,
    MIN_UNTIL,
    Experiment,
    Stopping,
)
from pageswap.spec.factors import FACTORS, find_factor, parse_count
from pageswap.spec.hostnames import check_host
from pageswap.spec.nodes import Mapping, Node, Sequence, parse_tree
from pageswap.spec.quoting import guess, listed, quoted, short
from pageswap.spec.reading import TreeReader
from pageswap.spec.source import read_text, shown_path
from pageswap.spec.vocabulary import Vocabulary, core_vocabulary
from pageswap.units import format_duration, parse_duration

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pageswap.agent.journal.job import Level

_T = TypeVar("_T")

DEFAULT_WORKLOAD: Final = "swap"
DEFAULTS: Final = {"repeats": "7", "warmups": "1", "rounds": "10", "seed": "42", "timeout": "60s"}
_REQUIRED: Final = {
    "name": "name: mremap_vs_copy",
    "question": "question: Is remapping a page faster than copying it?",
    "method": "method: [memcpy, mremap_fixed]",
    "baseline": "baseline: {method: memcpy}",
}
_OTHER_KEYS: Final = ("name", "question", "asks", "workload", "exclude", "include", "baseline", *DEFAULTS, "hosts")

_STOPPING_KEYS: Final = ("min", "max", "until")
_STOPPING_EXAMPLE: Final = "write a number, or {min: 5, max: 40, until: 2%}"

_LONGEST_QUESTION = 500
_MAX_ENTRIES = 200
_LONGEST_DURATION = 30
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


def load(path: Path, *, vocabulary: Vocabulary | None = None) -> Experiment:
    """Read and check an experiment file; raises SpecError whose text starts with file:line and the key path."""
    return loads(read_text(path), shown_path(path), vocabulary=vocabulary)


def loads(text: str, name: str, *, vocabulary: Vocabulary | None = None) -> Experiment:
    """Read and check an experiment's text; `name` stands for the file in errors, which are SpecError.

    `vocabulary` holds the names of methods, backings and so on; by default those of the built core.
    """
    root = parse_tree(text, name)
    experiment = _Reader(name, vocabulary or core_vocabulary(), root).read(text)
    return with_asks(experiment, build_cases(experiment))


class _Reader(TreeReader):
    """Walks one experiment's tree."""

    def __init__(self, name: str, vocabulary: Vocabulary, root: Mapping) -> None:
        super().__init__(name)
        self.vocabulary = vocabulary
        self.root = root
        self.workload = DEFAULT_WORKLOAD

    def read(self, text: str) -> Experiment:
        for key, (scalar, _) in self.root.entries.items():
            self.lines[key] = scalar.line
            if key not in FACTORS and key not in _OTHER_KEYS:
                hint = guess(key, (*_OTHER_KEYS, *FACTORS))
                raise self.error(scalar.line, short(key), f"unknown key{hint or ';'} docs/spec.md lists them")
        for key, example in _REQUIRED.items():
            if key not in self.root.entries:
                raise self.error(1, key, f"is missing; add a line such as '{example}'")
        self.workload = self.one("workload", self.parse_workload, DEFAULT_WORKLOAD)
        factors = self.factors()
        repeats, stopping = self.repeats()
        return Experiment(
            name=self.one("name", _parse_name),
            question=self.one("question", _parse_question),
            asks=self.asks(),
            workload=self.workload,
            factors=factors,
            exclude=self.entries("exclude", factors),
            include=self.entries("include", None),
            baseline=self.baseline(),
            repeats=repeats,
            stopping=stopping,
            warmups=self.count("warmups", 0, MAX_WARMUPS),
            rounds=self.count("rounds", 1, MAX_ROUNDS),
            seed=self.count("seed", 0, MAX_SEED),
            timeout_s=self.one("timeout", _parse_timeout, DEFAULTS["timeout"]),
            hosts=self.hosts(),
            text=text,
            path=self.name,
            lines=self.lines,
        )

    def one(self, key: str, parse: Callable[[str], _T], default: str = "") -> _T:
        """Read a key of the top that has one value."""
        if key not in self.root.entries:
            return parse(default)
        return self.scalar(self.root.entries[key][1], key, parse)

    def asks(self) -> str:
        """Read what the experiment asks; nothing where it does not say, as its cases are not known yet."""
        return self.one("asks", _parse_asks) if "asks" in self.root.entries else ""

    def count(self, key: str, least: int, most: int) -> int:
        return self.one(key, lambda text: parse_count(text, least, most), DEFAULTS[key])

    def repeats(self) -> tuple[int, Stopping | None]:
        """Read a fixed number of blocks, or the most there may be with the rule that ends them earlier."""
        _, node = self.root.entries.get("repeats", (None, None))
        if not isinstance(node, Mapping):
            return self.count("repeats", 1, MAX_REPEATS), None
        self.lines["repeats"] = node.line
        for name, (scalar, _) in node.entries.items():
            if name not in _STOPPING_KEYS:
                hint = guess(name, _STOPPING_KEYS) or ";"
                raise self.error(scalar.line, f"repeats.{short(name)}", f"unknown key{hint} {_STOPPING_EXAMPLE}")
        missing = [name for name in _STOPPING_KEYS if name not in node.entries]
        if missing:
            raise self.error(node.line, "repeats", f"has no {' and no '.join(missing)}; {_STOPPING_EXAMPLE}")

        def read(name: str, parse: Callable[[str], _T]) -> _T:
            return self.scalar(node.entries[name][1], f"repeats.{name}", parse)

        most = read("max", lambda text: parse_count(text, 1, MAX_REPEATS))
        least = read("min", lambda text: parse_count(text, 1, MAX_REPEATS))
        if least > most:
            line = self.lines["repeats.min"]
            raise self.error(line, "repeats.min", f"{least:,} is more than max, {most:,}; write a smaller min")
        return most, Stopping(least, read("until", _parse_percent))

    def parse_workload(self, text: str) -> str:
        names = self.vocabulary.workloads
        if text not in names:
            raise ValueError(f"unknown workload {quoted(text)}{guess(text, names) or ';'} it is one of {listed(names)}")
        return text

    def level_parser(self, name: str, line: int, key_path: str) -> Callable[[str], Level]:
        try:
            factor = find_factor(name, self.workload)
        except ValueError as error:
            raise self.error(line, key_path, str(error)) from None
        return lambda text: factor.parse(text, self.vocabulary, self.workload)

    def factors(self) -> dict[str, tuple[Level, ...]]:
        """Read every factor's levels; one that the file does not name has its default."""
        levels: dict[str, tuple[Level, ...]] = {}
        for name, factor in FACTORS.items():
            if name in self.root.entries:
                key, node = self.root.entries[name]
                levels[name] = self.several(node, name, self.level_parser(name, key.line, name))
            elif factor.default is not None and self.workload in factor.workloads:
                levels[name] = (factor.parse(factor.default, self.vocabulary, self.workload),)
        return levels

    def levels_of(self, node: Node, key_path: str) -> dict[str, tuple[Level, ...]]:
        """Read a mapping from factors to the levels it means, in the registry's order."""
        self.lines[key_path] = node.line
        if not isinstance(node, Mapping) or not node.entries:
            raise self.error(
                node.line, key_path, "names no factor; write a mapping such as {method: memcpy, touch: moved}"
            )
        found = {}
        for name, (key, value) in node.entries.items():
            path = f"{key_path}.{short(name)}"
            found[name] = self.several(value, path, self.level_parser(name, key.line, path))
        return {name: found[name] for name in FACTORS if name in found}

    def entries(
        self, key: str, factors: dict[str, tuple[Level, ...]] | None
    ) -> tuple[dict[str, tuple[Level, ...]], ...]:
        """Read exclude or include; where `factors` are given, only their levels make sense."""
        if key not in self.root.entries:
            return ()
        node = self.root.entries[key][1]
        self.lines[key] = node.line
        if not isinstance(node, Sequence) or not node.items:
            raise self.error(
                node.line, key, "is not a list of mappings; write such as [{method: memcpy, touch: moved}]"
            )
        if len(node.items) > _MAX_ENTRIES:
            raise self.error(node.line, key, f"has {len(node.items):,} entries; at most {_MAX_ENTRIES} make sense")
        entries = tuple(self.levels_of(item, f"{key}[{index}]") for index, item in enumerate(node.items))
        for index, entry in enumerate(entries if factors is not None else ()):
            self.check_known(entry, f"{key}[{index}]", factors or {})
        return entries

    def check_known(
        self, entry: dict[str, tuple[Level, ...]], key_path: str, factors: dict[str, tuple[Level, ...]]
    ) -> None:
        """Refuse a level that no case has: what it was meant to exclude would be measured."""
        for name, levels in entry.items():
            for level in levels:
                if level not in factors[name]:
                    show = FACTORS[name].show
                    path = f"{key_path}.{name}"
                    raise self.error(
                        self.lines[path],
                        path,
                        f"matches no case, as {show(level)} is not among the levels of {name}: "
                        f"{listed(map(show, factors[name]))}",
                    )

    def baseline(self) -> dict[str, Level]:
        node = self.root.entries["baseline"][1]
        levels = self.levels_of(node, "baseline")
        for name, several in levels.items():
            if len(several) > 1:
                path = f"baseline.{name}"
                raise self.error(self.lines[path], path, "has several levels; a baseline has one level a factor")
        return {name: several[0] for name, several in levels.items()}

    def hosts(self) -> tuple[str, ...]:
        if "hosts" not in self.root.entries:
            return ()
        return self.several(self.root.entries["hosts"][1], "hosts", check_host)


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


def _parse_asks(text: str) -> str:
    if text not in ASKS:
        raise ValueError(f"{quoted(text)} is nothing to ask{guess(text, ASKS) or ';'} it is one of {listed(ASKS)}")
    return text


def _parse_percent(text: str) -> float:
    match = re.fullmatch(r"([0-9]{1,3}(?:\.[0-9]{1,3})?)%", text)
    if not match:
        raise ValueError(f"{quoted(text)} is not a percentage; write such as 2% or 0.5%")
    share = float(match[1]) / 100
    if not MIN_UNTIL <= share <= MAX_UNTIL:
        raise ValueError(f"{quoted(text)} is not from {MIN_UNTIL:.1%} to {MAX_UNTIL:.0%}; write such as 2%")
    return share


def _parse_timeout(text: str) -> float:
    if len(text) > _LONGEST_DURATION or not text.isprintable():
        raise ValueError(f"{quoted(text)} is not a duration; write 500ms, 60s, 5min or 1h")
    seconds = parse_duration(text)
    if not MIN_TIMEOUT_S <= seconds <= MAX_TIMEOUT_S:
        least, most = (format_duration(limit) for limit in (MIN_TIMEOUT_S, MAX_TIMEOUT_S))
        raise ValueError(f"{quoted(text)} is not from {least} to {most}; a trial that takes longer is ended")
    return seconds
