// What can be done with batches and mailboxes: each is explained before it is done, and its answer shown after.

import { act, path } from "./api.js";
import { h, say, show } from "./dom.js";
import { count, some } from "./format.js";
import { notice } from "./pieces.js";

/**
 * `does` is what will happen, for a batch and for one mailbox; `wanted` tells from the statuses, and from how mailboxes
 * are held, whether it is the likely thing to do, `grave` that it can't be taken back.
 */
const OPERATIONS = {
  start: {
    label: "Start",
    done: "started",
    does: ["Mailboxes that wait to be started stand in line, and are copied as their turn comes.",
      "The mailbox stands in line, and is copied as its turn comes."],
    wanted: (has) => has("validated"),
  },
  pause: {
    label: "Pause",
    done: "paused",
    does: ["Mailboxes that run or wait stop after the messages that are on their way. Nothing is lost: Resume goes on where they were. Failed ones stay as they are, with their cause. Mailboxes that a CSV brings later are paused too.",
      "The mailbox stops after the messages that are on their way. Nothing is lost: Resume goes on where it was."],
    wanted: (has) => has("Queued", "Validating", "Syncing", "IncrementalSyncing", "Completing"),
  },
  resume: {
    label: "Resume",
    done: "resumed",
    does: ["Paused mailboxes stand in line again and go on where they were. Those that were stopped stay so: each is resumed by itself.",
      "The mailbox stands in line again and goes on where it was."],
    wanted: (has, kind) => has("paused") || (kind === 1 && has("stopped")),
  },
  retry: {
    label: "Retry failed",
    done: "tried again",
    does: ["Failed mailboxes stand in line again and go on where they failed. Mend the cause first, or they fail again.",
      "The mailbox stands in line again and goes on where it failed. Mend the cause first, or it fails again."],
    wanted: (has) => has("Failed", "IncrementalFailed"),
  },
  sync: {
    label: "Sync now",
    done: "to be synced",
    does: ["Mailboxes that are Synced stand in line for a pass that carries what is new at the source, instead of waiting for the night.",
      "The mailbox stands in line for a pass that carries what is new at the source, instead of waiting for the night."],
    wanted: () => false,
  },
  complete: {
    label: "Complete",
    done: "to be completed",
    does: ["Each mailbox gets a final pass and is compared with its source; then its password is destroyed and it is no longer kept in sync. First have the domain's mail go to Microsoft 365 (see Cutover): what arrives at the old server later stays there.",
      "The mailbox gets a final pass and is compared with its source; then its password is destroyed and it is no longer kept in sync. What arrives at the old server later stays there."],
    wanted: (has) => has("Synced") && !has("Queued", "Validating", "Syncing", "IncrementalSyncing"),
    grave: true,
  },
  revalidate: {
    label: "Validate again",
    done: "to be validated",
    does: ["Each mailbox is logged in to, and its folders, messages and sizes are looked at. Nothing is copied.",
      "The mailbox is logged in to, and its folders, messages and sizes are looked at. Nothing is copied."],
    wanted: () => false,
  },
  stop: {
    label: "Stop",
    done: "stopped",
    does: ["All mailboxes stop after the messages that are on their way, and stay stopped when the batch is resumed: each has to be resumed by itself. To hold the whole batch for a while, pause it instead.",
      "The mailbox stops after the messages that are on their way, and stays stopped when its batch is resumed: it has to be resumed by itself."],
    wanted: () => false,
  },
  remove: {
    label: "Remove",
    done: "to be removed",
    does: ["Mailferry forgets the batch: its mailboxes, their passwords and what is known of their folders. Mail stays where it is, at the source and in Microsoft 365. Its reports stay too.",
      "Mailferry forgets the mailbox: its password and what is known of its folders. Mail stays where it is, at the source and in Microsoft 365."],
    wanted: () => false,
    grave: true,
    typed: true,
  },
};

const ORDER = ["start", "resume", "retry", "pause", "complete", "sync", "revalidate", "stop", "remove"];

export const batchOperations = (found, context) =>
  toolbar({ kind: 0, name: found.batch, path: path("batches", found.batch), statuses: [...Object.keys(found.by_status), ...Object.keys(found.by_held)] }, context);

export const mailboxOperations = (box, context) =>
  toolbar({ kind: 1, name: box.address, path: path("batches", box.batch, "mailboxes", box.id), statuses: [box.status, box.held] }, context);

export const validationOperations = (found, context) =>
  context.me.role === "operator" && h("div", { class: "operations", role: "group", "aria-label": "Operations" },
    ["revalidate", "start"].map((name) =>
      button({ kind: 0, name: found.batch, path: path("batches", found.batch), statuses: [] }, name, context, name === "revalidate")));

function toolbar(target, context) {
  if (context.me.role !== "operator") return h("p", { class: "muted reader" }, "You may look, but not change anything: your role is reader.");
  const has = (...statuses) => statuses.some((status) => target.statuses.includes(status));
  const likely = ORDER.filter((name) => OPERATIONS[name].wanted(has, target.kind));
  const others = ORDER.filter((name) => !likely.includes(name));
  const keydown = (event) => {
    if (event.key !== "Escape") return;
    event.currentTarget.removeAttribute("open");
    event.currentTarget.querySelector("summary").focus();
  };
  return h("div", { class: "operations", role: "group", "aria-label": "Operations" },
    likely.map((name, number) => button(target, name, context, number === 0)),
    h("details", { class: "more", key: "more", "aria-label": "More operations", on: { keydown } }, h("summary", null, likely.length ? "More" : "Operations"),
      h("div", { class: "menu" }, others.map((name) => button(target, name, context, false)))));
}

function button(target, name, context, primary) {
  const click = (event) => {
    event.target.closest("details")?.removeAttribute("open");
    ask(target, name, context, event.target.closest("details")?.querySelector("summary") ?? event.target);
  };
  return h("button", { type: "button", key: name, class: [primary && "primary", OPERATIONS[name].grave && "grave"].filter(Boolean).join(" ") || null, on: { click } },
    OPERATIONS[name].label);
}

/** The dialog: what will happen, then what has. */
function ask(target, name, context, opener) {
  const operation = OPERATIONS[name];
  const dialog = document.getElementById("dialog");
  const close = () => dialog.close();
  let typed = "";
  const draw = (state, ...content) => {
    const busy = state === "busy";
    const title = `${operation.label}: ${target.name}`;
    show(dialog, h("div", { class: "dialog-body" },
      h("h2", { id: "dialog-title", tabindex: "-1" }, title), content,
      h("div", { class: "dialog-end" },
        state === "done"
          ? h("button", { type: "button", key: "close", class: "primary", on: { click: close } }, "Close")
          : [h("button", { type: "button", key: "cancel", disabled: busy, on: { click: close } }, "Cancel"),
            h("button", { type: "button", key: "confirm", class: operation.grave ? "primary grave" : "primary",
              disabled: busy || (operation.typed && typed !== target.name), on: { click: run } },
            busy ? "Working …" : `${operation.label}`)])));
  };
  const question = () => draw("ask", h("p", null, operation.does[target.kind]),
    operation.typed && h("label", { class: "typed", key: "typed" }, `Type ${target.name} to confirm`,
      h("input", { key: "name", autocomplete: "off", spellcheck: "false", value: typed, on: { input: (event) => { typed = event.target.value; question(); } } })));
  const run = async () => {
    draw("busy", h("p", null, "Mailferry is at it. A large batch takes some seconds."));
    try {
      const answer = await act(`${target.path}/${name}`);
      draw("done", outcome(operation, answer));
      say(`${operation.label}: ${some(answer.changed, "mailbox", "mailboxes")} ${operation.done}.`);
    } catch (failure) {
      draw("done", notice("failed", failure.message, failure.remedy));
    }
    dialog.querySelector(".primary").focus();
    context.refresh();
  };
  question();
  dialog.onclose = () => opener.isConnected && opener.focus();
  dialog.showModal();
  // The way back has the focus, not the way on.
  dialog.querySelector(operation.typed ? "input" : "[data-key=cancel]").focus();
}

function outcome(operation, answer) {
  const left = Object.entries(answer.unchanged);
  return [
    answer.left > 0 && notice("ready", `${some(answer.left, "mailbox is", "mailboxes are")} still to come.`, "It goes on by itself: you may close this."),
    notice(answer.changed ? "done" : "ready",
      answer.changed ? `${some(answer.changed, "mailbox", "mailboxes")} ${operation.done}.` : "Nothing had to be changed."),
    left.length > 0 && h("div", null, h("p", null, "Left as they were:"),
      h("ul", null, left.map(([why, number]) => h("li", null, `${count(number)}: ${why}`)))),
  ];
}
