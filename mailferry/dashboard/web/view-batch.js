// One batch: its totals, what can be done with it, and its mailboxes, a page at a time.

import { ask, path } from "./api.js";
import { bar, rateLine, statusBar } from "./charts.js";
import { h } from "./dom.js";
import { ago, count, duration, pace, percent, size, some, when } from "./format.js";
import { batchOperations } from "./operations.js";
import { figures, head, notice, nothing, tabs } from "./pieces.js";
import { badge, byRank, shape, toneOf, words } from "./status.js";
import { pager, sortChoice, table } from "./table.js";
import { arrived, linkOf, settled } from "./view-batches.js";

const MOST = 50;
//: Rates that were seen lately, by batch.
const rates = new Map();
const KEPT = 60;

const COLUMNS = [
  { label: "Mailbox", sort: "address", cell: (box) => [
    h("a", { class: "name", href: `${linkOf(box.batch)}/mailboxes/${box.id}` }, box.address),
    box.user !== box.address && h("span", { class: "under" }, `from ${box.user}`)] },
  { label: "Status", sort: "status", class: "wide", cell: (box) => [badge(box.status), h("span", { class: "under why" }, box.why)] },
  { label: "Messages", sort: "messages", down: true, numeric: true, cell: (box) => [
    box.messages ? `${count(settled(box))} of ${count(box.messages)}` : "–",
    box.messages > 0 && bar(settled(box), box.messages, toneOf(box.status), "of its messages")] },
  { label: "Skipped", sort: "skipped", down: true, numeric: true, cell: (box) => count(box.skipped) },
  { label: "Carried", sort: "bytes", down: true, numeric: true, cell: (box) => size(box.bytes) },
  { label: "Rate", sort: "messages_per_second", down: true, numeric: true,
    cell: (box) => (toneOf(box.status) === "running" ? pace(box.messages_per_second) : "–") },
  { label: "Updated", sort: "updated", down: true, numeric: true,
    cell: (box) => h("time", { datetime: box.updated, title: when(box.updated) }, ago(box.updated)) },
];

export const batch = {
  every: 5000,
  title: ({ names }) => names[0],
  load: async ({ names, query }, signal) => {
    const { next, sort, status, search } = query;
    const found = await ask(path("batches", names[0]), { most: MOST, next, sort, status, search }, { signal });
    rates.set(names[0], [...(rates.get(names[0]) ?? []), found.messages_per_second].slice(-KEPT));
    return found;
  },
  render: (found, context) => [
    head({
      trail: [["Batches", "#/"], [found.batch]],
      title: found.batch,
      beside: badge(found.status),
      below: h("p", { class: "since" }, `Taken in ${when(found.created)}`),
    }),
    batchOperations(found, context),
    troubles(found),
    totals(found),
    tabs(linkOf(found.batch), "Mailboxes"),
    mailboxes(found, context),
  ],
};

function troubles(found) {
  return [
    found.refused && notice("failed", `The CSV was refused: ${found.refused}`,
      "See intake.csv among the batch's reports, correct the file, and drop it again."),
    found.refused_rows > 0 && notice("warning", `${some(found.refused_rows, "row")} of the CSV could not be taken in.`,
      "intake.csv among the batch's reports says why. Correct them and drop the CSV again: the others are not copied twice."),
    found.notes.map((note) => notice("ready", note)),
  ];
}

export function totals(found) {
  const here = arrived(found.by_status);
  const seen = rates.get(found.batch) ?? [];
  const moving = found.messages_per_second > 0;
  return figures(
    ["In sync", `${count(here)} of ${count(totalOf(found))}`, `mailboxes, ${percent(here, totalOf(found))}`],
    found.messages
      ? ["Messages", count(settled(found)), `of ${count(found.messages)} found so far`, bar(settled(found), found.messages, "done", "of the messages")]
      : ["Messages", "–", "none found yet"],
    ["Carried", size(found.bytes), found.skipped ? `${some(found.skipped, "message")} skipped` : "nothing skipped"],
    ["Now", moving ? pace(found.messages_per_second) : "At rest", moving ? `messages, ${size(found.bytes_per_second)}/s` : "no mailbox is in a pass",
      moving && seen.length > 1 && rateLine(seen, "Messages a second since this page was opened")],
    ["Time left", found.seconds_left === null ? "–" : duration(found.seconds_left),
      found.seconds_left === null ? "known while mail is moving" : "at the present rate"],
  );
}

/** In the answer about one batch, `mailboxes` is the page; how many there are is the sum over statuses. */
export const totalOf = (found) => Object.values(found.by_status).reduce((sum, n) => sum + n, 0);

function mailboxes(found, context) {
  const { query, go, back } = context;
  if (!totalOf(found)) return nothing("No mailboxes", "No row of its CSV was taken in.");
  const chosen = new Set((query.status ?? "").split(",").filter(Boolean));
  const sort = (order) => go({ sort: order, next: "" });

  return h("section", { "aria-label": "Mailboxes" },
    statusBar(found.by_status),
    h("div", { class: "filters" },
      h("div", { class: "chips", role: "group", "aria-label": "Show only" },
        Object.keys(found.by_status).sort(byRank).map((status) => chip(status, found.by_status[status], chosen, go))),
      h("div", { class: "finders" },
        h("label", { class: "search" }, h("span", { class: "unseen" }, "Search address, login or cause"),
          h("input", { type: "search", key: "search", placeholder: "Address, login or cause", value: query.search ?? "",
            autocomplete: "off", spellcheck: "false", on: { input: (event) => context.typed({ search: event.target.value, next: "" }) } })),
        sortChoice(COLUMNS, query.sort ?? "", sort))),
    found.mailboxes.length
      ? table({
        caption: `Mailboxes of ${found.batch}`,
        columns: COLUMNS,
        rows: found.mailboxes.map((box) => ({ ...box, batch: found.batch })),
        key: (box) => box.id,
        sorted: query.sort,
        onSort: sort,
      })
      : nothing("No mailbox is like that", "No address, login or cause has this text in the statuses that are shown.",
        h("button", { type: "button", on: { click: () => go({ search: "", status: "", next: "" }) } }, "Show all mailboxes")),
    pager({ what: "mailboxes", first: found.first, shown: found.mailboxes.length, matches: found.matches, next: found.next,
      back: back("next"), go: (token) => go({ next: token }) }));
}

function chip(status, number, chosen, go) {
  const on = chosen.has(status);
  const click = () => {
    if (on) chosen.delete(status);
    else chosen.add(status);
    go({ status: [...chosen].join(","), next: "" });
  };
  return h("button", { type: "button", class: "chip", key: status, "aria-pressed": String(on), on: { click } },
    shape(toneOf(status)), `${words(status)} `, h("span", { class: "number" }, count(number)));
}
