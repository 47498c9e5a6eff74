"""The chart of the noise floor: how far apart two measurements of the same thing are on each host."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pageswap.report.charts import vegalite as vega
from pageswap.report.charts.selection import evenly
from pageswap.report.sections.section import Section, notes
from pageswap.text.lists import clipped
from pageswap.text.numbers import change_text, percent_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pageswap.analysis.checks.noise_floor import NoiseFloor
    from pageswap.report.charts.vegalite import Plot
    from pageswap.report.sections.section import ReportedRun

MOST_HOSTS = 12
_MOST_PAIRS = 600
_ROW_PX = 48


def section(run: ReportedRun) -> Section | None:
    """Show the A/A control of each host: how far apart two measurements of the same thing are."""
    floors = [floor for floor in run.every.noise.values() if floor.pairs]
    if not floors:
        return None
    chosen = sorted(floors, key=lambda floor: -(floor.ratio or 0))[:MOST_HOSTS]
    told = notes("noise", chosen, len(floors))
    return Section("noise", "The same thing twice: the noise floor", told, (_noise_plot(chosen),))


def _noise_plot(floors: Sequence[NoiseFloor]) -> Plot:
    names: list[str] = []
    bands: list[dict[str, Any]] = []
    dots: list[dict[str, Any]] = []
    per_host = max(1, _MOST_PAIRS // len(floors))
    for floor in floors:
        text = percent_text(floor.ratio) if floor.ratio else "unknown"
        name = f"{clipped(floor.host, 40)}\nfloor {text}"
        names.append(name)
        if floor.ratio:
            bands.append({"row": name, "low": 1 / floor.ratio, "high": floor.ratio, "Host": floor.host, "Floor": text})
        dots += [
            {
                "row": name,
                "value": pair.ratio,
                "Host": floor.host,
                "Block": str(pair.block),
                "Difference": change_text(pair.ratio),
            }
            for pair in evenly(floor.pairs, per_host)
        ]
    ends = [dot["value"] for dot in dots] + [band[end] for band in bands for end in ("low", "high")]
    domain = vega.around(ends, always=[0.99, 1.01])
    x = vega.log_axis("value", "Second measurement against the first", domain, vega.PERCENT_LABEL, "end")
    y = vega.row_axis(names)
    band = {"type": "bar", "height": 30, "opacity": 0.18, "color": vega.PALETTE[0]}
    dot = {"type": "circle", "size": 36, "opacity": 0.75, "color": vega.PALETTE[1]}
    span = {"x": {**x, "field": "low"}, "x2": {"field": "high"}}
    layers = [
        vega.layer("bands", band, **span, y=y, tooltip=vega.tips("Host", ("Floor", "Noise floor"))),
        vega.reference_line(x),
        vega.layer("pairs", dot, x=x, y=y, tooltip=vega.tips("Host", "Block", "Difference")),
    ]
    return vega.plot("A/A pairs", names, layers, {"bands": bands, "pairs": dots}, _ROW_PX * len(names))
