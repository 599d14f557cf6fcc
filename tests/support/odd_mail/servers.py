"""The servers between which the corpus is carried: the source that serves it, a patient target, a strict Exchange."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from tests.support.exchange import GENERIC
from tests.support.exchange.refusals import refusal_of
from tests.support.imap_sim import Behaviour, SimServer, Store
from tests.support.imap_sim.commands import COMMANDS
from tests.support.imap_sim.messages import uid_fetch
from tests.support.imap_sim.protocol import Arguments
from tests.support.imap_sim.session import Answer, Command, Session, State
from tests.support.odd_mail.letter import Letter

_UID = re.compile(rb"\* \d+ FETCH \(UID (\d+)")
_HEADER_END = re.compile(rb"\r?\n\r?\n|\r\r")
_RECEIPT_FOR_NOBODY = re.compile(rb"^Disposition-Notification-To:[^@\r\n]*$", re.MULTILINE | re.IGNORECASE)


class OddSource(SimServer):
    """Serves letters as they say they are served; fill it with `put`."""

    def __init__(self) -> None:
        self._letters: dict[tuple[str, int], Letter] = {}
        self._sizes: dict[bytes, int] = {}
        behaviour = Behaviour(size=lambda body: self._sizes.get(body, len(body)))
        fetch = Command(self._fetch, State.SELECTED)
        super().__init__(Store(), behaviour, table={**COMMANDS, "UID FETCH": fetch})

    def put(self, user: str, letters: Iterable[Letter]) -> list[int]:
        """Into the user's INBOX; returns their UIDs."""
        return [self._put(user, letter) for letter in letters]

    def _put(self, user: str, letter: Letter) -> int:
        uid = self.store.add(user, b"INBOX", letter.body, (), letter.internaldate)
        self._letters[user, uid] = letter
        if letter.claims is not None:
            self._sizes[letter.body] = letter.claims
        return uid

    def _fetch(self, session: Session, arguments: Arguments) -> Answer:
        answer = uid_fetch(session, arguments)
        return replace(answer, untagged=(self._served(session.user, piece) for piece in answer.untagged))

    def _served(self, user: str, piece: bytes) -> bytes:
        """The flags octet for octet, and NIL for what is withheld."""
        found = _UID.match(piece)
        assert found, piece[:80]
        letter = self._letters[user, int(found[1])]
        before, literal, after = piece.partition(b"BODY[] {")
        if literal and letter.withheld:
            literal, after = b"BODY[] NIL", b")\r\n"
        flags = b"FLAGS (%b)" % " ".join(letter.flags).encode()
        return before.replace(b"FLAGS ()", flags) + literal + after


def stricter(body: bytes) -> str | None:
    """What Exchange may refuse besides what it is simulated to: NULs, and requests for receipts that name nobody.

    imapsync takes both out for Exchange (FAQ.Office365), which doesn't say what it would do with them.
    """
    header = _HEADER_END.split(body, maxsplit=1)[0]
    if b"\0" in body or _RECEIPT_FOR_NOBODY.search(header):
        return GENERIC
    return refusal_of(body)


def patient_target() -> SimServer:
    """A server that takes everything, as Dovecot does."""
    return SimServer(Store(), Behaviour())
