"""What a site's index says of its runs and pages: made from records of runs, read back with distrust."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

import pageswap
from pageswap.agent.host_words import misfit, read_object
from pageswap.errors import HostError, StoreError
from pageswap.history.run_record import SHAPE
from pageswap.store.schema import REPORT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

Entry = dict[str, Any]

# 1: the first: runs.
# 2: each run's figures, conditions and wins, for histories and the atlas; pages about many runs, and what pages share.
FORMAT: Final = 2
_NAME: Final = "[A-Za-z0-9_][A-Za-z0-9_.-]*"
_REPORT: Final = re.compile(f"runs/{_NAME}/{_NAME}/{re.escape(REPORT)}")
_PAGE_PLACE: Final = re.compile(rf"atlas\.html|(histories|comparisons)/{_NAME}\.html")
_SHARED_PLACE: Final = re.compile(rf"shared/{_NAME}\.(css|js)")
# As many as an index of the largest size that a site may have can hold.
_MOST_PARTS: Final = 1 << 22
_MOST_RUNS: Final = 1 << 17
_MOST_PAGES: Final = 1 << 13
# What a run's entry has of a large run, so that an index stays one that can be sent and read.
_MOST_FIGURES: Final = 256
_WORD: Final = (str,)


def _of(pattern: re.Pattern[str], what: str) -> Callable[[object], str]:
    """Return a shape of `host_words.misfit`: a text that matches a pattern."""
    return lambda value: "" if isinstance(value, str) and pattern.fullmatch(value) else f"{value!r:.60} is no {what}"


# What an entry holds beside a run's record, and what a page's has, by the shapes of `host_words.misfit`.
_ENTRY: Final[dict[str, Any]] = {
    **SHAPE,
    **dict.fromkeys(("updated", "sha256", "stamp"), _WORD),
    "bytes": (int,),
    "report": _of(_REPORT, "report"),
    "uses": [_of(_SHARED_PLACE, "shared file")],
}
_PAGE: Final[dict[str, Any]] = {
    **dict.fromkeys(("kind", "title", "text", "of", "sha256"), _WORD),
    "path": _of(_PAGE_PLACE, "page of a site"),
    "uses": [_of(_SHARED_PLACE, "shared file")],
}
# What an entry of the first format lacks.
_OF_1: Final[dict[str, Any]] = {
    **dict.fromkeys(("version", "stamp"), ""),
    **{name: {} for name in ("work", "baseline", "fixed")},
    **{name: [] for name in ("figures", "wins", "uses")},
}


def is_page_path(path: str) -> bool:
    """Tell whether a path can be that of a site's page about many runs."""
    return bool(_PAGE_PLACE.fullmatch(path))


def report_path(experiment: str, run_id: str) -> str:
    """Name a run's report below the site; raises StoreError for a folder whose name cannot be a part of an address."""
    path = f"runs/{experiment}/{run_id}/{REPORT}"
    if not _REPORT.fullmatch(path):
        raise StoreError(
            f"{experiment}/{run_id}: cannot be an address; name the folders with letters, digits, _ . and -"
        )
    return path


def entry_of(record: Mapping[str, Any], *, updated: str, **of_report: Any) -> Entry:  # noqa: ANN401 - as _ENTRY says
    """Return a run's entry: its record, of which a large run's figures are cut, and what is known of its report.

    ``of_report`` are its path as ``report``, its size, SHA-256 and stamp, and what it ``uses``; ``updated`` is UTC.
    """
    cut = {name: record[name][:_MOST_FIGURES] for name in ("figures", "wins")}
    return {**record, **cut, "updated": updated, **of_report}


def index_of(entries: Iterable[Entry], pages: Iterable[Entry], title: str) -> Entry:
    """Return the index of a site, newest run first; the same entries give the same index."""
    ordered = sorted(entries, key=lambda entry: (entry["started"], entry["run_id"]), reverse=True)
    listed = sorted(pages, key=lambda page: page["path"])
    uses = {path for each in (*ordered, *listed) for path in each["uses"]}
    return {
        "format": FORMAT,
        "generator": f"pageswap {pageswap.__version__}",
        "title": title,
        "updated": max((entry["updated"] for entry in ordered), default=""),
        "pages": listed,
        "shared": [{"path": path} for path in sorted(uses)],
        "runs": ordered,
    }


def index_text(index: Mapping[str, Any]) -> bytes:
    """Return an index as JSON of letters that come back as they are from any host, a run or page a line."""
    parts = []
    for name, value in index.items():
        lines = ",\n".join(map(json.dumps, value)) if isinstance(value, list) else ""
        parts.append(f"{json.dumps(name)}: " + (f"[\n{lines}\n]" if isinstance(value, list) else json.dumps(value)))
    return ("{" + ",\n".join(parts) + "}\n").encode()


def read_index(text: str, where: str) -> Entry:
    """Read a site's index; raises HostError when it is none that can be gone on with."""
    try:
        index = read_object(text.encode(), _MOST_PARTS)
        is_ours = index["format"] in (1, FORMAT) and not misfit(index["runs"], [(dict,), _MOST_RUNS])
        pages = index.get("pages", [])
        is_ours = is_ours and not misfit(pages, [(dict,), _MOST_PAGES])
    except (ValueError, KeyError):
        is_ours = False
    if not is_ours:
        raise HostError(
            f"{where}: its index.json is not of format 1 to {FORMAT}; a newer pageswap may have made it: use that, "
            "or give a new folder"
        )
    runs = [{**_OF_1, **entry} for entry in index["runs"]] if index["format"] == 1 else index["runs"]
    for entries, shape, what in ((runs, _ENTRY, "run"), (pages, _PAGE, "page")):
        for entry in entries:
            if misfit(entry, shape) or entry.keys() != shape.keys():
                raise HostError(
                    f"{where}: its index.json lists something that is no {what}: {json.dumps(entry)[:120]}; mend or"
                    " remove it"
                )
    return {"title": str(index.get("title") or ""), "runs": runs, "pages": pages}
