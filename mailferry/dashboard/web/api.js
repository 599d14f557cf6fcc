// Asks Mailferry's HTTP API. The function key lives as long as the browser's tab does, and goes nowhere else.

const KEY = "mailferry-key";
const PATIENCE = 90_000;

/** Why there is no answer: the HTTP status (0: none came), the cause, and what to do. */
export class Failure extends Error {
  constructor(status, cause, remedy = "") {
    super(cause);
    this.status = status;
    this.remedy = remedy;
  }
}

export const waysIn = { key: document.documentElement.dataset.wayIn !== "sign-in" };

export const hasKey = () => Boolean(sessionStorage.getItem(KEY));

export const keepKey = (key) => sessionStorage.setItem(KEY, key);

export const forgetKey = () => sessionStorage.removeItem(KEY);

/** The JSON that the API has under this path. Throws Failure. */
export async function ask(path, query = {}, { method = "GET", body: sent, signal } = {}) {
  const given = Object.entries(query).filter(([, value]) => value);
  const search = given.length ? `?${new URLSearchParams(given)}` : "";
  const key = sessionStorage.getItem(KEY);
  const signals = [AbortSignal.timeout(PATIENCE), ...(signal ? [signal] : [])];
  let response;
  try {
    response = await fetch(`/api/${path}${search}`, {
      method,
      headers: key ? { "x-functions-key": key } : {},
      body: sent && JSON.stringify(sent),
      cache: "no-store",
      signal: AbortSignal.any(signals),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    if (error.name === "TimeoutError") {
      throw new Failure(0, "Mailferry takes too long to answer.", "It may be starting, or very busy. Try again soon.");
    }
    throw new Failure(0, "Mailferry can't be reached.", "Check your connection, and whether the function app runs.");
  }
  const body = await response.json().catch(() => null);
  if (response.ok && body) return body;
  throw new Failure(response.status, body?.error ?? causeOf(response.status), body?.remedy ?? remedyOf(response.status));
}

export const act = (path, body) => ask(path, {}, { method: "POST", body });

function causeOf(status) {
  if (status === 401) return waysIn.key ? "The function key was not accepted." : "You are not signed in any more.";
  if (status === 404) return "Mailferry does not have this.";
  if (status === 429 || status === 503) return "Mailferry is busy or starting.";
  return `Mailferry failed to answer (HTTP ${status}).`;
}

function remedyOf(status) {
  if (status === 404) return "It may have been removed, or this version of Mailferry does not know it.";
  if (status === 401) return "";
  return "It is tried again by itself. If it stays so, look at the function app's failures in Application Insights.";
}

/** The parts of a path, each spelled as addresses want it. */
export const path = (...parts) => parts.map(encodeURIComponent).join("/");
