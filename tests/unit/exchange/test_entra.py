"""Tokens: by secret, by certificate, by managed identity, and every way in which none is given."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterator
from uuid import uuid4

import jwt
import msal  # type: ignore[import-untyped]
import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.support.exchange import ExchangeOnline, Outage, Tenant, tokens
from tests.unit.exchange.raw import ANN, Raw

SCOPE = "https://outlook.office365.com/.default"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

type Form = dict[str, str]


@pytest.fixture
def session(online: ExchangeOnline) -> Iterator[requests.Session]:
    """Trusts the simulator, because its environment says so."""
    with requests.Session() as opened:
        yield opened


def form_of(tenant: Tenant, **changes: str | None) -> Form:
    form = {
        "grant_type": "client_credentials",
        "client_id": tenant.app.client_id,
        "client_secret": tenant.app.secret,
        "scope": SCOPE,
        **changes,
    }
    return {name: value for name, value in form.items() if value is not None}


def ask(online: ExchangeOnline, session: requests.Session, form: Form, tenant: str = "") -> requests.Response:
    name = tenant or online.tenant.id
    return session.post(f"{online.entra_url}/{name}/oauth2/v2.0/token", data=form, timeout=5)


def identity_token(online: ExchangeOnline, resource: str, **more: str) -> requests.Response:
    environment = online.environment()
    return requests.get(
        environment["IDENTITY_ENDPOINT"],
        params={"api-version": "2019-08-01", "resource": resource, **more},
        headers={"X-IDENTITY-HEADER": environment["IDENTITY_HEADER"]},
        timeout=5,
    )


def test_a_secret_gives_a_token_that_opens_the_mailbox(online: ExchangeOnline, session: requests.Session) -> None:
    answer = ask(online, session, form_of(online.tenant), online.tenant.domain).json()
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 3_900)
    said = jwt.decode(answer["access_token"], options={"verify_signature": False})
    assert said["aud"] == "https://outlook.office365.com"  # MailKit issue 1811
    assert said["iss"] == f"https://sts.windows.net/{online.tenant.id}/"
    assert (said["roles"], said["tid"]) == (["IMAP.AccessAsApp"], online.tenant.id)
    assert said["exp"] - said["iat"] == pytest.approx(3_900, abs=1)
    with Raw(online, user="") as raw:
        assert raw.log_in(ANN, answer["access_token"]) == b"OK AUTHENTICATE completed."


def test_without_consent_the_token_has_no_roles(online: ExchangeOnline, session: requests.Session) -> None:
    online.tenant.app.exchange_roles.clear()
    token = ask(online, session, form_of(online.tenant)).json()["access_token"]
    assert "roles" not in jwt.decode(token, options={"verify_signature": False})


@pytest.mark.parametrize(
    ("change", "form", "status", "error", "number"),
    [
        (None, {"client_secret": "wrong"}, 401, "invalid_client", 7000215),
        (lambda tenant: setattr(tenant.app, "secret_expired", True), {}, 401, "invalid_client", 7000222),
        (None, {"client_id": str(uuid4())}, 400, "unauthorized_client", 700016),
        (lambda tenant: setattr(tenant.app, "disabled", True), {}, 400, "unauthorized_client", 7000112),
        (None, {"client_secret": None}, 401, "invalid_client", 7000218),
        (None, {"scope": "https://outlook.office365.com/IMAP.AccessAsApp"}, 400, "invalid_scope", 1002012),
        (None, {"scope": "https://vault.azure.net/.default"}, 400, "invalid_resource", 500011),
        (None, {"grant_type": "password"}, 400, "unsupported_grant_type", 70003),
        (None, {"client_secret": None, "client_assertion": "x"}, 401, "invalid_client", 50027),
        (lambda tenant: tenant.outages.add(Outage.ENTRA), {}, 503, "temporarily_unavailable", 90033),
    ],
)
def test_who_gets_no_token_is_told_why(
    online: ExchangeOnline,
    session: requests.Session,
    change: Callable[[Tenant], object] | None,
    form: dict[str, str | None],
    status: int,
    error: str,
    number: int,
) -> None:
    if change:
        change(online.tenant)
    answer = ask(online, session, form_of(online.tenant, **form))
    said = answer.json()
    assert (answer.status_code, said["error"], said["error_codes"]) == (status, error, [number])
    assert re.fullmatch(
        rf"AADSTS{number}: .+ Trace ID: \S+ Correlation ID: \S+ Timestamp: .+Z", said["error_description"]
    )


def test_an_unknown_tenant_is_told_at_the_first_question(online: ExchangeOnline, session: requests.Session) -> None:
    answer = session.get(f"{online.entra_url}/fabrikam.com/v2.0/.well-known/openid-configuration", timeout=5)
    assert answer.status_code == 400
    assert "AADSTS90002" in answer.json()["error_description"]


def certificate_of(key: rsa.RSAPrivateKey) -> bytes:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "app")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def test_a_certificate_gives_a_token_when_it_is_registered(online: ExchangeOnline, session: requests.Session) -> None:
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
    certificate = certificate_of(key)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    app = msal.ConfidentialClientApplication(
        online.tenant.app.client_id,
        client_credential={"private_key": private.decode(), "public_certificate": certificate.decode()},
        authority=f"{online.entra_url}/{online.tenant.id}",
        http_client=session,
        instance_discovery=False,
    )
    assert app.acquire_token_for_client(scopes=[SCOPE])["error_codes"] == [700027]
    online.tenant.app.certificates.append(certificate)
    with Raw(online, user="") as raw:
        token = app.acquire_token_for_client(scopes=[SCOPE])["access_token"]
        assert raw.log_in(ANN, token) == b"OK AUTHENTICATE completed."


@pytest.mark.parametrize("more", [{}, {"client_id": Tenant().app.identity_client_id}])
def test_a_managed_identity_opens_the_mailbox_by_itself(online: ExchangeOnline, more: dict[str, str]) -> None:
    answer = identity_token(online, tokens.EXCHANGE, **more).json()
    assert (answer["token_type"], answer["resource"]) == ("Bearer", tokens.EXCHANGE)
    with Raw(online, user="") as raw:
        assert raw.log_in(ANN, answer["access_token"]) == b"OK AUTHENTICATE completed."
    online.tenant.app.registered.discard(online.tenant.app.identity_client_id)
    with Raw(online, user="") as raw:
        assert raw.log_in(ANN, answer["access_token"]) == b"NO AUTHENTICATE failed."


def test_a_managed_identity_can_vouch_for_the_app(online: ExchangeOnline, session: requests.Session) -> None:
    assertion = identity_token(online, tokens.VOUCHING).json()["access_token"]
    form = form_of(online.tenant, client_secret=None, client_assertion_type=ASSERTION_TYPE, client_assertion=assertion)
    token = ask(online, session, form).json()["access_token"]
    assert jwt.decode(token, options={"verify_signature": False})["appid"] == online.tenant.app.client_id
    online.tenant.app.identity_trusted = False
    refused = ask(online, session, form).json()
    assert refused["error_codes"] == [700213]
    assert online.tenant.app.identity_object_id in refused["error_description"]


def test_the_identity_endpoint_gives_tokens_to_nobody_else(online: ExchangeOnline) -> None:
    endpoint = online.environment()["IDENTITY_ENDPOINT"]
    query = {"api-version": "2019-08-01", "resource": tokens.EXCHANGE}
    assert requests.get(endpoint, params=query, timeout=5).status_code == 401
    assert identity_token(online, tokens.EXCHANGE, client_id=str(uuid4())).status_code == 400
    assert identity_token(online, "https://vault.azure.net").status_code == 400
    online.tenant.app.identity_assigned = False
    assert "No User Assigned" in identity_token(online, tokens.EXCHANGE).json()["message"]
