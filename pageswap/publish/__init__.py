"""Puts reports on a static site with an index, here or on another machine: only what is new, and whole at all times."""

from __future__ import annotations

from pageswap.publish.publishing import Destination, Published, publish, split

__all__ = ["Destination", "Published", "publish", "split"]
