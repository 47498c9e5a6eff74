"""Runs trials as the agent does, in a forked child each, because a trial pins its process and remaps its memory.

They are forks of a small process that has the core and nothing else, as a copy of pytest's page tables costs more than
a trial.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import pathlib
import subprocess
import sys
from typing import Any

import pytest
from requirement import require

from pageswap import native
from pageswap.errors import CoreError, MethodUnavailableError

KIB, MIB = 1 << 10, 1 << 20
OWN_CORE = pathlib.Path(native.__file__).parents[2]
SERVE = """
import dataclasses, json, os, sys
from pageswap import native
from pageswap.errors import CoreError, MethodUnavailableError
print(native.__file__, flush=True)
for line in sys.stdin:
    process = native.TrialProcess(native.TrialParams(**json.loads(line)))
    _, status, usage = os.wait4(process.start(), 0)
    try:
        result = process.result()
        answer = {"status": status} if status or result is None else {"result": dataclasses.asdict(result)}
        answer["peak_kib"] = usage.ru_maxrss
    except MethodUnavailableError as error:
        answer = {"unavailable": str(error)}
    except CoreError as error:
        answer = {"core": [error.call, error.errno, error.errno_name, str(error)]}
    print(json.dumps(answer), flush=True)
"""
BACKINGS = {backing.name: backing for backing in native.backings()}
# Asked for once a process, as the core tries every method for it.
METHODS = {method.name: method for method in native.methods()}
# Of workloads: a machine of one NUMA node has no method for `migrate`.
DONE_HERE = {name for method in METHODS.values() if method.available for name in method.workloads}


def available(*methods: str) -> None:
    """Skip the test unless this host has the methods."""
    for name in methods:
        require(name, METHODS[name].available, METHODS[name].reason)


# What copies, exchanges, composes and remaps, measures the limit, gives back.
OF_EACH_KIND = {"memcpy", "exchange_avx2", "permute_avx2", "mremap_fixed", "stream_copy", "madvise_dontneed"}


def params(method: str = "memcpy", **changes: Any) -> native.TrialParams:
    """Give a tiny trial of 64 pages with some fields changed; rounds follow when few pairs or iterations are given."""
    fields: dict[str, Any] = {
        "method": method,
        "workload": "swap",
        "backing": "private_anon",
        "page_bytes": 4 * KIB,
        "region_bytes": 256 * KIB,
        "iterations": 301,
        "threads": 1,
        "touch": "none",
        "rounds": 3,
        "seed": 42,
    } | changes
    if fields.get("pairs"):
        fields["iterations"] = len(fields["pairs"])
    fields["rounds"] = min(fields["rounds"], fields["iterations"])
    return native.TrialParams(**fields)


def backings(method: native.MethodInfo) -> list[str]:
    """List the backings to try a method on: all it claims.

    But gigantic pages only for a method of each kind, and none under the sanitizers: they take the code's same ways as
    those of 2 MiB, and minutes more. And of the sizes of large folios one: they are one code.
    """
    has_gigantic = method.name in OF_EACH_KIND and not os.environ.get("PAGESWAP_SANITIZED")
    left_out = {name for name in BACKINGS if is_gigantic(name) and not has_gigantic}
    left_out |= {name for name, backing in BACKINGS.items() if backing.folio_bytes not in (0, 64 * KIB)}
    return [name for name in method.backings if name not in left_out]


def laid_out(method: native.MethodInfo) -> list[str]:
    """List the backings to try a method on where some places hold no page at first.

    Pages of 1 GiB are told to a method as those of 2 MiB are. To remap reserved ones is refused there, which
    test_replay.py holds.
    """
    is_refused = method.family == "remap"
    return [b for b in backings(method) if not is_gigantic(b) and not (is_refused and BACKINGS[b].is_reserved)]


def shape(method: str, backing: str) -> dict[str, int]:
    """Give the page and region that a backing of huge pages needs, as small as they can be."""
    page_bytes = BACKINGS[backing].fault_bytes
    if page_bytes <= 4 * KIB:
        return {}
    if method == "ldt_window":  # its windows are 4 KiB, whatever is behind them
        return {"region_bytes": 16 * MIB}
    if is_gigantic(backing):  # of two pages; once is enough, as what moves them is the code for pages of 2 MiB
        return {"page_bytes": page_bytes, "region_bytes": 2 * page_bytes, "iterations": 1}
    # Six times each page: that is enough to bring every page to every place, and each takes its time.
    return {"page_bytes": page_bytes, "region_bytes": 8 * page_bytes, "iterations": 48}


def is_like_another(backing: str) -> bool:
    """Say whether methods find nothing in this kind of memory that others do not show as well: once is enough.

    Large folios are moved as the small pages of huge ones, a file's pages as those of memory that has a descriptor.
    """
    return is_gigantic(backing) or backing == "file" or bool(BACKINGS[backing].folio_bytes)


def is_gigantic(backing: str) -> bool:
    """Say whether a region of a backing takes gigabytes, so that it is not moved twice for what others show as well."""
    return BACKINGS[backing].fault_bytes > 2 * MIB


def pages(method: str, backing: str) -> int:
    """Give how many pages such a region has."""
    trial = params(method, **shape(method, backing))
    return int(trial.fields["region_bytes"]) // int(trial.fields["page_bytes"])


@functools.cache
def _server(core: pathlib.Path) -> subprocess.Popen[str]:
    """Start the process that forks trials of a core, which ends with this one's end of its standard input."""
    server = subprocess.Popen(
        [sys.executable, "-P", "-c", SERVE],
        env=os.environ | {"PYTHONPATH": str(core)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    atexit.register(server.communicate)
    assert server.stdout
    # Not the folder's own core where these tests have the one of the sanitizers.
    assert server.stdout.readline().strip() == str(core / "pageswap/native/__init__.py")
    return server


def run(trial: native.TrialParams, core: pathlib.Path = OWN_CORE) -> native.TrialResult:
    """Run a trial in a child and return its result, or raise here what it raised there; a signal is an error too.

    `core` is the folder that has `pageswap` in it: this process's own, or one that only tests have.
    """
    return native.TrialResult(**_answer(trial, core)["result"])


def peak_bytes(trial: native.TrialParams) -> int:
    """Run a trial in a child, which must verify, and return the most memory that the child had at a time."""
    answer = _answer(trial, OWN_CORE)
    assert answer["result"]["verified"]
    return int(answer["peak_kib"]) * KIB


def _answer(trial: native.TrialParams, core: pathlib.Path) -> dict[str, Any]:
    server = _server(core)
    assert server.stdin
    assert server.stdout
    pointed = {"cpus": trial.cpus, "pairs": trial.pairs, "trace": list(trial.trace)}
    print(json.dumps({**trial.fields, **pointed}), file=server.stdin, flush=True)
    answer: dict[str, Any] = json.loads(server.stdout.readline())
    assert "status" not in answer, f"the child ended with wait status {answer['status']}"
    if "unavailable" in answer:
        raise MethodUnavailableError(answer["unavailable"])
    if "core" in answer:
        call, errnum, name, text = answer["core"]
        raise CoreError(call, errnum, name, text.partition(f"{name}: ")[2])
    return answer


def run_or_skip(trial: native.TrialParams) -> native.TrialResult:
    """Run a trial; a host that lacks what it needs is a skip that says so."""
    try:
        return run(trial)
    except MethodUnavailableError as error:
        pytest.skip(f"{trial.fields['method']} on {trial.fields['backing']}: {error}")
