"""The folders of runs: naming a new one, finding one by what a person types, and holding it for one controller."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pageswap.errors import StoreError, UsageError
from pageswap.spec.hostnames import is_plain_name
from pageswap.spec.quoting import guess, printable
from pageswap.store.database import folder_held
from pageswap.store.schema import DATABASE
from pageswap.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_RUN_ID: Final = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{6}")
_SHOWN: Final = 5


def new_run_id() -> str:
    """Make a run id that sorts by time: ``20250131T120000Z-0a1b2c``."""
    return f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{secrets.token_hex(3)}"


def make_run_dir(results_dir: Path, experiment: str, run_id: str) -> Path:
    """Make and return `results_dir`/`experiment`/`run_id`; raises StoreError when it cannot be."""
    if not is_plain_name(experiment):
        raise UsageError(f"'{experiment}' cannot name a folder of results; use letters, digits, _ . and -")
    folder = results_dir / experiment / run_id
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise StoreError(f"{folder}: cannot be made: {error.strerror}; check permissions and free space") from error
    return folder


def stored_runs(results_dir: Path) -> list[Path]:
    """Return the folders of all runs, by experiment and age."""
    return [path.parent for path in sorted(results_dir.glob(f"*/*/{DATABASE}"))]


def newest(run_ids: Iterable[str]) -> str:
    """Name the last few runs, for somebody who named none of them."""
    return ", ".join(sorted(run_ids)[-_SHOWN:]) or "none"


def find_run(results_dir: Path, text: str, flag: str = "--run") -> Path:
    """Find a run's folder from its id, the unique beginning of one, a path to it or to its database, or ``latest``.

    A path may lead anywhere: runs can be copied and moved. Raises UsageError, which begins with `flag`, when there is
    none or more than one, naming what was probably meant.
    """
    runs = {folder.name: folder for folder in stored_runs(results_dir)}
    if not text:
        raise UsageError(f"{flag} is missing: give a run id, a path, or `latest`")
    if text == "latest":
        latest = max(filter(_RUN_ID.fullmatch, runs), default=None)
        if latest is None:
            raise UsageError(f"{flag} latest: there is no run in {results_dir}; `inv run --spec smoke.yaml` makes one")
        return runs[latest]
    found = [text] if text in runs else [name for name in runs if name.startswith(text)]
    if "/" in text or text in (".", "..") or (not found and os.path.exists(text)):  # noqa: PTH110 - never raises
        return _run_at(text, flag)
    if len(found) > 1:
        raise UsageError(f"{flag} {printable(text)}: {len(found)} runs begin so: {newest(found)}; type more")
    if not found:
        hint = guess(text, runs) or f"; the newest: {newest(filter(_RUN_ID.fullmatch, runs))}"
        raise UsageError(f"{flag} {printable(text)}: no such run in {results_dir}{hint}")
    return runs[found[0]]


def _run_at(text: str, flag: str) -> Path:
    """Return the run that a path leads to, wherever links in it point."""
    if "\0" in text:
        raise UsageError(f"{flag} {printable(text)}: no such folder")
    path = Path(os.path.realpath(text))
    folder = path.parent if path.name == DATABASE else path
    if not os.path.isfile(folder / DATABASE):  # noqa: PTH113 - unlike Path.is_file, never raises
        cure = "give the folder of one run" if os.path.isdir(folder) else "no such folder"  # noqa: PTH112 - likewise
        if _RUN_ID.fullmatch(folder.name) and os.path.isdir(folder):  # noqa: PTH112 - likewise
            cure = "it was killed before its plan was stored; nothing was measured, so start it again"
        raise UsageError(f"{flag} {printable(text)}: there is no {DATABASE}: {cure}")
    return folder


def open_run(run_dir: Path, *, is_held: bool = False) -> Store:
    """Open the store of the run in a folder, which is `held` by this process or not; raises StoreError."""
    return Store.open(run_dir / DATABASE, is_held=is_held)


@contextlib.contextmanager
def held(run_dir: Path) -> Iterator[None]:
    """Hold a run's folder for this controller; raises UsageError while another one has it, StoreError without locks."""
    with contextlib.ExitStack() as holding:
        try:
            holding.enter_context(folder_held(run_dir))
        except BlockingIOError:
            raise UsageError(f"{run_dir}: another process is at work on this run; wait for it to end") from None
        except OSError as error:
            raise StoreError(
                f"{run_dir}: cannot be locked (flock: {error.strerror}), and two commands could write one run; check"
                " the folder's permissions, or have results/ be a link to a folder on a local disk"
            ) from error
        yield
