"""Gmail's IMAP server: capabilities and texts as they were seen, its limits, and what only it has.

Strings and limits: docs/errors.md and Google's "IMAP Extensions" and "Gmail bandwidth limits".
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from imapclient.imap_utf7 import encode

from tests.support.gmail.store import GmailStore
from tests.support.imap_sim import Behaviour, Faults, SimServer
from tests.support.imap_sim.behaviour import SYSTEM_FLAGS
from tests.support.imap_sim.commands import COMMANDS
from tests.support.imap_sim.messages import Item, uid_fetch, uid_search
from tests.support.imap_sim.protocol import Arguments, Refused, string
from tests.support.imap_sim.session import Answer, Command, Session, State

_OFFERED = (
    *("IMAP4rev1", "UNSELECT", "NAMESPACE", "ID", "CHILDREN", "X-GM-EXT-1", "UIDPLUS", "CONDSTORE", "ESEARCH"),
    *("LIST-EXTENDED", "LIST-STATUS", "SPECIAL-USE", "LITERAL-", "SASL-IR", "AUTH=XOAUTH2", "AUTH=PLAIN"),
)
_XOAUTH2 = re.compile(rb"user=([^\x01]+)\x01auth=Bearer ([^\x01]+)\x01\x01")
_BY_NUMBER = re.compile(rb"( X-GM-MSGID)(?= )", re.IGNORECASE)
_BODY = re.compile(r"BODY\.PEEK\[\](?!<)")

BEHAVIOUR = Behaviour(
    capabilities=_OFFERED,
    greeting="OK Gimap ready for requests from 127.0.0.1 x1",
    software=("GImap", "1"),
    connections_per_user=15,
    permanent_flags=(*SYSTEM_FLAGS, "\\*"),
    append_limit=35_651_584,
)


@dataclass
class Limits:
    """What an account is given: `megabytes` in any 24 hours; `sent` is what went out, by user."""

    clock: Callable[[], datetime]
    megabytes: float = 2500.0
    sent: dict[str, list[tuple[datetime, int]]] = field(default_factory=dict)
    #: FETCHes of whole messages that will yet be answered with `[THROTTLED]`.
    throttled: int = 0
    #: Commands that were refused because an account has had its share.
    refused: int = 0

    def used(self, user: str) -> int:
        """Bytes that went to the user in the last 24 hours."""
        since = self.clock() - timedelta(hours=24)
        return sum(size for at, size in self.sent.get(user, ()) if at > since)

    def count(self, user: str, size: int) -> None:
        """So much went out."""
        self.sent.setdefault(user, []).append((self.clock(), size))

    def check(self, user: str) -> None:
        """Raises `Refused` when the account has had its share."""
        if self.used(user) >= self.megabytes * 1_000_000:
            self.refused += 1
            raise Refused("NO [OVERQUOTA] Account exceeded command or bandwidth limits. (Failure)")


class Gmail(SimServer):
    """Gmail for these accounts. XOAUTH2 is taken with a token out of `tokens` (token by user); a password always."""

    def __init__(
        self,
        store: GmailStore,
        limits: Limits,
        faults: Faults | None = None,
        tokens: Collection[tuple[str, str]] = (),
    ) -> None:
        self.limits = limits
        self.tokens = tokens
        table = dict(COMMANDS) | {
            "AUTHENTICATE": Command(self._authenticate, State.ANY),
            "LOGIN": Command(self._login, State.ANY),
            "UID FETCH": Command(self._fetch, State.SELECTED),
            "UID SEARCH": Command(self._search, State.SELECTED),
        }
        super().__init__(store, BEHAVIOUR, faults, table=table)
        self._gmail = store

    def _login(self, session: Session, arguments: Arguments) -> Answer:
        user, _ = arguments.string().decode(), arguments.string()
        arguments.end()
        return self._admitted(session, user)

    def _authenticate(self, session: Session, arguments: Arguments) -> Answer:
        mechanism, message = arguments.atom(), arguments.atom()
        arguments.end()
        try:
            found = _XOAUTH2.fullmatch(base64.b64decode(message, validate=True))
        except binascii.Error:
            found = None
        user, token = (part.decode() for part in found.groups()) if found else ("", "")
        if mechanism != b"XOAUTH2" or (user, token) not in self.tokens:
            raise Refused("NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)")
        return self._admitted(session, user)

    def _admitted(self, session: Session, user: str) -> Answer:
        self.limits.check(user)
        if not session.admit(user):
            raise Refused("NO [ALERT] Too many simultaneous connections. (Failure)")
        return Answer(f"OK {user} authenticated (Success)")

    def _fetch(self, session: Session, arguments: Arguments) -> Answer:
        self.limits.check(session.user)
        whole = bool(_BODY.search(str(arguments)))
        answer = uid_fetch(session, arguments, self._items(session))
        slow = whole and self.limits.throttled > 0
        self.limits.throttled -= slow
        return Answer("OK Success [THROTTLED]" if slow else "OK Success", self._counted(session.user, answer))

    def _search(self, session: Session, arguments: Arguments) -> Answer:
        if not arguments.take(_BY_NUMBER):
            return uid_search(session, arguments)
        number = int(arguments.atom())
        arguments.end()
        found = self._gmail.numbered(session.user, session.selected.folder.name, number)
        return Answer("OK SEARCH completed (Success)", [b"* SEARCH%b\r\n" % b"".join(b" %d" % uid for uid in found)])

    def _counted(self, user: str, answer: Answer) -> Iterator[bytes]:
        for piece in answer.untagged:
            self.limits.count(user, len(piece))
            yield piece

    def _items(self, session: Session) -> dict[bytes, Item]:
        view = session.selected
        user, folder = session.user, view.folder.name

        def labels(uid: int) -> bytes:
            labels = self._gmail.shown(user, folder, uid).labels
            return b" ".join(_told(label) for label in labels)

        return {
            b"X-GM-LABELS": lambda _, message: b"X-GM-LABELS (%b)" % labels(message.uid),
            b"X-GM-MSGID": lambda _, message: b"X-GM-MSGID %d" % self._gmail.shown(user, folder, message.uid).number,
        }


def _told(label: str) -> bytes:
    name: bytes = encode(label)
    plain = re.fullmatch(rb"[A-Za-z0-9&+,-]+", name) and name.upper() != b"NIL"
    return name if plain else string(name)
