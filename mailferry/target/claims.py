"""What an access token says about itself, and what that means when it isn't what we need.

The signature is the resource's business. Claims: Microsoft, "Access token claims reference".
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass

from mailferry.errors import LoginRefused, Transient
from mailferry.imap.failures import one_line

SIDE = "target"
EXCHANGE_SCOPE = "https://outlook.office365.com/.default"
GRAPH_SCOPE = "https://graph.microsoft.com/.default"
#: The one permission that lets an app into mailboxes by IMAP.
IMAP_ROLE = "IMAP.AccessAsApp"

#: The same resources by their application ids, which `aud` may hold instead.
_APPLICATION_IDS = {
    EXCHANGE_SCOPE: "00000002-0000-0ff1-ce00-000000000000",
    GRAPH_SCOPE: "00000003-0000-0000-c000-000000000000",
}
_GUID = re.compile(r"[0-9a-f-]{36}", re.IGNORECASE)
_ROLE_REMEDY = (
    "Run scripts/setup-entra.sh, or in the Entra admin center: API permissions, Add, APIs my organization uses, "
    f"Office 365 Exchange Online, Application permissions, {IMAP_ROLE}, then Grant admin consent. Azure keeps the "
    "tokens of a managed identity for up to 24 hours, so a permission given to the identity itself may show that late."
)


@dataclass(frozen=True, slots=True)
class Claims:
    """`expires` is in seconds since 1970; what the token doesn't say is empty or 0."""

    audience: str
    tenant: str
    roles: frozenset[str]
    expires: float


def read_claims(token: str) -> Claims | None:
    """The claims of a JWT, or None when the token is something else: only its resource has to understand it."""
    try:
        payload = token.split(".")[1]
        said = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return Claims(
            audience=str(said.get("aud", "")),
            tenant=str(said.get("tid", "")),
            roles=frozenset(map(str, said.get("roles", ()))),
            expires=float(said.get("exp", 0)),
        )
    except (IndexError, ValueError, AttributeError, TypeError):
        return None


def check_claims(claims: Claims, scope: str, tenant: str, now: float) -> None:
    """Say in words why a token would not let us in.

    `tenant` is compared when it is an id; a domain can't be. Raises LoginRefused for a token of another audience or
    tenant, or for Exchange without the app role; Transient for one that is over at `now` (seconds since 1970).
    """
    _check_audience(claims, scope)
    if _GUID.fullmatch(tenant) and claims.tenant.lower() != tenant.lower():
        raise LoginRefused(
            SIDE,
            f"The token is of the tenant {one_line(claims.tenant) or 'nobody'}, but ENTRA_TENANT_ID is {tenant}",
            "Correct ENTRA_TENANT_ID. A managed identity belongs to the tenant of its Azure subscription: for "
            "mailboxes of another tenant, use an app registration there with a certificate.",
        )
    if scope == EXCHANGE_SCOPE and IMAP_ROLE not in claims.roles:
        held = ", ".join(sorted(claims.roles))
        raise LoginRefused(
            SIDE,
            f"The app role {IMAP_ROLE} is missing: the token holds {one_line(held) or 'no app role at all'}",
            _ROLE_REMEDY,
        )
    if claims.expires <= now:
        raise Transient(
            SIDE,
            f"The token was over {now - claims.expires:,.0f} s before it came",
            "Check the clock of this machine. In Azure it is right, and the next token will be.",
        )


def _check_audience(claims: Claims, scope: str) -> None:
    resource = scope.removesuffix("/.default")
    if claims.audience.rstrip("/") not in (resource, _APPLICATION_IDS.get(scope)):
        raise LoginRefused(
            SIDE,
            f"The token is for {one_line(claims.audience) or 'nobody'}, not for {resource}",
            "Check ENTRA_AUTHORITY, and whether something between us and Entra changes requests.",
        )
