"""What a host may say of itself: the types of its environment and methods, checked before anything relies on them."""

from __future__ import annotations

from typing import Any

from pageswap.agent.host.condition import LIST, OBJECT, Condition
from pageswap.agent.host.conditions import CONDITIONS
from pageswap.agent.host.environment import value_of

_LONGEST_TEXT = 2000
_MOST_MEMBERS = 10_000

_METHOD: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("name", "summary", "family", "reason"), (str,)),
    **dict.fromkeys(("available", "splits_mappings"), (bool,)),
}
_METHOD_LISTS = ("workloads", "backings")


def environment_problem(environment: dict[str, Any]) -> str:
    """Say which known condition holds what it cannot, "" when none does; absent and other keys are no problem."""
    core = environment.get("core")
    if core is not None and not isinstance(core, dict):
        return f"environment's core is {core!r:.60}, which it cannot be"
    for condition in CONDITIONS:
        value = value_of(environment, condition)
        if value is not None and not _fits(value, condition):
            return f"environment's {condition.key} is {value!r:.60}, which it cannot be"
    return ""


def _fits(value: object, condition: Condition) -> bool:
    if condition.holds == LIST:
        return _is_list(value, condition.types)
    if condition.holds == OBJECT:
        return (
            isinstance(value, dict)
            and _is_list(list(value), (str,))
            and _is_list(list(value.values()), condition.types)
        )
    return _is(value, condition.types)


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
