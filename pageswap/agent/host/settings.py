"""The kernel's settings that a run with --tune changes: how each is read and written, and what it can be set to.

A setting is named by its file, the limit on mappings by sysctl(8)'s name for it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from pageswap.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pageswap.agent.host.host_files import HostFiles

CPUS = "/sys/devices/system/cpu"
THP = "/sys/kernel/mm/transparent_hugepage"
MAX_MAP_COUNT = "vm.max_map_count"
# Clocks above a processor's base frequency are allowed: by acpi-cpufreq and amd-pstate, and forbidden: by intel_pstate.
BOOST = f"{CPUS}/cpufreq/boost"
NO_TURBO = f"{CPUS}/intel_pstate/no_turbo"
# What memory gets huge pages, or large folios of a size: all, what is advised to, or none; or as is said for all sizes.
_FOLIO_WORDS = re.compile("always|madvise|never|inherit")
_SHARED_FOLIO_WORDS = re.compile("always|within_size|advise|never|inherit")


class _Kind(NamedTuple):
    """Settings of one kind: their names, how a value is read, and what it can be, a number or such a word."""

    names: re.Pattern[str]
    read: Callable[[HostFiles, str], int | str | None]
    values: re.Pattern[str] | range
    # A higher value than what is wanted will do.
    is_limit: bool = False

    def can_be(self, value: object) -> bool:
        """Tell whether a setting of this kind can have a value."""
        if isinstance(self.values, range):
            return type(value) is int and value in self.values
        return isinstance(value, str) and bool(self.values.fullmatch(value))


_POLICY = rf"{CPUS}/cpufreq/policy[0-9]+"
_KINDS = (
    _Kind(re.compile(re.escape(MAX_MAP_COUNT)), lambda files, name: files.setting(name), range(1 << 31), is_limit=True),
    _Kind(re.compile(f"{_POLICY}/scaling_governor"), lambda files, name: files.text(name), re.compile("[a-z_]{1,16}")),
    _Kind(re.compile(f"{BOOST}|{NO_TURBO}|{_POLICY}/boost"), lambda files, name: files.integer(name), range(2)),
    _Kind(re.compile(f"{THP}/(hugepages-[0-9]+kB/)?enabled"), lambda files, name: files.choice(name), _FOLIO_WORDS),
    _Kind(
        re.compile(f"{THP}/hugepages-[0-9]+kB/shmem_enabled"),
        lambda files, name: files.choice(name),
        _SHARED_FOLIO_WORDS,
    ),
)


def folio_setting(folio_bytes: int) -> str:
    """Name the setting of large folios of a size."""
    return f"{THP}/hugepages-{folio_bytes >> 10}kB/enabled"


def value_of(files: HostFiles, name: str) -> int | str:
    """Read a setting; raises HostError."""
    kind = _kind(name)
    value = kind.read(files, name) if kind else None
    if value is None:
        raise HostError("cannot be read")
    return value


def set_value(files: HostFiles, name: str, value: int | str) -> None:
    """Write a setting and see that it has taken the value; raises HostError."""
    try:
        if name == MAX_MAP_COUNT:
            files.change_setting(name, int(value))
        else:
            files.write(name, f"{value}\n")
    except OSError as error:
        raise HostError(f"cannot be set to {value}: {error.strerror}") from error
    now = value_of(files, name)
    if now != value:
        raise HostError(f"was set to {value}, but is {now}")


def suffices(name: str, now: int | str, wanted: int | str) -> bool:
    """Tell whether a setting need not be changed."""
    kind = _kind(name)
    if kind and kind.is_limit and isinstance(now, int) and isinstance(wanted, int):
        return now >= wanted
    return now == wanted


def is_changed_here(change: Mapping[str, Any]) -> bool:
    """Tell whether what a record names is a setting that is changed here, with values that it can have."""
    kind = _kind(str(change["name"]))
    return kind is not None and all(kind.can_be(change[when]) for when in ("before", "set"))


def _kind(name: str) -> _Kind | None:
    return next((kind for kind in _KINDS if kind.names.fullmatch(name)), None)
