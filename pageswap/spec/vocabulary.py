"""The names a spec may use for methods, workloads and the levels of other factors, as the C core defines them."""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pageswap.native import MethodInfo


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """Every name of the core that a spec may use; `choices` are the words of each factor that takes words.

    `reserved_backings` are those whose pages are of the host's pool of huge pages, and take no free memory.
    """

    methods: Mapping[str, MethodInfo]
    workloads: tuple[str, ...]
    choices: Mapping[str, tuple[str, ...]]
    reserved_backings: tuple[str, ...] = ()


@functools.cache
def core_vocabulary() -> Vocabulary:
    """Ask the built core for its names; a method that this host lacks is known all the same."""
    # Imported here so that specs can be read with another vocabulary where no core is built.
    from pageswap import native  # noqa: PLC0415 - see above

    return Vocabulary(
        methods={method.name: method for method in native.methods()},
        workloads=native.WORKLOADS,
        choices=native.CHOICES,
        reserved_backings=tuple(backing.name for backing in native.backings() if backing.is_reserved),
    )
