"""A host's environment: the value of each of its conditions, read, checked, found and judged by the table."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pageswap.agent.host.conditions import CONDITIONS, Condition
from pageswap.agent.host_words import misfit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pageswap.agent.host.readers import Source

_BY_KEY = {condition.key: condition for condition in CONDITIONS}
# A host of a thousand CPUs needs a tenth of it.
_LONGEST = 1 << 18


def find(key: str) -> Condition | None:
    """Return the condition that a key of a flattened environment belongs to, such as ``thp.enabled``; None: unknown."""
    return _BY_KEY.get(key) or _BY_KEY.get(key.partition(".")[0])


def condition_value(environment: Mapping[str, Any], condition: Condition) -> Any:  # noqa: ANN401 - whatever the host has told
    """Return a condition's value in an environment, None where there is none."""
    name, _, part = condition.key.partition(".")
    value = environment.get(name)
    return (value or {}).get(part) if part else value


def doubts(environment: Mapping[str, Any]) -> dict[str, str]:
    """Map each condition of an environment that lowers the trust in what is measured there to why."""
    found = {}
    for condition in CONDITIONS:
        value = condition_value(environment, condition)
        if condition.doubt and value is not None and condition.doubt(value):
            found[condition.key] = condition.doubt(value)
    return found


def read(source: Source, core: dict[str, Any]) -> dict[str, Any]:
    """Read each condition's value, by its key; sizes are in bytes, and `core` is the C core's own account of itself."""
    environment: dict[str, Any] = {}
    for condition in CONDITIONS:
        name, _, part = condition.key.partition(".")
        if condition.read is None:
            environment.setdefault(name, {})[part] = core.get(part)
        else:
            environment[name] = condition.read(source)
    return environment


def environment_problem(environment: dict[str, Any]) -> str:
    """Say which known condition holds what it cannot, "" when none does; absent and other keys are no problem."""
    if not isinstance(environment, dict) or len(json.dumps(environment)) > _LONGEST:
        return f"environment is {environment!r:.60}, which it cannot be"
    if not isinstance(environment.get("core") or {}, dict):
        return f"environment's core is {environment['core']!r:.60}, which it cannot be"
    for condition in CONDITIONS:
        value = condition_value(environment, condition)
        if value is not None and misfit(value, condition.shape):
            return f"environment's {condition.key} is {value!r:.60}, which it cannot be"
    return ""
