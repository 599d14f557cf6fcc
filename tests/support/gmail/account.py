"""A Google service account: its key file, and what Google would say of an assertion that it has signed."""

from __future__ import annotations

import json
from functools import cache

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

EMAIL = "migration@mailferry-1.iam.gserviceaccount.com"
CLIENT_ID = "104958372615243546271"
KEY_ID = "0a1b2c3d4e5f"


@cache
def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def key_file(**other: object) -> str:
    """The JSON that the Google Cloud console gives out; None takes a field away."""
    pem = _key().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    told = {
        "type": "service_account",
        "project_id": "mailferry-1",
        "private_key_id": KEY_ID,
        "private_key": pem.decode(),
        "client_email": EMAIL,
        "client_id": CLIENT_ID,
        "token_uri": "https://evil.example/token",
        **other,
    }
    return json.dumps({name: value for name, value in told.items() if value is not None})


def claims_of(assertion: str, audience: str) -> dict[str, object]:
    """What a signed assertion says. Raises `jwt.InvalidTokenError` when Google would not take it."""
    claims: dict[str, object] = jwt.decode(
        assertion,
        _key().public_key(),
        algorithms=["RS256"],
        audience=audience,
        options={"verify_iat": False, "verify_exp": False},  # engines under test have clocks of their own
    )
    return claims
