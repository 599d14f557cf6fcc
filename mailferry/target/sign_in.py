"""How a token is asked for, through MSAL: by a managed identity, or by an app with one proof of who it is.

Sources: Microsoft, "Authenticate an IMAP, POP or SMTP connection using OAuth" (client credentials flow) and
"Configure an application to trust a managed identity" (federated credential).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import msal  # type: ignore[import-untyped]
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509 import load_pem_x509_certificate

from mailferry.errors import LoginRefused, SettingsError
from mailferry.imap.failures import one_line
from mailferry.target.entra import SYSTEM, EntraApp

#: What a managed identity's token must be for, to vouch for an app registration in the public cloud.
VOUCHING = "api://AzureADTokenExchange"
#: Seconds of silence, when connecting and at every read, after which Entra counts as unreachable.
TIMEOUT_SECONDS = 20.0

#: From a scope such as `https://graph.microsoft.com/.default` to MSAL's answer: `access_token`, which may come from
#: its cache, or `error` and `error_description`.
type Ask = Callable[[str], Mapping[str, object]]
#: A client secret, or the key and the certificate, or a function that gets an assertion; "": none is needed.
type Proof = str | Mapping[str, str | Callable[[], str]]


class EntraSession(requests.Session):
    """Never waits for ever, and makes an exception of 429 and 5xx.

    That exception makes MSAL fall back to an ageing token that is still good. Connections are not kept: a token is
    asked for once an hour.
    """

    def __init__(self) -> None:
        super().__init__()
        self.headers["Connection"] = "close"

    def request(self, *arguments: Any, **options: Any) -> requests.Response:
        """Send a request. Raises requests.HTTPError when the other end can't serve it now."""
        response = super().request(*arguments, **options | {"timeout": TIMEOUT_SECONDS})
        if response.status_code == 429 or response.status_code >= 500:
            response.raise_for_status()
        return response


def read_proof(app: EntraApp) -> Proof:
    """The app's secret or certificate. Raises SettingsError for a certificate that can't be used."""
    if not app.certificate_path:
        return app.secret
    try:
        content = Path(app.certificate_path).read_bytes()
    except OSError:
        raise SettingsError(
            f"ENTRA_CERTIFICATE_PATH: {app.certificate_path} can't be read.", "Check the path and its rights."
        ) from None
    try:
        return _certificate(content)
    except (ValueError, TypeError):
        raise SettingsError(
            f"ENTRA_CERTIFICATE_PATH: {app.certificate_path} is no PEM file with an RSA key and its certificate, and "
            "no PFX file without a password.",
            "Put both into one file, the key unencrypted.",
        ) from None


def sign_in(app: EntraApp, proof: Proof, session: requests.Session) -> Ask:
    """Begin to sign in; asks Entra for its addresses when an app does.

    MSAL keeps one token a scope and asks again when it has less than five minutes left. Begin anew to have it forget.
    """
    if not app.managed_identity:
        return _as_app(app, proof, session)
    identity = msal.ManagedIdentityClient(
        msal.SystemAssignedManagedIdentity()
        if app.managed_identity == SYSTEM
        else msal.UserAssignedManagedIdentity(client_id=app.managed_identity),
        http_client=session,
    )
    if not app.client_id:
        return lambda scope: _of_identity(identity, scope.removesuffix("/.default"))
    return _as_app(app, {"client_assertion": lambda: str(_of_identity(identity, VOUCHING)["access_token"])}, session)


def _as_app(app: EntraApp, proof: Proof, session: requests.Session) -> Ask:
    confidential = msal.ConfidentialClientApplication(
        app.client_id,
        client_credential=proof,
        authority=f"{app.authority.rstrip('/')}/{app.tenant}",
        http_client=session,
        instance_discovery=False,  # the authority is ours to choose; asking about it costs a round trip
    )
    return lambda scope: cast("Mapping[str, object]", confidential.acquire_token_for_client(scopes=[scope]))


def _of_identity(identity: msal.ManagedIdentityClient, resource: str) -> Mapping[str, object]:
    answer: Mapping[str, object] = identity.acquire_token_for_client(resource=resource)
    if "access_token" not in answer:
        raise LoginRefused(
            "target",
            f"The managed identity gets no token: {one_line(str(answer.get('error_description')))}",
            "Assign the user-assigned identity whose client id is in ENTRA_MANAGED_IDENTITY to the function app "
            "(Identity, User assigned); for ENTRA_MANAGED_IDENTITY=system, switch on its own (System assigned).",
        )
    return answer


def _certificate(content: bytes) -> Proof:
    """From PEM or PFX to what MSAL takes. Raises ValueError or TypeError for anything else."""
    if b"-----BEGIN" in content:
        key: object = serialization.load_pem_private_key(content, None)
        certificate = load_pem_x509_certificate(content)
    else:
        key, found, _ = pkcs12.load_key_and_certificates(content, None)
        if found is None:
            raise ValueError
        certificate = found
    if not isinstance(key, RSAPrivateKey):
        raise TypeError
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return {"private_key": private.decode(), "public_certificate": certificate.public_bytes(pem).decode()}
