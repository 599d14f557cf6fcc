"""Access tokens: made as Entra makes them, read as Exchange and Graph read them. Real JWTs, RS256."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.support.exchange.tenant import Tenant

EXCHANGE = "https://outlook.office365.com"
GRAPH = "https://graph.microsoft.com"
#: What a managed identity's token is for that vouches for an app.
VOUCHING = "api://AzureADTokenExchange"

_ALGORITHM = "RS256"
_MAKING = threading.Lock()
_NAMED = ["aud", "iss", "exp", "sub", "tid", "appid", "uti"]


@dataclass(frozen=True, slots=True)
class Token:
    """What a valid token says; `expires` is in seconds since 1970."""

    id: str
    app: str
    subject: str
    roles: frozenset[str]
    expires: float


def issued(tenant: Tenant, resource: str, client_id: str, subject: str, roles: Collection[str] = ()) -> str:
    """A token for a resource, valid from now on; without roles the claim is missing, as Entra leaves it out."""
    now = int(time.time())
    token_id = uuid4().hex
    tenant.tokens.add(token_id)
    claims = {
        "aud": resource,
        "iss": _issuer(tenant),
        "iat": now,
        "nbf": now,
        "exp": now + tenant.token_seconds,
        "appid": client_id,
        "appidacr": "1",
        "idtyp": "app",
        "oid": subject,
        "sub": subject,
        "tid": tenant.id,
        "uti": token_id,
        "ver": "1.0",
    }
    if roles:
        claims["roles"] = sorted(roles)
    return jwt.encode(claims, _key(), _ALGORITHM, headers={"kid": "simulated"})


def read(tenant: Tenant, token: str, resource: str) -> Token | None:
    """The token when it is of this tenant, for this resource and neither over nor revoked, else None."""
    try:
        claims = jwt.decode(
            token,
            _key().public_key(),
            [_ALGORITHM],
            audience=resource,
            issuer=_issuer(tenant),
            options={"require": _NAMED},
        )
    except jwt.InvalidTokenError:
        return None
    if claims["tid"] != tenant.id or claims["uti"] not in tenant.tokens:
        return None
    roles = frozenset(claims.get("roles", ()))
    return Token(claims["uti"], claims["appid"], claims["sub"], roles, claims["exp"])


def _issuer(tenant: Tenant) -> str:
    return f"https://sts.windows.net/{tenant.id}/"


def _key() -> rsa.RSAPrivateKey:
    """Entra's; the same for all tenants of this process."""
    with _MAKING:  # of two threads that come first each would get a key of its own
        return _made_key()


@cache
def _made_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65_537, key_size=2048)
