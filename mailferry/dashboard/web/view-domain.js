// The cutover of a domain: its records against what Microsoft 365 expects, and whether its batches may be completed.

import { ask, path } from "./api.js";
import { h } from "./dom.js";
import { count, duration, some, when } from "./format.js";
import { figures, head, notice, section } from "./pieces.js";
import { shape, words } from "./status.js";
import { table } from "./table.js";
import { lastTestMessage, testMessage } from "./test-message.js";

const TONES = { ok: "done", missing: "failed", wrong: "failed", "still the old server": "warning", "not known": "other" };
const LABELS = { ok: "OK", missing: "Missing", wrong: "Wrong", "still the old server": "Still the old server", "not known": "Not known" };

export const domain = {
  // The domain's own servers are asked each time: only when somebody wants to know.
  every: 0,
  title: ({ names }) => (names[0] ? `Cutover of ${names[0]}` : "Cutover"),
  load: async ({ names }, signal) => {
    if (!names[0]) return null;
    const [found, trial] = await Promise.all([ask(path("domains", names[0]), {}, { signal }), lastTestMessage(names[0], signal)]);
    return { ...found, trial };
  },
  failed: (_, { names, ...context }) => [head({ title: "Cutover" }), form(names[0] ?? "", context)],
  render: (found, { names, ...context }) => [
    head({ trail: names[0] ? [["Cutover", "#/domains"], [names[0]]] : [], title: names[0] ? `Cutover of ${names[0]}` : "Cutover" }),
    form(names[0] ?? "", context),
    found ? answer(found, context) : h("p", { class: "lead" },
      "Looks at a domain's DNS as the world sees it, and says whether the migration of its mailboxes may be completed."),
  ],
};

function form(value, { refresh, open }) {
  const submit = (event) => {
    event.preventDefault();
    const name = new FormData(event.target).get("domain").trim();
    if (name === value) refresh();
    else if (name) open(`#/${path("domains", name)}`);
  };
  return h("form", { class: "ask", key: "ask", on: { submit } },
    h("label", { for: "domain" }, "Domain"),
    h("input", { id: "domain", name: "domain", value, placeholder: "contoso.com", required: true, autocomplete: "off",
      autocapitalize: "none", spellcheck: "false", inputmode: "url" }),
    h("button", { class: "primary" }, value ? "Look again" : "Look"));
}

function answer(found, context) {
  const boxes = found.mailboxes;
  const change = found.mx_change;
  return [
    found.safe_to_complete
      ? notice("done", "Safe to complete.", "Mail comes to Microsoft 365 alone, and nothing is left at the old server.")
      : notice("failed", "Not safe to complete yet."),
    found.why_not.length > 0 && section("What stands in the way", found.why_not.map((each) => notice("warning", each.why, each.remedy))),
    figures(
      ["Mailboxes", count(boxes.mailboxes), Object.entries(boxes.by_status).map(([status, n]) => `${count(n)} ${words(status)}`).join(", ") || "none in a batch"],
      ["Still receiving", count(boxes.still_receiving), `at the source; ${count(boxes.not_receiving)} are not${boxes.receiving_not_known ? `, of ${count(boxes.receiving_not_known)} it is not known` : ""}`],
      ["MX changed", change.first_seen ? when(change.first_seen) : "Not yet", change.cached_until ? `cached until ${when(change.cached_until)}` : "to Microsoft 365 alone"],
    ),
    section("Records", h("p", { class: "lead" }, `Asked ${when(found.asked)}: ${found.name_servers.join(", ") || "no name server answered"}. Expected by ${found.expected_by}.`),
      found.expected_remedy && h("p", { class: "lead" }, found.expected_remedy),
      table({ caption: `Mail records of ${found.domain}`, rows: found.records, key: (record) => `${record.record} ${record.name}`, columns: RECORDS })),
    testMessage(found.domain, found.trial, context),
    found.also_to_do.length > 0 && section("Also to do", found.also_to_do.map((each) => notice("ready", each.why, each.remedy))),
  ];
}

const lines = (values) => values.map((value) => h("code", null, value));

const RECORDS = [
  { label: "Record", cell: (record) => [h("span", { class: "name" }, record.record), h("span", { class: "under" }, record.name)] },
  { label: "State", cell: (record) => {
    const tone = TONES[record.state] ?? "other";
    return h("span", { class: `badge tone-${tone}` }, shape(tone), LABELS[record.state] ?? record.state);
  } },
  { label: "Found", class: "wide labelled", cell: (record) => (record.found.length ? lines(record.found) : "nothing") },
  { label: "Expected", class: "wide labelled", cell: (record) => lines([record.expected]) },
  { label: "TTL", numeric: true, cell: (record) => (record.ttl === null ? "–" : record.ttl < 60 ? some(record.ttl, "second") : duration(record.ttl)) },
  { label: "Why", class: "wide", cell: (record) => [record.why, h("span", { class: "under" }, record.remedy)] },
];
