"""Methods of vocabularies that no core can change."""

from __future__ import annotations

from pageswap.native import MethodInfo


def known_method(family: str, workloads: tuple[str, ...], without_scratch: tuple[str, ...] = ()) -> MethodInfo:
    """Make a method of a family that does some workloads, some of them without scratch memory."""
    return MethodInfo("", "", family, workloads, (), without_scratch, splits_mappings=False, available=True, reason="")
