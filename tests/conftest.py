"""Registers the fixtures of `tests/support`, and what holds for all tests with random examples."""

from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.support.azurite", "tests.support.fixtures"]

# How long an example takes, or its making, says how busy the machine is, and nothing of what is tested.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")
