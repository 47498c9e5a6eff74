"""What is known of a run on each of its hosts, a row a start of an agent: which facts there are, and their sources."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping, Sequence

    Documents = tuple[Mapping[str, Any], Mapping[str, Any]]

TEXT: Final = "TEXT"
COUNT: Final = "INTEGER"
YES_OR_NO: Final = "BOOLEAN"
OBJECT: Final = "JSON"
# SQLite's strict tables have neither of the last two.
_STORED_AS: Final = {TEXT: "TEXT", COUNT: "INTEGER", YES_OR_NO: "INTEGER", OBJECT: "TEXT"}


@dataclasses.dataclass(frozen=True)
class Fact:
    """All that is known of a fact: its kind, what it means, and how it is found in a run's provenance and a host.

    What is found and is not of the kind counts as not known.
    """

    kind: str
    meaning: str
    find: Callable[[Mapping[str, Any], Mapping[str, Any]], Any]


def _of_run(name: str) -> Callable[[Mapping[str, Any], Mapping[str, Any]], Any]:
    return lambda provenance, _environment: provenance.get(name)


def _of_host(name: str) -> Callable[[Mapping[str, Any], Mapping[str, Any]], Any]:
    return lambda _provenance, environment: environment.get(name)


def _node_count(_provenance: Mapping[str, Any], environment: Mapping[str, Any]) -> int | None:
    nodes = environment.get("numa_nodes")
    return len(nodes) or None if isinstance(nodes, dict) else None


def _core_hash(_provenance: Mapping[str, Any], environment: Mapping[str, Any]) -> object:
    core = environment.get("core")
    return core.get("core_hash") if isinstance(core, dict) else None


# A line here is all that one more needs: a file that lacks the column gets it, filled, when it is opened.
FACTS: Final[dict[str, Fact]] = {
    "kernel": Fact(TEXT, "release of the host's kernel", _of_host("kernel")),
    "cpu_model": Fact(TEXT, "the host's processor", _of_host("cpu_model")),
    "hypervisor": Fact(TEXT, "what the host is a guest of; empty for none that shows itself", _of_host("hypervisor")),
    "numa_nodes": Fact(COUNT, "how many NUMA nodes the host has", _node_count),
    "commit": Fact(TEXT, "commit of pageswap that measured", _of_run("commit")),
    "dirty": Fact(YES_OR_NO, "whether that was changed and not committed", _of_run("dirty")),
    "core_hash": Fact(TEXT, "SHA-256 of the C core's binary", _core_hash),
    "version": Fact(TEXT, "version of pageswap", _of_run("version")),
    "tags": Fact(OBJECT, "what `--tag` said of the run: a JSON object of texts", _of_run("tags")),
    "note": Fact(TEXT, "what `--note` said of the run", _of_run("note")),
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
