"""How a chart is written as Vega-Lite, which cases it shows, and how it becomes a drawing."""
