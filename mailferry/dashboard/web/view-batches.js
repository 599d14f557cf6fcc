// All batches: how far each is, how fast it moves, and how long it will take.

import { ask, path } from "./api.js";
import { bar, statusBar } from "./charts.js";
import { h } from "./dom.js";
import { ago, count, duration, pace, percent, size, some } from "./format.js";
import { figures, head, nothing } from "./pieces.js";
import { badge, toneOf } from "./status.js";
import { table } from "./table.js";

export const linkOf = (batch) => `#/${path("batches", batch)}`;

/** Messages about which nothing is open. */
export const settled = (counts) => counts.copied + counts.adopted + counts.skipped + counts.unselected;

/** Mailboxes that have arrived. */
export const arrived = (byStatus) =>
  Object.entries(byStatus).reduce((sum, [status, n]) => sum + (["done", "warning"].includes(toneOf(status)) ? n : 0), 0);

export const batches = {
  every: 5000,
  title: () => "Batches",
  load: (_, signal) => ask("batches", {}, { signal }).then((answer) => answer.batches),
  render: (found) => [head({ title: "Batches" }), found.length ? [together(found), list(found)] : none()],
};

function none() {
  return nothing("No batches yet",
    "A batch begins with a CSV file: drop it into the container “batches” of Mailferry's storage account.",
    "It needs a header with EmailAddress, UserName and Password, and a line for each mailbox.");
}

function together(found) {
  const sum = (value) => found.reduce((total, batch) => total + value(batch), 0);
  const mailboxes = sum((batch) => batch.mailboxes);
  const here = sum((batch) => arrived(batch.by_status));
  const rate = sum((batch) => batch.messages_per_second);
  const left = found.map((batch) => batch.seconds_left).filter((seconds) => seconds !== null);
  return figures(
    ["Mailboxes", count(mailboxes), `${count(here)} in sync or completed`, bar(here, mailboxes, "done", "of all mailboxes")],
    ["Messages", count(sum(settled)), `of ${count(sum((batch) => batch.messages))} found so far`],
    ["Carried", size(sum((batch) => batch.bytes))],
    ["Now", rate ? pace(rate) : "At rest", rate ? `messages, ${size(sum((batch) => batch.bytes_per_second))}/s` : "no mailbox is in a pass"],
    ["Time left", left.length ? duration(Math.max(...left)) : "–", left.length ? "at the present rate" : "known while mail is moving"],
  );
}

function list(found) {
  return table({
    caption: "Batches, with their progress",
    rows: found,
    key: (batch) => batch.batch,
    columns: [
      { label: "Batch", cell: (batch) => [h("a", { class: "name", href: linkOf(batch.batch) }, batch.batch),
        h("span", { class: "under" }, `since ${ago(batch.created)}`)] },
      { label: "Status", cell: (batch) => badge(batch.status) },
      { label: "Mailboxes", class: "wide", cell: mailboxes },
      { label: "Messages", numeric: true, cell: (batch) => (batch.messages
        ? [`${count(settled(batch))} of ${count(batch.messages)}`, h("span", { class: "under" }, size(batch.bytes))] : "–") },
      { label: "Rate", numeric: true, cell: (batch) => (batch.messages_per_second ? pace(batch.messages_per_second) : "–") },
      { label: "Time left", numeric: true, cell: (batch) => (batch.seconds_left === null ? "–" : duration(batch.seconds_left)) },
    ],
  });
}

function mailboxes(batch) {
  if (batch.refused) return h("span", { class: "refused" }, `Refused: ${batch.refused}`);
  const here = arrived(batch.by_status);
  const failed = (batch.by_status.Failed ?? 0) + (batch.by_status.IncrementalFailed ?? 0);
  return [statusBar(batch.by_status),
    h("span", { class: "under" }, `${count(here)} of ${some(batch.mailboxes, "mailbox", "mailboxes")} in sync (${percent(here, batch.mailboxes)})`,
      failed > 0 && h("strong", { class: "failed-count" }, ` · ${count(failed)} failed`))];
}
