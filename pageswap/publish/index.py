"""What a site's index says of a run, and of all: made from the store, read back with distrust."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import pageswap
from pageswap.agent.host.conditions import CONDITIONS
from pageswap.agent.host_words import misfit, read_object
from pageswap.analysis.findings import findings
from pageswap.analysis.summary import summarise
from pageswap.analysis.verdicts import FASTER, NO_DIFFERENCE, SLOWER, TOO_FEW
from pageswap.answers.build import build_answer
from pageswap.answers.words import answer_lines
from pageswap.errors import HostError, StoreError
from pageswap.store.schema import REPORT
from pageswap.text.words import clipped

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pageswap.analysis.trials.run_data import RunData

    Entry = dict[str, Any]

# 1: the first.
FORMAT: Final = 1
_REPORT: Final = re.compile(r"runs/[A-Za-z0-9_][A-Za-z0-9_.-]*/[A-Za-z0-9_][A-Za-z0-9_.-]*/" + re.escape(REPORT))
_LONGEST: Final = 2_000
# As many as an index of the largest size that a site may have can hold.
_MOST_PARTS: Final = 1 << 22
_MOST_RUNS: Final = 1 << 17
_CONDITIONS: Final = tuple(condition.key for condition in CONDITIONS if condition.is_brief)
_WORDS: Final = (FASTER, SLOWER, NO_DIFFERENCE, TOO_FEW)
_WORD: Final = (str,)
_COUNT: Final = (int,)
# What an entry holds, by the shapes of `host_words.misfit`.
_ENTRY: Final = {
    **dict.fromkeys(("run_id", "experiment", "question", "started", "updated", "sha256"), _WORD),
    **dict.fromkeys(("trials", "missing", "bytes"), _COUNT),
    **{name: {"*": _COUNT} for name in ("verdicts", "statuses")},
    "answer": [_WORD],
    # Which conditions of a host are told is for whoever wrote the entry to say.
    "hosts": [{"host": _WORD, "*": _WORD}],
    "commit": (str, type(None)),
    "dirty": (bool, type(None)),
    "report": lambda path: "" if isinstance(path, str) and _REPORT.fullmatch(path) else f"{path!r:.60} is no report",
}


def report_path(experiment: str, run_id: str) -> str:
    """Name a run's report below the site; raises StoreError for a folder whose name cannot be a part of an address."""
    path = f"runs/{experiment}/{run_id}/{REPORT}"
    if not _REPORT.fullmatch(path):
        raise StoreError(
            f"{experiment}/{run_id}: cannot be an address; name the folders with letters, digits, _ . and -"
        )
    return path


def entry_of(run_data: RunData, report: str, *, size_bytes: int, sha256: str, updated: str) -> Entry:
    """Summarise a run for the index; path, size and SHA-256 are its report's, `updated` is UTC ISO 8601."""
    summary, meta = summarise(run_data), run_data.meta()
    provenance, environments = meta.get("provenance") or {}, run_data.environments()
    answer = build_answer(summary, findings(summary), environments)
    verdicts = Counter(case.verdict for case in summary.cases)
    return {
        "run_id": summary.run_id,
        "experiment": summary.experiment,
        "question": clipped(summary.question, _LONGEST),
        "answer": [clipped(sentence, _LONGEST) for sentence in answer_lines(answer)],
        "verdicts": {word: verdicts[word] for word in _WORDS if verdicts[word]},
        "started": str(meta.get("created_at") or ""),
        "updated": updated,
        "hosts": [
            {"host": host, **{key: clipped(str(facts.get(key) or ""), _LONGEST) for key in _CONDITIONS}}
            for host, facts in ((host, environments.get(host, {})) for host in summary.hosts)
        ],
        "commit": provenance.get("commit"),
        "dirty": provenance.get("dirty"),
        "trials": summary.trials,
        "statuses": summary.statuses,
        "missing": summary.missing,
        "report": report,
        "bytes": size_bytes,
        "sha256": sha256,
    }


def index_of(entries: Iterable[Entry], title: str) -> Entry:
    """Return the index of a site, newest run first; the same entries give the same index."""
    ordered = sorted(entries, key=lambda entry: (entry["started"], entry["run_id"]), reverse=True)
    return {
        "format": FORMAT,
        "generator": f"pageswap {pageswap.__version__}",
        "title": title,
        "updated": max((entry["updated"] for entry in ordered), default=""),
        "runs": ordered,
    }


def read_index(text: str, where: str) -> Entry:
    """Read a site's index; raises HostError when it is none that can be gone on with."""
    try:
        index = read_object(text.encode(), _MOST_PARTS)
        is_ours = index["format"] == FORMAT and not misfit(index["runs"], [(dict,), _MOST_RUNS])
    except (ValueError, KeyError):
        is_ours = False
    if not is_ours:
        raise HostError(
            f"{where}: its index.json is not of format {FORMAT}; a newer pageswap may have made it: use that, "
            "or give a new folder"
        )
    for entry in index["runs"]:
        if misfit(entry, _ENTRY) or entry.keys() != _ENTRY.keys():
            raise HostError(
                f"{where}: its index.json lists something that is no run: {json.dumps(entry)[:120]}; mend or remove it"
            )
    return {"title": str(index.get("title") or ""), "runs": index["runs"]}
