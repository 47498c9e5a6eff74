"""What a quiet measurement wants of a host's settings: what doctor warns of, and what --tune sets.

Each function returns what has to change there, by the names of `settings`, and {} where all is well or the host has no
such setting.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pageswap.agent.host.readers import folio_sizes, policies
from pageswap.agent.host.settings import BOOST, NO_TURBO, THP

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pageswap.agent.host.host_files import HostFiles

_STEADY = "performance"
# Its speed is lost with it, and could not be put back: what somebody has chosen by hand stays.
_BY_HAND = "userspace"
# The words with which memory gets large folios unasked, and the one with which what asks for them does.
_PRIVATE = ("enabled", ("always",), "madvise")
_SHARED = ("shmem_enabled", ("always", "within_size", "force"), "advise")


def unprepared(files: HostFiles, cpus: Iterable[int]) -> dict[str, int | str]:
    """Return all of it, for the CPUs that are measured."""
    cpus = tuple(cpus)
    return {
        **slow_governors(files, cpus),
        **free_boosts(files, cpus),
        **unfit_huge_pages(files),
        **unasked_folios(files),
    }


def slow_governors(files: HostFiles, cpus: Iterable[int]) -> dict[str, int | str]:
    """Want the highest clock, always. The preference for energy, where a driver has one, goes along and comes back."""
    governors = [f"{policy}/scaling_governor" for policy in policies(files, cpus)]
    return {
        name: _STEADY
        for name in governors
        if files.text(name) not in (None, _STEADY, _BY_HAND)
        and _STEADY in (files.text(name.replace("_governor", "_available_governors")) or "").split()
    }


def free_boosts(files: HostFiles, cpus: Iterable[int]) -> dict[str, int | str]:
    """Want no clock above the base frequency, which depends on temperature and on the other cores."""
    forbidden, allowed = files.integer(NO_TURBO), files.integer(BOOST)
    if forbidden is not None:
        return {NO_TURBO: 1} if forbidden == 0 else {}
    # Allowed again for all, it would be for each policy, also for one where it was not.
    if allowed == 1 and not any(files.integer(f"{policy}/boost") == 0 for policy in policies(files)):
        return {BOOST: 0}
    own = [f"{policy}/boost" for policy in policies(files, cpus)]
    return {name: 0 for name in own if allowed != 0 and files.integer(name) == 1}


def unfit_huge_pages(files: HostFiles) -> dict[str, int | str]:
    """Want huge pages for the memory that asks for them, and for no other."""
    setting = f"{THP}/enabled"
    return {setting: "madvise"} if files.choice(setting) in ("always", "never") else {}


def unasked_folios(files: HostFiles) -> dict[str, int | str]:
    """Want the same of large folios: a size's own setting outweighs the one for all."""
    found: dict[str, int | str] = {}
    for setting, unasked, asked in (_PRIVATE, _SHARED):
        for size, word in folio_sizes(files, setting).items():
            if (setting, size, word) == ("enabled", "2048kB", "inherit"):
                continue  # huge pages that follow the setting for all, which is set
            given = files.choice(f"{THP}/{setting}") if word == "inherit" else word
            if given in unasked:
                found[f"{THP}/hugepages-{size}/{setting}"] = asked
    return found


def cure(wanted: Mapping[str, int | str]) -> str:
    """Say how root changes settings to what is wanted."""
    words = {str(value): " ".join(name for name in wanted if wanted[name] == value) for value in wanted.values()}
    return "run with --tune as root, or: " + "; ".join(f"echo {word} | tee {names}" for word, names in words.items())
