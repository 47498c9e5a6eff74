"use strict";
// Sorts and filters the table of every case. Without scripts it stands there whole, in the plan's order.
{
  const SCALES = { k: 1e3, M: 1e6, G: 1e9, T: 1e12 };
  const MOST_CHOICES = 60;
  const table = document.querySelector("table.cases");
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  const factors = Number(table.dataset.head);
  const rows = [...body.rows];
  const textOf = (cell) => (cell ? (cell.firstChild?.textContent ?? "").trim() : "");
  // What is in a row is read once, when it is first asked for.
  const texts = new Map();
  const textsOf = (row) => {
    if (!texts.has(row)) texts.set(row, [...row.cells].map(textOf));
    return texts.get(row);
  };
  const isMeasured = (row) => row.cells.length === heads.length;
  const numberOf = (text) => {
    const found = /^([-+]?[\d,]*\.?\d+)\s*([kMGT%]?)/.exec(text);
    if (!found) return NaN;
    const number = Number(found[1].replaceAll(",", ""));
    // "14 %" and "2.3x" stand in one column: both are ratios.
    return found[2] === "%" ? 1 + number / 100 : number * (SCALES[found[2]] ?? 1);
  };
  const UNITS = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 };
  const levelOf = (text) => {
    const found = /^([\d,.]+)([KMGT]?i?B)?$/.exec(text);
    return found ? Number(found[1].replaceAll(",", "")) * (UNITS[found[2]] ?? 1) : NaN;
  };

  const keyOf = (row, column) => {
    if (column >= factors && !isMeasured(row)) return null;
    const text = textsOf(row)[column];
    if (text === "") return null;
    const number = heads[column].classList.contains("t") || column < factors ? levelOf(text) : numberOf(text);
    return Number.isNaN(number) ? text : number;
  };
  const compare = (a, b) =>
    typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true });

  let sorted = { column: -1, direction: 1 };
  const order = rows.map((row, index) => ({ row, index }));
  const sort = (column) => {
    const direction = sorted.column === column ? -sorted.direction : 1;
    sorted = { column, direction };
    const keys = new Map(order.map(({ row }) => [row, keyOf(row, column)]));
    order.sort((a, b) => {
      const [x, y] = [keys.get(a.row), keys.get(b.row)];
      // What has no figure comes last, whichever way the others stand.
      if (x === null || y === null) return (x === null) - (y === null) || a.index - b.index;
      return direction * compare(x, y) || a.index - b.index;
    });
    body.append(...order.map(({ row }) => row));
    heads.forEach((head, index) => {
      if (index === column) head.setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
      else head.removeAttribute("aria-sort");
    });
  };

  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    const title = document.createElement("span");
    title.textContent = head.firstChild.textContent.trim();
    head.firstChild.remove();
    button.append(title, ...head.childNodes);
    button.addEventListener("click", () => sort(column));
    head.append(button);
  });

  const tools = document.createElement("div");
  tools.className = "tools";
  tools.setAttribute("role", "search");
  tools.setAttribute("aria-label", "Filter the cases");
  const label = (text, control) => {
    const element = document.createElement("label");
    const name = document.createElement("span");
    name.textContent = text;
    element.append(name, control);
    tools.append(element);
    return control;
  };
  const choice = (name, values) => {
    const select = document.createElement("select");
    for (const value of ["", ...values]) {
      const option = document.createElement("option");
      option.value = value;
      option.textContent = value === "" ? "all" : value.length > 60 ? `${value.slice(0, 59)}…` : value;
      select.append(option);
    }
    return label(name, select);
  };
  const shown = document.createElement("p");
  shown.className = "shown";
  shown.setAttribute("role", "status");

  const search = document.createElement("input");
  search.type = "search";
  search.placeholder = "any text";
  label("Search", search);
  const filters = [];
  for (let column = 0; column < factors; column++) {
    const values = [...new Set(rows.map((row) => textsOf(row)[column]))];
    if (values.length > 1 && values.length <= MOST_CHOICES) {
      const select = choice(heads[column].textContent.trim(), values);
      filters.push([select, (row) => textsOf(row)[column]]);
    }
  }
  const KINDS = { absent: "not measured", same: "no difference found", "too-few": "too few", "not-compared": "not compared" };
  const kindOf = (row) => KINDS[row.className] ?? row.className;
  const kinds = [...new Set(rows.map(kindOf))];
  if (kinds.length > 1) filters.push([choice("Finding", kinds), kindOf]);

  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const row of rows) {
      const fits =
        filters.every(([select, valueOf]) => select.value === "" || select.value === valueOf(row)) &&
        (words.length === 0 || words.every((word) => row.textContent.toLowerCase().includes(word)));
      row.hidden = !fits;
      count += fits;
    }
    shown.textContent = count === rows.length ? "" : `${count} of ${rows.length} cases shown`;
  };
  search.addEventListener("input", filter);
  for (const [select] of filters) select.addEventListener("change", filter);
  const clear = document.createElement("button");
  clear.type = "button";
  clear.className = "button";
  clear.textContent = "Show all";
  clear.addEventListener("click", () => {
    search.value = "";
    for (const [select] of filters) select.value = "";
    filter();
  });
  tools.append(clear, shown);
  if (rows.length > 1) table.parentElement.before(tools);
}
