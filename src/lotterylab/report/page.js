"use strict";
// Sorting and filtering of tables that are complete without it, and links into folded parts.

function key(row, column) {
  const cell = row.cells[column];
  const value = cell.dataset.value ?? cell.textContent.trim();
  return value === "" ? null : Number.isNaN(Number(value)) ? value : Number(value);
}

function compare(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b), "en", { numeric: true });
}

function sort(table, column, heading) {
  const descending = heading.getAttribute("aria-sort") === "ascending";
  for (const other of heading.parentNode.cells) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row) => [key(row, column), row]);
  rows.sort(([a], [b]) => {
    if (a === null || b === null) return (a === null) - (b === null); // empty cells last, either way
    return descending ? compare(b, a) : compare(a, b);
  });
  body.append(...rows.map(([, row]) => row));
}

// On a narrow screen a row becomes a list, in which each cell says its column.
for (const table of document.querySelectorAll("table:not(.prose)")) {
  if (table.id === "all-runs" && innerWidth > 700) continue; // it may have very many rows
  table.classList.add("cards");
  const names = [...table.tHead.rows[0].cells].map((heading) => heading.textContent);
  for (const row of table.tBodies[0].rows) [...row.cells].forEach((cell, column) => (cell.dataset.label = names[column]));
}

for (const table of document.querySelectorAll("table.sortable")) {
  [...table.tHead.rows[0].cells].forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    button.addEventListener("click", () => sort(table, column, heading));
    heading.append(button);
  });
}

const SELECTED = 4; // the first columns, which have few values

for (const tools of document.querySelectorAll(".tools")) {
  const table = document.getElementById(tools.dataset.for);
  const rows = [...table.tBodies[0].rows];
  const words = document.createElement("input");
  words.type = "search";
  words.placeholder = "filter: all these words";
  words.setAttribute("aria-label", "filter rows by words");
  const count = document.createElement("span");
  count.setAttribute("role", "status");
  const selects = [...table.tHead.rows[0].cells].slice(0, SELECTED).map((heading, column) => {
    const select = document.createElement("select");
    const name = heading.textContent.trim();
    select.setAttribute("aria-label", name);
    const values = new Set(rows.map((row) => row.cells[column].textContent.trim()));
    select.append(new Option(`any ${name}`, "any"));
    for (const value of values) select.append(new Option(value || "none", `is ${value}`));
    return select;
  });
  const texts = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));
  function filter() {
    const wanted = words.value.toLowerCase().split(/\s+/);
    let shown = 0;
    for (const row of rows) {
      const fits =
        wanted.every((word) => texts.get(row).includes(word)) &&
        selects.every((one, column) => one.value === "any" || one.value === `is ${row.cells[column].textContent.trim()}`);
      row.hidden = !fits;
      shown += fits;
    }
    count.textContent = `${shown.toLocaleString("en")} of ${rows.length.toLocaleString("en")} rows`;
  }
  tools.append(words, ...selects, count);
  tools.addEventListener("input", filter);
  filter();
}

// A link may lead into a folded part, or to a line that a filter hides.
function show() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  for (let part = target; part; part = part.parentElement) if (part.tagName === "DETAILS") part.open = true;
  const line = target.closest("tr");
  if (line) line.hidden = false;
  target.scrollIntoView({ block: "center" });
}

addEventListener("hashchange", show);
show();
