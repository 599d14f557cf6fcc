"""What Google answers to a service account that asks for access to a user's mail, and what it means, as data.

The answers are those of RFC 6749 §5.2 (`error`, `error_description`); their texts were collected from reports of
users, and from "Using OAuth 2.0 for Server to Server Applications".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from mailferry.errors import LoginRefused
from mailferry.imap.failures import one_line
from mailferry.source.service_account import ServiceAccount

SIDE = "source"
#: All that is asked for: mail over IMAP. Google has no narrower scope for it that every domain takes.
SCOPE = "https://mail.google.com/"


@dataclass(frozen=True, slots=True)
class _Rule:
    """An error, by its code and the words that tell it from others of that code."""

    error: str
    words: str
    cause: str
    remedy: str

    def fits(self, error: str, description: str) -> bool:
        return bool(re.fullmatch(self.error, error) and re.search(self.words, description, re.IGNORECASE))


_DELEGATION = (
    "In the Google Admin console under Security, Access and data control, API controls, Manage domain-wide delegation, "
    f"add the client ID {{client_id}} with the scope {SCOPE} exactly as it stands here. It takes up to 24 hours."
)
_NEW_KEY = "Make a new JSON key of the service account {email}, and put it into GOOGLE_SERVICE_ACCOUNT."
_RULES = (
    _Rule(
        r"unauthorized_client|access_denied|invalid_scope",
        "",
        "does not let the service account {email} act for {user}: the domain has not delegated that to it",
        _DELEGATION,
    ),
    _Rule(
        "invalid_grant",
        r"signature|no application|key",
        "does not take the key of the service account {email}: it was deleted, disabled or has expired",
        _NEW_KEY,
    ),
    _Rule(
        "invalid_grant",
        r"short-lived|timeframe|\biat\b|\bexp\b",
        "takes our time for wrong",
        "Set the clock of the machine that Mailferry runs on. In Azure it is right: then try again.",
    ),
    _Rule(
        "invalid_grant",
        r"suspended|disabled|deleted",
        "says that the account {user} is suspended or deleted",
        "Restore the user in the Google Admin console for the time of the migration, or take the row out of the CSV.",
    ),
    _Rule(
        "invalid_grant",
        r"account not found",
        "does not know the service account {email} any more",
        _NEW_KEY,
    ),
    _Rule(
        "invalid_grant",
        "",
        "knows no user {user}",
        "Write the user's primary address into UserName: no alias, no group, and in a domain of the Google Workspace "
        "that has delegated access to the service account. Gmail addresses of private persons can't be opened so.",
    ),
    _Rule(
        r"invalid_client|deleted_client|disabled_client",
        "",
        "does not know the service account {email} any more, or has disabled it",
        "Enable the service account in the Google Cloud console, or make a new one with a key, delegate access to it, "
        "and put the key into GOOGLE_SERVICE_ACCOUNT.",
    ),
    _Rule(
        r"admin_policy_enforced|org_internal",
        "",
        "forbids it by a policy of the Google Workspace",
        "In the Google Admin console under API controls, trust the app with the client ID {client_id}.",
    ),
)
_OTHER = _Rule("", "", "refused a token for {user}", f"Look the words up in Google's documentation. {_DELEGATION}")


def of_answer(
    account: ServiceAccount, host: str, user: str, answer: Mapping[str, object], assertion: str
) -> LoginRefused:
    """The error for Google's no. The assertion, should Google echo it, is not in its text."""
    error, description = (one_line(str(answer.get(name) or ""), [assertion]) for name in ("error", "error_description"))
    rule = next((rule for rule in _RULES if rule.fits(error, description)), _OTHER)
    told = {"email": account.email, "client_id": account.client_id, "user": user}
    words = ": ".join(filter(None, (error, description))) or "without a reason"
    return LoginRefused(SIDE, f"{host} {rule.cause.format(**told)} ({words})", rule.remedy.format(**told))
