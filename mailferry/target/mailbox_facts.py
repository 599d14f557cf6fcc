"""What is known of a target mailbox before anything is copied, and what an administrator can do about it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from mailferry.errors import Busy, LoginRefused, Permanent, ServerError

SIDE = "target"

#: Seconds between two looks at a mailbox that Exchange Online is still making.
PROVISIONING_SECONDS = 900.0
#: Seconds until a login is tried with another name.
_RENAMED_SECONDS = 1.0

#: What may be asked with which permission of the app; the keys are Microsoft's names.
USERS_PERMISSION = "User.Read.All"
SETTINGS_PERMISSION = "MailboxSettings.Read"
_TOLD_BY = {
    USERS_PERMISSION: "whether the user exists, its user principal name and its licence",
    SETTINGS_PERMISSION: "whether there is a mailbox, and of what kind",
}


class Cause(StrEnum):
    """How things are with a mailbox, and why a login to it is refused: stable words, as screens and reports show them.

    With the first three the migration goes on, with PROVISIONING it waits, the others need a person.
    """

    READY = "Ready"
    NOT_CHECKED = "NotChecked"  #: nothing speaks against it, but Graph may not be asked everything
    UNLICENSED = "Unlicensed"  #: there is a mailbox, which will go when no licence comes
    PROVISIONING = "Provisioning"
    USER_MISSING = "UserMissing"
    LICENCE_MISSING = "LicenceMissing"
    MAILBOX_MISSING = "MailboxMissing"
    LOGIN_IS_NOT_UPN = "LoginIsNotUpn"
    SIGN_IN_BLOCKED = "SignInBlocked"
    FULL_ACCESS_MISSING = "FullAccessMissing"
    APP_NOT_LET_IN = "AppNotLetIn"


_GRANT = (
    'Run Add-MailboxPermission -Identity "{upn}" -User <object id of the enterprise application> -AccessRights '
    "FullAccess -AutoMapping $false; it takes effect within minutes, at most an hour."
)
_LET_IN = (
    "Check that Get-ServicePrincipal lists the app, else run New-ServicePrincipal -AppId <application id> -ObjectId "
    "<object id of the enterprise application, not of the app registration>; check Get-CASMailbox, and switch IMAP on "
    'with Set-CASMailbox -Identity "{upn}" -ImapEnabled $true. Both take effect within an hour.'
)

#: Sentence and remedy; `{upn}` is the address where the user principal name is not known.
_TEXTS = {
    Cause.READY: ("The mailbox {address} is ready.", ""),
    Cause.NOT_CHECKED: (
        "The app may not ask Microsoft Graph {untold}; that was not checked for {address}.",
        "Nothing has to be done. To have it checked, give the app the permission {permissions} on Microsoft Graph with "
        "admin consent (Entra admin centre: App registrations > API permissions).",
    ),
    Cause.UNLICENSED: (
        "The mailbox {address} exists, but the user has no licence with Exchange Online.",
        "Assign a licence (admin centre: Users > Active users > Licenses and apps), or make it a shared mailbox, which "
        'needs none up to 50 GB: Set-Mailbox -Identity "{upn}" -Type Shared. Without either Exchange Online removes it '
        "after 30 days.",
    ),
    Cause.PROVISIONING: (
        "{address} has a licence, but Exchange Online has not made its mailbox yet.",
        "Wait: that takes minutes, at most a day. If it is still missing then, the mailbox may be on premises "
        '(Get-Recipient -Identity "{upn}" says MailUser), and must be moved or released there first.',
    ),
    Cause.USER_MISSING: (
        "There is no user with the address {address} in the tenant.",
        "Correct the address in the CSV; or add the user with an Exchange Online licence (admin centre: Users > Active "
        'users > Add a user); or make a shared mailbox: New-Mailbox -Shared -Name "{address}" -PrimarySmtpAddress '
        '"{address}" (-Room or -Equipment for those). A group has no mailbox that could be copied to.',
    ),
    Cause.LICENCE_MISSING: (
        "{address} has no mailbox, because the user has no licence with Exchange Online.",
        "Assign one with Exchange Online switched on in it (admin centre: Users > Active users > Licenses and apps). "
        'If it is to be a shared mailbox, run Set-Mailbox -Identity "{upn}" -Type Shared as soon as it is there, and '
        "take the licence away again.",
    ),
    Cause.MAILBOX_MISSING: (
        "Microsoft Graph knows no mailbox by the name of {address}.",
        'Check with Get-Mailbox -Identity "{address}" that it exists and that the address is its user principal name. '
        "With the permission User.Read.All on Microsoft Graph the app can find out itself.",
    ),
    Cause.LOGIN_IS_NOT_UPN: (
        "The login used {user}, but the user principal name of the mailbox {address} is {upn}.",
        "Nothing has to be done: from now on the login uses {upn}.",
    ),
    Cause.SIGN_IN_BLOCKED: (
        "Sign-in of {upn} is blocked; everything else in the directory is as it should be.",
        'Unblock it: Update-MgUser -UserId "{upn}" -AccountEnabled. If it has to stay blocked: ' + _GRANT,
    ),
    Cause.FULL_ACCESS_MISSING: (
        "User, licence and mailbox of {address} are as they should be, so the app has no full access to it.",
        _GRANT,
    ),
    Cause.APP_NOT_LET_IN: (
        "User, licence and mailbox of {address} are as they should be, so Exchange Online does not know the app, or "
        "IMAP is off.",
        _LET_IN,
    ),
}

_PERMANENT = frozenset({Cause.USER_MISSING, Cause.LICENCE_MISSING, Cause.MAILBOX_MISSING})
#: Values of userPurpose for which a blocked sign-in and a missing licence are not the normal state.
PERSONAL = frozenset({"user", "linked"})

_NOT_CONNECTED = re.compile(r"authenticated but not connected", re.IGNORECASE)
_NOT_AUTHENTICATED = re.compile(r"AUTHENTICATE failed", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class MailboxFacts:
    """What Graph says of one target address. Every field fits a column.

    `upn`, `purpose`, `language` and `user_id` are empty where Graph did not tell. `purpose` is Graph's userPurpose
    (user, linked, shared, room, equipment, others), `language` a locale as `hu-HU`, `not_permitted` the permissions
    that were missing, `room` how many bytes the licence allows (0: not known).
    """

    address: str
    cause: Cause
    user_id: str = ""
    upn: str = ""
    enabled: bool = True
    purpose: str = ""
    language: str = ""
    not_permitted: tuple[str, ...] = ()
    room: int = 0

    @property
    def login(self) -> str:
        """The name to log in with: XOAUTH2 wants the user principal name, whatever the address is."""
        return self.upn or self.address

    @property
    def why(self) -> str:
        """One sentence for an administrator."""
        return _words(self, self.cause)[0]

    @property
    def remedy(self) -> str:
        """What mends it; empty when there is nothing to mend."""
        return _words(self, self.cause)[1]

    def error(self) -> ServerError | None:
        """What keeps the mailbox from being copied to: `Permanent`, `Busy` while it is being made, or nothing."""
        if self.cause is Cause.PROVISIONING:
            return Busy(SIDE, self.why, self.remedy, PROVISIONING_SECONDS)
        return Permanent(SIDE, self.why, self.remedy) if self.cause in _PERMANENT else None


def let_in(error: LoginRefused) -> bool:
    """Whether Exchange Online took the token, and refused the mailbox only: then there is no outage of logins."""
    return bool(_NOT_CONNECTED.search(error.cause))


def turned_away(error: LoginRefused) -> bool:
    """Whether Exchange Online refused the login itself, for one of many reasons, an outage among them.

    A refused login that is neither this nor `let_in` is Entra's no, which has nothing to do with the mailbox.
    """
    return bool(_NOT_AUTHENTICATED.search(error.cause))


def explained(error: LoginRefused, facts: MailboxFacts, user: str) -> ServerError:
    """A login that Exchange Online refused, with the cause and remedy that Graph's facts give it.

    `user` is the name it was tried with. `Busy` instead while the mailbox is being made, and when it has another name
    now. The error itself when nothing better is known. Trying again is worth what it was, unless Graph is certain.
    """
    cause = cause_of_refusal(facts, user, authenticated=let_in(error))
    if cause is Cause.NOT_CHECKED:
        return error
    why, remedy = _words(facts, cause, user)
    why = f"{why} ({error.cause})"
    if cause is Cause.PROVISIONING:
        return Busy(SIDE, why, remedy, PROVISIONING_SECONDS)
    if cause is Cause.LOGIN_IS_NOT_UPN:
        return Busy(SIDE, why, remedy, _RENAMED_SECONDS)
    refused = LoginRefused(SIDE, why, remedy)
    if cause not in _PERMANENT:
        refused.retry, refused.delay = error.retry, error.delay
    return refused


def cause_of_refusal(facts: MailboxFacts, user: str, *, authenticated: bool) -> Cause:
    """Why Exchange Online refuses the login name `user`; `authenticated` when it took the token all the same.

    NOT_CHECKED when too little is known to tell.
    """
    if facts.error():
        return facts.cause
    if facts.upn and user.casefold() != facts.upn.casefold():
        return Cause.LOGIN_IS_NOT_UPN
    if facts.cause is Cause.UNLICENSED or not facts.purpose:
        return facts.cause
    if not facts.enabled and facts.purpose in PERSONAL:
        return Cause.SIGN_IN_BLOCKED
    return Cause.FULL_ACCESS_MISSING if authenticated else Cause.APP_NOT_LET_IN


def _words(facts: MailboxFacts, cause: Cause, user: str = "") -> tuple[str, str]:
    """Sentence and remedy."""
    told = {
        "address": facts.address,
        "upn": facts.login,
        "user": user,
        "untold": " and ".join(_TOLD_BY[permission] for permission in facts.not_permitted),
        "permissions": " and ".join(facts.not_permitted),
    }
    why, remedy = _TEXTS[cause]
    return why.format(**told), remedy.format(**told)
