"use strict";
// Searches, filters and sorts the list of runs. Without scripts it stands there whole, newest first.
{
  const byId = (id) => document.getElementById(id);
  const list = byId("runs");
  const runs = [...list.children].map((item) => ({ item, text: item.textContent.toLowerCase(), ...item.dataset }));
  const orders = {
    newest: (a, b) => b.started.localeCompare(a.started),
    oldest: (a, b) => a.started.localeCompare(b.started),
    title: (a, b) => a.title.localeCompare(b.title),
    experiment: (a, b) => a.experiment.localeCompare(b.experiment) || orders.newest(a, b),
    trials: (a, b) => Number(b.trials) - Number(a.trials),
  };
  const show = () => {
    const words = byId("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    const [experiment, host] = [byId("experiment").value, byId("host").value];
    let found = 0;
    for (const run of runs) {
      run.item.hidden = !(
        words.every((word) => run.text.includes(word)) &&
        (!experiment || run.experiment === experiment) &&
        (!host || run.hosts.split("\n").includes(host))
      );
      found += run.item.hidden ? 0 : 1;
    }
    list.append(...runs.toSorted(orders[byId("sort").value]).map((run) => run.item));
    byId("found").textContent = found === runs.length ? "" : `${found} of ${runs.length} runs`;
  };
  byId("tools").addEventListener("submit", (event) => event.preventDefault());
  byId("tools").addEventListener("input", show);
  byId("tools").hidden = false;
  show();
}
