"""Registers the fixtures of `tests/support`."""

pytest_plugins = ["tests.support.azurite", "tests.support.fixtures"]
