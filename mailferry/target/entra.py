"""Who signs in to Entra, and how it proves who it is: what the settings ENTRA_* choose."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from mailferry.errors import SettingsError

#: Entra of the public cloud.
AUTHORITY = "https://login.microsoftonline.com"
#: `managed_identity` of a function app's own, system-assigned identity.
SYSTEM = "system"

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_TENANT = re.compile(r"[\w-]+(\.[\w-]+)*")
_WAYS = "ENTRA_MANAGED_IDENTITY, ENTRA_CERTIFICATE, ENTRA_CERTIFICATE_PATH or ENTRA_CLIENT_SECRET"


@dataclass(frozen=True, slots=True)
class EntraApp:
    """An app registration with one proof, or a managed identity that stands for itself.

    | `managed_identity` | `client_id` | `certificate`, `certificate_path` or `secret` | who signs in |
    |---|---|---|---|
    | client id of a user-assigned one | set | | the app; the identity vouches for it (federated credential) |
    | the same, or `SYSTEM` | | | the identity itself |
    | | set | one of them | the app |

    `tenant` is the id or a domain of the tenant; an identity alone can do without. `certificate_path` is a PEM file
    with an RSA key and its certificate, or a PFX file without password; `certificate` is what is in the file, a PFX
    in Base64, a PEM with `\\n` for line ends or without. `authority` is where Entra answers (https).
    """

    tenant: str = ""
    client_id: str = ""
    secret: str = field(default="", repr=False)
    certificate_path: str = ""
    managed_identity: str = ""
    authority: str = AUTHORITY
    certificate: str = field(default="", repr=False)

    def check(self) -> None:
        """Raise SettingsError, naming the settings, unless they choose exactly one way to sign in."""
        ways = {
            "ENTRA_MANAGED_IDENTITY": self.managed_identity,
            "ENTRA_CERTIFICATE": self.certificate,
            "ENTRA_CERTIFICATE_PATH": self.certificate_path,
            "ENTRA_CLIENT_SECRET": self.secret,
        }
        chosen = [name for name, value in ways.items() if value]
        if len(chosen) > 1:
            raise SettingsError(
                f"{' and '.join(chosen)} are set, but the app proves who it is in one way only.",
                f"Keep {chosen[0]} and empty the others.",
            )
        if chosen != ["ENTRA_MANAGED_IDENTITY"] or self.client_id:
            self._check_app(bool(chosen))
        if self.managed_identity:
            self._check_identity()
        if self.tenant and not _TENANT.fullmatch(self.tenant):
            raise SettingsError(
                f"ENTRA_TENANT_ID is {self.tenant!r}.",
                "Set it to the tenant's id (a GUID) or one of its domains, such as contoso.onmicrosoft.com.",
            )
        if not self.authority.startswith("https://"):
            raise SettingsError(
                f"ENTRA_AUTHORITY is {self.authority!r}.", f"It is an https address, mostly {AUTHORITY}."
            )

    def _check_app(self, proven: bool) -> None:
        needed = {"ENTRA_TENANT_ID": self.tenant, "ENTRA_CLIENT_ID": self.client_id, _WAYS: proven}
        missing = [name for name, value in needed.items() if not value]
        if missing:
            raise SettingsError(
                f"Exchange Online (TARGET_AUTH=xoauth2) needs {', '.join(missing)}.",
                "Set them (scripts/setup-entra.sh prints them), or TARGET_AUTH=login with TARGET_PASSWORD for another "
                "IMAP server.",
            )

    def _check_identity(self) -> None:
        if self.managed_identity == SYSTEM:
            if self.client_id:
                raise SettingsError(
                    "ENTRA_MANAGED_IDENTITY is system, but ENTRA_CLIENT_ID is set: Entra lets only a user-assigned "
                    "identity vouch for an app registration.",
                    "Set ENTRA_MANAGED_IDENTITY to the client id of a user-assigned identity, or empty ENTRA_CLIENT_ID "
                    "and give the permissions to the function app's own identity.",
                )
        elif not _GUID.fullmatch(self.managed_identity):
            raise SettingsError(
                f"ENTRA_MANAGED_IDENTITY is {self.managed_identity!r}.",
                "Set it to the client id of the user-assigned identity (a GUID, not its name), or to system.",
            )
