"""The engine's services, made when the first event arrives and kept for the life of the process."""

from functools import cache

from mailferry.services import Services, make_services
from mailferry.settings import read_settings
from mailferry.state.azure import azure_storage


@cache
def services() -> Services:
    """The services for the settings in the environment. Raises SettingsError when one is missing or wrong."""
    return make_services(read_settings(), azure_storage())
