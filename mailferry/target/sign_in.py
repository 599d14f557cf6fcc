"""How a token is asked for, through MSAL: by a managed identity, or by an app with one proof of who it is.

Sources: Microsoft, "Authenticate an IMAP, POP or SMTP connection using OAuth" (client credentials flow) and
"Configure an application to trust a managed identity" (federated credential).
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import msal  # type: ignore[import-untyped]
import requests
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509 import load_pem_x509_certificates

from mailferry.errors import LoginRefused, SettingsError
from mailferry.imap.failures import one_line
from mailferry.target.entra import SYSTEM, EntraApp

#: What a managed identity's token must be for, to vouch for an app registration in the public cloud.
VOUCHING = "api://AzureADTokenExchange"
#: Seconds of silence, when connecting and at every read, after which Entra counts as unreachable.
TIMEOUT_SECONDS = 20.0

#: No path is longer; whoever puts the certificate itself into the setting must not see its key in a message.
_LONGEST_PATH = 255
#: What a setting holds while App Service could not put the secret in its place.
_REFERENCE = "@Microsoft.KeyVault("
#: What comes of reading a certificate that is none.
_NO_CERTIFICATE = (ValueError, TypeError, UnsupportedAlgorithm)

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
    if app.certificate:
        return _proof_in_setting(app.certificate)
    return _proof_in_file(app.certificate_path) if app.certificate_path else app.secret


def _proof_in_setting(text: str) -> Proof:
    if text.startswith(_REFERENCE):
        raise SettingsError(
            "ENTRA_CERTIFICATE refers to a secret in Key Vault that the function app was not given.",
            "Give the identity that reads references (keyVaultReferenceIdentity) the role Key Vault Secrets User, and "
            "check the secret's address: the function app's environment variables show what is wrong with it.",
        )
    try:
        if "-----BEGIN" in text:
            return _certificate(text.replace("\\r", "").replace("\\n", "\n").encode())
        return _certificate(b64decode("".join(text.split()), validate=True))
    except _NO_CERTIFICATE:
        raise SettingsError(
            "ENTRA_CERTIFICATE is no PEM text with an RSA key and its certificate, and no PFX in Base64 without a "
            "password.",
            "Put both into it, the key unencrypted, or the whole PFX file in Base64. A certificate in Key Vault is such"
            " a PFX: refer to the secret of its name.",
        ) from None


def _proof_in_file(path: str) -> Proof:
    if len(path) > _LONGEST_PATH:
        raise SettingsError(
            "ENTRA_CERTIFICATE_PATH is too long for a path.",
            "Set it to the path of the file; what is in the file goes into ENTRA_CERTIFICATE.",
        )
    try:
        content = Path(path).read_bytes()
    except OSError:
        raise SettingsError(
            f"ENTRA_CERTIFICATE_PATH: {path} can't be read.", "Check the path and its rights."
        ) from None
    try:
        return _certificate(content)
    except _NO_CERTIFICATE:
        raise SettingsError(
            f"ENTRA_CERTIFICATE_PATH: {path} is no PEM file with an RSA key and its certificate, and no PFX file "
            "without a password.",
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
    """From PEM or PFX to what MSAL takes. Raises ValueError, TypeError or UnsupportedAlgorithm for anything else."""
    if b"-----BEGIN" in content:
        key: object = serialization.load_pem_private_key(content, None)
        certificates = load_pem_x509_certificates(content)
    else:
        key, certificate, _ = pkcs12.load_key_and_certificates(content, None)
        certificates = [certificate] if certificate else []
    if not isinstance(key, RSAPrivateKey):
        raise TypeError
    # A PEM file may hold those of the authorities too, in any order.
    own = next((found for found in certificates if found.public_key() == key.public_key()), None)
    if own is None:
        raise ValueError
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return {"private_key": private.decode(), "public_certificate": own.public_bytes(pem).decode()}
