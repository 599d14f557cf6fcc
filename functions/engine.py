"""The engine's services, made when the first event arrives and kept for the life of the process."""

import logging
from functools import cache

from mailferry.errors import SettingsError
from mailferry.services import Services, make_services
from mailferry.settings import read_settings
from mailferry.state.azure import azure_storage
from mailferry.telemetry.pipeline import configure

log = logging.getLogger(__name__)


def start_telemetry() -> None:
    """Send telemetry where the settings say. An app that can't must still move mail."""
    try:
        configure()
    except Exception:
        log.exception("Telemetry can't be sent. Check APPLICATIONINSIGHTS_CONNECTION_STRING.")


def check_settings() -> None:
    """Say at start-up what is wrong with the settings. Not an error yet: an app that fails to load shows no function
    at all, and nobody the reason."""
    try:
        read_settings()
    except SettingsError as error:
        log.critical("Nothing can run: %s %s", error.cause, error.remedy)


@cache
def services() -> Services:
    """The services for the settings in the environment. Raises SettingsError when one is missing or wrong."""
    return make_services(read_settings(), azure_storage())
