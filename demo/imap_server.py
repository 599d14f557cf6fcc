"""A small IMAP server in memory (pymap, from PyPI) for the demo: `python -m demo.imap_server PORT_FILE PASSWORD`.

Anybody logs in with the one password; the mailbox is made at the first login. It needs neither root nor disk, and it
is no server for real mail. It writes its port to PORT_FILE and ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import sys
from argparse import ArgumentParser, Namespace
from contextlib import AsyncExitStack, closing
from pathlib import Path

from pymap.backend.dict import Config, DictBackend, Login
from pymap.imap import IMAPService
from pymap.user import Passwords, UserMetadata
from pysasl.creds.server import ServerCredentials

HOST = "127.0.0.1"


class AnybodyLogin(Login):
    """Knows every user from the moment it is first asked for; all have the same password."""

    async def authenticate(self, credentials: ServerCredentials):  # type: ignore[no-untyped-def]
        ...
