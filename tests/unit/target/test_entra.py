"""The settings ENTRA_* choose exactly one way to sign in, and say what they lack."""

from __future__ import annotations

import pytest

from mailferry.errors import SettingsError
from mailferry.target.entra import EntraApp

IDENTITY = "0a1b2c3d-0000-4000-8000-00000000000f"


@pytest.mark.parametrize(
    "app",
    [
        EntraApp("contoso.com", "app-id", managed_identity=IDENTITY),
        EntraApp(managed_identity=IDENTITY),
        EntraApp(managed_identity="system"),
        EntraApp("contoso.com", managed_identity="system"),
        EntraApp("contoso.com", "app-id", certificate_path="app.pem"),
        EntraApp("contoso.com", "app-id", certificate="-----BEGIN"),
        EntraApp("contoso.com", "app-id", secret="s"),
    ],
)
def test_each_way_of_the_table_is_accepted(app: EntraApp) -> None:
    app.check()


@pytest.mark.parametrize(
    ("app", "words"),
    [
        (EntraApp(), "ENTRA_TENANT_ID, ENTRA_CLIENT_ID, ENTRA_MANAGED_IDENTITY, ENTRA_CERTIFICATE, ENTRA_CERT"),
        (
            EntraApp("contoso.com", "app-id"),
            "needs ENTRA_MANAGED_IDENTITY, ENTRA_CERTIFICATE, ENTRA_CERTIFICATE_PATH or E",
        ),
        (EntraApp(client_id="app-id", secret="s"), "needs ENTRA_TENANT_ID"),
        (EntraApp(client_id="app-id", managed_identity=IDENTITY), "needs ENTRA_TENANT_ID"),
        (EntraApp("contoso.com", secret="s"), "needs ENTRA_CLIENT_ID"),
        (EntraApp("contoso.com", "app-id", "s", "app.pem"), "ENTRA_CERTIFICATE_PATH and ENTRA_CLIENT_SECRET are set"),
        (
            EntraApp("contoso.com", "app-id", certificate_path="app.pem", certificate="hush"),
            "ENTRA_CERTIFICATE and ENTRA_CERTIFICATE_PATH are set",
        ),
        (EntraApp("contoso.com", "app-id", "s", managed_identity=IDENTITY), "ENTRA_MANAGED_IDENTITY and ENTRA_CLIENT"),
        (EntraApp("contoso.com", "app-id", managed_identity="system"), "only a user-assigned identity"),
        (EntraApp(managed_identity="id-mailferry"), "'id-mailferry'"),
        (EntraApp("https://contoso.com", "app-id", "s"), "ENTRA_TENANT_ID is 'https://contoso.com'"),
        (EntraApp("contoso.com/", "app-id", "s"), "ENTRA_TENANT_ID is 'contoso.com/'"),
        (EntraApp(managed_identity="system", authority="http://localhost"), "ENTRA_AUTHORITY"),
    ],
)
def test_an_impossible_mix_is_named_with_its_remedy(app: EntraApp, words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        app.check()
    assert words in caught.value.cause
    assert caught.value.remedy


def test_the_secret_is_never_shown() -> None:
    assert "hush" not in repr(EntraApp("contoso.com", "app-id", secret="hush", certificate="hush"))
