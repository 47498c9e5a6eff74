"""A run's results as pyperf reads them: a benchmark a case, a run a trial, a value its time per operation."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from pageswap.analysis.trials.levels import levels_of
from pageswap.analysis.trials.table import frame
from pageswap.errors import UsageError
from pageswap.text.levels import level_text, levels_phrase

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pageswap.analysis.trials.run_data import RunData

# pyperf's own file format, written since its version 1.0.
_VERSION: Final = "1.0"
_NS_PER_S: Final = 1e9
_LONGEST: Final = 200


def pyperf_document(run_data: RunData) -> bytes:
    """Give the JSON of a pyperf suite: measured trials that ended ok, in seconds per operation, blocks in order.

    Warm-ups, the baseline's second measurements and trials that ended otherwise are left out, for pyperf would count
    them as results. A trial is one value, not one for each of its rounds: these share a process, and are not
    independent. Raises UsageError when nothing was measured, as a suite without a value is none.
    """
    meta = run_data.meta()
    cases = {str(case["case_id"]): levels_of(case) for case in run_data.cases()}
    names = list(dict.fromkeys(name for levels in cases.values() for name in levels))
    varying = [n for n in names if len({str(levels.get(n)) for levels in cases.values()}) > 1] or names[:1]
    table = frame(run_data)
    measured = table[~table["warmup"] & (table["status"] == "ok")]
    if "replica" in measured:
        measured = measured[measured["replica"].fillna(0).astype(int) == 0]
    hosts = list(dict.fromkeys(measured["host"]))
    environments = run_data.environments()
    benchmarks = []
    for (host, case_id), trials in measured.sort_values("block").groupby(["host", "case_id"], sort=False):
        levels = cases[str(case_id)]
        name = levels_phrase({each: levels[each] for each in varying if each in levels})
        metadata = {
            "name": f"{name} on {host}"[:_LONGEST] if len(hosts) > 1 else name[:_LONGEST],
            "unit": "second",
            "loops": int(levels["iterations"]),
            **{f"pageswap_{each}": level_text(each, value) for each, value in levels.items()},
            **_of_host(str(host), environments.get(str(host), {})),
        }
        started = trials["started_at"].tolist()
        values = (trials["ns_per_op"] / _NS_PER_S).tolist()
        runs = [{"metadata": _date(text), "values": [value]} for text, value in zip(started, values, strict=True)]
        benchmarks.append({"metadata": metadata, "runs": runs})
    if not benchmarks:
        raise UsageError("nothing was measured, and pyperf reads no suite without a value; export to json instead")
    suite = {"description": str(meta["experiment"].get("question") or ""), "pageswap_run": str(meta.get("run_id", ""))}
    document = {"benchmarks": benchmarks, "metadata": suite, "version": _VERSION}
    return json.dumps(document, indent=1, allow_nan=False).encode() + b"\n"


def _of_host(host: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Give what pyperf has names for; it refuses an empty text."""
    known = {
        "hostname": facts.get("hostname") or host,
        "cpu_model_name": facts.get("cpu_model"),
        "cpu_count": facts.get("cpus"),
        "platform": f"Linux {facts['kernel']}" if facts.get("kernel") else None,
    }
    return {name: value for name, value in known.items() if value}


def _date(started_at: object) -> dict[str, str]:
    """Give a trial's start as pyperf writes it: without a zone."""
    text = str(started_at).rstrip("Z").replace("T", " ")
    return {"date": text} if text[:1].isdigit() else {}
