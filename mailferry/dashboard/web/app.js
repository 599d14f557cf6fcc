// Shows the view that the address names, and keeps it up to date.

import { ask, Failure, hasKey, waysIn } from "./api.js";
import { h, say, show } from "./dom.js";
import { atTime } from "./format.js";
import { head, notice } from "./pieces.js";
import { batch } from "./view-batch.js";
import { batches } from "./view-batches.js";
import { domain } from "./view-domain.js";
import { mailbox } from "./view-mailbox.js";
import { validation } from "./view-validation.js";
import { wayIn, who } from "./way-in.js";

const ROUTES = [
  [/^\/?$/, batches],
  [/^\/batches\/([^/]+)$/, batch],
  [/^\/batches\/([^/]+)\/validation$/, validation],
  [/^\/batches\/([^/]+)\/mailboxes\/([^/]+)$/, mailbox],
  [/^\/domains(?:\/([^/]+))?$/, domain],
];
const TOKENS = ["next", "folders_next", "items_next"];
const LONGEST_WAIT = 60_000;
const TYPING = 300;

const main = document.getElementById("main");
const trouble = document.getElementById("trouble");
let me = null;
//: The view that is shown: what it was asked with, its last answer, and when it is asked again.
let now = { stop: new AbortController() };
let typing;
let moved = false;

function place() {
  const [where, search = ""] = location.hash.slice(1).split("?");
  for (const [pattern, view] of ROUTES) {
    const found = pattern.exec(where);
    if (found) return { view, where, names: found.slice(1).filter(Boolean).map(decoded), query: Object.fromEntries(new URLSearchParams(search)) };
  }
  return { view: batches, where: "/", names: [], query: {} };
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** Begins to show what the address names now. */
function open() {
  clearTimeout(now.timer);
  now.stop.abort();
  const next = place();
  const same = now.where === next.where;
  const trails = Object.fromEntries(TOKENS.map((token) => [token, same ? trail(token, next) : []]));
  now = { ...next, trails, stop: new AbortController(), failures: 0, data: same ? now.data : undefined, fresh: !same };
  if (!same) {
    document.getElementById("dialog").close();
    show(trouble);
    show(main, h("p", { class: "loading", key: "loading" }, "Loading …"));
  }
  main.setAttribute("aria-busy", "true");
  showFrame();
  refresh();
}

/** The tokens of the pages before the one that is opened. */
function trail(name, next) {
  const before = now.query?.[name] ?? "";
  const token = next.query[name] ?? "";
  const known = now.trails[name];
  if (!token || token === before) return token ? known : [];
  return known.includes(token) ? known.slice(0, known.indexOf(token)) : [...known, before];
}

async function refresh() {
  const mine = now;
  clearTimeout(mine.timer);
  const began = performance.now();
  try {
    me ??= await ask("me", {}, { signal: mine.stop.signal });
    mine.loading = true;
    const data = await mine.view.load(mine, mine.stop.signal);
    if (mine !== now) return;
    Object.assign(mine, { data, failures: 0, failure: null, read: new Date() });
  } catch (failure) {
    if (mine !== now) return;
    if (failure.status === 401 || (failure.status === 403 && !me)) return askToEnter(failure);
    Object.assign(mine, { failure, failures: mine.failures + 1 });
  }
  render();
  const usual = Math.max(mine.view.every, 4 * (performance.now() - began));
  const wait = mine.failures ? Math.min(LONGEST_WAIT, 5000 * 2 ** (mine.failures - 1)) : usual;
  if (mine.view.every && !document.hidden) mine.timer = setTimeout(refresh, wait);
}

function render() {
  const { view, data, failure } = now;
  showFrame();
  main.removeAttribute("aria-busy");
  document.title = `${view.title(now, data)} – Mailferry`;
  if (data !== undefined) show(main, drawn(view, data));
  else if (failure) show(main, view.failed?.(failure, context()) ?? head({ title: view.title(now) }), failed(failure));
  const stale = data !== undefined && failure;
  show(trouble, stale && h("div", { class: "stale", role: "alert" },
    notice("warning", failure.message, `${failure.remedy} What you see is of ${atTime(now.read)}.`), again()));
  if (now.fresh) {
    now.fresh = false;
    // Whoever has just come begins at the top of the page.
    if (moved) main.querySelector("h1")?.focus({ preventScroll: true });
    moved = true;
    scrollTo(0, 0);
    say(document.title);
  }
}

/** What the view makes of the data, or words where it can make nothing of it. */
function drawn(view, data) {
  try {
    return view.render(data, context());
  } catch (error) {
    console.debug(error);
    const remedy = "Reload the page: it may be older than the app. If that does not help, please report it.";
    return [head({ title: view.title(now) }), failed(new Failure(0, "This page can't show what the app has answered.", remedy))];
  }
}

const again = () => h("button", { type: "button", key: "again", on: { click: refresh } }, "Try now");

const failed = (failure) => h("div", { class: "failed-view", role: "alert" }, notice("failed", failure.message, failure.remedy), again());

function showFrame() {
  const link = (href, label, views) => h("a", { href, "aria-current": views.includes(now.view) ? "true" : null }, label);
  show(document.getElementById("views"), me && [link("#/", "Batches", [batches, batch, validation, mailbox]), link("#/domains", "Cutover", [domain])]);
  show(document.getElementById("who"), who(me, leave));
  const live = now.view.every > 0 && now.read;
  show(document.getElementById("live"), live && [
    h("span", { class: `dot${now.failure ? " dot-off" : ""}`, "aria-hidden": "true" }),
    now.failure ? `Not up to date, of ${atTime(now.read)}` : `Up to date at ${atTime(now.read)}`]);
}

function context() {
  const { names, query, trails } = now;
  return {
    names,
    query,
    me,
    refresh,
    open: (address) => { location.hash = address; },
    go: (changes) => { location.hash = address(changes); },
    // Each letter would be a place to come back to.
    typed: (changes) => {
      clearTimeout(typing);
      typing = setTimeout(() => { history.replaceState(null, "", address(changes)); open(); }, TYPING);
    },
    back: (name) => trails[name].at(-1) ?? null,
    turned: (name) => trails[name].length,
  };
}

/** The address of the view with these changes of its query. */
function address(changes) {
  const query = Object.entries({ ...now.query, ...changes }).filter(([, value]) => value);
  return `#${now.where}${query.length ? `?${new URLSearchParams(query)}` : ""}`;
}

function askToEnter(failure) {
  me = null;
  clearTimeout(now.timer);
  main.removeAttribute("aria-busy");
  document.getElementById("dialog").close();
  show(trouble);
  document.title = "Mailferry";
  // Without a key at the first visit nothing has failed yet.
  show(main, wayIn(waysIn.key && !hasKey() ? null : failure.status === 401 && !waysIn.key && !now.read ? null : failure, enter));
  now = { ...now, data: undefined, read: null, fresh: true };
  moved = true;
  showFrame();
  (main.querySelector("input") ?? main.querySelector("a.button")).focus();
}

function enter() {
  main.setAttribute("aria-busy", "true");
  now = { ...now, stop: new AbortController(), failures: 0 };
  refresh();
}

function leave() {
  now.stop.abort();
  askToEnter({ status: 401 });
}

addEventListener("hashchange", open);
document.addEventListener("pointerdown", (event) => {
  for (const menu of main.querySelectorAll("details[open]")) {
    if (!menu.contains(event.target)) menu.removeAttribute("open");
  }
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden) clearTimeout(now.timer);
  else if (me) refresh();
});
open();
