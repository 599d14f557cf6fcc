"""What a comparison needs around it: two Dovecots, delaying relays before them, and a look at what arrived."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from imapclient import IMAPClient

from benchmarks.delay_relay import DelayRelay
from demo.compare import Contents, Fingerprint, mailbox_of
from demo.fill import fill
from demo.mail import GeneratedMessage
from tests.support.dovecot import Dovecot


@dataclass(frozen=True, slots=True)
class Arrived:
    """Messages in a target after a copy: all, those with the bytes of one at the source, those with its flags and
    INTERNALDATE as well. What is there too often does not count as exact."""

    messages: int
    exact: int
    faithful: int


@dataclass(frozen=True, slots=True)
class Filled:
    """What was put into an account of the source."""

    messages: int
    bytes: int


class Stage:
    """`with Stage() as stage:`, then fill users at the source and copy them to fresh users of the target.

    The source keeps maildirs, as old servers do; the target sdbox, whose speed does not fall as a folder grows.
    """

    def __init__(self) -> None:
        self.source = Dovecot(storage="maildir")
        self.target = Dovecot()
        self._open = ExitStack()
        self._relays: dict[float, tuple[DelayRelay, DelayRelay]] = {}
        self._contents: dict[str, Contents] = {}

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            opening.enter_context(self.source)
            opening.enter_context(self.target)
            self._open = opening.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    @property
    def password(self) -> str:
        """Everybody's, at both ends."""
        return self.source.users_password

    @property
    def target_configuration(self) -> Path:
        """The target's dovecot.conf."""
        return self.target.base / "dovecot.conf"

    def fill(self, user: str, mail: Iterable[GeneratedMessage]) -> Filled:
        """Put mail into an account of the source, then see it once: imapcopy fails on messages that are \\Recent."""
        sizes: list[int] = []
        fill(self.source.host, self.source.port, user, self.password, _noting(mail, sizes))
        filled = Filled(len(sizes), sum(sizes))
        with IMAPClient(self.source.host, self.source.port, ssl=False) as client:
            client.login(user, self.password)
            for flags, _, name in client.list_folders():
                if b"\\noselect" not in map(bytes.lower, flags):
                    client.select_folder(name)
        return filled

    def relays(self, round_trip: float) -> tuple[DelayRelay, DelayRelay]:
        """The relays before source and target for this round trip, in seconds; they run until the stage is left."""
        if round_trip not in self._relays:
            source, target = (DelayRelay((end.host, end.port), round_trip) for end in (self.source, self.target))
            self._relays[round_trip] = (self._open.enter_context(source), self._open.enter_context(target))
        return self._relays[round_trip]

    def ports(self, round_trip: float) -> tuple[int, int]:
        """Where source and target are reached with this round trip: without one, directly."""
        if not round_trip:
            return self.source.port, self.target.port
        source, target = self.relays(round_trip)
        return source.port, target.port

    def fresh_user(self) -> str:
        """A target login nobody has used."""
        return f"{uuid.uuid4().hex[:12]}@example.test"

    def arrived(self, source_user: str, target_user: str) -> Arrived:
        """What a target user has of a source user's mail, whatever folders it lies in."""
        there = _all(mailbox_of(self.target.host, self.target.port, target_user, self.password))
        if source_user not in self._contents:
            self._contents[source_user] = mailbox_of(self.source.host, self.source.port, source_user, self.password)
        here = _all(self._contents[source_user])
        exact = _digests(here) & _digests(there)
        return Arrived(there.total(), exact.total(), (here & there).total())


def _noting(mail: Iterable[GeneratedMessage], sizes: list[int]) -> Iterator[GeneratedMessage]:
    for message in mail:
        sizes.append(len(message.body))
        yield message


def _all(contents: Contents) -> Counter[Fingerprint]:
    return sum(contents.values(), Counter[Fingerprint]())


def _digests(found: Counter[Fingerprint]) -> Counter[str]:
    digests: Counter[str] = Counter()
    for (digest, _, _), count in found.items():
        digests[digest] += count
    return digests
