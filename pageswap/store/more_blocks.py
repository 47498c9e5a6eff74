"""Lets the plan of a stored run have more measured blocks, each as the run's own plan would have made it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pageswap.plan.plan import block_places
from pageswap.store.inserts import insert_places

if TYPE_CHECKING:
    import sqlite3


def add_blocks(connection: sqlite3.Connection, repeats: int) -> None:
    """Add blocks to the plan until it has `repeats`, inside the caller's transaction.

    They hold what its last block holds. A host that had enough by its stopping rule may run them, and is then asked
    again whether it has.
    """
    ((text,),) = connection.execute("SELECT experiment FROM run")
    experiment = json.loads(text)
    ((last, ordinal),) = connection.execute(
        "SELECT max(block), (SELECT max(ordinal) FROM trial) FROM trial WHERE NOT warmup"
    )
    query = "SELECT case_id, replica, rounds, timeout_s FROM trial WHERE NOT warmup AND block = ? ORDER BY 2, 1"
    slots = connection.execute(query, (last,)).fetchall()
    _, _, rounds, timeout_s = slots[0]
    places = (
        {**place, "case_id": case_id, "rounds": rounds, "timeout_s": timeout_s}
        for block in range(last + 1, repeats)
        for case_id, place in block_places(experiment["seed"], [slot[:2] for slot in slots], block)
    )
    insert_places(connection, ordinal + 1, places)
    experiment["repeats"] = repeats
    connection.execute("UPDATE run SET experiment = ?", (json.dumps(experiment, separators=(",", ":")),))
    connection.execute("UPDATE stopping SET blocks = max(blocks, ?), reason = NULL", (repeats,))
