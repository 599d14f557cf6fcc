// What a validation found: nothing is copied for it, it says what would happen.

import { ask, Failure, path } from "./api.js";
import { h } from "./dom.js";
import { count, duration, size, when } from "./format.js";
import { figures, head, nothing, notice, section, tabs } from "./pieces.js";
import { pager, table } from "./table.js";
import { linkOf } from "./view-batches.js";
import { validationOperations } from "./operations.js";
import { badge } from "./status.js";

const MOST = 50;
const dollars = new Intl.NumberFormat("en", { style: "currency", currency: "USD" });

export const validation = {
  every: 5000,
  title: ({ names }) => `Validation of ${names[0]}`,
  load: async ({ names, query }, signal) => {
    try {
      return await ask(path("batches", names[0], "validation"), { most: MOST, next: query.next }, { signal });
    } catch (error) {
      if (!(error instanceof Failure) || error.status !== 404) throw error;
      return { batch: names[0], never: true };
    }
  },
  render: (found, context) => [
    head({
      trail: [["Batches", "#/"], [found.batch, linkOf(found.batch)], ["Validation"]],
      title: `Validation of ${found.batch}`,
      below: found.validated && h("p", { class: "since" }, `Finished ${when(found.validated)}`),
    }),
    validationOperations(found, context),
    tabs(linkOf(found.batch), "Validation"),
    found.never ? never() : [numbers(found), advice(found), rows(found, context)],
  ],
};

const never = () =>
  nothing("Not validated", "Validate again logs in to every mailbox, counts what is there and says what would happen. Nothing is copied for it.",
    "To validate a batch before anything else happens, give it the option “validate” in its JSON file.");

function numbers(found) {
  return [
    found.pending > 0 && notice("running", `${count(found.pending)} of ${count(found.mailboxes)} mailboxes are still being looked at.`),
    figures(
      ["Ready", `${count(found.ready)} of ${count(found.mailboxes)}`, "mailboxes"],
      ["Failed", count(found.failed), found.failed ? "cause and remedy are below" : "no mailbox"],
      ["Messages", count(found.messages), `in ${count(found.folders)} folders`],
      ["Size", size(found.bytes), found.oversize ? `${count(found.oversize)} messages are too large` : "no message is too large"],
      ["Would take", found.seconds === null ? "–" : duration(found.seconds), "estimated"],
      ["Would cost", found.cost === null ? "–" : dollars.format(found.cost), "in Azure, estimated"],
    ),
  ];
}

function advice(found) {
  if (!found.advice.length) return null;
  return section("Advice", found.advice.map((each) =>
    notice("warning", each.about ? `${each.about}: ${each.cause}` : each.cause, each.remedy)));
}

const VERDICTS = new Map([[true, "Ready"], [false, "Failed"], [null, "Validating"]]);

function rows(found, { go, back, turned }) {
  const first = turned("next") * MOST;
  return section("Mailboxes",
    table({
      caption: `Mailboxes of ${found.batch} as they were validated`,
      rows: found.rows,
      key: (row) => row.mailbox,
      columns: [
        { label: "Mailbox", cell: (row) => [h("a", { class: "name", href: `${linkOf(found.batch)}/mailboxes/${row.mailbox}` }, row.address),
          row.user !== row.address && h("span", { class: "under" }, `from ${row.user}`)] },
        { label: "Verdict", class: "wide", cell: (row) => [badge(VERDICTS.get(row.ok)), h("span", { class: "under why" }, row.why),
          row.remedy && h("span", { class: "under remedy" }, row.remedy)] },
        { label: "Folders", numeric: true, cell: (row) => count(row.folders) },
        { label: "Messages", numeric: true, cell: (row) => count(row.messages) },
        { label: "Size", numeric: true, cell: (row) => size(row.bytes) },
        { label: "Too large", numeric: true, cell: (row) => count(row.oversize) },
        { label: "Would take", numeric: true, cell: (row) => (row.seconds === null ? "–" : duration(row.seconds)) },
      ],
    }),
    pager({ what: "mailboxes", first, shown: found.rows.length, matches: found.mailboxes, next: found.next, back: back("next"),
      go: (token) => go({ next: token }) }));
}
