"""A host's environment: the value of each condition, read, checked and looked up by the table of conditions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pageswap.agent.host.conditions import CONDITIONS
from pageswap.agent.host_words import misfit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pageswap.agent.host.conditions import Condition
    from pageswap.agent.host.readers import Source

# A host of a thousand CPUs needs a tenth of it.
_LONGEST = 1 << 18


def condition_value(environment: Mapping[str, Any], condition: Condition) -> Any:  # noqa: ANN401 - whatever the host has told
    """Return a condition's value in an environment, None where there is none."""
    name, _, part = condition.key.partition(".")
    value = environment.get(name)
    if not part:
        return value
    return value.get(part) if isinstance(value, dict) else None


def doubts(environment: Mapping[str, Any]) -> dict[str, str]:
    """Map each condition of an environment that lowers the trust in what is measured there to why."""
    values = ((condition, condition_value(environment, condition)) for condition in CONDITIONS)
    found = {each.key: each.doubt(value) for each, value in values if each.doubt and value is not None}
    return {key: why for key, why in found.items() if why}


def read_environment(source: Source, core: dict[str, Any]) -> dict[str, Any]:
    """Read each condition's value, by its key; sizes are in bytes, and `core` is the C core's own account of itself."""
    environment = {condition.key: condition.read(source) for condition in CONDITIONS if condition.read}
    parts = [condition.key.partition(".")[2] for condition in CONDITIONS if not condition.read]
    return {**environment, "core": {part: core.get(part) for part in parts}}


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
