"""A small IMAP server in memory (pymap, from PyPI) for the demo: `python -m demo.imap_server PASSWORD`.

Anybody logs in with the one password; the mailbox is made at the first login. It needs neither root nor disk, and it
is no server for real mail. It prints its port and ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from argparse import Namespace
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self

from proxyprotocol.reader import ProxyProtocolReader
from pymap.backend.dict import Config, Identity, Login
from pymap.imap import IMAPServer
from pymap.user import UserMetadata
from pysasl.creds.server import ServerCredentials
from pysasl.hashing import Cleartext

HOST = "127.0.0.1"
STOP_SECONDS = 10.0


class ServerFailed(RuntimeError):
    """The small IMAP server did not start."""


class SmallImapServer:
    """One such server as a process of its own: `with SmallImapServer("pw") as server:`; `server.port` is its port."""

    host = HOST

    def __init__(self, password: str) -> None:
        self.password = password
        self.port = 0

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "demo.imap_server", self.password]
        self._process = subprocess.Popen(  # noqa: S603 - this very module
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        assert self._process.stdout is not None  # noqa: S101 - asked for above
        line = self._process.stdout.readline()
        if not line:
            self._end()
            raise ServerFailed("the small IMAP server did not start; its own words are above")
        self.port = int(line)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        try:
            self._process.communicate(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()


class _AnybodyLogin(Login):
    """Knows every user from the first login on."""

    async def authenticate(self, credentials: ServerCredentials) -> Identity:
        name = credentials.authcid
        if name not in self.users_dict:
            self.users_dict[name] = UserMetadata(self.config, name, password=self.config.demo_password)
        return await super().authenticate(credentials)


async def serve(password: str) -> None:
    """Serve until standard input ends."""
    config = Config(
        Namespace(passlib_cfg=None, proxy_protocol=None, inherited_sockets=None),
        host=HOST,
        port=0,
        tls_enabled=False,
        demo_data=False,
        demo_user="",
        demo_password=password,
        hash_context=Cleartext(),
    )
    config.apply_context()
    connection = ProxyProtocolReader(config.proxy_protocol).get_callback(IMAPServer(_AnybodyLogin(config), config))
    _keep_tasks(asyncio.get_running_loop())
    server = await asyncio.start_server(connection, HOST, 0)
    async with server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.to_thread(sys.stdin.read)
        server.close_clients()


def _keep_tasks(loop: asyncio.AbstractEventLoop) -> None:
    """Hold on to every task until it is done: the loop only knows them weakly, and pymap's connections, which nobody
    else holds, would be collected as garbage in mid-session."""
    tasks: set[asyncio.Future[Any]] = set()

    def make(loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Any], **more: Any) -> asyncio.Future[Any]:
        task = asyncio.Task(coroutine, loop=loop, **more)
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        return task

    loop.set_task_factory(make)


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
