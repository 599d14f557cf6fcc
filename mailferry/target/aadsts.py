"""What it means when Entra gives no token: cause, remedy, and whether it passes by itself.

Codes: Microsoft, "Microsoft Entra authentication and authorization error codes". Microsoft may change them, so whether
to try again depends on HTTP status and OAuth error too, and a code that is not in the table is shown with its text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from mailferry.errors import Busy, LoginRefused
from mailferry.imap.failures import one_line

SIDE = "target"

_CODE = re.compile(r"AADSTS(\d+)")
_JWT = re.compile(r"eyJ[\w.-]+")
#: OAuth errors that pass by themselves (RFC 6749 §4.1.2.1; Entra sends them for tokens too).
_PASSING = frozenset({"temporarily_unavailable", "server_error"})

_TENANT = "Check ENTRA_TENANT_ID: the tenant's id or one of its domains."
_APP = "Check ENTRA_CLIENT_ID and ENTRA_TENANT_ID, and that the app registration still exists."
_SECRET = "Make a new client secret, or better, change to a federated managed identity."  # noqa: S105
_CERTIFICATE = (
    "Upload the public part of the certificate in ENTRA_CERTIFICATE or ENTRA_CERTIFICATE_PATH to the app registration, "
    "and check its dates."
)
_FEDERATED = (
    "Run scripts/setup-entra.sh: the app registration's federated credential must name the tenant's issuer, the object "
    "id (not the client id) of the managed identity in ENTRA_MANAGED_IDENTITY as subject, and "
    "api://AzureADTokenExchange. A new credential needs some minutes."
)
_CONSENT = "Grant admin consent for IMAP.AccessAsApp (scripts/setup-entra.sh does it)."
_EXCHANGE = "The tenant needs a subscription with Exchange Online. Check ENTRA_TENANT_ID, too."
_CLOCK = "Set the clock of this machine; in Azure, report it: its clocks are right."
_POLICY = (
    "Look the sign-in up in Entra's log (Sign-in logs, Service principal sign-ins) and exempt this app from the "
    "policy, or add the function app's outbound addresses to its trusted locations."
)
_SUPPORT = "If this lasts, look at the tenant's service health and open a ticket."

#: Cause and remedy by the number after AADSTS: what a person must mend.
_LASTING = MappingProxyType(
    {
        "90002": ("The tenant does not exist", _TENANT),
        "900021": ("The tenant's name makes no sense", _TENANT),
        "900023": ("The tenant's name makes no sense", _TENANT),
        "50059": ("The tenant is not named", _TENANT),
        "50128": ("The tenant's domain is not known", _TENANT),
        "90038": ("The tenant is in another national cloud", "Set ENTRA_AUTHORITY to that cloud's address."),
        "50049": ("The address of Entra is not known", "Check ENTRA_AUTHORITY."),
        "700016": ("The app is not known in this tenant", _APP),
        "700011": ("The app is not known in this tenant", _APP),
        "70001": ("The app is not known in this tenant, or is disabled", _APP),
        "50034": ("The account is not known in this tenant", _APP),
        "7000112": (
            "The app is disabled in this tenant",
            "Entra admin center, Enterprise applications, the app, Properties: Enabled for users to sign in, Yes.",
        ),
        "500014": ("Exchange Online is disabled in this tenant", "Enable its enterprise application, or its licences."),
        "7000215": (
            "The client secret of the app is wrong",
            "ENTRA_CLIENT_SECRET holds the secret's value, not its id; make a new one if the value is lost.",
        ),
        "70002": ("The client secret of the app is wrong", _SECRET),
        "7000218": ("The app has not proven who it is", "Set one of the settings ENTRA_… that docs/settings.md names."),
        "7000216": ("The app has not proven who it is", "Set one of the settings ENTRA_… that docs/settings.md names."),
        "7000222": ("The client secret of the app has expired", _SECRET),
        "700027": ("The certificate is not the one registered for the app, or has expired", _CERTIFICATE),
        "7000214": ("The app registration has no such certificate", _CERTIFICATE),
        "700030": ("The certificate's subject is not authorized", _CERTIFICATE),
        "1000502": ("The certificate is outside its dates", "Make a new certificate and upload its public part."),
        "50012": ("Entra does not accept the certificate", _CERTIFICATE),
        "700025": (
            "The app is a public client, which may have no credential",
            "App registration, Authentication: Allow public client flows, No.",
        ),
        "700024": ("The proof of who we are is not valid at this time", _CLOCK),
        "70021": ("No federated credential of the app matches this identity", _FEDERATED),
        "700211": ("No federated credential of the app names this issuer", _FEDERATED),
        "700212": ("No federated credential of the app names this audience", _FEDERATED),
        "700213": ("No federated credential of the app names this identity", _FEDERATED),
        "7002137": ("No federated credential of the app names this identity", _FEDERATED),
        "7002138": ("The federated credential names the identity in other letter case", _FEDERATED),
        "700222": (
            "Entra does not let this managed identity vouch for the app",
            "The app registration must be in the tenant of the managed identity, and both in the public cloud.",
        ),
        "700236": (
            "Entra does not let this managed identity vouch for the app",
            "The app registration must be in the tenant of the managed identity, and both in the public cloud.",
        ),
        "500011": ("This tenant has no Exchange Online (or no Microsoft Graph)", _EXCHANGE),
        "50001": ("This tenant has no Exchange Online (or no Microsoft Graph)", _EXCHANGE),
        "650052": ("This tenant has no subscription with Exchange Online", _EXCHANGE),
        "65001": ("Nobody has consented to the app", _CONSENT),
        "65005": ("The app's permissions do not fit what it asks for", _CONSENT),
        "650056": ("The app has no permission, or nobody has consented to it", _CONSENT),
        "650057": ("The app has no permission for this resource", _CONSENT),
        "501051": ("The app has no role for this resource", _CONSENT),
        "90094": ("An administrator must consent to the app", _CONSENT),
        "53003": ("A Conditional Access policy blocks the app", _POLICY),
        "530032": ("A security policy of the tenant blocks the app", _POLICY),
        "530035": ("The tenant's security defaults block the app", _POLICY),
        "50131": ("A Conditional Access policy blocks the app", _POLICY),
        "50053": ("Entra blocks sign-ins from our address, or has locked the account", _POLICY),
        "500021": ("The tenant restrictions of our network do not allow this tenant", "Allow it in the proxy's list."),
    }
)
#: What passes by itself: Entra and its directory out of order, overloaded, or asked too often.
_TRANSIENT = frozenset(
    ["50000", "50033", "90006", "90012", "90024", "90033", "90036", "90090", "90091", "50196", "90055"]
)


def of_answer(answer: Mapping[str, object], hidden: Iterable[str] = ()) -> Busy | LoginRefused:
    """The error in an OAuth answer without a token (RFC 6749 §5.2), without any of the `hidden` strings."""
    text = str(answer.get("error_description") or answer.get("error") or "no reason given")
    if answer.get("error") in _PASSING:
        return _busy(_shown(text, hidden))
    return of_text(text, hidden)


def of_text(text: str, hidden: Iterable[str] = ()) -> Busy | LoginRefused:
    """`LoginRefused` or, when it passes by itself, `Busy`: by the AADSTS code in what Entra said."""
    code = _CODE.search(text)
    number = code[1] if code else ""
    if number in _TRANSIENT:
        return _busy(_shown(text, hidden))
    if number in _LASTING:
        cause, remedy = _LASTING[number]
        return LoginRefused(SIDE, f"{cause} (AADSTS{number})", remedy)
    return LoginRefused(
        SIDE,
        f"Entra refused to give a token: {_shown(text, hidden)}",
        "Look the number up at https://login.microsoftonline.com/error, and check the app registration.",
    )


def _busy(words: str) -> Busy:
    return Busy(SIDE, f"Entra can't give a token now: {words}", _SUPPORT)


def _shown(text: str, hidden: Iterable[str]) -> str:
    """Its first line (the others are trace ids and times), without secrets or anything that looks like a token."""
    return _JWT.sub("***", one_line(text.partition("\n")[0], hidden))
