"""Where settings come from, and what happens when one is missing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from devhost import settings
from devhost.errors import HostError


def written(folder: Path, document: object) -> Path:
    path = folder / "local.settings.json"
    path.write_text(json.dumps(document))
    return path


def test_the_environment_wins_over_the_settings_file(tmp_path: Path) -> None:
    environment = {"A": "from the environment"}
    path = written(tmp_path, {"IsEncrypted": False, "Values": {"A": "from the file", "B": "2", "C": True}})
    assert settings.apply(settings.read_settings_file(path), environment) == ["B", "C"]
    assert environment == {"A": "from the environment", "B": "2", "C": "true"}


@pytest.mark.parametrize(
    "document", [[], {"Values": []}, {"IsEncrypted": True, "Values": {}}, {"Values": {"A": {"b": 1}}}]
)
def test_a_settings_file_of_another_shape_is_refused(tmp_path: Path, document: object) -> None:
    with pytest.raises(HostError, match="settings"):
        settings.read_settings_file(written(tmp_path, document))


def test_a_settings_file_that_is_missing_is_an_error_when_it_was_named(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="No such file"):
        settings.read_settings_file(tmp_path / "none.json")


def test_settings_in_percent_signs_are_filled_in() -> None:
    assert settings.resolve("%A%-%B%-jobs", "x", {"A": "1", "B": "2"}) == "1-2-jobs"


def test_a_missing_setting_is_named_together_with_who_needs_it() -> None:
    with pytest.raises(HostError, match=r"function sync, schedule needs the setting SYNC_SCHEDULE"):
        settings.resolve("%SYNC_SCHEDULE%", "function sync, schedule", {})


def test_azurite_takes_the_place_of_empty_and_development_connections_only() -> None:
    environment = {"MigrationStorage": "UseDevelopmentStorage=true", "AzureWebJobsStorage": "AccountName=mine"}
    settings.point_to_azurite("azurite", environment)
    assert environment == {"MigrationStorage": "azurite", "AzureWebJobsStorage": "AccountName=mine"}


def test_an_identity_based_connection_is_said_to_be_for_azure() -> None:
    with pytest.raises(HostError, match="identity-based"):
        settings.connection_string("S", "function f", {"S__blobServiceUri": "https://x"})


def test_a_connection_may_have_the_prefix_of_web_jobs() -> None:
    assert settings.connection_string("S", "function f", {"AzureWebJobsS": "x"}) == "x"
