"""Users and licences of the tenant through Microsoft Graph: what is there, and what is made.

Sources: Microsoft Graph, "Create user", "user: assignLicense" (needs a usage location), "List subscribedSkus".
Application permissions: User.ReadWrite.All, Organization.Read.All.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mailferry.errors import Busy, DirectoryRefused, Transient
from mailferry.provision.users_csv import User
from mailferry.target.graph import SIDE, Answer, Found, Graph, Refused, segment

_SELECT = "$select=id,userPrincipalName,usageLocation,assignedLicenses"
_PERMISSION = (
    "Give the app the application permissions User.ReadWrite.All and Organization.Read.All "
    "(scripts/setup-entra.sh --provision). They take effect within an hour."
)
#: Random bytes of an initial password, which nobody gets to know.
_PASSWORD_BYTES = 32


@dataclass(frozen=True, slots=True)
class Licence:
    """A subscription of the tenant, and how many of its licences nobody has."""

    id: str
    sku: str
    free: int


@dataclass(frozen=True, slots=True)
class Known:
    """A user who is there."""

    id: str
    location: str
    licences: frozenset[str]


@dataclass(frozen=True, slots=True)
class Directory:
    """Asks and changes the directory. Raises `Transient` errors, and DirectoryRefused for what waiting won't mend."""

    graph: Graph

    def licences(self) -> dict[str, Licence]:
        """The tenant's subscriptions by skuPartNumber, in upper case."""
        answer = _taken(self.graph.get("/subscribedSkus"), "read the tenant's licences")
        found = {}
        for row in answer.rows("value"):
            enabled, used = row.child("prepaidUnits").body.get("enabled"), row.body.get("consumedUnits")
            free = (enabled if isinstance(enabled, int) else 0) - (used if isinstance(used, int) else 0)
            sku = row.text("skuPartNumber").upper()
            found[sku] = Licence(row.text("skuId"), sku, max(0, free))
        return found

    def known(self, users: Sequence[User]) -> list[Known | Transient | DirectoryRefused | None]:
        """Who of them is there, None for those who are not; errors as values, in the order of `users`."""
        answers = self.graph.get_all([f"/users/{segment(user.upn)}?{_SELECT}" for user in users])
        return [_known(answer, user) for answer, user in zip(answers, users, strict=True)]

    def make(self, user: User) -> Known:
        """Make the user, enabled, with a password that nobody knows and that must be changed at the first sign-in."""
        body: dict[str, object] = {
            "accountEnabled": True,
            "userPrincipalName": user.upn,
            "displayName": user.display,
            "mailNickname": user.upn.partition("@")[0],
            "usageLocation": user.location,
            "passwordProfile": {
                "forceChangePasswordNextSignIn": True,
                "password": f"{secrets.token_urlsafe(_PASSWORD_BYTES)}aA1!",
            },
        }
        body |= {name: value for name, value in (("givenName", user.given), ("surname", user.surname)) if value}
        answer = _taken(self.graph.post("/users", body), f"make the user {user.upn}")
        return Known(answer.text("id"), user.location, frozenset())

    def place(self, known: Known, user: User) -> None:
        """Set the usage location of a user who has none."""
        path, body = f"/users/{segment(known.id)}", {"usageLocation": user.location}
        _taken(self.graph.patch(path, body), f"set the usage location of {user.upn}")

    def license(self, known: Known, user: User, licence: Licence) -> None:
        """Assign the licence. `Busy` when the directory does not know the user everywhere yet."""
        body: Mapping[str, object] = {"addLicenses": [{"skuId": licence.id}], "removeLicenses": []}
        answer = self.graph.post(f"/users/{segment(known.id)}/assignLicense", body)
        if isinstance(answer, Refused) and answer.missing:
            raise Busy(SIDE, f"{user.upn} was made just now, and is not known everywhere yet")
        _taken(answer, f"assign {licence.sku} to {user.upn}")


def _known(answer: Answer, user: User) -> Known | Transient | DirectoryRefused | None:
    if isinstance(answer, Transient):
        return answer
    if isinstance(answer, Refused):
        return None if answer.missing else _refused(answer, f"look for {user.upn}")
    licences = frozenset(row.text("skuId") for row in answer.rows("assignedLicenses"))
    return Known(answer.text("id"), answer.text("usageLocation"), licences)


def _taken(answer: Found | Refused, what: str) -> Found:
    if isinstance(answer, Refused):
        raise _refused(answer, what)
    return answer


def _refused(answer: Refused, what: str) -> DirectoryRefused:
    cause = f"Entra refused to {what}: {answer.code}: {answer.message}"
    if answer.denied:
        return DirectoryRefused(cause, _PERMISSION, of_all=True)
    said = answer.message.casefold()
    if "available licenses" in said:
        return DirectoryRefused(
            cause, "Buy licences or take some away (admin centre: Billing > Licenses), then go again."
        )
    if "verified domain" in said or "domain portion" in said:
        return DirectoryRefused(
            cause, "Use a domain that is verified in the tenant (admin centre: Settings > Domains)."
        )
    if "usage location" in said:
        return DirectoryRefused(cause, "Correct UsageLocation: a country in which the licence may be used.")
    if "same value" in said or "already exists" in said:
        return DirectoryRefused(
            cause, "Another object has this name or address (also a deleted user): remove it there."
        )
    return DirectoryRefused(cause, "Correct the row, then drop the CSV again.")
