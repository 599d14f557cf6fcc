"""Exchange Online on loopback: one event loop in a thread of the test, a hundred connections on it if need be."""

from __future__ import annotations

import asyncio
import socket
import ssl
import tempfile
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from aiohttp import web

from tests.support.certificate import write_certificate
from tests.support.exchange import tokens
from tests.support.exchange.connection import Connection, Surroundings
from tests.support.exchange.endpoints import application
from tests.support.exchange.identity import HEADER_VALUE, IDENTITY_PATH
from tests.support.exchange.session import ExchangeSession
from tests.support.exchange.switches import Switches
from tests.support.exchange.tenant import Outage, Tenant
from tests.support.exchange.wire import Wire
from tests.support.imap_sim.faults import Fault, Faults
from tests.support.imap_sim.protocol import Request
from tests.support.imap_sim.session import Admissions

HOST = "127.0.0.1"
START_SECONDS = 20.0
#: Connections that may wait to be taken: many clients start at the same moment.
BACKLOG = 512


class Heard(NamedTuple):
    """A command that came: on which connection (from 1), for which mailbox (user principal name, empty before the
    login), its verb (`UID FETCH`), its arguments with literals as {n}."""

    connection: int
    upn: str
    verb: str
    arguments: str


class ExchangeOnline:
    """Serves a tenant: `with ExchangeOnline(tenant, Switches(appenduid=False)) as online:`.

    IMAP speaks TLS with `tls`, else nothing but loopback protects it. Entra and Graph speak HTTPS always (MSAL wants
    that of Entra) with the same self-signed `certificate`; what they need in the environment, trust in it included, is
    in `environment()`. `commands` holds what came, `violations` what no client may do with Exchange, in words. `faults`
    counts all commands; each mailbox has faults of its own. What fails in the simulator itself is raised at the end of
    the `with`.
    """

    imap_host = HOST

    def __init__(
        self,
        tenant: Tenant,
        switches: Switches | None = None,
        *,
        faults: Faults | None = None,
        tls: bool = False,
        imap_port: int = 0,
        https_port: int = 0,
        http_port: int = 0,
    ) -> None:
        self.tenant = tenant
        self.switches = switches or Switches()
        self.faults = faults or Faults()
        self.commands: list[Heard] = []
        self.violations: list[str] = []
        #: Connections that came so far.
        self.connections = 0
        self.imap_port = imap_port
        self._https_port = https_port
        self._http_port = http_port
        self._tls = tls
        self._admissions = Admissions(self.switches.connection_cap)
        self._open: dict[asyncio.Task[None], Wire] = {}
        self._failures: list[BaseException] = []
        self._directory = tempfile.TemporaryDirectory(prefix="exchange-")
        self._loop = asyncio.new_event_loop()
        self._listener: asyncio.Server | None = None
        self._web = web.AppRunner(application(tenant, self.switches), access_log=None, shutdown_timeout=1.0)
        self._thread = threading.Thread(target=self._loop.run_forever, name="exchange-online", daemon=True)

    @property
    def certificate(self) -> Path:
        """The PEM file that whoever speaks TLS to us has to trust."""
        return Path(self._directory.name) / "certificate.pem"

    @property
    def entra_url(self) -> str:
        """Entra's authority, without the tenant."""
        return f"https://localhost:{self._https_port}"

    @property
    def graph_url(self) -> str:
        """Graph, version included, as https://graph.microsoft.com/v1.0."""
        return f"https://localhost:{self._https_port}/v1.0"

    def settings(self) -> dict[str, str]:
        """The application settings of the target, the app's secret being its credential."""
        return {
            "TARGET_HOST": self.imap_host,
            "TARGET_PORT": str(self.imap_port),
            "TARGET_SECURITY": "ssl" if self._tls else "none",
            "TARGET_AUTH": "xoauth2",
            "ENTRA_TENANT_ID": self.tenant.id,
            "ENTRA_CLIENT_ID": self.tenant.app.client_id,
            "ENTRA_CLIENT_SECRET": self.tenant.app.secret,
            "ENTRA_AUTHORITY": self.entra_url,
            "GRAPH_URL": self.graph_url,
        }

    def environment(self) -> dict[str, str]:
        """Environment variables of a process that uses it: whom to trust, and the managed identity's endpoint."""
        trusted = str(self.certificate)
        return {
            "REQUESTS_CA_BUNDLE": trusted,
            **({"SSL_CERT_FILE": trusted} if self._tls else {}),
            "IDENTITY_ENDPOINT": f"http://{HOST}:{self._http_port}{IDENTITY_PATH}",
            "IDENTITY_HEADER": HEADER_VALUE,
        }

    def token(self) -> str:
        """A token for Exchange, as Entra gives it to the app."""
        app = self.tenant.app
        return tokens.issued(self.tenant, tokens.EXCHANGE, app.client_id, app.object_id, app.exchange_roles)

    def verbs(self, upn: str | None = None) -> list[str]:
        """The verbs of the commands that came, for all mailboxes or for one."""
        return [heard.verb for heard in self.commands if upn in (None, heard.upn)]

    @contextmanager
    def outage(self, outage: Outage) -> Iterator[None]:
        """Something is down for everybody inside the `with`."""
        self.tenant.outages.add(outage)
        if outage is Outage.CONNECTIONS:
            self.tenant.turned_away[outage] += self._run(self._stop_listening())
        try:
            yield
        finally:
            self.tenant.outages.discard(outage)
            if outage is Outage.CONNECTIONS:
                self._run(self._listen())

    def __enter__(self) -> Self:
        write_certificate(Path(self._directory.name))
        self._thread.start()
        self._run(self._start())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(START_SECONDS)
        self._loop.close()
        self._directory.cleanup()
        if self._failures:
            raise BaseExceptionGroup("the simulated Exchange Online failed", self._failures)

    def _run[T](self, work: Coroutine[object, object, T]) -> T:
        """From the test's thread: have the loop do it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(START_SECONDS)

    async def _start(self) -> None:
        await self._listen()
        await self._web.setup()
        https, http = (socket.create_server((HOST, port)) for port in (self._https_port, self._http_port))
        self._https_port, self._http_port = https.getsockname()[1], http.getsockname()[1]
        await web.SockSite(self._web, https, ssl_context=self._context()).start()
        await web.SockSite(self._web, http).start()

    async def _stop(self) -> None:
        await self._stop_listening()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        await self._stop_web()

    async def _stop_web(self) -> None:
        """Without waiting for clients that keep their connections."""
        server = self._web.server
        kept = [handler.transport for handler in server.connections] if server else []
        await self._web.cleanup()
        for transport in filter(None, kept):
            transport.abort()
        await asyncio.sleep(0.01)  # the sockets below TLS are closed some rounds of the loop later

    async def _listen(self) -> None:
        sock = socket.create_server((HOST, self.imap_port), backlog=BACKLOG)
        self.imap_port = sock.getsockname()[1]
        context = self._context() if self._tls else None
        self._listener = await self._loop.create_server(
            lambda: Wire(self._opened), sock=sock, ssl=context, backlog=BACKLOG
        )

    async def _stop_listening(self) -> int:
        """Returns how many connections were cut."""
        if self._listener:
            for sock in self._listener.sockets:
                self._loop.remove_reader(sock.fileno())
            # A server that is closed between accepting a connection and making its transport leaves it open for good.
            await asyncio.sleep(0.01)
            self._listener.close()
        for wire in self._open.values():
            wire.abort()
        return len(self._open)

    def _context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.certificate.with_name("key.pem"))
        return context

    def _opened(self, wire: Wire) -> None:
        self.connections += 1
        session = ExchangeSession(self.tenant, self.switches, self._admissions)
        connection = Connection(wire, session, self._surroundings(self.connections))
        task = self._loop.create_task(connection.serve())
        self._open[task] = wire
        task.add_done_callback(self._closed)

    def _closed(self, task: asyncio.Task[None]) -> None:
        del self._open[task]
        if not task.cancelled() and (failure := task.exception()):
            self._failures.append(failure)

    def _surroundings(self, number: int) -> Surroundings:
        def heard(session: ExchangeSession, request: Request) -> list[Fault]:
            mailbox = session.mailbox
            shown = str(request.arguments) if request.verb not in ("LOGIN", "AUTHENTICATE") else "***"
            self.commands.append(Heard(number, mailbox.upn if mailbox else "", request.verb, shown))
            own = mailbox.faults.due(request.verb, number) if mailbox else []
            return [*self.faults.due(request.verb, number), *own]

        def violated(what: str) -> None:
            self.violations.append(f"connection {number}: {what}")

        return Surroundings(heard, violated)
