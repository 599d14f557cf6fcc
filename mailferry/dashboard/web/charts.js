// Drawings by hand: bars, and the line of a rate. Each says in words what it shows.

import { h } from "./dom.js";
import { count, percent } from "./format.js";
import { byRank, toneOf, words } from "./status.js";

/** How much of a whole is done. */
export function bar(part, whole, tone = "done", label = "done") {
  const share = whole ? Math.min(1, part / whole) : 0;
  return h("svg", { class: "bar", role: "img", "aria-label": `${percent(part, whole)} ${label}` },
    h("rect", { class: "bar-all", width: "100%", height: "100%", rx: "3" }),
    share > 0 && h("rect", { class: `fill tone-${tone}`, width: `${share * 100}%`, height: "100%", rx: "3" }));
}

/** Mailboxes by status, side by side. */
export function statusBar(byStatus) {
  const statuses = Object.keys(byStatus).sort(byRank);
  const all = Object.values(byStatus).reduce((sum, value) => sum + value, 0);
  let at = 0;
  const parts = statuses.map((status) => {
    const width = (byStatus[status] / all) * 100;
    const x = at;
    at += width;
    return h("rect", { class: `fill tone-${toneOf(status)}`, x: `${x}%`, width: `${width}%`, height: "100%" });
  });
  const said = statuses.map((status) => `${count(byStatus[status])} ${words(status)}`).join(", ");
  return h("svg", { class: "bar status-bar", role: "img", "aria-label": `Mailboxes: ${said || "none"}` },
    h("rect", { class: "bar-all", width: "100%", height: "100%" }), parts);
}

/** A rate over the last minutes, as it was seen by this page. */
export function rateLine(values, label) {
  const most = Math.max(...values, 1e-9);
  const step = 120 / Math.max(1, values.length - 1);
  const points = values.map((value, number) => `${(number * step).toFixed(1)},${(31 - (value / most) * 28).toFixed(1)}`);
  return h("svg", { class: "rate-line", viewBox: "0 0 120 32", preserveAspectRatio: "none", role: "img", "aria-label": label },
    h("polygon", { class: "rate-area", points: `0,32 ${points.join(" ")} ${((values.length - 1) * step).toFixed(1)},32` }),
    h("polyline", { class: "rate-stroke", points: points.join(" ") }));
}
