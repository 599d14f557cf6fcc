// Tables that are sorted by their headers, and become cards where there is no room for columns.

import { h } from "./dom.js";
import { count } from "./format.js";

/**
 * A table. A column has `label`, `cell(row)`, and maybe `sort` (what the server calls it), `down` (highest first when it
 * is first asked for) and `numeric`. The first column names the row. `sorted` is the present order, `-` from the top down.
 */
export function table({ caption, columns, rows, key, sorted = "", onSort }) {
  // The roles are said again because a table that is laid out as cards is no table to a screen reader.
  return h("table", { class: "cards", role: "table" },
    h("caption", { class: "unseen" }, caption),
    h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, columns.map((column) => header(column, sorted, onSort)))),
    h("tbody", { role: "rowgroup" }, rows.map((row) =>
      h("tr", { role: "row", key: key(row) }, columns.map((column, number) =>
        h(number ? "td" : "th", {
          role: number ? "cell" : "rowheader",
          scope: number ? null : "row",
          class: column.numeric ? "numeric" : column.class,
          "data-label": column.label,
        }, column.cell(row)))))));
}

function header(column, sorted, onSort) {
  const kind = { role: "columnheader", scope: "col", class: column.numeric ? "numeric" : null };
  if (!column.sort) return h("th", kind, column.label);
  const active = sorted.replace(/^-/, "") === column.sort;
  const down = sorted.startsWith("-");
  const next = active ? (down ? column.sort : `-${column.sort}`) : `${column.down ? "-" : ""}${column.sort}`;
  return h("th", { ...kind, "aria-sort": active ? (down ? "descending" : "ascending") : "none" },
    h("button", { type: "button", class: "sort", key: column.sort, on: { click: () => onSort(next) } },
      column.label, h("span", { class: "arrow", "aria-hidden": "true" }, active ? (down ? "↓" : "↑") : "↕")));
}

/** A choice of order for where headers are not shown. */
export function sortChoice(columns, sorted, onSort) {
  const able = columns.filter((column) => column.sort);
  const option = (value, label) => h("option", { value, selected: value === sorted }, label);
  return h("label", { class: "sort-choice" }, "Sort by ",
    h("select", { key: "sort", on: { change: (event) => onSort(event.target.value) } },
      option("", "usual order"),
      able.map((column) => [option(column.sort, `${column.label} ↑`), option(`-${column.sort}`, `${column.label} ↓`)])));
}

/** Where one is in a long list, and the ways on. `go(token)` shows the page of that token, empty for the first. */
export function pager({ what, first, shown, matches, next, back, go }) {
  const range = matches ? `${count(first + 1)}–${count(first + shown)} of ${count(matches)}` : "None";
  return h("nav", { class: "pager", "aria-label": `Pages of ${what}` },
    h("p", { class: "range" }, `${range} ${what}`),
    (first > 0 || next) && [h("button", { type: "button", disabled: !first, on: { click: () => go("") } }, "First"),
    h("button", { type: "button", disabled: back === null, on: { click: () => go(back) } }, "Previous"),
    h("button", { type: "button", disabled: !next, on: { click: () => go(next) } }, "Next")]);
}
