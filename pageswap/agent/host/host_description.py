"""What a host may say of itself: the types of its environment and methods, checked before anything relies on them."""

from __future__ import annotations

from typing import Any

_NULL = type(None)
_TEXT = (str, _NULL)
_COUNT = (int, _NULL)
_LONGEST_TEXT = 2000
_MOST_MEMBERS = 10_000

# Key -> types of the value itself, or of what its list or object holds. Other keys may be there, and may be anything.
_ENVIRONMENT: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("hostname", "cpu_model", "microcode", "kernel", "kernel_build", "governor", "hypervisor"), _TEXT),
    **dict.fromkeys(("clocksource", "python", "libc"), _TEXT),
    **dict.fromkeys(("cpus", "mem_total", "mem_available", "cgroup_memory_limit", "swap_total"), _COUNT),
    **dict.fromkeys(("max_map_count", "overcommit_memory", "aslr"), _COUNT),
    "turbo": (bool, _NULL),
}
_LISTS: dict[str, tuple[type, ...]] = {"cpus_allowed": (int,), "loadavg": (float, int)}
_OBJECTS: dict[str, tuple[type, ...]] = {
    "mitigations": _TEXT,
    "thp": _TEXT,
    "core": _TEXT,
    "rlimits": (int, str, _NULL),
    "userfaultfd": (int, bool, _NULL),
}
_METHOD: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("name", "summary", "family", "reason"), (str,)),
    **dict.fromkeys(("available", "splits_mappings"), (bool,)),
}
_METHOD_LISTS = ("workloads", "backings")


def environment_problem(environment: dict[str, Any]) -> str:
    """Say which known key of an environment holds what it cannot, "" when none does; absent keys are no problem."""
    for name, value in environment.items():
        if name in _ENVIRONMENT:
            is_right = _is(value, _ENVIRONMENT[name])
        elif name in _LISTS:
            is_right = value is None or _is_list(value, _LISTS[name])
        elif name in _OBJECTS:
            is_right = value is None or (
                isinstance(value, dict)
                and _is_list(list(value), (str,))
                and _is_list(list(value.values()), _OBJECTS[name])
            )
        else:
            continue
        if not is_right:
            return f"environment's {name} is {value!r:.60}, which it cannot be"
    return ""


def methods_problem(methods: list[Any]) -> str:
    """Say which of a list of methods is none, "" when all are; only the name must be there."""
    if len(methods) > _MOST_MEMBERS:
        return f"{len(methods)} methods"
    for method in methods:
        if not isinstance(method, dict) or not _is(method.get("name"), (str,)):
            return f"methods holds {method!r:.60}, which has no name"
        for name, types in _METHOD.items():
            if name in method and not _is(method[name], types):
                return f"method {method['name']!r:.60}: {name} is {method[name]!r:.60}, which it cannot be"
        for name in _METHOD_LISTS:
            if name in method and not _is_list(method[name], (str,)):
                return f"method {method['name']!r:.60}: {name} is {method[name]!r:.60}, which it cannot be"
    return ""


def _is_list(value: object, types: tuple[type, ...]) -> bool:
    return isinstance(value, list) and len(value) <= _MOST_MEMBERS and all(_is(member, types) for member in value)


def _is(value: object, types: tuple[type, ...]) -> bool:
    if isinstance(value, bool) and bool not in types:
        return False
    return isinstance(value, types) and not (isinstance(value, str) and len(value) > _LONGEST_TEXT)
