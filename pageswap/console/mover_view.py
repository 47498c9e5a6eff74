"""What `inv mover` does and prints: this host's profile, shown or made, and the library that was installed."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import TYPE_CHECKING

from pageswap import mover
from pageswap.agent.workspace.work_folder import cache_root
from pageswap.console.output import print_json, say, show_table
from pageswap.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Sequence

_BUDGET_MS = 2000


def profile_path() -> Path:
    """Return where this user's profile of this host lies."""
    return Path(cache_root()) / "mover.profile"


def make_profile() -> None:
    """Measure this host's profile, whatever there is of one; the old one stays until the new one is whole."""
    path = profile_path()
    new = path.with_name(f"{path.name}.new")
    try:
        new.unlink(missing_ok=True)
        mover.calibrate(new, _BUDGET_MS)
        new.replace(path)
    except OSError as error:
        why = error.strerror or str(error)
        raise StoreError(f"{path}: no profile was made: {why}; free what ran out, and try again") from error


def _stored() -> dict[str, float] | None:
    try:
        return mover.calibrate(profile_path(), 0)
    except mover.MoverError as error:
        if error.errno == errno.ENOENT:
            return None
        raise StoreError(f"{error.strerror}; remove that file, and 'inv mover --calibrate'") from error


def tell(installed: Sequence[str], *, as_json: bool) -> None:
    """Print the profile, times in ns, and what was installed; as JSON the profile is null where there is none."""
    profile = _stored()
    if as_json:
        print_json({"path": str(profile_path()), "profile": profile, "installed": list(installed)})
        return
    for path in installed:
        say(path)
    if profile is None:
        say(f"{profile_path()}: no profile of this host as it is; 'inv mover --calibrate' makes it, in some seconds")
        return
    say(f"{profile_path()}: times in ns, for a call and for each 4 KiB:")
    show_table(("what", "number"), ((name, f"{value:,.6g}") for name, value in profile.items()), frozenset({"number"}))
