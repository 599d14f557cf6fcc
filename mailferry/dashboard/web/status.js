// Statuses as a person reads them: words, a shape and a tone. One that is not known here is shown all the same.

import { h } from "./dom.js";

const TONES = {
  Queued: "waiting",
  Validating: "running",
  Validated: "ready",
  Ready: "done",
  Starting: "running",
  Syncing: "running",
  IncrementalSyncing: "running",
  Completing: "running",
  Synced: "done",
  Completed: "done",
  CompletedWithWarnings: "warning",
  SyncedWithErrors: "warning",
  CompletedWithErrors: "warning",
  IncrementalFailed: "failed",
  Failed: "failed",
  Stopping: "stopped",
  Removing: "stopped",
  Stopped: "stopped",
  LeftOut: "stopped",
  GoneAtSource: "stopped",
};

//: From what is done to what has not begun: the order of bars and legends.
const RANKS = ["done", "warning", "running", "ready", "waiting", "stopped", "failed", "other"];

const SHAPES = {
  done: ["M8 1.500a6.500 6.500 0 1 0 0 13 6.500 6.500 0 0 0 0-13Z", "m5 8.200 2.100 2.100L11.200 6"],
  warning: ["M8 1.800 15 14H1Z", "M8 6.300v3.400M8 11.700v.1"],
  running: ["M8 1.500a6.500 6.500 0 1 0 0 13 6.500 6.500 0 0 0 0-13Z", "M6.600 5.300 10.800 8l-4.200 2.700Z"],
  ready: ["M8 1.500a6.500 6.500 0 1 0 0 13 6.500 6.500 0 0 0 0-13Z", "M5 8h6"],
  waiting: ["M8 1.500a6.500 6.500 0 1 0 0 13 6.500 6.500 0 0 0 0-13Z", "M8 4.600V8l2.300 1.500"],
  stopped: ["M2 2h12v12H2Z", "M6.200 5.500v5M9.800 5.500v5"],
  failed: ["M5.300 1.500h5.400l3.800 3.800v5.400l-3.800 3.800H5.300l-3.800-3.800V5.300Z", "m5.700 5.700 4.600 4.600m0-4.600-4.600 4.600"],
  other: ["M8 1.500a6.500 6.500 0 1 0 0 13 6.500 6.500 0 0 0 0-13Z", "M6.300 6.200c0-2.300 3.500-2.200 3.500 0 0 1.400-1.800 1.400-1.800 2.900M8 11.600v.1"],
};

export const toneOf = (status) => TONES[status] ?? "other";

/** `IncrementalSyncing` as `Incremental syncing`. */
export const words = (status) =>
  status.replace(/([a-z])([A-Z])/g, (_, end, start) => `${end} ${start.toLowerCase()}`);

export const byRank = (one, other) =>
  RANKS.indexOf(toneOf(one)) - RANKS.indexOf(toneOf(other)) || one.localeCompare(other);

export function shape(tone) {
  const [outline, sign] = SHAPES[tone];
  return h("svg", { class: `shape tone-${tone}`, viewBox: "0 0 16 16", "aria-hidden": "true" },
    h("path", { class: "outline", d: outline }), h("path", { class: "sign", d: sign }));
}

export const badge = (status) =>
  h("span", { class: `badge tone-${toneOf(status)}` }, shape(toneOf(status)), words(status));
