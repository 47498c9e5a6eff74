"""What the mover's choice costs beside the best of all methods, case by case, and a picture of it."""

from __future__ import annotations

import dataclasses
import json
import statistics
from typing import TYPE_CHECKING, Any

from pageswap.report.charts.drawing import drawer
from pageswap.report.charts.vegalite import PALETTE, layer, plot

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

CLOSE = 0.05
# The axis ends here: what is beyond is drawn at its end, and stands in the table.
_MOST = 100.0
_FLOOR = "having measured the case"
_HEIGHT = 260


@dataclasses.dataclass(frozen=True)
class Taken:
    """What one case took: ns per operation of each block, by method, `auto` among them."""

    workload: str
    asked: str
    ns: dict[str, list[float]]

    def median(self, method: str) -> float:
        """Give the median of a method's blocks."""
        return statistics.median(self.ns[method])


def regret(case: Taken) -> float:
    """Give how much longer `auto` took than the best of the others, as a share of that one's time."""
    return case.median("auto") / min(case.median(method) for method in case.ns if method != "auto") - 1


def floor(case: Taken) -> float:
    """Give the regret of having measured the case: the best of one half of the blocks, in the other half."""
    first, second = (
        {name: statistics.median(values[half::2]) for name, values in case.ns.items() if name != "auto"}
        for half in (0, 1)
    )
    return second[min(first, key=lambda name: first[name])] / min(second.values()) - 1


def leave(folder: Path, takes: Sequence[Taken]) -> None:
    """Write what each case took, and the picture of it."""
    folder.mkdir(parents=True, exist_ok=True)
    told = [dataclasses.asdict(each) | {"regret": regret(each), "floor": floor(each)} for each in takes]
    (folder / "takes.json").write_text(json.dumps(told, indent=1), encoding="utf-8")
    drawings, _ = drawer().draw([picture(takes)])
    (folder / "regret.svg").write_text(drawings[0], encoding="utf-8")


def picture(takes: Sequence[Taken]) -> dict[str, Any]:
    """Draw the cases in the order of their regret: which share of them is at most so far from the best."""
    series = {
        f"auto, {workload}": [regret(each) for each in takes if each.workload == workload]
        for workload in sorted({each.workload for each in takes})
    }
    series[_FLOOR] = [floor(each) for each in takes]
    rows = [
        {"of": name, "share": 100 * (place + 1) / len(values), "regret": min(_MOST, max(0.0, 100 * value))}
        for name, values in series.items()
        for place, value in enumerate(sorted(values))
    ]
    line = layer(
        "cases",
        {"type": "line", "interpolate": "step-before", "strokeWidth": 2},
        x={"field": "share", "type": "quantitative", "title": "share of cases, %", "scale": {"domain": [0, 100]}},
        y={
            "field": "regret",
            "type": "quantitative",
            "title": "slower than the best method, %",
            "scale": {"type": "symlog", "constant": 1, "domain": [0, _MOST]},
            "axis": {"values": [0, 1, 2, 5, 10, 25, 50, 100], "maxExtent": 90},
        },
        color={
            "field": "of",
            "type": "nominal",
            "scale": {"domain": list(series), "range": [*PALETTE[: len(series) - 1], "#767676"]},
        },
        strokeDash={
            "field": "of",
            "type": "nominal",
            "scale": {"domain": list(series), "range": [[1, 0], [6, 2], [2, 2], [8, 3, 2, 3]][: len(series)]},
        },
    )
    drawn = plot("Regret", [f"{len(takes)} cases"], [line], {"cases": rows}, _HEIGHT, series=list(series))
    return {**drawn.fixed(), "background": "white"}
