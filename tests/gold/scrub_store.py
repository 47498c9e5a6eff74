"""Copies a run's database, vacuumed, with the kernel's own suffix taken out of its release: ``6.18.44-lab1``."""

from __future__ import annotations

import platform
import re
import shutil
import sqlite3
import sys

from pageswap.store.checksums import store_checksums


def scrub(source: str, target: str) -> None:
    """Write the file anew; the two may be the same."""
    release = platform.release()
    plain = re.match(r"[0-9.]+[0-9]", release)
    if source != target:
        shutil.copy(source, target)
    connection = sqlite3.connect(target, isolation_level=None)
    change = (release, plain[0] if plain else "")
    connection.execute("UPDATE host SET environment = replace(environment, ?, ?)", change)
    connection.execute("UPDATE facts SET kernel = replace(kernel, ?, ?)", change)
    store_checksums(connection)
    connection.execute("VACUUM")
    connection.close()


if __name__ == "__main__":
    scrub(*sys.argv[1:])
