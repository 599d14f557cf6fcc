// A test message by way of a domain's new MX: sent on request, and looked for in its mailbox.

import { act, ask, Failure, path } from "./api.js";
import { h, say } from "./dom.js";
import { when } from "./format.js";
import { notice, section } from "./pieces.js";

//: Why the last one could not be sent, and the address that was last typed, by domain.
const failures = new Map();
const typed = new Map();

const pathOf = (domain) => path("domains", domain, "test-message");

/** The domain's last test message, looked for again; null when none was sent or nobody can tell. */
export async function lastTestMessage(domain, signal) {
  try {
    return await ask(pathOf(domain), {}, { signal });
  } catch (error) {
    if (error instanceof Failure) return null;
    throw error;
  }
}

export function testMessage(domain, last, { me, refresh }) {
  const submit = async (event) => {
    event.preventDefault();
    const mailbox = new FormData(event.target).get("mailbox").trim();
    const button = event.target.querySelector("button");
    button.disabled = true;
    typed.set(domain, mailbox);
    failures.delete(domain);
    say("Sending a test message.");
    try {
      await act(pathOf(domain), { mailbox });
      say("The test message was sent.");
    } catch (failure) {
      failures.set(domain, failure);
    }
    button.disabled = false;
    refresh();
  };
  const failure = failures.get(domain);
  return section("Test message",
    h("p", { class: "lead" }, "One small message as any stranger would send it, by the server that the MX names, to a mailbox of a batch."),
    failure && h("div", { role: "alert" }, notice("failed", failure.message, failure.remedy)),
    last && outcome(last),
    me.role === "operator" && h("form", { class: "ask", key: "test", on: { submit } },
      h("label", { for: "test-mailbox" }, "Mailbox"),
      h("input", { id: "test-mailbox", name: "mailbox", type: "email", required: true, autocomplete: "off", value: typed.get(domain) ?? last?.address ?? "",
        placeholder: `anna@${domain}` }),
      h("button", null, "Send")));
}

const outcome = (last) =>
  notice(last.arrived ? (last.folder === "INBOX" ? "done" : "warning") : "waiting",
    last.arrived && last.folder === "INBOX" ? `It has arrived in ${last.address}.` : last.why, last.remedy,
    h("p", { class: "muted" }, `Sent ${when(last.sent)} to ${last.address} by ${last.host}, which said: ${last.said}`));
