"""Knows the one way devhost gives up: with a sentence for the person who started it."""


class HostError(Exception):
    """devhost cannot go on. The message says what is wrong and what to do about it; the exit code is 2."""
