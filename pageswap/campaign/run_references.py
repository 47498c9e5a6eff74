"""Finds the runs that a person names: one or many, one host of a run, or the runs of a commit, kernel or tag."""

from __future__ import annotations

import fnmatch
import re
from typing import TYPE_CHECKING, Final, NamedTuple

from pageswap.campaign.known_runs import known_runs
from pageswap.campaign.run_folders import find_run, newest, stored_runs
from pageswap.errors import UsageError
from pageswap.spec.quoting import guess, printable, short_list

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pageswap.campaign.known_runs import KnownRun

COMMIT: Final = "commit"
KERNEL: Final = "kernel"
TAG: Final = "tag"
# How a side that is no run begins, and what follows, for whoever typed something else.
_KINDS: Final = {
    COMMIT: "commit:HASH[/EXPERIMENT][:HOST] with 4 or more digits of a commit's hash",
    KERNEL: "kernel:RELEASE[/EXPERIMENT][:HOST] such as kernel:6.12",
    TAG: "tag:KEY=VALUE[/EXPERIMENT][:HOST]",
}
# So many runs of the same core, host and kernel tell enough of what varies between them.
MOST_EARLIER: Final = 6
_HASH: Final = re.compile(r"[0-9a-f]{4,64}")
_WILD: Final = re.compile(r"[*?\[]")


class Reference(NamedTuple):
    """A run's folder, and the host that was named with it (None: all of them); `text` is what was typed."""

    folder: Path
    host: str | None
    text: str


class _Wanted(NamedTuple):
    """What KIND:VALUE[/EXPERIMENT][:HOST] names; `place` is how an error begins that is about it."""

    place: str
    text: str
    kind: str
    value: str
    experiment: str
    host: str | None

    def has(self, run: KnownRun) -> bool:
        """Tell whether a run is one of these; of a kernel a release means all that continue it: 6.12 has 6.12.3."""
        if self.kind == COMMIT:
            return run.commit.startswith(self.value)
        if self.kind == TAG:
            name, _, value = self.value.partition("=")
            return run.tags.get(name) == value
        return any(map(self.has_kernel, run.kernels.values()))

    def has_kernel(self, kernel: str) -> bool:
        """Tell whether a host with this kernel is meant."""
        rest = kernel.removeprefix(self.value)
        return kernel.startswith(self.value) and not rest[:1].isdigit()


def resolve(
    results_dir: Path, base: str, others: Sequence[str], runs: int | None = None
) -> list[tuple[Reference, ...]]:
    """Find the sides of a comparison, the base first, each the runs that a text names, the newest first.

    A text is a RUN as `find_run` takes it, or several with commas between, or a commit, kernel or tag, with
    /EXPERIMENT after it, all with :HOST if wanted. A commit, kernel or tag stands for runs of the other sides'
    experiment when none is named: the newest ``runs`` of them; without that all of them, and of a commit, which must be
    exactly that code, the newest. Raises UsageError, with what was probably meant.
    """
    if not others:
        raise UsageError(f"--new is missing: give a run id, a path, `latest`, or {COMMIT}:HASH")
    texts = [("--base", base), *(("--new", text) for text in others)]
    named = [_named(results_dir, flag, text) for flag, text in texts]
    if all(isinstance(side, tuple) and not isinstance(side, _Wanted) for side in named):
        return [side for side in named if not isinstance(side, _Wanted)]
    known = known_runs(results_dir)
    experiments = sorted({each.folder.parent.name for side in named if not isinstance(side, _Wanted) for each in side})
    if not experiments:
        sides = [side for side in named if isinstance(side, _Wanted)]
        have = [{side.experiment} - {""} or {run.experiment for run in _matching(known, side)} for side in sides]
        experiments = sorted(set.intersection(*have))
    if len(experiments) != 1:
        shared = f"{len(experiments)} experiments ({short_list(experiments)})" if experiments else "no experiment"
        what = "both commits have a run of" if len(named) == 2 else "the sides all have runs of"  # noqa: PLR2004 - two
        raise UsageError(f"{what} {shared}; name one, as commit:HASH/EXPERIMENT")
    return [side if not isinstance(side, _Wanted) else _runs_of(known, side, experiments[0], runs) for side in named]


def earlier_runs(results_dir: Path, sides: Sequence[Sequence[Reference]]) -> list[tuple[Reference, ...]]:
    """Return for each side the runs before it of the same experiment, core, kernel, CPU and host, the last few.

    Runs that stand on a side are not among them, and no run is in two groups.
    """
    known = known_runs(results_dir)
    taken = {each.folder.resolve() for side in sides for each in side}
    own = {run.folder.resolve(): run for run in known}
    groups = []
    for side in sides:
        here = [own[folder] for folder in (each.folder.resolve() for each in side) if folder in own]
        if not here:
            continue
        this = min(here, key=lambda run: run.created_at)
        before = [
            run
            for run in known
            if run.folder.resolve() not in taken
            and (run.experiment, run.conditions) == (this.experiment, this.conditions)
            and run.created_at < this.created_at
        ][:MOST_EARLIER]
        taken |= {run.folder.resolve() for run in before}
        groups.append(tuple(Reference(run.folder, side[0].host, run.folder.name) for run in before))
    return [group for group in groups if len(group) > 1]


def select(results_dir: Path, texts: Sequence[str]) -> list[Path]:
    """Find the folders of all runs named, oldest first, each once.

    A text is what `find_run` takes, `all`, or a pattern with * ? [ ] that is matched against EXPERIMENT/RUN_ID and
    RUN_ID. Raises UsageError for one that finds nothing.
    """
    if not texts:
        raise UsageError("--run is missing: give a run id, a path, `latest`, `all` or a pattern such as 'smoke/*'")
    stored = stored_runs(results_dir)
    chosen: set[Path] = set()
    for text in texts:
        if text != "all" and not _WILD.search(text):
            chosen.add(find_run(results_dir, text))
            continue
        pattern = "*" if text == "all" else text
        matching = {
            folder
            for folder in stored
            for name in (folder.name, "/".join(folder.parts[-2:]))
            if fnmatch.fnmatchcase(name, pattern)
        }
        if not matching:
            names = newest(folder.name for folder in stored)
            raise UsageError(f"--run {printable(text)}: no run in {results_dir} matches; the newest: {names}")
        chosen |= matching
    return sorted(chosen, key=lambda folder: (folder.name, folder.parent.name))


def _named(results_dir: Path, flag: str, text: str) -> tuple[Reference, ...] | _Wanted:
    """Find runs, or one with a host after a colon, where a path may have colons of its own; or read what is wanted."""
    if not text:
        raise UsageError(f"{flag} is missing: give a run id, a path, `latest`, or commit:HASH")
    kind, _, rest = text.partition(":")
    if kind in _KINDS:
        place = f"{flag} {printable(text)}"
        wanted, _, host = rest.partition(":")
        value, _, experiment = wanted.partition("/")
        value = value.lower() if kind == COMMIT else value
        is_right = {COMMIT: bool(_HASH.fullmatch(value)), KERNEL: bool(value), TAG: bool(value.partition("=")[0])}
        if not is_right[kind] or (kind == TAG and "=" not in value):
            cure = "; `git rev-parse --short HEAD` prints one" if kind == COMMIT else ""
            raise UsageError(f"{place}: expected {_KINDS[kind]}, found {value!r}{cure}")
        return _Wanted(place, text, kind, value, experiment, host or None)
    # A path may have commas of its own.
    texts = text.split(",") if "," in text and "/" not in text else [text]
    return tuple(_reference(results_dir, flag, each.strip()) for each in texts)


def _reference(results_dir: Path, flag: str, text: str) -> Reference:
    run, _, host = text.partition(":")
    while host and "/" in host:
        more, _, host = host.partition(":")
        run = f"{run}:{more}"
    return Reference(find_run(results_dir, run, flag), host or None, text)


def _runs_of(known: Sequence[KnownRun], side: _Wanted, experiment: str, most: int | None) -> tuple[Reference, ...]:
    """Return the runs that are wanted, of the experiment unless it names its own, the newest first."""
    wanted = side.experiment or experiment
    runs = _matching(known, side)
    matching = [run for run in runs if run.experiment == wanted]
    if not matching:
        have = sorted({run.experiment for run in runs})
        hint = guess(wanted, have) or f"; it has runs of {short_list(have)}"
        raise UsageError(f"{side.place}: this {side.kind} has no run of {wanted}{hint}")
    if side.kind == COMMIT and len({run.commit for run in matching}) > 1:
        raise UsageError(f"{side.place}: several commits begin so; type more of the hash")
    matching = matching[: most or (1 if side.kind == COMMIT else None)]
    return tuple(
        Reference(run.folder, host, side.text)
        for run in matching
        for host in ([side.host] if side.host or side.kind != KERNEL else _hosts_of(run, side))
    )


def _hosts_of(run: KnownRun, side: _Wanted) -> list[str | None]:
    """Return the hosts of a run that have the kernel; None where that is all."""
    hosts: list[str | None] = [host for host, kernel in run.kernels.items() if side.has_kernel(kernel)]
    return hosts if len(hosts) < len(run.kernels) else [None]


def _matching(known: Sequence[KnownRun], side: _Wanted) -> list[KnownRun]:
    """Return the runs that have what is wanted; a run made with uncommitted changes is none of a commit."""
    matching = [run for run in known if side.has(run)]
    clean = [run for run in matching if run.is_clean or side.kind != COMMIT]
    if matching and not clean:
        raise UsageError(
            f"{side.place}: every run of this commit was made with uncommitted changes; name one by its id:"
            f" {newest(run.folder.name for run in matching)}"
        )
    if not clean:
        there = {
            COMMIT: {run.commit[:12] for run in known if run.is_clean and run.commit},
            KERNEL: {kernel for run in known for kernel in run.kernels.values() if kernel},
            TAG: {f"{name}={value}" for run in known for name, value in run.tags.items()},
        }[side.kind]
        alike = guess(side.value, [each[: len(side.value)] for each in sorted(there)] if side.kind == COMMIT else there)
        hint = alike or f"; there are runs of {short_list(sorted(there)) or 'none'}"
        raise UsageError(f"{side.place}: no run of this {side.kind}{hint}")
    return clean
