"""What is at the places of a site's files below its folder: told, made and removed, and no link is followed.

Of each run of a site there is a place or two, so these are names and not of pathlib's paths, which cost as much again
as the system calls.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from typing import TYPE_CHECKING

from pageswap.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

INDEX = "index.json"
FILES = ("index.html", INDEX, "feed.xml", ".nojekyll")
# What is at a place.
NOTHING, A_FILE, A_FOLDER, OTHER = "nothing", "file", "folder", "other"
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}")


def is_name(name: str) -> bool:
    """Tell whether a file of a site can have this name, which then leads nowhere but below the site's folder."""
    return name in FILES or all(_PART.fullmatch(part) for part in name.split("/"))


class Places:
    """What is at places below a folder; each folder on the way to them is looked at once, and no link is followed."""

    def __init__(self, folder: Path) -> None:
        """Take the folder, to which no link leads."""
        self._folder = str(folder)
        self._above = {"": A_FOLDER}

    def kind(self, name: str) -> str:
        """Say whether a name is a file's, a folder's or nobody's; or another's, as a link's and what is behind it."""
        above = name.rpartition("/")[0]
        if above not in self._above:
            self._above[above] = self.kind(above)
        if self._above[above] != A_FOLDER:
            return NOTHING if self._above[above] == NOTHING else OTHER
        try:
            mode = os.lstat(f"{self._folder}/{name}").st_mode
        except FileNotFoundError:
            return NOTHING
        return A_FILE if stat.S_ISREG(mode) else A_FOLDER if stat.S_ISDIR(mode) else OTHER


def plain_files(folder: Path, names: Iterable[str]) -> list[str]:
    """Return those of the names that are files to which no link leads."""
    places = Places(folder)
    return [name for name in names if places.kind(name) == A_FILE]


def check(folder: Path, names: Iterable[str], recorded: set[str]) -> None:
    """Raise HostError for a name that no file of the new site can have, and where something else has its place."""
    places = Places(folder)
    for name in names:
        if not is_name(name):
            raise HostError(f"{name!r:.200}: cannot be a file of a site")
        kind = places.kind(name)
        if kind != NOTHING and not (kind == A_FILE and name in recorded):
            raise HostError(f"{folder / name}: is in the way of the site and none of its files; move it elsewhere")


def _folders_of(names: Iterable[str]) -> list[str]:
    """Return the folders in which files have their places, "" the site's own, each after the one that it is in."""
    folders = {""}
    for name in names:
        above = name.rpartition("/")[0]
        while above not in folders:
            folders.add(above)
            above = above.rpartition("/")[0]
    return sorted(folders)


def make_folders(new: Path, names: Iterable[str]) -> None:
    """Make the new site's folders, for a web server to read whatever the umask."""
    for name in _folders_of(names):
        path = f"{new}/{name}" if name else str(new)
        os.mkdir(path)  # noqa: PTH102 - of each run of a site, as all below: a Path costs as much again
        os.chmod(path, 0o755)  # noqa: PTH101, S103


def remove(site: Path, names: Iterable[str]) -> None:
    """Remove a site's files, and the folders that this leaves empty."""
    own = plain_files(site, names)
    for name in own:
        os.unlink(f"{site}/{name}")  # noqa: PTH108
    for name in reversed(_folders_of(own)):
        if name:
            try:
                os.rmdir(f"{site}/{name}")  # noqa: PTH106
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise


def carry(old: Path, new: Path) -> None:
    """Move what is in one folder into another one, where nothing has its place."""
    for path in list(old.iterdir()):
        there = new / path.name
        if not os.path.lexists(there):
            path.rename(there)
        elif all(each.is_dir() and not each.is_symlink() for each in (path, there)):
            carry(path, there)
    if not any(old.iterdir()):
        old.rmdir()
