"""Finds the runs that a person names: one or many, one host of a run, or the run of a commit."""

from __future__ import annotations

import dataclasses
import difflib
import fnmatch
import re
from typing import TYPE_CHECKING, Any, Final

from pageswap.campaign.run_folders import DATABASE, find_run
from pageswap.errors import StoreError, UsageError
from pageswap.spec.quoting import printable
from pageswap.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

ALL: Final = "all"
_COMMIT: Final = "commit"
_HASH: Final = re.compile(r"[0-9a-f]{4,64}")
_WILD: Final = re.compile(r"[*?\[]")
_SHOWN: Final = 5


@dataclasses.dataclass(frozen=True)
class Reference:
    """A run's folder, and the host that was named with it (None: all of them); `text` is what was typed."""

    folder: Path
    host: str | None
    text: str


@dataclasses.dataclass(frozen=True)
class _Known:
    """A stored run and what finding it by its commit takes."""

    folder: Path
    experiment: str
    created_at: str
    commit: str
    dirty: bool


def resolve(results_dir: Path, base: str, new: str) -> tuple[Reference, Reference]:
    """Find the two sides of a comparison, each a RUN or commit:HASH[/EXPERIMENT], with :HOST after it if wanted.

    A RUN is what `find_run` takes. A commit stands for the newest run made from exactly that code, of the other side's
    experiment when none is named. Raises UsageError, with what was probably meant.
    """
    found: dict[str, Reference | None] = {}
    sides = {"--base": base, "--new": new}
    for flag, text in sides.items():
        if not text:
            raise UsageError(f"{flag} is missing: give a run id, a path, `latest`, or commit:HASH")
        if text.startswith(f"{_COMMIT}:"):
            _split(flag, text)  # A typing error is told whatever the other side is.
            found[flag] = None
        else:
            found[flag] = _run(results_dir, flag, text)
    experiment = next((each.folder.parent.name for each in found.values() if each), "")
    if not experiment:
        experiment = _shared(results_dir, sides)
    return tuple(  # type: ignore[return-value] # one for each of the two flags
        found[flag] or _of_commit(results_dir, flag, text, experiment) for flag, text in sides.items()
    )


def select(results_dir: Path, texts: Sequence[str]) -> list[Path]:
    """Find the folders of all runs named, oldest first, each once.

    A text is what `find_run` takes, `all`, or a pattern with * ? [ ] that is matched against EXPERIMENT/RUN_ID and
    RUN_ID. Raises UsageError for one that finds nothing.
    """
    if not texts:
        raise UsageError("--run is missing: give a run id, a path, `latest`, `all` or a pattern such as 'smoke/*'")
    stored = {f"{path.parent.parent.name}/{path.parent.name}": path.parent for path in _databases(results_dir)}
    chosen: dict[Path, None] = {}
    for text in texts:
        if text == ALL:
            matching = list(stored.values())
        elif _WILD.search(text):
            matching = [f for name, f in stored.items() if _matches(text, name)]
        else:
            matching = [find_run(results_dir, text)]
        if not matching:
            raise UsageError(
                f"--run {printable(text)}: no run in {results_dir} matches; the newest: {_newest(stored.values())}"
            )
        chosen.update(dict.fromkeys(matching))
    return sorted(chosen, key=lambda folder: (folder.name, folder.parent.name))


def _databases(results_dir: Path) -> list[Path]:
    return sorted(results_dir.glob(f"*/*/{DATABASE}"))


def _matches(pattern: str, name: str) -> bool:
    return fnmatch.fnmatchcase(name, pattern) or fnmatch.fnmatchcase(name.partition("/")[2], pattern)


def _newest(folders: Iterable[Path]) -> str:
    return ", ".join(sorted(folder.name for folder in folders)[-_SHOWN:]) or "none"


def _run(results_dir: Path, flag: str, text: str) -> Reference:
    """Find a run, or one with a host after a colon; a path may have colons of its own."""
    run, _, host = text.partition(":")
    while host and "/" in host:
        more, _, host = host.partition(":")
        run = f"{run}:{more}"
    try:
        return Reference(find_run(results_dir, run), host or None, text)
    except UsageError as error:
        raise UsageError(str(error).replace("--run", flag, 1)) from None


def _split(flag: str, text: str) -> tuple[str, str, str | None]:
    """Cut commit:HASH[/EXPERIMENT][:HOST] into its parts."""
    wanted, _, host = text.removeprefix(f"{_COMMIT}:").partition(":")
    commit, _, experiment = wanted.partition("/")
    if not _HASH.fullmatch(commit.lower()):
        raise UsageError(
            f"{flag} {printable(text)}: expected commit:HASH[/EXPERIMENT][:HOST] with 4 or more digits of a commit's"
            f" hash, found {commit!r}; `git rev-parse --short HEAD` prints one"
        )
    return commit.lower(), experiment, host or None


def _shared(results_dir: Path, sides: dict[str, str]) -> str:
    """Give the one experiment that both commits have a run of, when neither names it; "" when one does."""
    names = []
    for flag, text in sides.items():
        commit, experiment, _ = _split(flag, text)
        names.append(
            {experiment} if experiment else {run.experiment for run in _clean(results_dir, flag, text, commit)}
        )
    both = sorted(set.intersection(*names))
    if len(both) != 1:
        have = "no experiment" if not both else f"{len(both)} experiments ({', '.join(both)})"
        raise UsageError(f"both commits have a run of {have}; name one, as commit:HASH/EXPERIMENT")
    return both[0]


def _of_commit(results_dir: Path, flag: str, text: str, experiment: str) -> Reference:
    commit, named, host = _split(flag, text)
    wanted = named or experiment
    runs = _clean(results_dir, flag, text, commit)
    matching = [run for run in runs if run.experiment == wanted]
    if not matching:
        have = sorted({run.experiment for run in runs})
        meant = difflib.get_close_matches(wanted, have, n=1)
        hint = f"did you mean '{meant[0]}'?" if meant else f"it has runs of {', '.join(have)}"
        raise UsageError(f"{flag} {printable(text)}: this commit has no run of {wanted}; {hint}")
    if len({run.commit for run in matching}) > 1:
        raise UsageError(f"{flag} {printable(text)}: several commits begin so; type more of the hash")
    return Reference(max(matching, key=lambda run: run.created_at).folder, host, text)


def _clean(results_dir: Path, flag: str, text: str, commit: str) -> list[_Known]:
    """Give the runs of a commit; a run made with uncommitted changes is not one."""
    known = [run for path in _databases(results_dir) if (run := _known(path))]
    matching = [run for run in known if run.commit.startswith(commit)]
    clean = [run for run in matching if not run.dirty]
    if clean:
        return clean
    if matching:
        names = _newest(run.folder for run in matching)
        raise UsageError(
            f"{flag} {printable(text)}: every run of this commit was made with uncommitted changes; name one by its id:"
            f" {names}"
        )
    hashes = sorted({run.commit[:12] for run in known if not run.dirty and run.commit})
    meant = difflib.get_close_matches(commit[:12], hashes, n=1)
    hint = f"did you mean commit:{meant[0]}?" if meant else f"there are runs of {', '.join(hashes[-_SHOWN:]) or 'none'}"
    raise UsageError(f"{flag} {printable(text)}: no run of this commit; {hint}")


def _known(database: Path) -> _Known | None:
    try:
        with Store.open(database) as store:
            meta: dict[str, Any] = store.meta()
    except StoreError:
        return None
    provenance = meta["provenance"]
    return _Known(
        folder=database.parent,
        experiment=database.parent.parent.name,
        created_at=str(meta["created_at"]),
        commit=str(provenance.get("commit") or ""),
        # Unknown is not clean.
        dirty=provenance.get("dirty") is not False,
    )
