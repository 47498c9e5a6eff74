"""Finds the runs that a person names: one or many, one host of a run, or the run of a commit."""

from __future__ import annotations

import fnmatch
import re
from typing import TYPE_CHECKING, Final, NamedTuple

from pageswap.campaign.run_folders import find_run, newest, open_run, stored_runs
from pageswap.errors import StoreError, UsageError
from pageswap.spec.quoting import guess, printable, short_list

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_COMMIT: Final = "commit:"
_HASH: Final = re.compile(r"[0-9a-f]{4,64}")
_WILD: Final = re.compile(r"[*?\[]")


class Reference(NamedTuple):
    """A run's folder, and the host that was named with it (None: all of them); `text` is what was typed."""

    folder: Path
    host: str | None
    text: str


class _Commit(NamedTuple):
    """What commit:HASH[/EXPERIMENT][:HOST] names; `place` is how an error begins that is about it."""

    place: str
    text: str
    hash: str
    experiment: str
    host: str | None


class _Known(NamedTuple):
    """A stored run and what finding it by its commit takes."""

    folder: Path
    experiment: str
    created_at: str
    commit: str
    is_clean: bool


def resolve(results_dir: Path, base: str, new: str) -> tuple[Reference, Reference]:
    """Find the two sides of a comparison, each a RUN or commit:HASH[/EXPERIMENT], with :HOST after it if wanted.

    A RUN is what `find_run` takes. A commit stands for the newest run made from exactly that code, of the other side's
    experiment when none is named. Raises UsageError, with what was probably meant.
    """
    one, other = _named(results_dir, "--base", base), _named(results_dir, "--new", new)
    if isinstance(one, Reference) and isinstance(other, Reference):
        return one, other
    known = [run for folder in stored_runs(results_dir) if (run := _known(folder))]
    experiments = [each.folder.parent.name for each in (one, other) if isinstance(each, Reference)]
    if not experiments:
        sides = [side for side in (one, other) if isinstance(side, _Commit)]
        have = [{side.experiment} - {""} or {run.experiment for run in _clean(known, side)} for side in sides]
        experiments = sorted(set.intersection(*have))
    if len(experiments) != 1:
        shared = f"{len(experiments)} experiments ({short_list(experiments)})" if experiments else "no experiment"
        raise UsageError(f"both commits have a run of {shared}; name one, as commit:HASH/EXPERIMENT")
    return _run_of(known, one, experiments[0]), _run_of(known, other, experiments[0])


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


def _named(results_dir: Path, flag: str, text: str) -> Reference | _Commit:
    """Find a run, or one with a host after a colon, where a path may have colons of its own; or read a commit."""
    if not text:
        raise UsageError(f"{flag} is missing: give a run id, a path, `latest`, or commit:HASH")
    if text.startswith(_COMMIT):
        place = f"{flag} {printable(text)}"
        wanted, _, host = text.removeprefix(_COMMIT).partition(":")
        commit, _, experiment = wanted.partition("/")
        if not _HASH.fullmatch(commit.lower()):
            raise UsageError(
                f"{place}: expected commit:HASH[/EXPERIMENT][:HOST] with 4 or more digits of a commit's hash, found"
                f" {commit!r}; `git rev-parse --short HEAD` prints one"
            )
        return _Commit(place, text, commit.lower(), experiment, host or None)
    run, _, host = text.partition(":")
    while host and "/" in host:
        more, _, host = host.partition(":")
        run = f"{run}:{more}"
    return Reference(find_run(results_dir, run, flag), host or None, text)


def _run_of(known: Sequence[_Known], side: Reference | _Commit, experiment: str) -> Reference:
    """Return the newest run of a commit, of the experiment unless it names its own; a run is what it is."""
    if isinstance(side, Reference):
        return side
    wanted = side.experiment or experiment
    runs = _clean(known, side)
    matching = [run for run in runs if run.experiment == wanted]
    if not matching:
        have = sorted({run.experiment for run in runs})
        hint = guess(wanted, have) or f"; it has runs of {short_list(have)}"
        raise UsageError(f"{side.place}: this commit has no run of {wanted}{hint}")
    if len({run.commit for run in matching}) > 1:
        raise UsageError(f"{side.place}: several commits begin so; type more of the hash")
    return Reference(max(matching, key=lambda run: run.created_at).folder, side.host, side.text)


def _clean(known: Sequence[_Known], side: _Commit) -> list[_Known]:
    """Return the runs of a commit; a run made with uncommitted changes is not one."""
    matching = [run for run in known if run.commit.startswith(side.hash)]
    clean = [run for run in matching if run.is_clean]
    if matching and not clean:
        raise UsageError(
            f"{side.place}: every run of this commit was made with uncommitted changes; name one by its id:"
            f" {newest(run.folder.name for run in matching)}"
        )
    if not clean:
        hashes = sorted({run.commit[:12] for run in known if run.is_clean and run.commit})
        alike = guess(side.hash, [known[: len(side.hash)] for known in hashes])
        hint = alike or f"; there are runs of {short_list(hashes) or 'none'}"
        raise UsageError(f"{side.place}: no run of this commit{hint}")
    return clean


def _known(folder: Path) -> _Known | None:
    try:
        with open_run(folder) as store:
            meta = store.meta()
    except StoreError:
        return None
    commit, dirty = (meta["provenance"].get(name) for name in ("commit", "dirty"))
    # Unknown is not clean.
    return _Known(folder, folder.parent.name, str(meta["created_at"]), str(commit or ""), dirty is False)
