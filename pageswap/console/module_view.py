"""Tells of the kernel module: what was built, how it is loaded and removed, and whether it can be used here."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Final

from pageswap import native
from pageswap.console.output import print_json, say

if TYPE_CHECKING:
    from collections.abc import Mapping

METHOD: Final = "module_swap"
_REMOVE: Final = "rmmod pageswap"


def tell_module(built: Mapping[str, str] | None, *, as_json: bool) -> None:
    """Tell what was built, if anything was, and whether the method that needs the module is available."""
    method = next(each for each in native.methods() if each.name == METHOD)
    commands = {} if built is None else {"load": f"insmod {shlex.quote(built['path'])}", "remove": _REMOVE}
    if as_json:
        print_json({"built": built and {**built, **commands}, "available": method.available, "reason": method.reason})
        return
    if built is not None:
        say(f"{built['path']}: built for Linux {built['release']}")
        say(f"load it, as root:   {commands['load']}")
        say(f"remove it, as root: {commands['remove']}")
    say(f"{METHOD}: {'available' if method.available else method.reason}")
