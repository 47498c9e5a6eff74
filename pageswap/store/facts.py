"""What is known of a run on each of its hosts, a row a start of an agent: which facts there are, and their sources."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any, Final

from pageswap.agent.host.conditions import CONDITIONS
from pageswap.agent.host.environment import condition_value

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping, Sequence

    from pageswap.agent.host.conditions import Condition

    Documents = tuple[Mapping[str, Any], Mapping[str, Any]]

TEXT: Final = "TEXT"
COUNT: Final = "INTEGER"
YES_OR_NO: Final = "BOOLEAN"
OBJECT: Final = "JSON"
# SQLite's strict tables have neither of the last two.
_STORED_AS: Final = {TEXT: "TEXT", COUNT: "INTEGER", YES_OR_NO: "INTEGER", OBJECT: "TEXT"}


@dataclasses.dataclass(frozen=True)
class Fact:
    """All that is known of a fact: its kind, and how it is found in a run's provenance and a host's environment.

    What is found and is not of the kind counts as not known.
    """

    kind: str
    find: Callable[[Mapping[str, Any], Mapping[str, Any]], Any]


def _of_run(name: str) -> Callable[[Mapping[str, Any], Mapping[str, Any]], Any]:
    return lambda provenance, _environment: provenance.get(name)


def _of_condition(condition: Condition) -> Fact:
    """Return what is kept of a condition: its text, or how many a table of them has; none is not known."""
    if isinstance(condition.shape, dict):
        return Fact(COUNT, lambda _provenance, environment: _count(condition_value(environment, condition)))
    return Fact(TEXT, lambda _provenance, environment: condition_value(environment, condition))


def _count(value: object) -> int | None:
    return len(value) or None if isinstance(value, dict) else None


# One more of a host is a word in its condition's row, one of a run a line here: a file that lacks the column gets it,
# filled, when it is opened.
FACTS: Final[dict[str, Fact]] = {
    **{condition.key.rpartition(".")[2]: _of_condition(condition) for condition in CONDITIONS if condition.is_fact},
    # Of pageswap that measured: its commit, whether that was changed and not committed, and its version.
    "commit": Fact(TEXT, _of_run("commit")),
    "dirty": Fact(YES_OR_NO, _of_run("dirty")),
    "version": Fact(TEXT, _of_run("version")),
    # What `--tag` and `--note` said: a JSON object of texts, and a text.
    "tags": Fact(OBJECT, _of_run("tags")),
    "note": Fact(TEXT, _of_run("note")),
}
_TYPES: Final[dict[str, type]] = {TEXT: str, COUNT: int, YES_OR_NO: bool, OBJECT: dict}

# The table that version 5 brought.
FACTS_TABLE: Final = f"""
CREATE TABLE facts (                -- as each start of an agent found them; what is not known is NULL
    host TEXT NOT NULL REFERENCES host,
    segment INTEGER NOT NULL,
    {", ".join(f'"{name}" {_STORED_AS[fact.kind]}' for name, fact in FACTS.items())},
    PRIMARY KEY (host, segment)
) STRICT, WITHOUT ROWID;
"""
# SQL's own words are among the names.
_NAMES: Final = ", ".join(f'"{name}"' for name in FACTS)
_SET: Final = ", ".join(f'"{name}" = excluded."{name}"' for name in FACTS)
_STORE: Final = (
    f"INSERT INTO facts (host, segment, {_NAMES}) VALUES (?, ?{', ?' * len(FACTS)}) ON CONFLICT DO UPDATE SET {_SET}"  # noqa: S608 - our own names
)
READ: Final = f"SELECT host, segment, {_NAMES} FROM facts"  # noqa: S608 - likewise


def lacking(names: list[str]) -> dict[str, str]:
    """Return the columns, with SQL types, that a table of facts with these ones lacks."""
    return {f'"{name}"': _STORED_AS[fact.kind] for name, fact in FACTS.items() if name not in names}


def store_facts(connection: sqlite3.Connection, host: str | None = None, segment: int | None = None) -> None:
    """Store what is known now of a host for a start of an agent there, or for every start, inside the transaction.

    Of an earlier start an older pageswap kept nothing: it gets what the latest one found.
    """
    ((provenance,),) = connection.execute("SELECT provenance FROM run")
    query = (
        "SELECT host, segment, environment FROM segment JOIN host USING (host)"
        " WHERE environment IS NOT NULL AND coalesce(?1, host) = host AND coalesce(?2, segment) = segment"
    )
    for name, number, environment in connection.execute(query, (host, segment)).fetchall():
        documents = _object(provenance), _object(environment)
        connection.execute(_STORE, (name, number, *(_stored(fact, documents) for fact in FACTS.values())))


def facts_of(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is known of a run on a host that was never reached."""
    return {name: _found(fact, (provenance, {})) for name, fact in FACTS.items()}


def facts_from(values: Sequence[Any]) -> dict[str, Any]:
    """Return the facts of a row that `READ` gives, after its host and segment."""
    return {name: _read(fact, value) for (name, fact), value in zip(FACTS.items(), values, strict=True)}


def _object(text: str | None) -> Mapping[str, Any]:
    """Read a stored document; a damaged one, which is told where it is needed, holds no facts."""
    try:
        document = json.loads(text or "{}")
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _found(fact: Fact, documents: Documents) -> Any:  # noqa: ANN401 - of the fact's kind, or None
    value = fact.find(*documents)
    # Not by isinstance: to Python a bool is a number, too.
    is_of_kind = type(value) is _TYPES[fact.kind]
    return value if is_of_kind else None


def _stored(fact: Fact, documents: Documents) -> str | int | None:
    value = _found(fact, documents)
    if fact.kind == OBJECT and value is not None:
        return json.dumps(value, ensure_ascii=False, sort_keys=True)
    return value  # type: ignore[no-any-return]


def _read(fact: Fact, value: Any) -> Any:  # noqa: ANN401 - of the fact's kind
    if fact.kind == OBJECT:
        return None if value is None else dict(_object(value))
    return bool(value) if fact.kind == YES_OR_NO and value is not None else value
