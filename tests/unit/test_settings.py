"""Settings are checked once, and what is wrong is said by name."""

import base64
from pathlib import Path

import pytest

from mailferry.errors import SettingsError
from mailferry.imap.values import Security
from mailferry.settings import read_settings
from mailferry.target.entra import EntraApp

GOOD = {
    "SOURCE_HOST": "imap.example.com",
    "TARGET_AUTH": "login",
    "TARGET_PASSWORD": "secret",
    "SEALING_KEY": base64.b64encode(bytes(32)).decode(),
}


def test_defaults_are_those_of_the_table() -> None:
    settings = read_settings(GOOD)
    assert settings.source is not None
    assert (settings.source.port, settings.source.security, settings.source.check_certificate) == (
        993,
        Security.SSL,
        True,
    )
    assert settings.target.host == "outlook.office365.com"
    assert settings.source_max_concurrent == 20
    assert settings.limits.chunk_seconds == 240
    assert settings.limits.window_messages == 200
    assert settings.target_profile == {}


def test_what_is_known_better_about_the_target_overrules_its_profile() -> None:
    settings = read_settings(
        GOOD | {"TARGET_PROFILE": ' {"in_flight": 1, "connections": 4} ', "WINDOW_MESSAGES": "300"}
    )
    assert settings.target_profile == {"in_flight": 1, "connections": 4}
    assert settings.limits.window_messages == 300


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("SOURCE_PORT", "imap", "no number"),
        ("SOURCE_PORT", "70000", "from 1 to 65535"),
        ("SOURCE_SECURITY", "tls", "ssl, starttls, none"),
        ("TARGET_AUTH", "basic", "xoauth2, login"),
        ("CHUNK_SECONDS", "900", "from 1 to 420"),
        ("WINDOW_MESSAGES", "301", "from 1 to 300"),
        ("WINDOW_MESSAGES", "0", "from 1 to 300"),
        ("TARGET_PROFILE", "pipelining", "JSON object"),
        ("TARGET_PROFILE", '{"depth": 5}', "in_flight"),
        ("TARGET_PROFILE", '{"in_flight": 0}', "from 1"),
        ("SEALING_KEY", "short", "32 bytes"),
        ("SEALING_KEY", "", "KEY_VAULT_KEY_ID"),
        ("SEALING_KEY_FILE", "/key", "empty the other"),
        ("KEY_VAULT_KEY_ID", "https://kv.vault.azure.net/keys/batch-keys/0123", "without a version"),
        ("KEY_VAULT_KEY_ID", "http://kv.vault.azure.net/keys/batch-keys", "https://"),
        ("KEY_VAULT_KEY_ID", "batch-keys", "https://"),
        ("KEY_VAULT_KEY_ID", "https://kv.vault.azure.net/keys/batch-keys", "empty the other"),
        ("TARGET_PASSWORD", "", "TARGET_PASSWORD"),
    ],
)
def test_a_bad_value_is_named_with_what_is_allowed(name: str, value: str, words: str) -> None:
    with pytest.raises(SettingsError) as raised:
        read_settings(GOOD | {name: value})
    assert name in raised.value.cause
    assert words in raised.value.cause + raised.value.remedy


def test_exchange_online_names_what_its_login_lacks() -> None:
    environment = {key: value for key, value in GOOD.items() if not key.startswith("TARGET")}
    with pytest.raises(SettingsError, match="ENTRA_TENANT_ID, ENTRA_CLIENT_ID, ENTRA_MANAGED_IDENTITY"):
        read_settings(environment)


def test_the_way_to_sign_in_is_read() -> None:
    entra = {
        "ENTRA_TENANT_ID": "contoso.com",
        "ENTRA_CLIENT_ID": "app-id",
        "ENTRA_MANAGED_IDENTITY": "0A1B2C3D-0000-4000-8000-00000000000F",
    }
    settings = read_settings(GOOD | {"TARGET_AUTH": "xoauth2"} | entra)
    assert settings.entra == EntraApp("contoso.com", "app-id", managed_identity=entra["ENTRA_MANAGED_IDENTITY"].lower())
    with pytest.raises(SettingsError, match="one way"):
        read_settings(GOOD | {"TARGET_AUTH": "xoauth2"} | entra | {"ENTRA_CLIENT_SECRET": "hush"})


def test_the_sealing_key_may_stand_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(GOOD["SEALING_KEY"] + "\n")
    environment = {**GOOD, "SEALING_KEY": "", "SEALING_KEY_FILE": str(file)}
    assert read_settings(environment).sealing_keys == (bytes(32),)
    with pytest.raises(SettingsError, match="can't be read"):
        read_settings(environment | {"SEALING_KEY_FILE": str(tmp_path / "none")})


def test_several_sealing_keys_may_be_given_the_newest_first() -> None:
    old, new = bytes(32), bytes(range(32))
    words = [base64.b64encode(key).decode() for key in (new, old)]
    for between in (" ", "\n"):
        assert read_settings(GOOD | {"SEALING_KEY": between.join(words)}).sealing_keys == (new, old)


def test_the_key_may_be_in_key_vault() -> None:
    settings = read_settings(
        GOOD | {"SEALING_KEY": "", "KEY_VAULT_KEY_ID": " https://kv.vault.azure.net/keys/batch-keys/ "}
    )
    assert settings.key_vault_key == "https://kv.vault.azure.net/keys/batch-keys"
    assert settings.sealing_keys == ()


def test_no_secret_shows_in_the_settings_text() -> None:
    shown = repr(read_settings(GOOD | {"ENTRA_CLIENT_SECRET": "tresor"}))
    assert "secret'" not in shown
    assert "tresor" not in shown
