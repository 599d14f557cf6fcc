"""Access tokens for Exchange Online, got with the app's own identity (OAuth 2.0 client credentials) through MSAL.

Scope and flow: Microsoft, "Authenticate an IMAP, POP or SMTP connection using OAuth". The app needs the permission
IMAP.AccessAsApp; `IMAP.AccessAsUser.All` is for people and of no use here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import msal  # type: ignore[import-untyped]
import requests

from mailferry.errors import LoginRefused, SettingsError, Unreachable
from mailferry.imap.failures import one_line

SCOPE = "https://outlook.office365.com/.default"
SIDE = "target"

_CODE = re.compile(r"AADSTS(\d+)")
#: Cause and remedy by the number after AADSTS (Microsoft, "Microsoft Entra authentication error codes").
_KNOWN = {
    "7000215": (
        "The client secret of the app is wrong",
        "Store the secret's value, not its id; make a new secret if the value is lost.",
    ),
    "7000222": ("The client secret of the app has expired", "Make a new client secret, or change to a certificate."),
    "700016": (
        "The app is not known in this tenant",
        "Check ENTRA_CLIENT_ID and ENTRA_TENANT_ID, and that an administrator has consented to the app.",
    ),
    "90002": ("The tenant does not exist", "Check ENTRA_TENANT_ID: the tenant's id or one of its domains."),
    "900023": ("The tenant's name makes no sense", "Check ENTRA_TENANT_ID: the tenant's id or one of its domains."),
    "700027": (
        "The certificate is not the one registered for the app, or has expired",
        "Upload the certificate's public part to the app registration.",
    ),
    "70021": (
        "No federated credential of the app matches this identity",
        "Add the function app's managed identity to the app registration's federated credentials.",
    ),
    "7000112": ("The app is disabled in this tenant", "Enable sign-in for the enterprise application."),
}


class HttpClient(Protocol):
    """What MSAL needs to speak HTTP: a `requests.Session`, or a stand-in for tests."""

    def get(self, url: str, **options: object) -> object:
        """Send a GET request."""

    def post(self, url: str, **options: object) -> object:
        """Send a POST request."""

    def close(self) -> None:
        """Give connections back."""


class TokenSource:
    """Tokens for one app in one tenant; MSAL keeps each until shortly before it expires.

    Give exactly one of `secret`, `certificate_path` (PEM with private key and certificate, or PFX), and `assertion` (a
    function that returns a token of a federated identity). Raises `SettingsError` otherwise. Nothing is sent before
    the first `token()`.
    """

    def __init__(
        self,
        tenant: str,
        client_id: str,
        *,
        secret: str = "",
        certificate_path: str = "",
        assertion: Callable[[], str] | None = None,
        authority: str = "https://login.microsoftonline.com",
        http_client: HttpClient | None = None,
    ) -> None:
        if sum(map(bool, (secret, certificate_path, assertion))) != 1:
            raise SettingsError("The app needs one credential: a secret, a certificate, or a federated identity")
        self._client_id = client_id
        self._authority = f"{authority.rstrip('/')}/{tenant}"
        self._credential = _credential(secret, certificate_path, assertion)
        self._http_client = http_client
        self._app: msal.ConfidentialClientApplication | None = None

    def token(self) -> str:
        """An access token that is good for some minutes at least.

        Raises `LoginRefused` when Entra refuses the app, `Unreachable` when Entra does not answer.
        """
        try:
            answer = self._application().acquire_token_for_client(scopes=[SCOPE])
        except (requests.RequestException, OSError, msal.exceptions.MsalServiceError) as error:
            raise Unreachable(SIDE, f"{self._authority} can't be reached: {type(error).__name__}") from None
        except ValueError as error:  # MSAL's word for a tenant or a certificate that makes no sense
            raise _refused(f"{error.__context__ or ''} {error}") from None
        token = answer.get("access_token")
        if not token:
            raise _refused(str(answer.get("error_description") or answer.get("error") or "no reason given"))
        return str(token)

    def _application(self) -> msal.ConfidentialClientApplication:
        if self._app is None:
            self._app = msal.ConfidentialClientApplication(
                self._client_id,
                client_credential=self._credential,
                authority=self._authority,
                http_client=self._http_client,
                instance_discovery=False,  # the authority is ours to choose; asking about it costs a round trip
            )
        return self._app


type _Credential = str | Mapping[str, str | Callable[[], str]]


def _credential(secret: str, certificate_path: str, assertion: Callable[[], str] | None) -> _Credential:
    if assertion:
        return {"client_assertion": assertion}
    if not certificate_path:
        return secret
    if certificate_path.lower().endswith((".pfx", ".p12")):
        return {"private_key_pfx_path": certificate_path}
    try:
        pem = Path(certificate_path).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        raise SettingsError(f"The certificate file {certificate_path} can't be read") from None
    return {"private_key": pem, "public_certificate": pem}


def _refused(description: str) -> LoginRefused:
    first_line = one_line(description.partition("\n")[0])
    code = _CODE.search(description)
    if code and code[1] in _KNOWN:
        cause, remedy = _KNOWN[code[1]]
        return LoginRefused(SIDE, f"{cause} (AADSTS{code[1]})", remedy)
    return LoginRefused(SIDE, f"Entra refused to give a token: {first_line}", "Check the app registration.")
