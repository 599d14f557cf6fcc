"""Mailferry's engine: moves mailboxes from any IMAP server into Microsoft 365, without knowing what runs it."""

__version__ = "0.1.0"
