"""A certificate proves who the app is, from a file or from a setting's value; and what may be wrong with it."""

from __future__ import annotations

import base64
import datetime
import traceback
from pathlib import Path

import jwt as pyjwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from mailferry.errors import SettingsError
from mailferry.target.entra import EntraApp
from mailferry.target.token import TokenSource
from tests.unit.target.entra_server import TENANT, LoopbackServer


def _certificate(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mailferry")])
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )


def _pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return private + _certificate(key).public_bytes(pem)


def _certificate_of(file: Path, key: rsa.RSAPrivateKey) -> x509.Certificate:
    found = x509.load_pem_x509_certificates(file.read_bytes())
    return next(one for one in found if one.public_key() == key.public_key())


#: A key on a curve (sect163k1) that the library has never heard of.
_UNSUPPORTED_KEY = b"""-----BEGIN EC PRIVATE KEY-----
MFMCAQEEFQC3cg+9WOpiUzyf9DTrx12me33936AHBgUrgQQAAaEuAywABAZEnGXS
2NuGBh16C8DHjfIiW9vADQYq2ZQe70ihynmeagzJ7zOuG3xEog==
-----END EC PRIVATE KEY-----
"""


@pytest.mark.parametrize("kind", ["pem", "pfx"])
def test_a_certificate_proves_who_the_app_is(entra: LoopbackServer, tmp_path: Path, kind: str) -> None:
    key = rsa.generate_private_key(65537, 2048)
    file = tmp_path / "app.cer"
    pfx = pkcs12.serialize_key_and_certificates(b"app", key, _certificate(key), None, serialization.NoEncryption())
    file.write_bytes(pfx if kind == "pfx" else _pem(key))
    app = EntraApp(TENANT, "app-id", certificate_path=str(file), authority=entra.url)
    TokenSource(app).token()
    said = pyjwt.decode(
        entra.asked[0]["client_assertion"],
        key.public_key(),
        ["PS256"],
        audience=f"{entra.url}/{TENANT}/oauth2/v2.0/token",
    )
    assert said["iss"] == said["sub"] == "app-id"


def _as_settings(key: rsa.RSAPrivateKey) -> dict[str, str]:
    """A certificate in every way a setting may hold it."""
    pfx = pkcs12.serialize_key_and_certificates(b"app", key, _certificate(key), None, serialization.NoEncryption())
    pem = _pem(key).decode()
    return {
        "PEM": pem,
        "PEM with CRLF": pem.replace("\n", "\r\n"),
        "PEM in one line": pem.replace("\n", "\\n"),
        "PEM with CRLF in one line": pem.replace("\n", "\\r\\n"),
        "PFX": base64.b64encode(pfx).decode(),
        "PFX in lines": base64.encodebytes(pfx).decode(),
    }


@pytest.mark.parametrize("form", list(_as_settings(rsa.generate_private_key(65537, 2048))))
def test_a_certificate_in_a_setting_proves_who_the_app_is(entra: LoopbackServer, form: str) -> None:
    key = rsa.generate_private_key(65537, 2048)
    TokenSource(EntraApp(TENANT, "app-id", authority=entra.url, certificate=_as_settings(key)[form])).token()
    assertion = entra.asked[0]["client_assertion"]
    audience = f"{entra.url}/{TENANT}/oauth2/v2.0/token"
    assert pyjwt.decode(assertion, key.public_key(), ["PS256"], audience=audience)["sub"] == "app-id"


@pytest.mark.parametrize("spoilt", ["half", "another key", "no Base64", "another Base64", "a password"])
def test_a_certificate_in_a_setting_that_can_not_be_used_is_named_and_not_shown(spoilt: str) -> None:
    key = rsa.generate_private_key(65537, 2048)
    pem = _pem(key).decode()
    locked = serialization.BestAvailableEncryption(b"x")
    setting = {
        "half": pem[: len(pem) // 2],
        "another key": pem.partition("-----BEGIN CERTIFICATE")[0]
        + _certificate(rsa.generate_private_key(65537, 2048)).public_bytes(serialization.Encoding.PEM).decode(),
        "no Base64": "é hush!",
        "another Base64": base64.b64encode(b"hush").decode(),
        "a password": base64.b64encode(
            pkcs12.serialize_key_and_certificates(b"app", key, _certificate(key), None, locked)
        ).decode(),
    }[spoilt]
    with pytest.raises(SettingsError, match="ENTRA_CERTIFICATE is no PEM text") as caught:
        TokenSource(EntraApp(TENANT, "app-id", certificate=setting))
    told = "".join(traceback.format_exception(caught.value)) + caught.value.remedy
    assert not any(line in told for line in setting.splitlines())


def test_a_reference_that_key_vault_did_not_answer_is_told_from_a_bad_certificate() -> None:
    reference = "@Microsoft.KeyVault(SecretUri=https://kv.vault.azure.net/secrets/app)"
    with pytest.raises(SettingsError, match="was not given") as caught:
        TokenSource(EntraApp(TENANT, "app-id", certificate=reference))
    assert "Key Vault Secrets User" in caught.value.remedy


def test_a_certificate_is_found_by_its_key_among_those_of_its_authorities(
    entra: LoopbackServer, tmp_path: Path
) -> None:
    key = rsa.generate_private_key(65537, 2048)
    authority = _certificate(rsa.generate_private_key(65537, 2048)).public_bytes(serialization.Encoding.PEM)
    file = tmp_path / "app.pem"
    file.write_bytes(authority + _pem(key))
    TokenSource(EntraApp(TENANT, "app-id", certificate_path=str(file), authority=entra.url)).token()
    told = pyjwt.get_unverified_header(entra.asked[0]["client_assertion"])["x5t#S256"]
    assert base64.urlsafe_b64decode(told + "==") == _certificate_of(file, key).fingerprint(hashes.SHA256())


def test_a_certificate_in_the_place_of_its_path_is_not_shown() -> None:
    key = _pem(rsa.generate_private_key(65537, 2048)).decode()
    with pytest.raises(SettingsError, match="path") as caught:
        TokenSource(EntraApp(TENANT, "app-id", certificate_path=key))
    assert "PRIVATE KEY" not in caught.value.cause + caught.value.remedy


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0\1\2",
        b"-----BEGIN CERTIFICATE-----\n",
        _certificate(ec.generate_private_key(ec.SECP256R1())).public_bytes(serialization.Encoding.PEM),
        _pem(ec.generate_private_key(ec.SECP256R1())),
        _pem(rsa.generate_private_key(65537, 2048)).partition(b"-----BEGIN CERTIFICATE")[0]
        + _certificate(rsa.generate_private_key(65537, 2048)).public_bytes(serialization.Encoding.PEM),
        _UNSUPPORTED_KEY,
    ],
)
def test_a_certificate_that_can_not_be_used_is_a_setting_to_correct(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "app.pem"
    file.write_bytes(content)
    with pytest.raises(SettingsError, match="RSA key") as caught:
        TokenSource(EntraApp(TENANT, "app-id", certificate_path=str(file)))
    assert caught.value.remedy


def test_a_certificate_file_that_is_not_there_is_a_setting_to_correct(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.pem can't be read"):
        TokenSource(EntraApp(TENANT, "app-id", certificate_path=str(tmp_path / "none.pem")))
