"use strict";
// Puts an interactive chart in the place of a static one when it comes near the window, so that a long page opens fast.
// A chart that fails leaves its static one as it was. Expressions are interpreted: the page's policy allows no eval.
{
  const draw = (chart) => {
    const spec = JSON.parse(chart.querySelector("script").textContent);
    const { entryPx } = spec.usermeta;
    const axisPx = Math.min(spec.usermeta.axisPx, chart.clientWidth / 2);
    spec.config.legend.labelLimit = chart.clientWidth - axisPx - 30;
    spec.config.legend.columns = Math.max(1, Math.floor((chart.clientWidth - axisPx) / entryPx));
    // On a narrow page a legend, or the text below, names what has its name beside it elsewhere.
    if (chart.clientWidth < 560 && (spec.datasets.ends || spec.datasets.inside)) {
      spec.layer = spec.layer.filter(({ data }) => data.name !== "ends" && data.name !== "inside");
      for (const { encoding } of spec.layer)
        for (const channel of [encoding.color, encoding.shape]) if (channel?.field === "Case") delete channel.legend;
    }
    // On a narrow page the labels of rows leave the chart at least half of it.
    for (const { encoding } of spec.layer) {
      const axis = encoding.y?.axis;
      if (axis?.maxExtent > chart.clientWidth / 2) {
        axis.minExtent = axis.maxExtent = chart.clientWidth / 2;
        axis.labelLimit = axis.maxExtent - axis.labelPadding;
      }
    }
    const live = document.createElement("div");
    live.className = "live";
    chart.append(live);
    return vegaEmbed(live, spec, { actions: false, renderer: "svg", ast: true }).then(
      () => chart.classList.add("ready"),
      (error) => {
        live.remove();
        console.error(error);
      },
    );
  };
  const near = new IntersectionObserver(
    (entries) => {
      for (const entry of entries) {
        if (entry.isIntersecting) {
          near.unobserve(entry.target);
          draw(entry.target);
        }
      }
    },
    { rootMargin: "800px" },
  );
  for (const chart of document.querySelectorAll(".chart")) near.observe(chart);
}
