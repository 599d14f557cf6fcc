"""Who may do what through the HTTP API: the roles that Entra gives, or whatever a function key opens.

App Service's sign-in writes into headers who has signed in, and the platform says in the environment that it is in
front. Where it is not, these headers are whatever a caller has written, and count for nothing: there the Functions host
asks for a key, and whoever has one may do everything.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from mailferry.identity import caller_of, sign_in_in_front

#: What only looks (RFC 9110 §9.2.1).
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Role(StrEnum):
    """App roles, by the values that the app registration gives them."""

    READER = "reader"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever calls the HTTP API. `role` is None for those who may nothing, `signed_in` False for holders of a key."""

    name: str
    role: Role | None
    signed_in: bool


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not answered: the HTTP status, the cause and what to do."""

    status: int
    cause: str
    remedy: str


def caller(headers: Mapping[str, str], environment: Mapping[str, str] | None = None) -> Caller:
    """Who sends a request with these headers."""
    name = caller_of(headers, environment)
    if not sign_in_in_front(environment):
        return Caller(name, Role.OPERATOR, signed_in=False)
    principal = headers.get("X-MS-CLIENT-PRINCIPAL", "")
    roles = _roles(principal)
    role = next((role for role in (Role.OPERATOR, Role.READER) if role in roles), None)
    return Caller(name, role, signed_in=bool(principal))


def refusal(method: str, headers: Mapping[str, str], environment: Mapping[str, str] | None = None) -> Refusal | None:
    """Why this request is not for this caller, or None when it is."""
    who = caller(headers, environment)
    if not sign_in_in_front(environment):
        return None
    if not who.signed_in:
        return Refusal(401, "Nobody has signed in.", "Sign in with Entra, or bring a token of this app's registration.")
    if who.role is None:
        return Refusal(
            403,
            f"{who.name} has no role in Mailferry.",
            "Have somebody assign the role reader or operator to you: Entra admin center, Enterprise applications, "
            "this app, Users and groups. Then sign out, and in again.",
        )
    if method.upper() in _SAFE:
        return None
    if who.role is not Role.OPERATOR:
        return Refusal(
            403,
            f"{who.name} may look, but not change anything: the role is {who.role}.",
            "Ask somebody with the role operator to do it, or to have that role assigned to you.",
        )
    # The browser sends the session's cookie along, whichever site's page it is that asks for it.
    if headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
        return Refusal(403, "The request comes from a page of another site.", "Use Mailferry's own dashboard.")
    return None


def _roles(principal: str) -> frozenset[str]:
    """The app roles in the header's JSON; none when it is not what App Service writes for somebody of Entra."""
    try:
        document = json.loads(base64.b64decode(principal))
        kinds = {"roles", document["role_typ"]}
        return frozenset(claim["val"] for claim in document["claims"] if claim["typ"] in kinds)
    except (ValueError, KeyError, TypeError):
        return frozenset()
