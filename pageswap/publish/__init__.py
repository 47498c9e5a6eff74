"""Puts reports on a static site with an index, here or on another machine: only what is new, and whole at all times."""

from __future__ import annotations

from pageswap.publish.destination import Folder, RemoteFolder
from pageswap.publish.publishing import Published, publish

__all__ = ["Folder", "Published", "RemoteFolder", "publish"]
