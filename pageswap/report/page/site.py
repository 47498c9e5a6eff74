"""The index of a site: one page that lists runs with their answers, to be searched and sorted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pageswap.report.page.templating import TEMPLATES, csp_hash, environment, inlined
from pageswap.text.lists import clipped, plural

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_LONGEST = 600
_HOSTS_NAMED = 3


def site_page(title: str, runs: Sequence[Mapping[str, Any]]) -> str:
    """Give the index page of a site whose runs, newest first, are entries of its index.json.

    It holds all it needs, makes no request, is readable without scripts, and works from a file.
    """
    style = "\n".join((TEMPLATES / name).read_text(encoding="utf-8") for name in ("report.css", "site.css"))
    script = (TEMPLATES / "site.js").read_text(encoding="utf-8")
    hosts = sorted({host["host"] for run in runs for host in run["hosts"]})
    experiments = sorted({run["experiment"] for run in runs})
    return (
        environment()
        .get_template("site.html.j2")
        .render(
            title=clipped(title, _LONGEST),
            runs=[_shown(run) for run in runs],
            hosts=hosts,
            experiments=experiments,
            counted=f"{plural(len(runs), 'run')} of {plural(len(experiments), 'experiment')} on "
            f"{plural(len(hosts), 'host')}",
            style=inlined(style, "style"),
            script=inlined(script, "script"),
            script_hash=csp_hash(script),
        )
    )


def _shown(run: Mapping[str, Any]) -> dict[str, Any]:
    first, *rest = run["answer"] or ["No answer yet."]
    names = [f"{host['host']} ({host['cpu']})" if host["cpu"] else host["host"] for host in run["hosts"]]
    more = f" and {len(names) - _HOSTS_NAMED} more" if len(names) > _HOSTS_NAMED else ""
    statuses = ", ".join(f"{count:,} {status}" for status, count in run["statuses"].items())
    return {
        "link": run["report"],
        "title": clipped(run["question"] or run["experiment"], _LONGEST),
        "finding": clipped(first, _LONGEST),
        "rest": [clipped(sentence, _LONGEST) for sentence in rest],
        "verdicts": run["verdicts"],
        "experiment": run["experiment"],
        "run_id": run["run_id"],
        "started": run["started"],
        "day": run["started"].replace("T", " ")[:16],
        "hosts": ", ".join(names[:_HOSTS_NAMED]) + more,
        "host_names": "\n".join(host["host"] for host in run["hosts"]),
        "trials": run["trials"],
        "statuses": statuses,
        "missing": run["missing"],
        "commit": (run["commit"] or "")[:12],
        "is_dirty": run["dirty"],
        "size": f"{run['bytes'] / 1e6:.1f} MB",
    }
