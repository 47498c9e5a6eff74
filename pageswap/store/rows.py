"""The columns and queries that rows, cases and missing trials are read back with."""

from __future__ import annotations

from typing import Final

from pageswap.agent.journal.job import RETRIED
from pageswap.store.schema import OUTCOME_COLUMNS, TRIAL_COLUMNS

# Name -> SQL. Sizes in bytes, times in nanoseconds, started_at in UTC ISO 8601; a case's levels come from `cases`.
_COLUMNS: Final[dict[str, str]] = {
    "run_id": "r.run_id",
    "experiment": "r.experiment ->> 'name'",
    "host": "o.host",
    "case_id": "t.case_id",
    **{name: f"t.{name}" for name in TRIAL_COLUMNS if name not in ("rounds", "timeout_s")},
    "attempt": "o.attempt",
    **{name: f"o.{name}" for name in OUTCOME_COLUMNS},
    "page_moves": "o.extra ->> '$.counters.page_moves'",
    "counters": "o.extra -> 'counters'",  # JSON object: name -> count, null where the host does not count it
}
COLUMNS: Final = tuple(_COLUMNS)

_LAST = "o.attempt = (SELECT max(attempt) FROM outcome WHERE host = o.host AND trial_id = o.trial_id)"

_ROWS: Final = f"""
SELECT {", ".join(f"{sql} AS {name}" for name, sql in _COLUMNS.items())}
FROM outcome o JOIN trial t USING (trial_id) JOIN host h ON h.host = o.host, run r
WHERE {_LAST} {{host}} ORDER BY h.position, t.ordinal
"""  # noqa: S608 - the names are this module's own
ROWS: Final = _ROWS.format(host="")
ROWS_OF: Final = _ROWS.format(host="AND o.host = ?1")

STATUS_COUNTS: Final = f"SELECT o.host, o.status, count(*) FROM outcome o WHERE {_LAST} GROUP BY 1, 2"  # noqa: S608 - likewise

CASES: Final = "SELECT case_id, workload, levels FROM cases ORDER BY position"

# A trial is missing without an outcome, or when its last one says only that it was cut short; but not one of a block
# that the host need not run.
_MISSING: Final = f"""
FROM trial t
LEFT JOIN outcome o ON o.host = ?1 AND o.trial_id = t.trial_id AND {_LAST}
WHERE (o.status IS NULL OR o.status IN ({", ".join(f"'{status}'" for status in RETRIED)}))
AND (t.warmup OR t.block < coalesce((SELECT blocks FROM stopping WHERE host = ?1), t.block + 1))
"""  # noqa: S608 - likewise
MISSING: Final = f"""
SELECT t.case_id, coalesce(o.attempt, 0) + 1 AS attempt, {", ".join(f"t.{name}" for name in TRIAL_COLUMNS)}
{_MISSING} ORDER BY t.ordinal
"""
MISSING_COUNT: Final = f"SELECT count(*) {_MISSING}"

PLANNED: Final = """
SELECT count(*) FROM host h LEFT JOIN stopping s USING (host) JOIN trial t
ON NOT t.warmup AND (s.blocks IS NULL OR t.block < s.blocks)
"""

# Which trials the segments from ?2 on have answered on host ?1, however they ended.
ANSWERED: Final = "SELECT DISTINCT trial_id FROM outcome WHERE host = ?1 AND segment >= ?2"
