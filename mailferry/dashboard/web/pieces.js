// Small pieces that several views are made of.

import { h } from "./dom.js";
import { shape } from "./status.js";

/** The head of a view: where one is, its name, and what stands beside it. */
export function head({ trail = [], title, beside = [], below = [] }) {
  return h("div", { class: "head" },
    trail.length > 0 && h("nav", { "aria-label": "Where you are", class: "trail" },
      h("ol", null, trail.map(([words, link]) => h("li", null, link ? h("a", { href: link }, words) : words)))),
    h("div", { class: "head-line" }, h("h1", { tabindex: "-1" }, title), beside), below);
}

/** Figures side by side: each a label, a value, and a word about it. */
export const figures = (...all) =>
  h("dl", { class: "figures" }, all.filter(Boolean).map(([label, value, note, drawing]) =>
    h("div", { class: "figure" }, h("dt", null, label), h("dd", { class: "value" }, value),
      (note || drawing) && h("dd", { class: "note" }, note, drawing))));

/** Something that deserves to be read: what is the matter, and what to do. */
export const notice = (tone, cause, remedy, ...more) =>
  h("div", { class: `notice tone-${tone}` }, shape(tone),
    h("div", null, h("p", { class: "cause" }, cause), remedy && h("p", { class: "remedy" }, remedy), more));

/** Says that there is nothing, and what would change that. */
export const nothing = (title, ...words) =>
  h("div", { class: "nothing" }, h("p", { class: "nothing-title" }, title), words.map((each) => h("p", null, each)));

export const section = (title, ...content) => {
  const id = `section-${title.toLowerCase().replace(/\W+/g, "-")}`;
  return h("section", { "aria-labelledby": id, key: id }, h("h2", { id }, title), content);
};

/** The two views of a batch. */
export const tabs = (link, now) =>
  h("nav", { class: "tabs", "aria-label": "Views of the batch" },
    [["Mailboxes", link], ["Validation", `${link}/validation`]].map(([label, href]) =>
      h("a", { href, "aria-current": label === now ? "page" : null }, label)));
