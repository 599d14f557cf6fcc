"""A logged-in IMAP session: opened by IMAPClient, spoken over our own wire so that fetch and append can stream.

IMAPClient opens the connection, reads greeting and capabilities, starts TLS and asks for ID and NAMESPACE. LOGIN is
ours because imaplib doesn't quote user names and can't send 8-bit passwords; LIST, STATUS, EXAMINE, FETCH and APPEND
are ours because one odd line must not cost the whole answer, and no answer may be held in memory as a whole.
"""

from __future__ import annotations

import base64
import contextlib
import imaplib
import logging
from collections import deque
from collections.abc import Collection, Generator, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from mailferry.errors import ConnectionLost, LoginRefused, MailferryError
from mailferry.imap import failures, names
from mailferry.imap.client import Client, opened
from mailferry.imap.response import ListEntry, Response, list_entry, read_response, status_items
from mailferry.imap.values import FolderStatus, ListedFolder, Login, Server
from mailferry.imap.wire import HELD_LIMIT, Wire

log = logging.getLogger(__name__)

#: Larger literals are announced and sent only after the server has agreed (RFC 3501 §4.3), LITERAL+ or not: it can
#: refuse an oversize message before the upload instead of hanging up in the middle of it.
NON_SYNCHRONISING_MOST = 8 << 20
#: RFC 7888 §5: what LITERAL- allows.
LITERAL_MINUS_MOST = 4096
#: Untagged responses to one command; more is a flood, not an answer.
RESPONSES_MOST = 5_000_000
#: Bytes of memory the whole answer to a small command may take; LIST of a million folders stays under it.
ANSWER_LIMIT = 512 << 20
RESPONSE_OVERHEAD = 300
#: Untagged responses that may come while we wait for a `+`.
EARLY_MOST = 1_000
#: Seconds a LOGOUT may take.
LOGOUT_SECONDS = 2.0
#: Put on folders outside the personal namespace (RFC 2342): other users' and shared ones.
NOT_PERSONAL = "\\x-not-personal"

#: What we say we are (RFC 2971).
_CLIENT = {"name": "Mailferry"}
#: Bytes of a SASL message that may stand on the command line.
_INLINE_MOST = 6_000


@dataclass(frozen=True, slots=True)
class Literal:
    """A command argument sent as a literal, byte for byte."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Result:
    """Everything a small command was answered with."""

    untagged: Sequence[Response]
    completion: Response

    @property
    def ok(self) -> bool:
        """Whether the command succeeded."""
        return self.completion.kind == b"OK"

    @property
    def text(self) -> bytes:
        """Response code and words of the completion."""
        return self.completion.text

    def of(self, kind: bytes) -> Iterator[Response]:
        """The untagged responses of one kind."""
        return (response for response in self.untagged if response.kind == kind)


class Connection:
    """One session. Use it as a context manager, from one thread, one command at a time.

    A failure of the connection closes it; from then on every command raises `ConnectionLost`.
    """

    def __init__(self, server: Server, client: Client) -> None:
        self.server = server
        self.greeting = failures.one_line(client.imap4.greeting)
        self.capabilities: frozenset[bytes] = frozenset(client.capabilities())
        #: What the server says it is (RFC 2971), name and version in one line; empty when it doesn't say.
        self.software = ""
        #: Prefix of the personal namespace and its separator (RFC 2342); None until known.
        self.prefix = b""
        self.separator: str | None = None
        self._foreign: tuple[bytes, ...] = ()
        self._namespace_known = False
        self._client = client
        self._wire = client.imap4.wire
        self._tags = 0
        self._outstanding: set[bytes] = set()
        self._completed: dict[bytes, Response] = {}
        self._early: deque[Response] = deque()
        self._reading = False
        self._bye: bytes | None = None

    @classmethod
    def open(cls, server: Server, login: Login) -> Connection:
        """Connect, secure, log in. Raises `Unreachable`, `CertificateRefused`, `LoginRefused`, `Busy` and the like."""
        client = opened(server)
        try:
            connection = cls(server, client)
            if client.imap4.state != "AUTH":
                connection._log_in(login)
            connection._introduce()
        except BaseException:
            client.imap4.wire.close()
            raise
        return connection

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def wire(self) -> Wire:
        """The bytes below."""
        return self._wire

    def close(self) -> None:
        """LOGOUT if the session is in a state to, then close the socket; never raises."""
        if not self._wire.closed and not self._reading and not self._outstanding:
            with contextlib.suppress(MailferryError), self._wire.within(LOGOUT_SECONDS):
                self.run(b"LOGOUT")
        self.abandon()

    def abandon(self) -> None:
        """Close the socket at once, without a word to the server."""
        self._wire.close()

    def has(self, capability: str) -> bool:
        """Whether the server offers a capability, e.g. `UIDPLUS`."""
        return capability.upper().encode() in self.capabilities

    # Commands

    def start(self, *arguments: bytes | Literal) -> bytes:
        """Send one command, its literals included, and return its tag; `answers` reads what comes back.

        A server that refuses a synchronising literal (RFC 3501 §4.3) never gets it: `answers` then gives its refusal.
        """
        if self._reading:
            raise RuntimeError("a command was started while the answer to another one is still being read")
        self._tags += 1
        tag = b"MF%d" % self._tags
        self._outstanding.add(tag)
        self._wire.begin()
        pending = [tag]
        for argument in arguments:
            pending.append(b" ")
            if not isinstance(argument, Literal):
                pending.append(argument)
                continue
            waits = not self._sends_at_once(len(argument.data))
            pending.append(b"{%d}\r\n" % len(argument.data) if waits else b"{%d+}\r\n" % len(argument.data))
            if waits:
                self._wire.send(*pending)
                pending = []
                if not self._agreed(tag):
                    return tag
            pending.append(argument.data)
        self._wire.send(*pending, b"\r\n")
        return tag

    def answers(self, tag: bytes, *, held_limit: int = HELD_LIMIT) -> Generator[Response]:
        """The responses to a command as they arrive, its completion last.

        Read it to the end: an iterator closed before that closes the connection, which would be in mid-response.
        `held_limit`: bytes of literals one response may hold in memory; larger ones come as NIL.
        """
        finished = False
        self._reading = True
        self._wire.held_limit = held_limit
        try:
            for _ in range(RESPONSES_MOST):
                response = self._next(tag)
                finished = response.tag == tag
                if finished:
                    self._reading = False
                yield response
                if finished:
                    return
            raise failures.of_nonsense(self.server, "responses without end")
        finally:
            self._reading = False
            self._wire.held_limit = HELD_LIMIT
            if not finished:
                self.abandon()

    def run(self, *arguments: bytes | Literal) -> Result:
        """Send a command whose answer is small, and read all of it."""
        room = ANSWER_LIMIT
        answered: list[Response] = []
        for response in self.answers(self.start(*arguments)):
            answered.append(response)
            room -= RESPONSE_OVERHEAD + sum(map(len, response.pieces))
            if room < 0:
                self.abandon()
                raise failures.of_nonsense(self.server, "an answer without end")
        *untagged, completion = answered
        return Result(untagged, completion)

    def name_argument(self, name: bytes) -> bytes | Literal:
        """A mailbox name as a command argument."""
        return names.quoted(name) if names.quotable(name) else Literal(name)

    # Folders

    def folders(self) -> tuple[ListedFolder, ...]:
        """All folders (RFC 3501 §6.3.8), each once.

        Those of other users and shared ones carry the attribute `NOT_PERSONAL`.
        """
        entries = {entry.name: entry for entry in self._listed()}
        if not self._namespace_known:
            self._guess_namespace(list(entries.values()))
        return tuple(self._folder(entry) for entry in entries.values())

    def status(self, name: bytes) -> FolderStatus:
        """STATUS of a folder; what the server leaves out is 0. Raises `FolderGone`."""
        result = self.run(b"STATUS", self.name_argument(name), b"(MESSAGES UIDNEXT UIDVALIDITY)")
        if not result.ok:
            raise self.no_folder(name, result.text)
        found: dict[bytes, int] = {}
        for response in result.of(b"STATUS"):
            found.update(status_items(response))
        return FolderStatus(found.get(b"UIDVALIDITY", 0), found.get(b"UIDNEXT", 0), found.get(b"MESSAGES", 0))

    def exists(self, name: bytes) -> bool:
        """Whether LIST knows the folder."""
        result = self.run(b"LIST", b'""', self.name_argument(name))
        entries = (list_entry(response) for response in result.of(b"LIST"))
        return any(
            entry is not None and entry.name == name and not entry.attributes & {"\\noselect", "\\nonexistent"}
            for entry in entries
        )

    def no_folder(self, name: bytes, text: bytes) -> MailferryError:
        """Why STATUS, EXAMINE or SELECT was refused: `FolderGone` when the server says so or LIST doesn't know it."""
        shown = names.decode(name)
        if known := failures.of_folder(self.server, shown, text):
            return known
        if not self.exists(name):
            return failures.of_missing(self.server, shown, text)
        return failures.of_command(self.server, f"open the folder {shown!r}", text)

    # Inside

    def _log_in(self, login: Login) -> None:
        secrets = _secrets(login)
        if "\0" in login.user + login.password + login.token:
            raise LoginRefused(self.server.side, "User name or password holds a NUL character", "Correct the CSV row.")
        try:
            completion = self._authenticated(login)
        except ConnectionLost:
            if self._bye is None:
                raise
            raise failures.of_login_bye(self.server, self._bye, secrets) from None
        if completion.kind != b"OK":
            raise failures.of_login(self.server, completion.text, secrets, oauth=bool(login.token))

    def _authenticated(self, login: Login) -> Response:
        user, password = (text.encode("utf-8", "surrogateescape") for text in (login.user, login.password))
        if login.token:
            return self._sasl(b"XOAUTH2", b"user=%b\x01auth=Bearer %b\x01\x01" % (user, login.token.encode()))
        disabled = self.has("LOGINDISABLED")
        if self.has("AUTH=PLAIN") and (disabled or not (user + password).isascii()):
            return self._sasl(b"PLAIN", b"\0%b\0%b" % (user, password))
        if disabled:
            raise failures.of_disabled_login(self.server)
        return self.run(b"LOGIN", self.name_argument(user), self.name_argument(password)).completion

    def _sasl(self, mechanism: bytes, payload: bytes) -> Response:
        """AUTHENTICATE with everything in the first message (RFC 4616, XOAUTH2), inline where SASL-IR allows it."""
        message = base64.b64encode(payload)
        inline = self.has("SASL-IR") and len(message) <= _INLINE_MOST
        tag = self.start(b"AUTHENTICATE", mechanism, *((message,) if inline else ()))
        for response in self.answers(tag):
            if response.tag == b"+":
                # After the message a `+` holds the reason of the failure; an empty line asks for the tagged NO.
                self._wire.send(b"" if inline else message, b"\r\n")
                inline = True
            elif response.tagged:
                return response
        raise failures.of_cut(self.server)

    def _introduce(self) -> None:
        """Learn who the server is and where it keeps personal folders; what it won't say stays unknown."""
        with self._library():
            self.capabilities = self._client.logged_in()
        if self.has("ID"):
            with self._library(optional=True):
                self.software = _words(self._client.id_(_CLIENT))
        if self.has("NAMESPACE"):
            with self._library(optional=True):
                self._take_namespace()

    def _take_namespace(self) -> None:
        personal, other, shared = self._client.namespace()
        if personal:
            self.prefix, self.separator = bytes(personal[0][0]), personal[0][1]
            self._namespace_known = True
        foreign = [bytes(prefix) for prefix, _ in (*(other or ()), *(shared or ()))]
        mine = [bytes(prefix) for prefix, _ in personal or ()]
        self._foreign = tuple(prefix for prefix in foreign if prefix and prefix not in mine)

    @contextlib.contextmanager
    def _library(self, *, optional: bool = False) -> Iterator[None]:
        """IMAPClient's errors as ours; with `optional`, a refusal that means nothing more is let pass."""
        try:
            yield
        except imaplib.IMAP4.abort as error:
            self.abandon()
            raise failures.of_bye(self.server, str(error).encode()) from None
        except imaplib.IMAP4.error as error:
            known = failures.of_refusal(self.server, str(error).encode())
            if known or not optional:
                raise known or failures.of_nonsense(self.server, "no usable answer") from None
        except (ValueError, TypeError, IndexError, AttributeError) as error:
            if not optional:
                raise failures.of_nonsense(self.server, "no usable answer") from error

    def _listed(self) -> Iterator[ListEntry]:
        arguments = (b"LIST", b'""', b'"*"')
        # Both capabilities, because some servers know the syntax of RFC 5258 but not this option of RFC 6154.
        if self.has("LIST-EXTENDED") and self.has("SPECIAL-USE"):
            result = self.run(*arguments, b"RETURN", b"(SPECIAL-USE)")
            if not result.ok:
                result = self.run(*arguments)
        else:
            result = self.run(*arguments)
        if not result.ok:
            raise failures.of_command(self.server, "list the folders", result.text)
        for response in result.of(b"LIST"):
            entry = list_entry(response)
            if entry is None:
                log.warning("%s: a LIST response that can't be read was left out", self.server.host)
            else:
                yield entry

    def _guess_namespace(self, entries: Collection[ListEntry]) -> None:
        """Without NAMESPACE: the separator LIST shows, and `INBOX.` as prefix if everything lies below INBOX."""
        separators = [entry.separator for entry in entries if entry.separator]
        if not separators:
            return
        self.separator = separators[0].decode("latin-1")
        below = b"INBOX" + separators[0]
        others = [entry.name for entry in entries if entry.name.upper() != b"INBOX"]
        if others and all(name.startswith(below) for name in others):
            self.prefix = below

    def _folder(self, entry: ListEntry) -> ListedFolder:
        foreign = entry.name.startswith(self._foreign) if self._foreign else False
        attributes = entry.attributes | {NOT_PERSONAL} if foreign else entry.attributes
        return ListedFolder(entry.name, names.path_of(entry.name, entry.separator, self.prefix), attributes)

    def _sends_at_once(self, size: int) -> bool:
        if self.has("LITERAL+"):
            return size <= NON_SYNCHRONISING_MOST
        return self.has("LITERAL-") and size <= LITERAL_MINUS_MOST

    def _agreed(self, tag: bytes) -> bool:
        """Wait for `+`; False when the command was completed (refused) instead."""
        for _ in range(EARLY_MOST):
            response = self._read()
            if response.tag == b"+":
                return True
            if response.tagged:
                self._complete(response)
                if response.tag == tag:
                    return False
            else:
                self._early.append(response)
        self.abandon()
        raise failures.of_nonsense(self.server, "anything but an answer")

    def _next(self, tag: bytes) -> Response:
        while True:
            if self._early:
                return self._early.popleft()
            if tag in self._completed:
                return self._completed.pop(tag)
            response = self._read()
            if not response.tagged:
                return response
            self._complete(response)

    def _complete(self, response: Response) -> None:
        if response.tag not in self._outstanding:
            self.abandon()
            raise failures.of_nonsense(self.server, "the end of a command we never gave")
        self._outstanding.remove(response.tag)
        self._completed[response.tag] = response

    def _read(self) -> Response:
        response = read_response(self._wire)
        if response.kind == b"BYE" and not response.tagged:
            self.abandon()
            self._bye = response.text
            raise failures.of_bye(self.server, response.text)
        return response


def _secrets(login: Login) -> tuple[str, ...]:
    """Every form in which a server might echo what we logged in with."""
    password = login.password
    messages = (f"\0{login.user}\0{password}", f"user={login.user}\x01auth=Bearer {login.token}\x01\x01")
    plain, bearer = (base64.b64encode(text.encode("utf-8", "surrogateescape")).decode() for text in messages)
    quoted = password.replace("\\", "\\\\").replace('"', '\\"')
    return (password, quoted, login.token, plain, bearer)


def _words(identification: object) -> str:
    """Name and version from an ID response as IMAPClient parses it: one flat list of names and values."""
    fields = identification[0] if isinstance(identification, tuple | list) and identification else ()
    if not isinstance(fields, tuple | list):
        return ""
    pairs = {bytes(name).lower(): value for name, value in zip(fields[::2], fields[1::2], strict=False)}
    return failures.one_line(b" ".join(bytes(pairs[key]) for key in (b"name", b"version") if pairs.get(key)))
