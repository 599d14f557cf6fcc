"""Asks Graph about target mailboxes before anything is copied: user, licence, mailbox, and what to call its folders."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mailferry.errors import Transient
from mailferry.target.graph import Answer, Found, Graph, Refused, segment
from mailferry.target.mailbox_facts import PERSONAL, SETTINGS_PERMISSION, USERS_PERMISSION, Cause, MailboxFacts
from mailferry.target.well_known import Path, well_known_folders

_SELECT = "$select=id,userPrincipalName,accountEnabled,assignedPlans"
#: userPurpose where there is a mailbox and Graph doesn't say of what kind.
_UNKNOWN_PURPOSE = "unknown"

#: The plans that come with a mailbox, by servicePlanId (Microsoft, "Product names and service plan identifiers for
#: licensing"). Their `service` is "exchange", which is also that of dozens of plans without one: EXCHANGE_S_FOUNDATION
#: is a part of nearly every licence.
_MAILBOX_PLANS = {
    "9aaf7827-d63c-4b61-89c3-182f06f82e5c": 50,  # EXCHANGE_S_STANDARD (plan 1)
    "efb87545-963c-4e0d-99df-69c6916d9eb0": 100,  # EXCHANGE_S_ENTERPRISE (plan 2)
    "4a82b400-a79f-41a4-b4e2-e94f5787b113": 2,  # EXCHANGE_S_DESKLESS (kiosk)
    "1126bef5-da20-4f07-b45e-ad25d2581aa8": 50,  # EXCHANGE_S_ESSENTIALS
    "fc52cc4b-ed7d-472d-bbe7-b081c23ecc56": 50,  # EXCHANGE_S_STANDARD_MIDMARKET
    "d42bdbd6-c335-4231-ab3d-c8f348d5aff5": 50,  # EXCHANGE_L_STANDARD
    "90927877-dcff-4af6-b346-2332c0b15bb7": 50,  # EXCHANGE_B_STANDARD
    "e9b4930a-925f-45e2-ac2a-3f7788ca6fdd": 50,  # EXCHANGE_S_STANDARD_GOV
    "8c3069c0-ccdb-44be-ab77-986203a67df2": 100,  # EXCHANGE_S_ENTERPRISE_GOV
}
#: What a mailbox that needs no licence (shared, a room, equipment) holds without one, in GB.
_UNLICENSED_GB = 50
_GB = 1 << 30
#: capabilityStatus of a plan that can be used; the second is the grace period of a subscription that has ended.
_USABLE = frozenset({"Enabled", "Warning"})


@dataclass(frozen=True, slots=True)
class _User:
    """A user of the directory.

    `readable` is False, and the rest empty, when the app may not read users; `let_in` is False when Graph did not even
    take its token.
    """

    id: str = ""
    upn: str = ""
    enabled: bool = True
    gigabytes: int = 0
    readable: bool = True
    let_in: bool = True

    @property
    def licensed(self) -> bool:
        """Whether a licence comes with a mailbox."""
        return self.gigabytes > 0


_UNREADABLE = _User(readable=False)
#: Graph did not take the token (401), which another one may mend: nothing is said of anybody.
_NOT_LET_IN = _User(readable=False, let_in=False)


@dataclass(frozen=True, slots=True)
class Preflight:
    """Looks before the leap. What the app may not ask is left open, and never held against a mailbox."""

    graph: Graph

    def check_one(self, address: str) -> MailboxFacts:
        """The facts of one address. Raises `Busy`, `Unreachable` and other `Transient` errors."""
        found = self.check([address])[address]
        if isinstance(found, Transient):
            raise found
        return found

    def check(self, addresses: Iterable[str]) -> dict[str, MailboxFacts | Transient]:
        """The facts of each address, or the passing error that kept Graph from telling.

        Two requests an address, three where it is not the user principal name, twenty at a time. Raises nothing.
        """
        users = self._users(list(dict.fromkeys(addresses)))
        there = {address: user for address, user in users.items() if isinstance(user, _User)}
        settings = self.graph.get_all(
            [f"/users/{segment(user.id or address)}/mailboxSettings" for address, user in there.items()]
        )
        facts = {
            address: _facts(address, user, answer)
            for (address, user), answer in zip(there.items(), settings, strict=True)
        }
        return {address: _without_user(address, user, facts) for address, user in users.items()}

    def folders(self, user: str) -> dict[str, Path] | None:
        """What `well_known_folders` says of the mailbox of this user principal name."""
        return well_known_folders(self.graph, user)

    def _users(self, addresses: Sequence[str]) -> dict[str, _User | Transient | None]:
        """The user behind each address, None where there is none."""
        by_name = self.graph.get_all([f"/users/{segment(address)}?{_SELECT}" for address in addresses])
        users = {address: _user(answer) for address, answer in zip(addresses, by_name, strict=True)}
        others = [address for address, user in users.items() if user is None]
        by_address = self.graph.get_all([_search(address) for address in others])
        return users | {address: _first(answer) for address, answer in zip(others, by_address, strict=True)}


def _search(address: str) -> str:
    """Users are found by id and user principal name only; this finds them by any of their addresses."""
    literal = address.replace("'", "''")
    condition = segment(f"proxyAddresses/any(p:p eq 'smtp:{literal}')")
    return f"/users?$filter={condition}&{_SELECT}"


def _first(answer: Answer) -> _User | Transient | None:
    if isinstance(answer, Found):
        return next(map(_user, answer.rows("value")), None)
    return _user(answer)


def _user(answer: Answer) -> _User | Transient | None:
    if isinstance(answer, Transient):
        return answer
    if isinstance(answer, Refused):
        if answer.missing:
            return None
        if answer.denied:
            return _NOT_LET_IN if answer.status == 401 else _UNREADABLE
        return answer.unexpected()
    plans = answer.rows("assignedPlans")
    return _User(
        id=answer.text("id"),
        upn=answer.text("userPrincipalName"),
        enabled=answer.body.get("accountEnabled") is not False,
        gigabytes=max(map(_gigabytes, plans), default=0),
    )


def _gigabytes(plan: Found) -> int:
    """What the mailbox of a plan holds; 0 without one."""
    usable = plan.text("capabilityStatus") in _USABLE
    return _MAILBOX_PLANS.get(plan.text("servicePlanId").lower(), 0) if usable else 0


def _without_user(
    address: str, user: _User | Transient | None, facts: dict[str, MailboxFacts | Transient]
) -> MailboxFacts | Transient:
    if user is None:
        return MailboxFacts(address, Cause.USER_MISSING)
    return user if isinstance(user, Transient) else facts[address]


def _facts(address: str, user: _User, settings: Answer) -> MailboxFacts | Transient:
    """What the user and his mailbox settings say together."""
    if isinstance(settings, Transient):
        return settings
    denied = isinstance(settings, Refused) and settings.denied
    if isinstance(settings, Refused) and not denied and not settings.missing:
        return settings.unexpected()
    purpose = language = ""
    if isinstance(settings, Found):
        purpose = settings.text("userPurpose") or _UNKNOWN_PURPOSE
        language = settings.child("language").text("locale")
    not_permitted = (() if user.readable else (USERS_PERMISSION,)) + ((SETTINGS_PERMISSION,) if denied else ())
    return MailboxFacts(
        address,
        _cause(user, purpose, denied=denied),
        user_id=user.id,
        upn=user.upn,
        enabled=user.enabled,
        purpose=purpose,
        language=language,
        not_permitted=not_permitted,
        room=_room(user, purpose),
    )


def _room(user: _User, purpose: str) -> int:
    """Bytes that the mailbox may hold by its licence; 0 where that is not known."""
    if user.licensed or not user.readable:
        return user.gigabytes * _GB
    return _UNLICENSED_GB * _GB if purpose and purpose not in (*PERSONAL, _UNKNOWN_PURPOSE) else 0


def _cause(user: _User, purpose: str, *, denied: bool) -> Cause:
    if not denied and not purpose:
        if not user.readable:
            return Cause.MAILBOX_MISSING if user.let_in else Cause.NOT_CHECKED
        return Cause.PROVISIONING if user.licensed else Cause.LICENCE_MISSING
    if denied or not user.readable:
        return Cause.NOT_CHECKED
    return Cause.UNLICENSED if purpose in PERSONAL and not user.licensed else Cause.READY
