"use strict";
// Puts the interactive chart in the place of each static one; a chart that fails leaves its static one as it was.
for (const chart of document.querySelectorAll(".chart")) {
  const spec = JSON.parse(chart.querySelector("script").textContent);
  const live = document.createElement("div");
  live.className = "live";
  chart.append(live);
  vegaEmbed(live, spec, { actions: false, renderer: "svg" }).then(
    () => chart.classList.add("ready"),
    (error) => {
      live.remove();
      console.error(error);
    },
  );
}
