"""As much of Key Vault's REST API as wraps and unwraps, and of the identity endpoint that gives tokens for it.

What it refuses is worded as Key Vault words it. Sources: Microsoft, "Azure Key Vault REST API error codes" and "Keys"
of the REST reference; that a disabled version is shown, wraps, and does not unwrap, was seen in a live vault
(Azure/azure-sdk-for-python, issue 45342).
"""

from __future__ import annotations

import base64
import json
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit
from uuid import uuid4

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

type Json = dict[str, Any]

NAME = "batch-keys"
TOKEN = "vault-t0ken-that-must-not-be-seen"
IDENTITY = "0a1b2c3d-0000-4000-8000-00000000000f"

_HEADER = "the-identity-header"
#: The library checks that the vault belongs to the domain its challenge names, as contoso.vault.azure.net does to
#: vault.azure.net. To it 127.0.0.1 belongs to this "domain".
_DOMAIN = "0.0.1"
_OAEP_256 = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer."""

    status: int
    body: Json | str
    headers: Mapping[str, str] = field(default_factory=dict)


def refusal(status: int, code: str, message: str = "", inner: str = "", **headers: str) -> Reply:
    """An error as Key Vault words it; underscores in header names stand for hyphens."""
    error: Json = {"code": code, "message": message}
    if inner:
        error["innererror"] = {"code": inner}
    return Reply(status, {"error": error}, {name.replace("_", "-"): value for name, value in headers.items()})


FORBIDDEN = refusal(
    403,
    "Forbidden",
    "Caller is not authorized to perform action on resource.\r\nIf role assignments, deny assignments or role "
    "definitions were changed recently, please observe propagation time.",
    "ForbiddenByRbac",
)
FIREWALL = refusal(
    403,
    "Forbidden",
    "Client address is not authorized and caller is not a trusted service.",
    "ForbiddenByFirewall",
)
THROTTLED = refusal(429, "Throttled", "Request was not processed because too many requests were received.")
DOWN = refusal(503, "ServiceUnavailable", "The service is unavailable.")


@dataclass(slots=True)
class Version:
    """One version of the key."""

    id: str
    private: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048), repr=False)
    attributes: Json = field(default_factory=lambda: {"enabled": True})

    def bundle(self) -> Json:
        """The key as it is shown: its public half."""
        numbers = self.private.public_key().public_numbers()
        operations = ["wrapKey", "unwrapKey"]
        key = {"kid": self.id, "kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e), "key_ops": operations}
        return {"key": key, "attributes": self.attributes}


class KeyVault:
    """A vault with one key on loopback, over HTTPS: `with KeyVault(certificates) as vault:`.

    `certificates` is a directory of `tests.support.certificate`. `always` is the answer to everything, `asked` what
    came (method and path), tokens that were asked for included.
    """

    def __init__(self, certificates: Path) -> None:
        self._certificate = certificates / "certificate.pem"
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self._certificate, certificates / "key.pem")
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self.asked: list[str] = []
        self._authorized: list[str] = []
        self.versions: list[Version] = []
        self.deleted = False
        self.identity_assigned = True
        self.token = TOKEN
        self.domain = f"{_DOMAIN}:{self._server.server_port}"
        self.always: Reply | None = None
        self.rotate()

    @property
    def key_id(self) -> str:
        """The key's id, without a version."""
        return f"https://127.0.0.1:{self._server.server_port}/keys/{NAME}"

    def environment(self) -> dict[str, str]:
        """What a process needs to reach it: whom to trust, the identity endpoint, and which identity it has."""
        return {
            "REQUESTS_CA_BUNDLE": str(self._certificate),
            "IDENTITY_ENDPOINT": f"https://127.0.0.1:{self._server.server_port}/msi/token",
            "IDENTITY_HEADER": _HEADER,
            "MigrationStorage__credential": "managedidentity",
            "MigrationStorage__clientId": IDENTITY,
        }

    def rotate(self) -> Version:
        """Make a new version of the key."""
        self.versions.append(Version(f"{self.key_id}/{uuid4().hex}"))
        return self.versions[-1]

    def recreate(self) -> None:
        """The key was purged, and one of the same name made."""
        self.versions.clear()
        self.rotate()

    def operations(self) -> list[str]:
        """What was done with the key (`get`, `wrapkey`, `unwrapkey`), what was only challenged left out."""
        return [
            what.split("?")[0].rpartition("/")[2] if what.startswith("POST") else "get" for what in self._authorized
        ]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _answer(self, method: str, target: str, headers: Mapping[str, str], body: Json) -> Reply:
        self.asked.append(f"{method} {target}")
        path = urlsplit(target).path
        if path == "/msi/token":
            return self._identity(headers, target)
        if self.always:
            return self.always
        if headers.get("Authorization") != f"Bearer {TOKEN}":
            challenge = (
                'Bearer authorization="https://login.microsoftonline.com/4d3a9f2e-0c1b-4a8d-9e7f-1234567890ab", '
                f'resource="https://{self.domain}"'
            )
            return refusal(
                401, "Unauthorized", "AKV10000: Request is missing a Bearer token.", WWW_Authenticate=challenge
            )
        self._authorized.append(f"{method} {target}")
        _, _, name, version, *operation = path.split("/")
        key = next((key for key in reversed(self.versions) if not version or key.id.endswith(version)), None)
        if name != NAME or key is None or self.deleted:
            return refusal(
                404, "KeyNotFound", f"A key with (name/id) {name}/{version} was not found in this key vault."
            )
        return _operated(key, operation[0], body) if operation else Reply(200, key.bundle())

    def _identity(self, headers: Mapping[str, str], target: str) -> Reply:
        if headers.get("X-IDENTITY-HEADER") != _HEADER or not self.identity_assigned or IDENTITY not in target:
            return Reply(400, {"statusCode": 400, "message": "No User Assigned Managed Identity found for ClientId."})
        expires = str(int(time.time()) + 86_400)
        return Reply(
            200, {"access_token": self.token, "expires_on": expires, "token_type": "Bearer", "resource": self.domain}
        )

    def _handler(vault: Self) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - `self` is the handler below
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._send(vault._answer("GET", self.path, dict(self.headers), {}))

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"] or 0))
                self._send(vault._answer("POST", self.path, dict(self.headers), json.loads(body or b"{}")))

            def log_message(self, format: str, *args: object) -> None:
                """Says nothing."""

            def _send(self, reply: Reply) -> None:
                content = (reply.body if isinstance(reply.body, str) else json.dumps(reply.body)).encode()
                own = {"Content-Type": "application/json", "Content-Length": str(len(content))}
                self.send_response(reply.status)
                for name, value in {**own, **reply.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

        return Handler


def _operated(key: Version, operation: str, body: Json) -> Reply:
    value = _bytes(body["value"])
    if body["alg"] != "RSA-OAEP-256":
        return refusal(400, "BadParameter", "The algorithm is not supported.")
    if operation == "unwrapkey" and not key.attributes["enabled"]:
        return refusal(403, "Forbidden", "Operation unwrapKey is not allowed on a disabled key.", "KeyDisabled")
    try:
        made = (
            key.private.decrypt(value, _OAEP_256)
            if operation == "unwrapkey"
            else key.private.public_key().encrypt(value, _OAEP_256)
        )
    except ValueError:
        return refusal(400, "BadParameter", "The parameter is incorrect.")
    return Reply(200, {"kid": key.id, "value": _text(made)})


def _number(value: int) -> str:
    return _text(value.to_bytes((value.bit_length() + 7) // 8))


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
