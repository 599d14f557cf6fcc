"""Makes each row of the error tables happen, over real sockets: the error that comes of it, and what that decides."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import override
from unittest.mock import patch

from mailferry.errors import LoginRefused, MailferryError
from mailferry.imap.body import Body
from mailferry.imap.values import Login, Message, Security, Server
from mailferry.model import Status
from mailferry.source.mailbox import SourceMailbox
from mailferry.state.jobs import MailboxJob
from mailferry.target.entra import EntraApp
from mailferry.target.graph import Graph
from mailferry.target.mailbox import TargetMailbox
from mailferry.target.preflight import Preflight
from mailferry.target.token import TokenSource
from mailferry.transfer.target_check import TargetCheck
from tests.support.append import append
from tests.support.certificate import write_certificate
from tests.support.engine import Engine, csv_of, settings_for
from tests.support.exchange import ExchangeOnline, Mailbox, Refuse, Stray, Tenant
from tests.support.exchange.session import RefusedAndOut
from tests.support.graph_stub import GraphStub, Reply, Tokens, refusal
from tests.support.imap_sim import At, Behaviour, Bye, Fault, Faults, SimServer, Store
from tests.support.imap_sim.faults import Pause
from tests.unit.exchange.error_table_row import Row, Where
from tests.unit.exchange.raw import ANN
from tests.unit.target.entra_server import TENANT, LoopbackServer, refused, serving

BODY = b"Message-ID: <1@x>\r\n\r\nhello\r\n"
_STANDARD_PLAN = "9aaf7827-d63c-4b61-89c3-182f06f82e5c"
_GRAPH_SAID = re.compile(r"(\d+) (\w+) (.+?)(?: \(Retry-After: (\d+)\))?")
_VERBS = {
    Where.XOAUTH2: "AUTHENTICATE",
    Where.FIRST: "NAMESPACE",
    Where.LIST: "LIST",
    Where.STATUS: "STATUS",
    Where.SELECT: "SELECT",
    Where.CREATE: "CREATE",
    Where.APPEND: "APPEND",
    Where.FETCH: "UID FETCH",
    Where.SOURCE_LOGIN: "LOGIN",
    Where.EXAMINE: "EXAMINE",
    Where.SOURCE_FETCH: "UID FETCH",
}


@dataclass(frozen=True, slots=True)
class RefuseAndOut(Fault):
    """The command is refused, and the connection ends as Exchange ends it."""

    completion: str

    @override
    def before(self, pause: Pause) -> None:
        raise RefusedAndOut(self.completion)


@dataclass(frozen=True, slots=True)
class Complete(Fault):
    """The command is carried out, and completed in these words."""

    completion: str

    @override
    def over(self, answer: Iterator[bytes]) -> Iterator[bytes]:
        *untagged, last = answer
        if self.completion.startswith("OK"):
            yield from untagged
        yield b"%b %b\r\n" % (last.partition(b" ")[0], self.completion.encode())


class NoTokens:
    """Entra gives the app none for Graph."""

    def token(self, scope: str) -> str:
        raise LoginRefused("target", f"No token for {scope}")


def fault_of(said: str) -> Fault:
    """What a server that says this does."""
    line, _, after = said.partition("\n")
    if line.startswith("* BYE "):
        return Bye(line.removeprefix("* BYE "))
    if not line.startswith(("NO ", "BAD ")):
        return Stray(line.encode())
    if "already exists" in line:  # somebody else has made it a moment ago
        return Complete(line)
    return RefuseAndOut(line) if after else Refuse(line)


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a mailbox that meets an error: the seconds of its `waits`, one after the other, while nothing
    changes; `failed` when it is Failed then."""

    waits: tuple[float, ...]
    failed: bool
    why: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Stage:
    """One Exchange Online for all rows, with a new mailbox for each, an Entra that says what it is told to, and a
    Graph that the app may ask nothing."""

    online: ExchangeOnline
    entra: LoopbackServer
    preflight: Preflight

    def meet(self, row: Row) -> MailferryError | None:
        """Have it said; the error that comes of it, or None."""
        meets: dict[Where, Callable[[Row], MailferryError | None]] = {
            Where.TOKEN: self._ask_entra,
            Where.GRAPH_USER: _ask_graph,
            Where.GRAPH_MAILBOX: _ask_graph,
            Where.BASIC: _log_in_with_password,
            Where.GREETING: _read_source,
            Where.SOURCE_LOGIN: _read_source,
            Where.EXAMINE: _read_source,
            Where.SOURCE_FETCH: _read_source,
        }
        try:
            return meets.get(row.where, self._write_to_exchange)(row)
        except MailferryError as error:
            return error.with_traceback(None)

    def decided(self, row: Row, error: MailferryError, tries: int = 7) -> Decision:
        """What the pass decides when nothing but this error comes of so many tries."""
        engine = Engine(settings_for(("imap.example.com", 993), ("target.example.com", 993)))
        engine.drop("batch", csv_of(ANN))
        passes, opaque = engine.services.chunks.passes, engine.line("batch").mailbox
        check = TargetCheck(passes.mailboxes, None if row.where is Where.BASIC else self.preflight)
        mailbox = passes.begin(MailboxJob(opaque, 1))
        waits: list[float] = []
        while mailbox and len(waits) < tries:
            wait = passes.stumble(mailbox, check.explained(mailbox, error), progress=False)
            if wait is None:
                break
            waits.append(wait)
            mailbox = passes.mailboxes.get(opaque)
        line = engine.line("batch")
        return Decision(tuple(waits), line.status is Status.FAILED, line.why, line.remedy)

    def _ask_entra(self, row: Row) -> None:
        self.entra.answer = refused(row.said)
        TokenSource(EntraApp(TENANT, "app-id", "hush", authority=self.entra.url)).token()

    def _write_to_exchange(self, row: Row) -> None:
        tenant = self.online.tenant
        mailbox = tenant.add(Mailbox(f"row{len(list(tenant))}@contoso.com"))
        tenant.put(mailbox.upn, "INBOX", BODY)
        faults = self.online.faults if row.where is Where.XOAUTH2 else mailbox.faults
        faults.add(At(1, fault_of(row.said), _VERBS[row.where]))
        server = Server("target", self.online.imap_host, self.online.imap_port, Security.NONE, timeout=5.0)
        with TargetMailbox.open(server, Login(mailbox.upn, token=self.online.token())) as target:
            _use(target, row.where)
        assert faults.happened, "nobody came to hear it"


@contextmanager
def stage(directory: Path) -> Iterator[Stage]:
    """`directory` is for a certificate."""
    write_certificate(directory)
    trusted = {"REQUESTS_CA_BUNDLE": str(directory / "certificate.pem")}
    with (
        ExchangeOnline(Tenant()) as online,
        serving(directory) as entra,
        Graph(NoTokens()) as graph,
        patch.dict(os.environ, trusted),
    ):
        yield Stage(online, entra, Preflight(graph))


def _use(target: TargetMailbox, where: Where) -> None:
    """Give the command at which it is said."""
    match where:
        case Where.FIRST | Where.LIST:
            target.folders()
        case Where.STATUS:
            target.status(b"INBOX")
        case Where.CREATE:
            target.ensure(("New folder",))
        case _:
            opened = target.select(b"INBOX")
            if where is Where.APPEND:
                append(target, b"INBOX", Message(0, (), "", Body(BODY)), opened)
            if where is Where.FETCH:
                list(target.uids(1, 10))


def _log_in_with_password(row: Row) -> None:
    with SimServer(Store(), faults=Faults(At(1, Complete(row.said), "LOGIN"))) as server:
        TargetMailbox.open(_server("target", server), Login(ANN, password="pw")).close()


def _read_source(row: Row) -> None:
    store = Store()
    store.create(ANN, b"Work")
    store.add(ANN, b"Work", BODY)
    behaviour, faults = Behaviour(), Faults()
    if row.where is Where.GREETING:
        behaviour = Behaviour(greeting=row.said.removeprefix("* "))
    else:
        fault = Bye(row.said.removeprefix("* BYE ")) if row.said.startswith("* BYE") else Complete(row.said)
        faults.add(At(1, fault, _VERBS[row.where]))
    with (
        SimServer(store, behaviour, faults) as server,
        SourceMailbox.open(_server("source", server), Login(ANN, password="pw")) as source,
    ):
        source.examine(b"Work")
        list(source.messages([1]))


def _ask_graph(row: Row) -> MailferryError | None:
    found = _GRAPH_SAID.fullmatch(row.said)
    assert found, row.said
    status, code, words, seconds = found.groups()
    reply = refusal(int(status), code, words, **({"Retry-After": seconds} if seconds else {}))
    plans = [{"servicePlanId": _STANDARD_PLAN, "capabilityStatus": "Enabled"}]
    user = Reply(200, {"id": "id", "userPrincipalName": ANN, "accountEnabled": True, "assignedPlans": plans})
    with GraphStub() as stub, Graph(Tokens(), base_url=stub.url, timeout=5.0, wait=lambda _: None) as graph:
        about_user = row.where is Where.GRAPH_USER
        stub.on(f"/users/{ANN}", reply if about_user else user)
        settings = Reply(200, {"userPurpose": "user"}) if about_user else reply
        stub.on("/users/id/mailboxSettings", settings)
        stub.on(f"/users/{ANN}/mailboxSettings", settings)
        return Preflight(graph).check_one(ANN).error()


def _server(side: str, server: SimServer) -> Server:
    return Server(side, server.host, server.port, Security.NONE, timeout=5.0)
