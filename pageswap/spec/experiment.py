"""What an experiment file says, once it is known to make sense, and the words of the core that it may use."""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING

from pageswap.errors import SpecError
from pageswap.spec.quoting import short

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pageswap.agent.journal.job import Level
    from pageswap.native import MethodInfo


@dataclasses.dataclass(frozen=True)
class PrecisionTarget:
    """When a host has measured enough: from `least` blocks on, all intervals within `until` (0.02: 2 % either way)."""

    least: int
    until: float


@dataclasses.dataclass(frozen=True)
class Experiment:
    """One experiment: a question, factors with their levels (sizes in bytes), and how often each case is measured.

    `asks` is one of `spec.asks.ASKS`: what the answer is to say. `factors` has every factor of the registry that the
    workload uses, in the registry's order. `exclude` and `include` have, for each entry, the levels that the named
    factors may take. `baseline` has one level a factor.
    `repeats` is the number of measured blocks, the most there may be where there is a `stopping` rule. `keep` is what
    --filter keeps, and `overrides` are the command-line arguments that changed the file's own words.
    `text` is the file, verbatim; `lines` tells the line of each key path (``method[2]``).
    """

    name: str
    question: str
    workload: str
    factors: dict[str, tuple[Level, ...]]
    exclude: tuple[dict[str, tuple[Level, ...]], ...]
    include: tuple[dict[str, tuple[Level, ...]], ...]
    baseline: dict[str, Level]
    repeats: int
    warmups: int
    rounds: int
    seed: int
    timeout_s: float
    hosts: tuple[str, ...]
    text: str
    path: str
    lines: dict[str, int]
    asks: str = ""
    stopping: PrecisionTarget | None = None
    keep: dict[str, tuple[Level, ...]] = dataclasses.field(default_factory=dict)
    overrides: tuple[str, ...] = ()

    @property
    def least_repeats(self) -> int:
        """The number of measured blocks that every host has at the least."""
        return self.stopping.least if self.stopping else self.repeats

    def error(self, key_path: str, message: str) -> SpecError:
        """Make the error that `message` at `key_path` is: with file and line, or the argument that replaced them."""
        key = key_path.partition("[")[0]
        argument = next((word for word in self.overrides if word.startswith(f"--set {key}=")), None)
        if argument:
            return SpecError(f"{short(argument)}: {message}")
        line = self.lines.get(key_path, self.lines.get(key, 1))
        return SpecError(f"{self.path}:{line}: {key_path}: {message}", line)


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """The names of the core that a spec may use; `choices` are the words of each factor that takes words.

    `reserved_backings` are those whose pages are of the host's pool of huge pages, and take no free memory.
    """

    methods: Mapping[str, MethodInfo]
    choices: Mapping[str, tuple[str, ...]]
    reserved_backings: tuple[str, ...] = ()


@functools.cache
def core_vocabulary() -> Vocabulary:
    """Ask the built core for its names; a method that this host lacks is known all the same."""
    # Imported here so that specs can be read with another vocabulary where no core is built.
    from pageswap import native  # noqa: PLC0415 - see above

    return Vocabulary(
        methods={method.name: method for method in native.methods()},
        choices=native.CHOICES,
        reserved_backings=tuple(backing.name for backing in native.backings() if backing.is_reserved),
    )
