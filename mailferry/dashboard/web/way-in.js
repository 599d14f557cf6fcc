// How one gets in: by a function key, or by Entra's sign-in where that stands in front.

import { forgetKey, hasKey, keepKey, waysIn } from "./api.js";
import { h } from "./dom.js";
import { notice } from "./pieces.js";

const here = () => encodeURIComponent(`/api/dashboard${location.hash}`);

/** What is shown instead of a view to whoever is not in. `failure` says why, null at the first visit. */
export function wayIn(failure, enter) {
  return h("section", { class: "way-in", "aria-labelledby": "way-in" },
    h("h1", { id: "way-in", tabindex: "-1" }, "Mailferry"),
    h("p", { class: "lead" }, "Mailboxes on their way into Microsoft 365."),
    failure && notice("failed", failure.message, failure.remedy),
    waysIn.key ? keyForm(failure, enter) : signIn(failure));
}

function keyForm(failure, enter) {
  const submit = (event) => {
    event.preventDefault();
    keepKey(new FormData(event.target).get("key").trim());
    enter();
  };
  return h("form", { on: { submit } },
    h("label", { for: "key" }, "Function key"),
    h("input", { id: "key", name: "key", type: "password", required: true, autocomplete: "off", spellcheck: "false",
      "aria-describedby": "key-help", "aria-invalid": failure ? "true" : null }),
    h("p", { id: "key-help", class: "muted" }, "It is kept in this tab only, and forgotten when the tab is closed. You find it with"),
    h("pre", null, h("code", null, "az functionapp keys list --resource-group <group> --name <app> --query functionKeys.default --output tsv")),
    h("button", { class: "primary" }, "Open"));
}

const signIn = (failure) =>
  h("p", null, h("a", { class: "button primary", href: `/.auth/login/aad?post_login_redirect_uri=${here()}` },
    failure?.status === 403 ? "Sign in as somebody else" : "Sign in with Microsoft Entra"));

/** Who is in, and the way out. */
export function who(me, leave) {
  if (!me) return [];
  const out = me.signed_in
    ? h("a", { href: "/.auth/logout?post_logout_redirect_uri=%2Fapi%2Fdashboard" }, "Sign out")
    : hasKey() && h("button", { type: "button", class: "plain", on: { click: () => { forgetKey(); leave(); } } }, "Forget key");
  return [h("span", { class: "me" }, me.signed_in ? `${me.name} · ${me.role}` : "Function key"), out];
}
