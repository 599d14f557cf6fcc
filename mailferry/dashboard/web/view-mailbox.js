// One mailbox: what it is doing and why, its problems with their remedies, its folders, and what has happened to it.

import { ask, path } from "./api.js";
import { bar } from "./charts.js";
import { h } from "./dom.js";
import { ago, count, pace, percent, size, some, when } from "./format.js";
import { mailboxOperations } from "./operations.js";
import { figures, head, notice, nothing, section } from "./pieces.js";
import { badge, shape, toneOf, words } from "./status.js";
import { pager, sortChoice, table } from "./table.js";
import { linkOf, settled } from "./view-batches.js";

const MOST = 50;

export const mailbox = {
  every: 5000,
  title: (_, box) => (box ? `${box.address}` : "Mailbox"),
  load: ({ names, query }, signal) => {
    const { sort, search, folders_next, items_next } = query;
    return ask(path("batches", names[0], "mailboxes", names[1]), { most: MOST, sort, search, folders_next, items_next }, { signal });
  },
  render: (box, context) => [
    head({
      trail: [["Batches", "#/"], [box.batch, linkOf(box.batch)], [box.address]],
      title: box.address,
      beside: badge(box.status),
      below: h("p", { class: "since" }, `From ${box.user}, row ${box.row} of the CSV. ${words(box.status)} since ${when(box.since)}.`),
    }),
    mailboxOperations(box, context),
    state(box),
    numbers(box),
    problems(box, context),
    folders(box, context),
    timeline(box),
  ],
};

function state(box) {
  const found = box.consistency;
  return [
    notice(toneOf(box.status), box.why, box.remedy),
    found && found.score !== "Perfect" && notice("warning", `Consistency is ${found.score}: ${found.why}`, found.remedy),
  ];
}

function numbers(box) {
  const running = toneOf(box.status) === "running";
  return figures(
    box.messages
      ? ["Messages", count(settled(box)), `of ${count(box.messages)}, ${percent(settled(box), box.messages)}`,
        bar(settled(box), box.messages, "done", "of its messages")]
      : ["Messages", "–", "none found yet"],
    ["Copied", count(box.copied), box.adopted ? `${count(box.adopted)} were there already` : size(box.bytes)],
    ["Skipped", count(box.skipped), box.unselected ? `${count(box.unselected)} left out by options` : box.skipped ? "see the problems below" : "nothing stayed behind"],
    ["Rate", running ? pace(box.messages_per_second) : "–", running ? `${size(box.bytes_per_second)}/s` : "not in a pass"],
    ["Passes", count(box.passes), box.last_synced ? `last in sync ${ago(box.last_synced)}` : "never in sync yet"],
    box.consistency && ["Consistency", box.consistency.score, box.consistency.score === "Perfect" ? box.consistency.why : "see above"],
  );
}

function problems(box, { go, back, turned }) {
  const listed = box.skipped + box.repaired + box.copied_again;
  // Pages of problems come without their place: it is counted from the pages that were turned.
  const first = turned("items_next") * MOST;
  if (!box.items.length) return null;
  return section("Problems",
    h("p", { class: "lead" }, "Messages that did not go over as they were, or not at once."),
    table({
      caption: "Messages with a problem",
      rows: box.items,
      key: (item) => `${item.folder}/${item.uid}`,
      columns: [
        { label: "Message", class: "wide", cell: (item) => [h("span", { class: "name" }, item.subject || "(no subject)"),
          h("span", { class: "under" }, [item.folder, item.date, size(item.size)].filter(Boolean).join(" · "))] },
        { label: "What happened", class: "narrow", cell: (item) => h("span", { class: `badge tone-${item.skipped ? "failed" : "warning"}` },
          shape(item.skipped ? "failed" : "warning"), words(item.kind)) },
        { label: "Cause and remedy", cell: (item) => [h("span", null, item.reason), h("span", { class: "under" }, item.remedy)] },
      ],
    }),
    pager({ what: "problems", first, shown: box.items.length, matches: Math.max(listed, first + box.items.length),
      next: box.items_next, back: back("items_next"), go: (token) => go({ items_next: token }) }));
}

const FOLDERS = [
  { label: "Folder", sort: "source", cell: (folder) => h("span", { class: "name" }, folder.source) },
  { label: "Goes to", sort: "target", class: "wide", cell: (folder) => [
    folder.left_out ? h("span", { class: "muted" }, "nowhere") : folder.target, h("span", { class: "under" }, folder.why)] },
  { label: "State", class: "narrow", cell: (folder) => badge(stateOf(folder)) },
  { label: "Messages", sort: "messages", down: true, numeric: true, cell: (folder) => [
    `${count(settled(folder))} of ${count(folder.messages)}`,
    folder.messages > 0 && bar(settled(folder), folder.messages, folder.left_out ? "stopped" : "done", "of its messages")] },
  { label: "Skipped", sort: "skipped", down: true, numeric: true, cell: (folder) => count(folder.skipped) },
  { label: "Carried", sort: "bytes", down: true, numeric: true, cell: (folder) => size(folder.bytes) },
  { label: "Source and target hold", numeric: true, cell: (folder) =>
    folder.source_messages === null ? "not compared yet" : `${count(folder.source_messages)} and ${count(folder.target_messages ?? 0)}` },
];

function stateOf(folder) {
  if (folder.left_out) return "LeftOut";
  if (folder.gone) return "GoneAtSource";
  return folder.done ? "Synced" : "Syncing";
}

function folders(box, context) {
  const { query, go, back } = context;
  const sort = (order) => go({ sort: order, folders_next: "" });
  const filtered = Boolean(query.search);
  return section("Folders",
    (box.folders_matches > 5 || filtered) && h("div", { class: "finders" },
      h("label", { class: "search" }, h("span", { class: "unseen" }, "Search folders"),
        h("input", { type: "search", key: "search", placeholder: "Folder", value: query.search ?? "", autocomplete: "off",
          spellcheck: "false", on: { input: (event) => context.typed({ search: event.target.value, folders_next: "" }) } })),
      sortChoice(FOLDERS, query.sort ?? "", sort)),
    box.folders.length
      ? table({ caption: `Folders of ${box.address}`, columns: FOLDERS, rows: box.folders, key: (folder) => folder.source,
        sorted: query.sort, onSort: sort })
      : nothing(filtered ? "No folder is called that" : "No folders yet",
        filtered ? "Search for another part of its name." : "They are listed when the mailbox is logged in to for the first time."),
    box.folders_matches > MOST && pager({ what: "folders", first: box.folders_first, shown: box.folders.length,
      matches: box.folders_matches, next: box.folders_next, back: back("folders_next"), go: (token) => go({ folders_next: token }) }));
}

function timeline(box) {
  const changes = [...box.history].reverse();
  if (!changes.length) return null;
  return section("Time line",
    h("ol", { class: "timeline" }, changes.map((change) =>
      h("li", { class: `tone-${toneOf(change.status)}` },
        h("div", { class: "event" }, badge(change.status), h("time", { datetime: change.at, title: change.at }, when(change.at)),
          h("span", { class: "actor" }, `by ${change.actor}`)),
        h("p", null, change.cause)))),
    changes.length >= 50 && h("p", { class: "muted" }, `The last ${some(changes.length, "change")} are kept.`));
}
