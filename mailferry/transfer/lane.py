"""One connection that appends: takes messages off the belt, keeps as many on their way as the server stands, and
offers those it refuses in other forms."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from mailferry.errors import MailferryError, MessageRefused, ServerError
from mailferry.target.mailbox import Appending, OpenFolder, TargetMailbox
from mailferry.target.profile import Profile
from mailferry.transfer.attempt import Attempt
from mailferry.transfer.belt import Belt, Parcel
from mailferry.transfer.ends import Targets
from mailferry.transfer.flag_merge import followed
from mailferry.transfer.hopeless import Hopeless
from mailferry.transfer.items import Items
from mailferry.transfer.outcome import End, Outcome
from mailferry.transfer.recognised import fingerprint_of_message

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Destination:
    """The target folder, selected before, and what its server stands."""

    name: bytes
    opened: OpenFolder
    profile: Profile


class _NoMore(Exception):
    """The copying has come to an end: nothing may be sent any more."""


class Lane:
    """The lane on connection `number` of one folder.

    `secure(size)` makes sure that the folder is ours while a message of so many bytes is sent and says for how many
    seconds that is; 0: not at all. `strikes` says how much counts against a message, by its UID, because connections
    broke while it was on its way alone.
    """

    def __init__(
        self,
        number: int,
        belt: Belt,
        targets: Targets,
        destination: Destination,
        items: Items,
        hopeless: Hopeless,
        secure: Callable[[int], float],
        strikes: Mapping[int, int],
    ) -> None:
        self._number = number
        self._belt = belt
        self._targets = targets
        self._to = destination
        self._items = items
        self._hopeless = hopeless
        self._secure = secure
        self._strikes = strikes
        self._in_flight: deque[tuple[Appending, Sequence[Attempt]]] = deque()
        self._sending: Sequence[Attempt] = ()
        self._again: deque[Sequence[Attempt]] = deque()
        self._declined: MailferryError | None = None

    def run(self) -> None:
        """Carry until the belt gives nothing more, or the server wants nothing more.

        Where the server has no place for one more connection, the other lanes do without this one.
        """
        try:
            if self._connected():
                self._carry()
        except _NoMore:
            self._belt.leave(None, self._on_their_way())
        except BaseException as error:  # noqa: BLE001 -- the thread's end: the writer raises it
            self._belt.leave(error, self._on_their_way())
        else:
            self._belt.leave(self._declined)

    def _connected(self) -> bool:
        try:
            self._targets.get(self._number)
        except ServerError as error:
            log.info("One connection fewer to the target: %s", error)
            return False
        return True

    @property
    def _target(self) -> TargetMailbox:
        return self._targets.get(self._number)

    def _carry(self) -> None:
        while True:
            while self._in_flight and self._ripe():
                self._finish()
            if attempts := self._next():
                self._send(attempts)
            elif self._in_flight:
                self._finish()
            else:
                return

    def _ripe(self) -> bool:
        """Whether an answer is there already, or has to be waited for."""
        full = len(self._in_flight) >= self._to.profile.in_flight
        return full or self._target.answered(self._in_flight[0][0])

    def _next(self) -> Sequence[Attempt]:
        """What to send now; nothing when there is nothing now, or when the server declined."""
        if self._declined:
            return ()
        if self._again:
            return self._again.popleft()
        profile = self._to.profile
        while parcels := self._belt.take(profile.messages_per_append, wait=not self._in_flight):
            attempts = [self._attempt(parcel) for parcel in parcels if not self._hopeless.spared(parcel)]
            if not attempts:
                continue
            strikes = self._strikes.get(attempts[0].parcel.message.uid, 0)
            if not attempts[0].broke(strikes):
                self._hopeless.settle(attempts[0].parcel, attempts[0].reason)
            elif attempts[0].changes:
                self._offer_again(attempts)
                return self._again.popleft()
            else:
                return attempts
        return ()

    def _attempt(self, parcel: Parcel) -> Attempt:
        flags = self._target.flags_taken(parcel.message.flags, self._to.opened)
        largest, line_bytes = self._items.largest, self._to.profile.line_bytes
        return Attempt(parcel, flags, largest, line_bytes, brief=self._items.capacity.full)

    def _send(self, attempts: Sequence[Attempt]) -> None:
        self._spare_the_server()
        messages = [attempt.message for attempt in attempts]
        seconds = self._granted(sum(len(message.body) for message in messages))
        self._sending = attempts
        for attempt in attempts:
            attempt.sent = time.monotonic()
        appending = self._target.start_append(self._to.name, messages, self._to.opened, seconds=seconds)
        self._in_flight.append((appending, attempts))
        self._sending = ()

    def _spare_the_server(self) -> None:
        """Replace a connection on which it has refused nearly as much as makes it hang up."""
        limit = self._to.profile.refusals
        if limit and self._targets.refused(self._number) >= limit:
            while self._in_flight:
                self._finish()
            self._targets.renew(self._number)

    def _finish(self) -> None:
        """Hear what became of the oldest APPEND on its way."""
        appending, attempts = self._in_flight[0]
        result = self._target.finish_append(appending, seconds=self._granted(0))
        self._in_flight.popleft()
        if isinstance(result, MessageRefused):
            self._refused(attempts, result.reason)
        elif isinstance(result, MailferryError):
            self._declined = self._declined or result
        else:
            for attempt, uid in zip(attempts, result, strict=True):
                self._stored(attempt, uid or 0)

    def _refused(self, attempts: Sequence[Attempt], reason: str) -> None:
        self._targets.note_refusal(self._number)
        if len(attempts) > 1:  # because of one of them, and nobody knows which
            self._again.extend([attempt] for attempt in attempts)
            return
        self._hopeless.declined(attempts[0].parcel)
        if attempts[0].refused(reason):
            self._offer_again(attempts)
        else:
            self._declined = self._hopeless.add(attempts[0]) or self._declined

    def _offer_again(self, attempts: Sequence[Attempt]) -> None:
        """In another form, which is written down before: should the line break, it is known what may have arrived."""
        if not self._belt.declare(attempts[0].parcel.message.uid):
            raise _NoMore
        self._again.append(attempts)

    def _stored(self, attempt: Attempt, target: int) -> None:
        message = attempt.parcel.message
        item, size = self._items.stored(message, attempt.reason, attempt.changes), len(attempt.message.body)
        carried = Outcome(
            message.uid, End.COPIED, target, size, item, followed(message.flags), fingerprint_of_message(message)
        )
        self._belt.deliver(attempt.parcel, carried)
        self._hopeless.stored(attempt)
        message.body.close()

    def _granted(self, size: int) -> float:
        seconds = self._secure(size)
        if not seconds:
            raise _NoMore
        return seconds

    def _on_their_way(self) -> Iterable[int]:
        """The source UIDs of what was sent and not answered."""
        waiting = [*(attempts for _, attempts in self._in_flight), self._sending]
        return (attempt.parcel.message.uid for attempts in waiting for attempt in attempts)
